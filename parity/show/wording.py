"""Formatting of numbers and statuses for the terminal and the report."""

from __future__ import annotations

from datetime import datetime
from math import floor, inf, isfinite, isnan, log10
from typing import Final

from parity.record.records import Status

SYMBOLS: Final[dict[Status, str]] = {
    "passed": "✓",
    "failed": "✕",
    "flushed": "≈",
    "unsupported": "⊘",
    "not run": "◌",
}
"""A sign per status, so that no status is shown by colour alone."""

NOTHING: Final = "–"
"""Stands where there is no number."""

_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NARROW_SPACE: Final = "\u202f"


def superscript(power: int) -> str:
    """An integer as an exponent."""
    return str(power).translate(_SUPERSCRIPT)


def whole(count: int) -> str:
    """An integer with its thousands set apart."""
    return f"{count:,}".replace(",", _NARROW_SPACE)


def scientific(x: float, digits: int = 2) -> str:
    """`digits` significant digits and a power of ten."""
    power = floor(log10(abs(x)))
    mantissa = f"{x / 10.0**power:.{digits - 1}f}"
    if abs(float(mantissa)) >= 10:
        mantissa, power = f"{float(mantissa) / 10:.{digits - 1}f}", power + 1
    return f"{minus(mantissa)}×10{superscript(power)}"


def minus(text: str) -> str:
    """With a real minus sign."""
    return text.replace("-", "−")


def special(x: float | None) -> str | None:
    """Text for a value that is not finite, None for a finite one."""
    if x is None:
        return NOTHING
    if isnan(x):
        return "NaN"
    if not isfinite(x):
        return "∞" if x > 0 else "−∞"
    return None


def share(x: float | None) -> str:
    """Share of a bound: two decimals; anything above the bound reads as more than 1."""
    if (text := special(x)) is not None or x is None:
        return text or NOTHING
    if 0 < x < 0.005:
        return "<0.01"
    if 1 < x < 1.005:
        return ">1.00"
    if x == 0:
        return "0"
    return f"{x:.2f}" if x < 1000 else scientific(x)


def percent(x: float | None) -> str:
    """A share of elements in percent; only all of them read as 100%."""
    if (text := special(x)) is not None or x is None:
        return text or NOTHING
    return "100%" if x == 1 else f"{floor(x * 10000) / 100:.2f}%"


def ulps(x: float | None) -> str:
    """Distance in ulp: two decimals when small, whole when large."""
    if (text := special(x)) is not None or x is None:
        return text or NOTHING
    if 0 < x < 0.005:
        return "<0.01"
    if x == int(x) and x < 1e6:
        return whole(int(x))
    if x < 100:
        return f"{x:.2f}"
    return whole(round(x)) if x < 1e6 else scientific(x)


def value(x: float | None, digits: int = 6) -> str:
    """A number of any size, up to `digits` significant digits."""
    if (text := special(x)) is not None or x is None:
        return text or NOTHING
    if x == 0:
        return minus(f"{x:g}")
    if 1e-4 <= abs(x) < 10.0**digits:
        return minus(f"{x:.{digits}g}")
    return scientific(x, min(digits, 4))


def power_of_two(log2: float) -> str:
    """2 to the given power; the number itself when the power is not whole."""
    return f"2{superscript(int(log2))}" if log2 == int(log2) else value(2.0**log2, 3)


def duration(seconds: float | None) -> str:
    """Seconds with the unit that fits."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def moment(stamp: str) -> str:
    """An ISO 8601 time as a reader writes it, in its own time zone; other text as it is."""
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".rstrip()


def within(x: float | None) -> bool:
    """Whether a share is inside the bound; nothing measured counts as inside."""
    return x is None or (x <= 1 and x != inf)
