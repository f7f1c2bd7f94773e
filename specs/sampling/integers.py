"""Integer arithmetic of sampling on int32 tiles: threefry, logarithm, Gumbel noise, exponential.

uint32 words are int32 tiles of the same bits: addition, multiplication and left shifts wrap around, and
`shifted_right` fills with zeros. No float function is involved, so results are the same bits on every machine.
"""

from __future__ import annotations

from typing import Any

from specs.sampling.tables import CORR_AT, EXP_AT, LN_AT
from specs.tile.frontend.trace import Tile
from specs.tile.language import load, maximum, minimum, where

ONE_BITS = 20
ONE_Q20 = 1 << ONE_BITS
LOWEST_Q20 = -1000 * ONE_Q20
"""Logits further than 1000 below the largest count as 1000 below it."""
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_LN2_33_Q26 = 1535038556  # 33 ln(2)
_LN2_26_Q26 = 1209424317  # 26 ln(2)
_LN2_Q26 = 46516320  # rounded up; 131/1024 too much
_LN2_Q21 = 1453635
_LN2_Q20 = 726817  # and a half
_FARTHEST_Q20 = 22 * ONE_Q20  # exp(-22) 2**29 rounds to 0
MASS_BITS = 29
"""Masses are exp(q) in Q29, at most 2**29."""


def shifted_right(x: Tile, bits: int) -> Tile:
    """x >> bits of uint32."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def _rotated(x: Tile, bits: int) -> Tile:
    return (x << bits) | shifted_right(x, 32 - bits)


def threefry(key: tuple[Tile, Tile], first: Tile, second: Tile) -> Tile:
    """Word 0 of threefry2x32 with 20 rounds, of the counter (first, second)."""
    keys = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    x, y = first + keys[0], second + keys[1]
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            x = x + y
            y = _rotated(y, bits) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + (keys[(group + 2) % 3] + (group + 1))
    return x


def _interpolated(table: Any, at: int, piece: Tile, part: Tile, bits: int) -> Tile:
    """Linear interpolation in the table from element `at` on: `part` / 2**bits of the way to the next one, rounded."""
    low, high = load(table, (piece + at,)), load(table, (piece + (at + 1),))
    return low + (((high - low) * part + (1 << (bits - 1))) >> bits)


def ln_q26(table: Any, x: Tile) -> Tile:
    """ln of uint32 x >= 1 in Q26, error below 2**-22."""
    number = x * 0 + 31
    for step in (16, 8, 4, 2, 1):
        small = shifted_right(x, 32 - step) == 0
        x, number = where(small, x << step, x), where(small, number - step, number)
    piece, part = (x >> 21) & 1023, (x >> 6) & 0x7FFF
    whole = number * _LN2_Q26 - ((number * 131 + 512) >> 10)
    return whole + _interpolated(table, LN_AT, piece, part, 15)


def gumbel_q20(table: Any, word: Tile) -> Tile:
    """-ln(-ln(1 - u)) of u = (word + 1/2) / 2**32 in Q20, error below 7e-7."""
    low = word >= 0
    twice = word << 1
    # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest u.
    logarithm = ln_q26(table, where(low, twice | 1, twice ^ -1))
    piece, part = (twice >> 23) & 511, (twice >> 8) & 0x7FFF
    near = _LN2_33_Q26 - logarithm - _interpolated(table, CORR_AT, piece, part, 15)
    far = _LN2_26_Q26 - ln_q26(table, maximum(_LN2_33_Q26 - logarithm, 1))
    return (where(low, near, far) + 32) >> 6


def exp_q29(table: Any, q: Tile) -> Tile:
    """exp(q) in Q29 of q <= 0 in Q20: monotone, error below 1.3e-7 relative and half a unit; 0 from -21 on, or so."""
    twice = minimum(0 - q, _FARTHEST_Q20) * 2
    halvings = twice // _LN2_Q21
    rest = twice - halvings * _LN2_Q21
    mantissa = _interpolated(table, EXP_AT, rest >> 11, rest & 2047, 11)
    # Rounded to nearest: adds half a unit before the last bits go.
    return ((mantissa << 1 >> halvings) + 1) >> 1


def ln_of_float_q20(table: Any, bits: Tile) -> Tile:
    """ln of a normal float32 in (0, 1], given as its bits, in Q20; at most 0."""
    mantissa, shift = (bits & 0x7FFFFF) | 0x800000, 150 - (bits >> 23)
    q = ((ln_q26(table, mantissa) + 32) >> 6) - (shift * _LN2_Q20 + (shift >> 1))
    return minimum(q, 0)
