"""Splits the columns of a row into power-of-two spans, the operands of single dots."""

from __future__ import annotations

from dataclasses import dataclass

from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import arange


@dataclass(frozen=True, slots=True)
class Span:
    """Columns [first, first + count), limited to columns below `end` if given."""

    first: int
    count: int
    end: int | None = None

    def columns(self) -> Tile:
        """Their numbers, i32 [count]."""
        return arange(self.count) + self.first if self.first else arange(self.count)

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
