"""Scales of a block and codes of its elements, as tile arithmetic; every quantiser body is built from these.

All steps are exact or correctly rounded, so that codes and scales are the same bytes on every implementation:
maxima are taken over bit patterns (NaN and infinity compare above everything finite), exponents are read off the bits,
division is correctly rounded. A NaN or an infinity anywhere in a block makes the block's scale NaN or infinite (NaN
where the scale's format has no infinity), and no other block's.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from specs.lang.formats.elements import E8M0, F32, INT32, UINT8, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, divide, maximum, minimum, multiply, reduce_sum, where
from specs.tile.library.codec import pow2

INFINITY_BITS = 0x7F800000
# Magnitudes below the one are multiplied by 2**64 before they are divided by the largest code: quotients stay normal.
_LIFTED_BELOW, _LIFT = 2.0**-100, 64


@dataclass(frozen=True, slots=True)
class Scale:
    """float32 scales as stored, and how to divide by them: by multiplication where the inverse is exact.

    small: they may be so small that subnormal numbers divided by them do not round to zero.
    """

    value: Tile
    inverse: Tile | None
    small: bool = False

    def divide(self, x: Tile, shape: tuple[int, ...]) -> Tile:
        """x / scale, correctly rounded; scales that are tiles are reshaped to `shape` to broadcast against x."""
        times, over = (multiply, divide) if self.small else (operator.mul, operator.truediv)
        if self.inverse is not None:
            return times(x, self.inverse.reshape(*shape) if self.inverse.shape else self.inverse)
        return over(x, self.value.reshape(*shape) if self.value.shape else self.value)


def float_bits(value: float) -> int:
    """Bit pattern of a float32."""
    return int(np.float32(value).view(np.int32))


def scale_of(amax_bits: Tile, element: ElementFormat, stored: ElementFormat, power_of_two: bool, floor: float) -> Scale:
    """The scale that maps a block with largest magnitude `amax` onto the range of `element`.

    s = fl(max(amax, floor) * fl(1 / max_finite)), rounded up to a power of two on request, and rounded to the format it
    is stored in. A floor for which s would be no normal float32 (2**-126 and above at that) asks for powers of two.
    """
    bits = maximum(amax_bits, float_bits(floor))
    factor = float(np.float32(1.0 / element.max_finite))
    lifted: Tile | None = None
    if floor * factor < F32.min_normal:
        lifted = bits < float_bits(_LIFTED_BELOW)
        bits = where(lifted, bits + (_LIFT << 23), bits)
    raw = bits.bitcast(F32) * factor
    small = floor * factor < _LIFTED_BELOW
    if not power_of_two:
        return Scale(stored_as(raw, amax_bits, stored), None, small)
    exponent = ceil_log2(raw)
    if lifted is not None:
        exponent = maximum(where(lifted, exponent - _LIFT, exponent), -E8M0.bias)
    value, inverse = pow2(exponent) if lifted is None else e8m0_value(exponent), pow2(-exponent)
    if stored == E8M0:
        broken = amax_bits >= INFINITY_BITS
        return Scale(where(broken, float("nan"), value), where(broken, float("nan"), inverse), small)
    infinite, nan = amax_bits == INFINITY_BITS, amax_bits > INFINITY_BITS
    inverse = where(infinite, 0.0, inverse)
    return Scale(where(infinite | nan, raw, value), where(nan, float("nan"), inverse), small)


def second_level(raw: Tile, stored: ElementFormat, g: Tile | float) -> Scale:
    """The scale of a block under the tensor scale g, as `specs.lang.formats.blocks` defines it, from that of the rule.

    What divides the block is s / g: all of its elements are multiplied by one number, which is 0 where s is 0.
    """
    scaled = raw * g
    value = scaled.to(stored).to(F32)
    if not stored.has_inf:
        value = where(scaled.bitcast(INT32) >= INFINITY_BITS, float("nan"), value)
    empty = value == 0.0
    inverse = 1.0 / where(empty, 1.0, value * (1.0 / g))
    return Scale(value, where(empty, 0.0, inverse))


def quotient_of(amax_bits: Tile, element: ElementFormat, floor: float) -> Tile:
    """fl(max(amax, floor) * fl(1 / max_finite)): the scale of a block before it is rounded to its format."""
    bits = maximum(amax_bits, float_bits(floor)) if floor else amax_bits
    return bits.bitcast(F32) * float(np.float32(1.0 / element.max_finite))


def limited(amax_bits: Tile, bound: Tile | None) -> Tile:
    """Magnitudes clamped to an upper bound (None: there is none), as bits; NaN stays NaN."""
    if bound is None:
        return amax_bits
    return where(amax_bits > INFINITY_BITS, amax_bits, minimum(amax_bits, bound.bitcast(INT32)))


def stored_as(raw: Tile, amax_bits: Tile, stored: ElementFormat) -> Tile:
    """float32 scales rounded to the format they are stored in; NaN where that has no infinity and the block has one."""
    value = raw.to(stored).to(F32)
    return value if stored.has_inf else where(amax_bits == INFINITY_BITS, float("nan"), value)


def ceil_log2(x: Tile) -> Tile:
    """ceil(log2 x) of positive normal float32, by integer operations, clamped to E8M0's range."""
    bits = x.bitcast(INT32)
    exponent = (bits >> 23) - 127 + ((bits & 0x7FFFFF) != 0).to(INT32)
    return minimum(maximum(exponent, -E8M0.bias), E8M0.bias)


def e8m0_value(exponent: Tile) -> Tile:
    """2**exponent as float32, for i32 exponents in [-127, 127]: the least of them is subnormal."""
    return where(exponent == -E8M0.bias, 1 << 22, (exponent + 127) << 23).bitcast(F32)


def pack_pairs(codes: Tile) -> Tile:
    """Two 4-bit codes per byte along the last dimension, the even element in the low nibble."""
    *lead, last = codes.shape
    pairs = codes.reshape(*lead, last // 2, 2)
    shift = (arange(2) * 4).reshape(*([1] * len(lead)), 1, 2)
    return reduce_sum(pairs << shift, axis=-1).to(UINT8)
