"""Element formats as tile arithmetic: codes to float32 and back, from the declared bits alone.

Used where a target has no native type for a format (and always for formats without hardware support). All integer
work is on i32; codes are non-negative. Every float operation below is exact, so the result does not depend on
contraction or on the order of evaluation.
"""

from __future__ import annotations

from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT16, INT32, ElementFormat, NanRule, Overflow
from specs.tile.frontend.trace import Tile, constant, tracer
from specs.tile.ir import Opcode
from specs.tile.language import absolute, full, maximum, round_even, where

_EXACT_BITS = 22  # widest integers in the range of `round_even`


def pow2(exponent: Tile) -> Tile:
    """2**exponent as float32, for i32 exponents in [-126, 127]."""
    return ((exponent + 127) << 23).bitcast(F32)


def is_nan(x: Tile) -> Tile:
    """Where x is NaN."""
    return x != x  # noqa: PLR0124 - that is what NaN is


def decode(codes: Tile, form: ElementFormat) -> Tile:
    """float32 values of i32 `codes` (only the low `form.bits` bits are looked at)."""
    if form.is_integer:
        return _decode_integer(codes, form)
    if form.exponent_bits == 8:
        return _decode_wide(codes, form)
    mantissa, exponent = form.mantissa_bits, form.exponent_bits
    magnitude = codes & ((1 << (mantissa + exponent)) - 1)
    biased = magnitude >> mantissa
    fraction = magnitude & ((1 << mantissa) - 1)
    subnormal = biased == 0
    # An integer of few bits, times a power of two: exact, without a float32 subnormal in between.
    significand = where(subnormal, fraction, fraction + (1 << mantissa)).to(F32)
    # Exponent field 0 means the exponent of field 1, without the hidden bit.
    value = significand * pow2(where(subnormal, 1, biased) - (form.bias + mantissa))
    if form.nan is NanRule.ALL_ONES:
        value = where(magnitude == (1 << (mantissa + exponent)) - 1, float("nan"), value)
    if form.nan is NanRule.IEEE:
        special = where(fraction == 0, full(fraction.shape, float("inf"), F32), float("nan"))
        value = where(biased == (1 << exponent) - 1, special, value)
    return where((codes & (1 << (form.bits - 1))) != 0, -value, value) if form.signed else value


def power_of_two(codes: Tile) -> Tile:
    """bfloat16 values of i32 codes of E8M0, which has the exponents of bfloat16: exact, NaN too."""
    bits = maximum(codes << 7, 0x40)  # 2**-127 is subnormal
    return where(codes == 255, 0x7FC0, bits).to(INT16).bitcast(BF16)


IN_HALF = (E4M3, E5M2)
"""Formats that `decode_half` knows: both lie in float16's upper bits, or nearly so."""


def decode_half(codes: Tile, form: ElementFormat) -> Tile:
    """float16 values of the codes (8-bit integers) of a format in `IN_HALF`: exact, by few operations on 16 bits."""
    x = codes.bitcast(INT8).to(INT16)
    if form == E5M2:
        return _narrow(Opcode.SHL, x, 8).bitcast(F16)
    # Seven bits lie where float16's exponent ends, whose bias is 8 larger; the sign is copied over two bits.
    bits = _narrow(Opcode.AND, _narrow(Opcode.SHL, x, 7), ~0x4000)
    # Only the NaN code carries into the bit above the exponent, which makes float16's largest exponent of it.
    carried = _narrow(Opcode.AND, _narrow(Opcode.ADD, bits, 0x80), 0x4000)
    # Not left to a scale of the sums: what is below 2**-6 is a subnormal float16 until here, and matrix units may take
    # subnormal operands for zero.
    return _narrow(Opcode.MUL, _narrow(Opcode.OR, bits, carried).bitcast(F16), 256.0)


def _narrow(code: Opcode, x: Tile, y: Tile | float) -> Tile:
    """Arithmetic on 16 bits, which authors do in 32."""
    other = y if isinstance(y, Tile) else constant(y, x.element)
    return tracer().emit(code, (x, other), (x.value.type,))[0]


def encode(x: Tile, form: ElementFormat) -> Tile:
    """i32 codes of float32 `x`: nearest, ties to even, overflow and NaN as the format declares."""
    if form.is_integer:
        return _encode_integer(x, form)
    if form.exponent_bits == 8:
        return _encode_wide(x, form)
    mantissa = form.mantissa_bits
    emin = 1 - form.bias
    bits = x.bitcast(INT32)
    # The sign is put back at the end: rounding to nearest even is symmetric.
    magnitude = (bits & 0x7FFFFFFF).bitcast(F32)
    saturate = form.overflow is Overflow.SATURATE
    limit = form.max_finite if saturate else 2.0 * form.max_finite
    magnitude = where(magnitude <= limit, magnitude, limit)  # NaN too: it is converted to an integer below
    # At emin and below the step between codes is constant: subnormal codes need no case of their own.
    exponent = maximum((magnitude.bitcast(INT32) >> 23) - 127, emin)
    # Added, not or-ed: a significand that rounds up to 2 carries into the exponent, as it should.
    code = ((exponent - emin) << mantissa) + round_even(magnitude * pow2(mantissa - exponent)).to(INT32)
    if not saturate:
        top = ((1 << form.exponent_bits) - 1) << mantissa
        # Past the largest finite number everything is infinity, not a NaN code.
        code = where(code > top, top, code)
    if form.signed:
        code = where(bits < 0, code | (1 << (form.bits - 1)), code)
    return where(is_nan(x), form.nan_code or 0, code)


