"""Comments for opaque numbers of generated sources: `0x3b000000` is the bits of 1/512."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import lru_cache

LOG2_E = math.log2(math.e)
_LARGEST_DIVISOR = 1 << 16
_READABLE = 7  # characters of a decimal number that needs no explanation
_LARGEST_ODD = 15  # factor of a power of two that is still easy to read
_FLOAT32_BITS = 1 << 24  # smaller integers are not taken for the bits of a float


@lru_cache(maxsize=4096)
def meaning_of_float(number: float) -> str | None:
    """A power of two, a reciprocal or a known constant; None for what is read as it is."""
    if number == 0 or not math.isfinite(number) or len(repr(abs(number))) <= _READABLE:
        return None
    sign, size = "-" if number < 0 else "", abs(number)
    for name, unit in (("", 1.0), ("log2(e)", LOG2_E), ("ln(2)", math.log(2))):
        found = _power_of_two(size) if not name else name if _same(size, unit) else None
        found = found or _quotient(size, unit, name or "1")
        if found:
            return sign + found
    return None


@lru_cache(maxsize=4096)
def meaning_of_bits(code: int) -> str | None:
    """What float32 has these bits; None where that is no number to remember."""
    if not _FLOAT32_BITS <= code < 1 << 31:
        return None
    (number,) = struct.unpack("<f", struct.pack("<I", code))
    if math.isnan(number):
        return "float32 bits of NaN" if code == 0x7FC00000 else None
    if math.isinf(number):
        return "float32 bits of infinity"
    decimal = f"{number:.6g}"
    readable = len(f"{number:.9g}") <= _READABLE or _float32(float(decimal)) == number
    text = _power_of_two(number) or (decimal if readable else _quotient(number, 1.0, "1"))
    return None if text is None else f"float32 bits of {text}"


@lru_cache(maxsize=4096)
def meaning_of_integer(number: int) -> str | None:
    """A power of two, or one nearer to zero; None for other integers."""
    if number < 0:
        positive = meaning_of_integer(-number)
        return None if positive is None else f"-({positive})" if " " in positive else f"-{positive}"
    for text, value in ((f"2**{number.bit_length()} - 1", number + 1), (f"2**{number.bit_length() - 1}", number)):
        if value & (value - 1) == 0:
            return text
    return None


def _power_of_two(number: float) -> str | None:
    """A small odd number times a power of two."""
    numerator, denominator = number.as_integer_ratio()
    exponent = (numerator & -numerator).bit_length() - denominator.bit_length()
    odd = numerator // (numerator & -numerator)
    if odd > _LARGEST_ODD:
        return None
    return f"2**{exponent}" if odd == 1 else f"{odd} * 2**{exponent}"


def _quotient(number: float, unit: float, name: str) -> str | None:
    """unit / n or unit / sqrt(n) of a whole n."""
    forms: tuple[tuple[float, Callable[[int], float], str], ...] = (
        (unit / number, lambda n: unit / n, "{name}/{n}"),
        (unit / number * (unit / number), lambda n: unit / math.sqrt(n), "{name}/sqrt({n})"),
    )
    for estimate, value, text in forms:
        divisor = round(estimate) if estimate < _LARGEST_DIVISOR else 0
        if divisor > 1 and _same(number, value(divisor)):
            return text.format(name=name, n=divisor)
    return None


def _same(number: float, other: float) -> bool:
    """Whether a number is another one, rounded to float32 or not."""
    return number in (other, _float32(other)) or math.isclose(number, other, rel_tol=1e-15)


def _float32(number: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)
