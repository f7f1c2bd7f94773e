"""Columns of a row as runs of powers of two, the last of which may reach beyond the row."""

from __future__ import annotations

from dataclasses import dataclass

from specs.tile.language import arange
from specs.tile.trace import Tile

LEAST = 64
"""Columns that a dot has at least where tiles are that large.

The assembler of CUDA 12.8, which comes with Triton 3.6, mixes up the addresses of operands with fewer columns: of 64
values of a tile, those behind the first 16 were lost. On Intel GPUs one wide dot spills less than two narrow ones.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Columns first .. first + count, of which those from `end` on do not exist."""

    first: int
    count: int
    end: int

    def columns(self) -> Tile:
        """Their numbers, i32 [count]."""
        return arange(self.count) + self.first if self.first else arange(self.count)

    def inside(self) -> Tile | None:
        """Which of them exist [count]; None for all."""
        return None if self.first + self.count <= self.end else self.columns() < self.end


def spans(width: int, limit: int) -> tuple[Span, ...]:
    """`width` columns as runs of at most `limit`, and no fewer than `LEAST` unless that is more."""
    found: list[Span] = []
    first = 0
    while first < width:
        count = limit
        while count > LEAST and count > width - first:
            count //= 2
        found.append(Span(first, count, width))
        first += count
    return tuple(found)