def _decode_integer(codes: Tile, form: ElementFormat) -> Tile:
    low = codes & ((1 << form.bits) - 1)
    if form.signed:
        # Two's complement of few bits: the sign bit counts negative.
        low = where(low >= 1 << (form.bits - 1), low - (1 << form.bits), low)
    return low.to(F32)


def _encode_integer(x: Tile, form: ElementFormat) -> Tile:
    if form.bits > _EXACT_BITS:
        # Above 22 bits neither the rounding trick nor the limits are exact in float32.
        codes = saturate(nearest(x), form)
        return codes if form.bits == 32 else codes & ((1 << form.bits) - 1)
    clamped = where(x > form.max_finite, form.max_finite, x)
    clamped = where(clamped < form.min_finite, form.min_finite, clamped)
    return round_even(where(is_nan(x), 0.0, clamped)).to(INT32) & ((1 << form.bits) - 1)


def nearest(x: Tile) -> Tile:
    """The nearest integer, ties to even, of any float32; `round_even` is for |x| < 2**22 only."""
    small = absolute(x) < 2.0**23  # from there on every float32 is an integer
    part = where(small, x, 0.0)
    # Half of it is below 2**22; the rest is -1, 0, 1 or a tie between them.
    even = round_even(part * 0.5) * 2.0
    return where(small, even + round_even(part - even), x)


def saturate(x: Tile, form: ElementFormat = INT32) -> Tile:
    """Integer-valued float32 as integers of `form` (32 bits at most), in i32: clamped to its range, NaN becomes 0.

    Machines differ in what a cast of a number out of range gives (the least integer on x86, the nearest end in PTX,
    anything in SPIR-V), so no such number is cast.
    """
    beyond = 2.0 ** (form.bits - int(form.signed))  # max_finite of 32 bits is no float32
    inside = where((x >= form.min_finite) & (x < beyond), x, 0.0)
    if form.bits == 32 and not form.signed:
        # uint32 through int32: the upper half as its two's complement, exact in float32.
        inside = where(inside >= 2.0**31, inside - 2.0**32, inside)
    top = -1 if form.bits == 32 and not form.signed else int(form.max_finite)
    codes = where(x >= beyond, top, inside.to(INT32))
    return where(x < form.min_finite, int(form.min_finite), codes)


def _decode_wide(codes: Tile, form: ElementFormat) -> Tile:
    """bfloat16 (the upper half of a float32) and e8m0 (its exponent field)."""
    shift = 23 - form.mantissa_bits
    if form.signed:
        return (codes << shift).bitcast(F32)
    value = (codes << shift).bitcast(F32)
    # E8M0 code 0 is 2**-127, a float32 subnormal: an exponent field of 0 would read as 0.
    value = where(codes == 0, form.min_normal, value)
    return where(codes == 255, float("nan"), value)


def _encode_wide(x: Tile, form: ElementFormat) -> Tile:
    """Rounds a float32 to its upper bits, ties to even; NaN becomes the canonical code."""
    assert form.nan_code is not None
    if not form.mantissa_bits:
        return _encode_exponent(x, form.max_code, form.nan_code)
    shift = 23 - form.mantissa_bits
    bits = x.bitcast(INT32)
    # Half an ulp less one, plus the last kept bit: ties to even. NaN may carry out of its exponent, so it is replaced.
    code = ((bits + ((1 << (shift - 1)) - 1) + ((bits >> shift) & 1)) >> shift) & ((1 << form.bits) - 1)
    return where(is_nan(x), form.nan_code, code)


def _encode_exponent(x: Tile, top: int, nan: int) -> Tile:
    """The nearest power of two, ties up, of float32 values >= 0; the rest is NaN. By integers: some are subnormal."""
    bits = x.bitcast(INT32)
    magnitude = bits & 0x7FFFFFFF
    code = where(magnitude < 0x600000, 0, (magnitude + 0x400000) >> 23)  # 0x600000: 1.5 * 2**-127
    code = where(code > top, top, code)
    # Negative numbers and NaN (above the bits of infinity) have no code; -0 is 0.
    return where(((bits < 0) & (magnitude != 0)) | (magnitude > 0x7F800000), nan, code)


def clamp_finite(x: Tile, form: ElementFormat) -> Tile:
    """x limited to the finite range of `form`; NaN stays NaN."""
    x = where(x > form.max_finite, form.max_finite, x)
    return where(x < form.min_finite, form.min_finite, x)


def magnitude_bits(x: Tile) -> Tile:
    """Bit pattern of |x|: integers that order as the magnitudes do, Inf and NaN above everything finite."""
    return absolute(x).bitcast(INT32)
