"""Rotary position embedding, interleaved pairs: e' = e c - o s, o' = e s + o c, with c and s from a table.

The table holds, per position, the cosines of all pairs and then their sines. `rotate` is plain float32 arithmetic;
`rotate_rounded`, for cached keys, is correctly rounded to bfloat16, so that the bytes do not depend on which
multiplications a compiler contracts into fma.

Source: Su et al., RoFormer (2021); pairing as in GPT-J.
"""

from __future__ import annotations

from specs.lang.formats.elements import BF16, F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import where

_LOW_BITS = 0xFF  # of a float32's 24 significant bits: 16 remain, whose product with bfloat16's 8 is exact


def rotate(even: Tile, odd: Tile, cosine: Tile, sine: Tile) -> tuple[Tile, Tile]:
    """The rotated pair, float32."""
    # Interleaved pairs (GPT-J), not halves (NeoX).
    return even * cosine - odd * sine, even * sine + odd * cosine


def rotate_rounded(even: Tile, odd: Tile, cosine: Tile, sine: Tile) -> tuple[Tile, Tile]:
    """The rotated pair as bfloat16 values in float32, correctly rounded, zeros positive.

    even, odd: float32 with bfloat16 values.
    """
    return _combine(even, cosine, -odd, sine), _combine(even, sine, odd, cosine)


def _combine(a: Tile, x: Tile, b: Tile, y: Tile) -> Tile:
    """a x + b y, rounded once to bfloat16; a and b hold bfloat16 values, x and y any float32."""
    x_high, y_high = (_without_low_bits(factor) for factor in (x, y))
    # x_high has 16 bits and a has 8: the product fits in 24, so neither it nor a contracted fma rounds.
    high, error_high = two_sum(a * x_high, b * y_high)
    low, error_low = two_sum(a * (x - x_high), b * (y - y_high))
    total, error = two_sum(high, low)
    # The errors of these sums may decide a tie.
    errors, lost = two_sum(error_high, error_low)
    rest, lost_too = two_sum(error, errors)
    total, error = two_sum(total, rest)
    # Only the sign of the lost bits matters: it decides ties, not digits.
    error = error + (lost + lost_too)
    # Rounding to odd, then to bfloat16, equals one rounding of the exact sum: no double rounding.
    return _round_to_odd(total, error).to(BF16).to(F32)


def _without_low_bits(x: Tile) -> Tile:
    return (x.bitcast(INT32) & ~_LOW_BITS).bitcast(F32)


def two_sum(a: Tile, b: Tile) -> tuple[Tile, Tile]:
    """fl(a + b) and its error, exactly (Knuth, The Art of Computer Programming, vol. 2, 4.2.2)."""
    total = a + b
    # No |a| >= |b| is assumed, unlike in the three-operation version.
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def _round_to_odd(total: Tile, error: Tile) -> Tile:
    """total + error rounded to the float32 neighbour with an odd last bit, unless exact.

    Rounding that to fewer bits is rounding the sum itself (Boldo and Melquiond, 2008).
    """
    bits = total.bitcast(INT32)
    # The exact sum is nearer to zero than total: the odd neighbour is then the one below in magnitude.
    inward = (error > 0.0) ^ (total > 0.0)
    odd = where(inward, bits - (1 - (bits & 1)), bits | 1)
    # Bits 0: both zeros become +0, so cached bytes do not depend on the order of the products.
    return where(total == 0.0, 0, where(error == 0.0, bits, odd)).bitcast(F32)
