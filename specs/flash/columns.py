"""Columns of a row as runs of powers of two, the last of which may reach beyond the row."""

from __future__ import annotations

from dataclasses import dataclass

from specs.tile.language import arange
from specs.tile.trace import Tile

LEAST = 64
"""Columns that a dot has at least where tiles are that large.

With 16 or 32 columns of values, torch with Triton 3.6 lost all but the first 16 of 64 keys on an H200; JAX did not, and
the assembler (CUDA 12.8) is suspected. On Intel GPUs one wide dot spills less than two narrow ones.
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
