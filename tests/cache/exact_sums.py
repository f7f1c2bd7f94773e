"""a x + b y in rational numbers, rounded to bfloat16; and operands for which that is hard.

Operands: a and b are bfloat16 values, x and y any float32. A product has 32 significant bits.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from specs.lang.formats.elements import BF16

NDArray = np.ndarray[Any, Any]
Operands = tuple[NDArray, NDArray, NDArray, NDArray]
"""a, x, b, y, float32 [n]."""

_BITS = BF16.mantissa_bits + 1


def rounded(value: Fraction) -> float:
    """The nearest bfloat16, ties to even, of a number in its normal range; zeros are positive."""
    if not value:
        return 0.0
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - _BITS + 1)
    return float(round(value / unit) * unit)  # of rational numbers, round() is exact and ties to even


def combined(a: NDArray, x: NDArray, b: NDArray, y: NDArray) -> NDArray:
    """a x + b y rounded once, float32 [n]."""
    terms = zip(*(map(Fraction, operand.tolist()) for operand in (a, x, b, y)), strict=True)
    return np.array([rounded(p * q + r * s) for p, q, r, s in terms], np.float32)


def bf16(rng: np.random.Generator, count: int, spread: int) -> NDArray:
    """bfloat16 values of either sign in 2 * spread binades, as float32."""
    significand = rng.integers(1 << (_BITS - 1), 1 << _BITS, count) * rng.choice([-1, 1], count)
    return np.ldexp(significand.astype(np.float32), rng.integers(-spread, spread, count) - _BITS)


def float32(rng: np.random.Generator, count: int, spread: int) -> NDArray:
    """float32 values of either sign in 2 * spread binades."""
    significand = rng.integers(1 << 23, 1 << 24, count) * rng.choice([-1, 1], count)
    return np.ldexp(significand.astype(np.float32), rng.integers(-spread, spread, count) - 24)


def angles(rng: np.random.Generator, count: int) -> Operands:
    """Keys, and cosines and sines of positions."""
    angle = rng.integers(0, 1 << 20, count) * 10000.0 ** -rng.random(count)
    x, y = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    return bf16(rng, count, 8), x, bf16(rng, count, 8), y


def anything(rng: np.random.Generator, count: int) -> Operands:
    """Factors of any size, zeros among them."""
    y = np.where(rng.integers(0, 16, count) == 0, np.float32(0), float32(rng, count, 30))
    return bf16(rng, count, 12), float32(rng, count, 12), bf16(rng, count, 12), y


def midpoints(rng: np.random.Generator, count: int) -> NDArray:
    """Numbers halfway between two bfloat16 neighbours, float32."""
    significand = 2 * rng.integers(1 << (_BITS - 1), 1 << _BITS, count) + 1
    return np.ldexp(significand.astype(np.float32), rng.integers(-6, 6, count))


def tipped(rng: np.random.Generator, count: int) -> Operands:
    """A product that is a midpoint, and one far below its last bit that tips it."""
    middle = midpoints(rng, count)
    power = np.ldexp(rng.choice([-1, 1], count).astype(np.float32), rng.integers(-3, 3, count))
    tiny = float32(rng, count, 1) * np.ldexp(np.float32(1), rng.integers(-60, -20, count))
    return power, middle, bf16(rng, count, 1), tiny.astype(np.float32)


def almost(rng: np.random.Generator, count: int) -> Operands:
    """A product that float32 takes for a midpoint, and nothing added."""
    middle, a = midpoints(rng, count), bf16(rng, count, 1)
    return a, (middle / a).astype(np.float32), bf16(rng, count, 1), np.zeros(count, np.float32)


def cancelling(rng: np.random.Generator, count: int) -> Operands:
    """Products whose difference has lost their upper 24 bits."""
    a, x, b = bf16(rng, count, 4), float32(rng, count, 4), bf16(rng, count, 4)
    return a, x, b, (-(a.astype(np.float64) * x) / b).astype(np.float32)


def undone(rng: np.random.Generator, count: int) -> Operands:
    """Products whose sum is a midpoint and 2**-50 of it or less: the second one undoes, to 24 bits, what the first one
    has beyond the midpoint.

    In integers: a x = middle * 2**23 + rest, and b y = -(rest * 2**power + 1) / 2**power, b dividing the numerator.
    """
    found: list[tuple[int, int, int, int, int]] = []
    while len(found) < count:
        a, b = (2 * int(n) + 1 for n in rng.integers(64, 128, 2))
        power, sign = int(rng.integers(24, 29)), int(rng.choice([-1, 1]))
        rest = -sign * pow(2, -power, b) % b
        middle = -rest * pow(2, -23, a) % a
        middle += a * (middle % 2 == 0)
        x, top = ((middle << 23) + rest) // a, (rest << power) + sign
        if 256 < middle < 512 and x < 1 << 24 and top // b < 1 << 24:
            found.append((a, x, -b, top // b, power))
    columns = np.array(found).T
    values = columns[:4].astype(np.float32)
    return values[0], values[1], values[2], np.ldexp(values[3], -columns[4])


KINDS = (angles, anything, tipped, almost, cancelling, undone)
