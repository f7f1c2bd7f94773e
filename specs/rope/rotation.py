"""Heads rotated in tiles, and the same in float64.

neox         pairs (x[i], x[i + rot / 2]), as in GPT-NeoX and the checkpoints of Llama
interleaved  pairs (x[2 i], x[2 i + 1]), as in GPT-J and DeepSeek
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Array, Attribute, Constraint, Role
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Sample
from specs.lang.formats.elements import BF16, F32, INT32, INT64
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, join_pairs, load, split_pairs, store

NDArray = np.ndarray[Any, Any]

T = Axis(name="T", doc="tokens")
D = Axis(name="D", static=True, minimum=2, doc="columns of a head")
POSITIONS = Axis(name="POSITIONS", doc="rows of the table")
ROT = Axis(name="ROT", static=True, minimum=2, multiple_of=2, doc="columns that are rotated")


def angles(p: Any, token: Tile) -> tuple[Tile, Tile, Tile]:
    """Cosine and sine [half of ROT, padded] of a token's position, and whether the position is in the table."""
    position = load(p.positions, (token,))
    # Compared before it is narrowed: a large int64 must not become a position that exists.
    limit = p.POSITIONS if position.element == INT32 else p.POSITIONS.to(INT64)
    known = (position >= 0) & (position < limit)
    pair, half = arange(width_of(p.ROT // 2)), p.ROT // 2
    # Positions of padding are arbitrary and must not index the table.
    there = known if pair.shape[0] == half else known & (pair < half)
    row = position.to(INT32)
    there = there.broadcast(*pair.shape) if not there.shape else there
    cosine = load(p.cos_sin, (row, pair), there).to(F32)
    sine = load(p.cos_sin, (row, pair + half), there).to(F32)
    return cosine, -sine if p.inverse else sine, known


def width_of(n: int) -> int:
    """Elements of a tile for n of them."""
    return 1 << (n - 1).bit_length()


Place = Callable[[Tile], tuple[Tile | int, ...]]
"""Indices of an array for columns [1, width] of a head."""


class Pairs:
    """The columns of a head that are rotated, in tiles of `width` pairs.

    start: column of the head with the first of them.
    """

    def __init__(self, p: Any, start: int) -> None:
        self.half, self.neox, self.start = p.ROT // 2, p.neox, start
        self.width = width_of(self.half)

    def load(self, array: ArrayHandle, place: Place, live: Tile | None) -> tuple[Tile, Tile]:
        """First and second elements of all pairs, float32 [heads, width]; live: [heads, 1]."""
        if self.neox:
            first, second = (load(array, place(c), self._mask(live)).to(F32) for c in self._halves())
            return first, second
        # One contiguous tile: neighbours are taken apart in registers.
        return split_pairs(load(array, place(self._columns(2)), self._mask(live, 2)).to(F32))

    def store(self, array: ArrayHandle, place: Place, live: Tile | None, a: Tile, b: Tile) -> None:
        """Writes them, rounded to the format of the array."""
        for x, column, exists in self.parts(a, b):
            store(array, place(column), x.to(array.element), both(live, exists))

    def parts(self, a: Tile, b: Tile) -> list[tuple[Tile, Tile, Tile | None]]:
        """The rotated elements [heads, n] in contiguous tiles, their columns [1, n], and which of these exist."""
        if self.neox:
            return [(x, column, self._mask(None)) for x, column in zip((a, b), self._halves(), strict=True)]
        return [(join_pairs(a, b), self._columns(2), self._mask(None, 2))]

    def _columns(self, times: int = 1) -> Tile:
        return (arange(times * self.width) + self.start)[None, :]

    def _halves(self) -> tuple[Tile, Tile]:
        return self._columns(), self._columns() + self.half

    def _mask(self, live: Tile | None, times: int = 1) -> Tile | None:
        exists = None if self.width == self.half else (arange(times * self.width) < times * self.half)[None, :]
        return both(live, exists)


def rotate(a: Tile, b: Tile, cosine: Tile, sine: Tile) -> tuple[Tile, Tile]:
    """The rotated pairs, float32."""
    c, s = cosine[None, :], sine[None, :]
    return a * c - b * s, b * c + a * s


# -- arguments -------------------------------------------------------------------------------------------


def positions() -> Array:
    """The positions argument."""
    return Array(
        name="positions",
        doc="position of every token; outside the table: its heads are not rotated",
        shapes=((T,),),
        formats=(INT32, INT64),
        layout=Dense(inner=Inner.FREE),
        role=Role.INDEX,
    )


def cos_sin() -> Array:
    """The table argument."""
    doc = "cosines, then sines of every position, as `rope_table` makes them"
    return Array(name="cos_sin", doc=doc, shapes=((POSITIONS, ROT),), formats=(F32, BF16))


NEOX = Attribute(
    name="neox", kind=bool, default=True, doc="pairs (i, i + rot / 2), as in GPT-NeoX; else (2 i, 2 i + 1), as in GPT-J"
)
INVERSE = Attribute(name="inverse", kind=bool, default=False, doc="rotate by the negative angle")
OFFSET = Attribute(name="offset", kind=int, default=0, minimum=0, doc="first column of a head that is rotated")


def fits(argument: str, offset: Any) -> Constraint:
    """That the rotated columns are columns of a head."""
    return Constraint(
        argument=argument,
        holds=(ROT + offset) <= D,
        message="no more rotated columns than a head has",
        failure="heads have D = {D} columns, ROT = {ROT} of them cannot be rotated from there",
    )


# -- the definition in float64 ---------------------------------------------------------------------------


def rotated(
    x: NDArray, table: NDArray, at: NDArray, *, neox: bool, offset: int = 0, inverse: bool = False
) -> tuple[NDArray, NDArray]:
    """Heads [T, H, D] rotated, and the sums of the absolute values that were added; 0 in columns that stay."""
    y, magnitude = np.array(x, np.float64), np.zeros(x.shape)
    rot, known = table.shape[1], (at >= 0) & (at < len(table))
    rows = table[np.where(known, at, 0)] if len(table) else np.zeros((len(x), rot))
    cosine, sine = (part[:, None, :] for part in (rows[:, : rot // 2], rows[:, rot // 2 :]))
    sine = -sine if inverse else sine
    first, second = slice(offset, offset + rot // 2), slice(offset + rot // 2, offset + rot)
    if not neox:
        first, second = slice(offset, offset + rot, 2), slice(offset + 1, offset + rot, 2)
    a, b, here = x[..., first], x[..., second], known[:, None, None]
    y[..., first] = np.where(here, a * cosine - b * sine, a)
    y[..., second] = np.where(here, b * cosine + a * sine, b)
    size = [np.abs(v) for v in (a, b, cosine, sine)]
    magnitude[..., first] = np.where(here, size[0] * size[2] + size[1] * size[3], 0.0)
    magnitude[..., second] = np.where(here, size[1] * size[2] + size[0] * size[3], 0.0)
    return y, magnitude


def drawn_positions(case: Sample) -> NDArray:
    """Positions of the table; in random data some outside."""
    at = case.rng.integers(0, max(case.sizes["POSITIONS"], 1), case.sizes["T"])
    if case.kind == "random":
        at[2::7], at[4::7] = -1, case.sizes["POSITIONS"]
    return np.asarray(at)


def drawn_table(case: Sample) -> NDArray:
    """Cosines and sines [POSITIONS, ROT] in any order of the rows; of right angles for exact data."""
    count, rot = case.sizes["POSITIONS"], case.sizes["ROT"]
    angle = case.rng.permutation(count)[:, None] * 10000.0 ** (-2.0 * np.arange(rot // 2) / rot)
    if case.kind == "exact":
        angle = np.floor(angle) * np.pi / 2
        return np.asarray(np.rint(np.concatenate([np.cos(angle), np.sin(angle)], axis=1)))
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def drawn_heads(case: Sample, name: str) -> NDArray:
    """Small integers without zeros, so that no sum is a zero of either sign."""
    return case.rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], case.shapes[name])
