"""float32 multiplication and division for targets that flush subnormal operands and results to zero.

Significands are multiplied or divided as numbers in [1, 2), exponents are added as integers, and subnormal results are
rounded by shifting: no float operation here meets a subnormal number. Bits of float32, with m = |x| as bits:

    m >= 0x7F800000 infinity or NaN,  m < 0x00800000 subnormal or zero: m is the number in units of 2**-149
"""

from __future__ import annotations

from dataclasses import dataclass

from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import full, maximum, minimum, where
from specs.tile.library.codec import is_nan

_INFINITY, _LEAST_NORMAL, _MAGNITUDE, _FRACTION = 0x7F800000, 0x00800000, 0x7FFFFFFF, 0x007FFFFF
_HIDDEN = 1 << 23
_ONE = 0x3F800000
_NOTHING = -1000  # exponent of zero: below every exponent, also after an addition
_MIDDLE = 64  # scales outside 2**-64 .. 2**64 are brought nearer to 1
_LOST = 25  # shifts out all 24 bits


@dataclass(frozen=True, slots=True)
class _Parts:
    """|x| = significand * 2**(exponent - 23) with 2**23 <= significand < 2**24; zero: exponent `_NOTHING`.

    one: the significand as float32 in [1, 2). plain: |x|, with 1 for subnormal numbers. magnitude: bits of |x|.
    """

    significand: Tile
    exponent: Tile
    one: Tile
    plain: Tile
    magnitude: Tile


def _parts(x: Tile) -> _Parts:
    magnitude = x.bitcast(INT32) & _MAGNITUDE
    # Compared as integers: as floats, subnormals would be flushed to zero first.
    tiny = magnitude < _LEAST_NORMAL
    normal = where(tiny, magnitude.to(F32).bitcast(INT32), magnitude)  # in units of 2**-149 if tiny
    exponent = (normal >> 23) - 127
    exponent = where(tiny, exponent - 149, exponent)
    return _Parts(
        significand=(normal & _FRACTION) | _HIDDEN,
        exponent=where(magnitude == 0, _NOTHING, exponent),
        one=((normal & _FRACTION) | _ONE).bitcast(F32),
        plain=where(tiny & (magnitude != 0), 1.0, magnitude.bitcast(F32)),
        magnitude=magnitude,
    )


def _sign(x: Tile, y: Tile) -> Tile:
    return (x.bitcast(INT32) ^ y.bitcast(INT32)) & ~_MAGNITUDE


def _shifted(significand: Tile, shift: Tile) -> Tile:
    """Integers divided by 2**shift (1 or more), to nearest, ties to even."""
    half = (shift * 0 + 1) << (shift - 1)
    return (significand + half - 1 + ((significand >> shift) & 1)) >> shift


def _assembled(significand: Tile, residue: Tile | None, exponent: Tile) -> Tile:
    """Bits of significand * 2**(exponent - 23), rounded; residue: sign of the rounding error of the significand."""
    normal = where(exponent > 127, _INFINITY, ((exponent + 127) << 23) | (significand & _FRACTION))
    # Clamped: shifts of 32 or more are undefined.
    shift = minimum(maximum(-126 - exponent, 1), _LOST)
    if residue is None:
        return where(exponent < -126, _shifted(significand, shift), normal)
    # Two more bits, which say on which side of the rounded significand the exact one lies.
    side = (residue > 0).to(INT32) - (residue < 0).to(INT32)
    return where(exponent < -126, _shifted((significand << 2) + side, shift + 2), normal)


def multiply(x: Tile, y: Tile) -> Tile:
    """x * y, rounded once."""
    a, b = _parts(x), _parts(y)
    product = (a.one * b.one).bitcast(INT32)  # in [1, 4), rounded
    carry = (product >> 23) - 127
    significand = (product & _FRACTION) | _HIDDEN
    # Exact modulo 2**32, and less than that.
    residue = a.significand * b.significand - (significand << (carry + 23))
    bits = _assembled(significand, residue, maximum(a.exponent + b.exponent, _NOTHING) + carry)
    # inf * 0, NaN and their signs are the hardware's business; `plain` keeps subnormals from being 0 there.
    special = (a.magnitude >= _INFINITY) | (b.magnitude >= _INFINITY)
    bits = where(special, (a.plain * b.plain).bitcast(INT32), bits)
    return (bits | _sign(x, y)).bitcast(F32)


def divide(x: Tile, y: Tile) -> Tile:
    """x / y, correctly rounded."""
    a, b = _parts(x), _parts(y)
    quotient = (a.one / b.one).bitcast(INT32)  # in (1/2, 2), rounded
    borrow = (quotient >> 23) - 127
    significand = (quotient & _FRACTION) | _HIDDEN
    residue = (a.significand << (23 - borrow)) - significand * b.significand
    bits = _assembled(significand, residue, maximum(a.exponent, _NOTHING // 2) - b.exponent + borrow)
    # x / 0 and 0 / 0 too; `plain` keeps subnormals from being 0 there.
    special = (a.magnitude >= _INFINITY) | (b.magnitude >= _INFINITY) | (a.magnitude == 0) | (b.magnitude == 0)
    bits = where(special, (a.plain / b.plain).bitcast(INT32), bits)
    return (bits | _sign(x, y)).bitcast(F32)


def multiply_power(x: Tile, power: Tile) -> Tile:
    """x * power: a power of two or NaN; x is no subnormal number."""
    bits, magnitude = power.bitcast(INT32), x.bitcast(INT32) & _MAGNITUDE
    step = where(bits < _LEAST_NORMAL, -127, (bits >> 23) - 127)  # the one subnormal power is 2**-127
    significand = where(magnitude == 0, 0, (magnitude & _FRACTION) | _HIDDEN)
    product = _assembled(significand, None, where(magnitude == 0, -200, (magnitude >> 23) - 127 + step))
    product = where(magnitude >= _INFINITY, magnitude, product)
    value = (product | (x.bitcast(INT32) & ~_MAGNITUDE)).bitcast(F32)
    return where(is_nan(power), float("nan"), value)


def middled(scale: Tile) -> tuple[Tile, Tile]:
    """(s, h) with scale = s * h * h: h is 1 or a power of two that brings s nearer to 1, and s no subnormal number."""
    bits = scale.bitcast(INT32)
    magnitude = bits & _MAGNITUDE
    # The bits of a subnormal are its value in units of 2**-149.
    subnormal = magnitude.to(F32) * 2.0 ** (_MIDDLE - 149)
    subnormal = where(bits < 0, -subnormal, subnormal)
    low, high = magnitude < ((127 - _MIDDLE) << 23), magnitude > ((127 + _MIDDLE) << 23)
    nearer = where(low, scale * 2.0**_MIDDLE, where(high, scale * 2.0**-_MIDDLE, scale))
    nearer = where(magnitude < _LEAST_NORMAL, subnormal, nearer)
    half = where(high, full(scale.shape, 2.0 ** (_MIDDLE // 2), F32), 1.0)
    return nearer, where(low, 2.0 ** -(_MIDDLE // 2), half)
