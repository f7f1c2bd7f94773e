"""Splits the columns of a row into power-of-two spans, the operands of single dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import arange
from specs.tile.library.pages import Shift


@dataclass(frozen=True, slots=True)
class Span:
    """Columns [first, first + count), limited to columns below `end` if given. shift: by how much further they lie."""

    first: int
    count: int
    end: int | None = None
    shift: Shift | None = None

    def columns(self) -> Tile:
        """Their numbers, i32 [count]."""
        index = arange(self.count) + self.first if self.first else arange(self.count)
        return index if self.shift is None else index + self.shift.number * self.shift.stride

    def inside(self) -> Tile | None:
        """Which of them exist [count]; None for all."""
        return None if self.end is None or self.first + self.count <= self.end else self.columns() < self.end


def exact_spans(ends: tuple[int, ...], limit: int, least: int = 16) -> tuple[Span, ...]:
    """Columns up to each of `ends` in turn, as runs of at most `limit` and at least `least`, all of which exist."""
    found: list[Span] = []
    first = 0
    for end in ends:
        while first < end:
            count = limit
            while count > end - first:
                count //= 2
            if count < least:
                raise fail(f"columns {first} .. {end}", f"use multiples of {least}")
            found.append(Span(first, count))
            first += count
    return tuple(found)


def padded_spans(width: int, limit: int, least: int) -> tuple[Span, ...]:
    """`width` columns as runs of at most `limit` and at least `least`, the last of which may reach beyond the row."""
    found: list[Span] = []
    first = 0
    while first < width:
        count = limit
        while count > least and count > width - first:
            count //= 2
        found.append(Span(first, count, width))
        first += count
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks of one kind at equal distances: `first`, and `number` of them, `stride` columns apart."""

    first: Any
    number: int
    stride: int

    def chunk(self, index: Tile) -> Any:
        """One of them."""
        return replace(self.first, shift=Shift(index, self.stride))


def runs(columns: Sequence[Any]) -> list[Run]:
    """Chunks (`Span` or `specs.tile.library.pages.Chunk`) as runs: of each kind those that follow the first one."""
    found: dict[Any, list[Any]] = {}
    for chunk in columns:
        # Chunks of every second column are of different kinds where they begin in different halves of a byte.
        step = getattr(chunk, "step", 1)
        found.setdefault((replace(chunk, first=0), chunk.first % step), []).append(chunk)
    made: list[Run] = []
    for chunks in found.values():
        first = 0
        while first < len(chunks):
            start, rest = chunks[first].first, [chunk.first for chunk in chunks[first:]]
            stride = rest[1] - start if len(rest) > 1 else 0
            number = next((i for i, other in enumerate(rest) if other != start + i * stride), len(rest))
            made.append(Run(chunks[first], number, stride))
            first += number
    return made
