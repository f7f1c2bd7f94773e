"""How a card's matrix units add: a product whose sums depend on the order, the width and the rounding of additions.

Every row of the probe is one sum of 32 products of float16, two instructions of 16. What the units give is compared
with what known ways of adding would give, and with the bound that `parity xpu --real` judges by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor, frexp
from typing import Any, Final

import numpy as np

from specs.lang.declare.accuracy import DPAS_FLOAT32, Accumulator
from specs.lang.formats.elements import F16, ElementFormat

DEPTH, STEP = 32, 16
_LARGE: Final = 2.0**12  # of both operands: the products are float16 numbers times it
Terms = tuple[float, ...]
Way = Callable[[Terms], float]


def _rows() -> dict[str, Terms]:
    large = 2.0**24
    found = {
        "large, then ones": (large, 1, 1),
        "ones, then large": (1, 1, large),
        "large, then fifteen ones": (large, *[1] * 15),
        "large, then four halves": (large, *[0.5] * 4),
        "large, then eight quarters": (large, *[0.25] * 8),
        "large and three": (large, 3),
        "minus large and minus three": (-large, -3),
        "large, one, minus large": (large, 1, -large),
        "one after an instruction": (large, *[0] * 15, 1, 1),
        "cancelled by the next instruction": (large, 1, *[0] * 14, -large),
    }
    found |= {f"2**{power} and one": (2.0**power, 1) for power in (12, 13, 14, 16, 20, 23)}
    return {name: (*map(float, row), *[0.0] * (DEPTH - len(row))) for name, row in found.items()}


ROWS: Final[Mapping[str, Terms]] = _rows()


def operands() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A [16, 32], a row per sum, and B [32, 16], all alike: the products are the terms."""
    a = np.array(list(ROWS.values()), np.float32) / np.float32(_LARGE)
    return a, np.full((DEPTH, 16), _LARGE, np.float32)


def _near(value: Fraction) -> float:
    """float32, ties to even."""
    return float(np.float32(float(value)))  # sums of these terms have less than 53 bits


def _cut(value: Fraction, bits: int = 24) -> float:
    """The number of `bits` bits that is next towards zero."""
    if not value:
        return 0.0
    unit = Fraction(2) ** (frexp(float(value))[1] - bits)
    return float(floor(abs(value) / unit) * unit) * (-1 if value < 0 else 1)


def _in_turn(rounded: Callable[[Fraction], float]) -> Way:
    def way(terms: Terms) -> float:
        total = 0.0
        for term in terms:
            total = rounded(Fraction(total) + Fraction(term))
        return total

    return way


def _in_pairs(terms: Terms) -> float:
    """Two products of a channel first, then the accumulator."""
    total = 0.0
    for i in range(0, DEPTH, 2):
        pair = _near(Fraction(terms[i]) + Fraction(terms[i + 1]))
        total = _near(Fraction(total) + Fraction(pair))
    return total


def _whole(rounded: Callable[[Fraction], float]) -> Way:
    """All terms of an instruction at once, exactly, and one rounding."""

    def way(terms: Terms) -> float:
        total = 0.0
        for i in range(0, DEPTH, STEP):
            total = rounded(Fraction(total) + sum(map(Fraction, terms[i : i + STEP])))
        return total

    return way


def aligned(bits: int) -> Way:
    """All terms of an instruction aligned to the largest, of which `bits` bits are kept, the others cut."""

    def way(terms: Terms) -> float:
        total = 0.0
        for i in range(0, DEPTH, STEP):
            given = [total, *terms[i : i + STEP]]
            unit = Fraction(2) ** (frexp(max(map(abs, given)))[1] - bits) if any(given) else Fraction(1)
            kept = sum(floor(abs(Fraction(one)) / unit) * (1 if one > 0 else -1) for one in given)
            total = _cut(kept * unit)
        return total

    return way


WAYS: Final[Mapping[str, Way]] = {
    "one term after the other, to nearest": _in_turn(_near),
    "one term after the other, towards zero": _in_turn(_cut),
    "pairs of terms, then one after the other, to nearest": _in_pairs,
    "all terms of an instruction exactly, to nearest": _whole(_near),
    "all terms of an instruction exactly, towards zero": _whole(_cut),
    **{f"terms cut at {bits} bits of the largest of an instruction": aligned(bits) for bits in (14, 24, 25, 26)},
}


def sums(way: Way) -> np.ndarray[Any, Any]:
    """What a way of adding gives for every row, [16]."""
    return np.array([way(terms) for terms in ROWS.values()], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the units have given.

    ways: of adding that would give it. outside: rows beyond the bound. share: the largest share of the bound.
    accumulator: what the bound assumes.
    """

    ways: tuple[str, ...]
    outside: tuple[str, ...]
    share: float
    accumulator: Accumulator

    def __str__(self) -> str:
        seen = " or ".join(self.ways) or "in none of the ways that are known here"
        covered = f"covers it ({self.share:.2f} of the bound)"
        if self.outside:
            covered = f"does NOT cover it: {', '.join(self.outside)} ({self.share:.1f} times the bound)"
        return f"matrix units add {seen}; what is assumed ({self.accumulator.doc}) {covered}"


def observed(product: np.ndarray[Any, Any], accumulator: Accumulator = DPAS_FLOAT32) -> Observation:
    """Reads the product of `operands`.

    Args:
        accumulator: what is assumed.
    """
    got = product[:, 0]
    terms = np.array(list(ROWS.values()))
    error = np.abs(got.astype(np.float64) - terms.sum(axis=1))
    bound = (DEPTH * accumulator.roundoff + accumulator.truncation) * np.abs(terms).sum(axis=1)
    alike = (product == got[:, None]).all(axis=1)
    ways = tuple(name for name, way in WAYS.items() if np.array_equal(sums(way), got)) if alike.all() else ()
    outside = tuple(name for name, off, same in zip(ROWS, error > bound, alike, strict=True) if off or not same)
    return Observation(ways=ways, outside=outside, share=float(np.max(error / bound)), accumulator=accumulator)


def probe(multiply: Callable[[ElementFormat, Any, Any], np.ndarray[Any, Any]]) -> Observation:
    """Asks the units; multiply: as `jax_impl.platforms.matrix_units.products` makes it."""
    return observed(multiply(F16, *operands()))
