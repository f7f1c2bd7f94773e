"""What a row is sampled with, read by a program: temperature, filters, seed and position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.indexer.select import row_key
from specs.lang.formats.elements import F32, INT32
from specs.sampling.integers import LOWEST_Q20, ONE_Q20, exp_q29, gumbel_q20, ln_of_float_q20, threefry
from specs.sampling.masses import P_BITS
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, full, load, maximum, minimum, where

GROUP = 32
"""Columns of a group, by whose maximum it is chosen."""
FEW = 64
"""Groups that a small program has in registers."""
CHOSEN = 256
"""Groups that a program has in registers at most."""
HELD = CHOSEN * GROUP
"""Candidates that a program has in registers at most."""
MINUS_INFINITY = -0x7F800000
"""Key of -inf: no token. NaN counts as -inf."""
INFINITY = 0x7F800000
GREEDY_BELOW = 1e-5
LAST = (1 << 31) - 1
LONGEST = 1 << 18
"""Columns of a row at most."""
DRAFT_STREAM = 1 << 30
SPAN = 4096
"""Columns of a program that reads a part of a row."""
SPANS = LONGEST // SPAN


def key_of(value: Tile) -> Tile:
    """int32 keys that order as values do, NaN as -inf."""
    key = row_key(value.to(F32))
    return where(key > INFINITY, MINUS_INFINITY, maximum(key, MINUS_INFINITY))


def value_of(key: Tile) -> Tile:
    """The float32 value of a key."""
    return where(key < 0, -(1 << 31) - key, key).bitcast(F32)


def vocabulary(p: Any) -> Tile:
    """Columns that are tokens."""
    return where(p.vocab_size > 0, minimum(p.vocab_size, p.V), p.V)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one row.

    inverse: 1 / temperature in float32. greedy: whether the temperature is 0.
    k: of top-k, 0 where it is off. p: of top-p in 2**-24, `nucleus` whether it is on.
    least: distance below the largest logit that min-p allows, Q20; `LOWEST_Q20` - 1 where it is off.
    """

    inverse: Tile
    greedy: Tile
    k: Tile
    p: Tile
    nucleus: Tile
    least: Tile

    def quantised(self, key: Tile, top: Tile) -> Tile:
        """floor((logit - largest) / T 2**20), at least -1000 2**20: one subtraction and one product in float32."""
        distance = where(key == top, 0.0, value_of(key) - value_of(top))
        return (maximum(distance * self.inverse, -1000.0) * float(ONE_Q20)).to(F32).to(INT32)


def settings_of(p: Any, row: Tile) -> Settings:
    """Settings of a row; filters that are not passed are off, and all are where the temperature is 0."""
    temperature = load(p.temperature, (row,))
    # NaN is greedy as well.
    greedy = ~(temperature >= GREEDY_BELOW)
    zero = full((), 0, INT32)
    k, p24, least = zero, zero, zero + (LOWEST_Q20 - 1)
    if p.top_k is not None:
        k = load(p.top_k, (row,))
        k = where(greedy | (k <= 0) | (k >= vocabulary(p)), 0, k)
    nucleus = greedy & ~greedy
    if p.top_p is not None:
        share = load(p.top_p, (row,))
        nucleus = (share < 1.0) & ~greedy
        scaled = where((share > 0.0) & (share < 1.0), share, 0.0) * float(1 << P_BITS)
        p24 = maximum(scaled.to(INT32), 1)
    if p.min_p is not None:
        ratio = load(p.min_p, (row,))
        # Subnormal numbers are off, and so is NaN.
        on = (ratio >= 2.0**-126) & ~greedy
        bits = where(on, minimum(where(on, ratio, 1.0), 1.0), 1.0).bitcast(INT32)
        least = where(on, ln_of_float_q20(p.table, bits), least)
    return Settings(1.0 / where(greedy, 1.0, temperature), greedy, k, p24, nucleus, least)


@dataclass(frozen=True, slots=True)
class Noise:
    """The random words of one row: 64-bit seed, position of the token in its request."""

    seed: tuple[Tile, Tile]
    position: Tile

    def of(self, table: Any, number: Tile) -> Tile:
        """Gumbel noise of token ids, Q20."""
        return gumbel_q20(table, threefry(self.seed, self.position, number))


def noise_of(p: Any, row: Tile) -> Noise:
    """The random words of a row."""
    position = load(p.positions, (row,))
    if position.element != INT32:
        position = position.to(INT32)
    if p.stream == "draft":
        position = position + DRAFT_STREAM
    return Noise((load(p.seeds, (row, 0)), load(p.seeds, (row, 1))), position)


def mass_of(p: Any, q: Tile, key: Tile) -> Tile:
    """Probability masses in Q29, of tokens that a filter dropped (-inf) 0."""
    return where(key > MINUS_INFINITY, exp_q29(p.table, minimum(q, 0)), 0)


def group_columns(group: Tile) -> Tile:
    """Columns of groups [n], as [n * GROUP]."""
    columns = group[:, None] * GROUP + arange(GROUP)[None, :]
    return columns.reshape(group.shape[0] * GROUP)
