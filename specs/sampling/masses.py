"""Sums of probability masses as exact integers of 47 bits, in two int32: high * 2**17 + low.

Masses have 29 bits (`integers.exp_q29`), rows at most 2**18 columns, tiles at most 2**14 elements: nothing overflows.
Integer sums do not depend on the order of addition, so the nucleus of a row is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from specs.lang.formats.elements import INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import fori_loop, full, reduce_sum, where

LOW_BITS = 17
_LOW = (1 << LOW_BITS) - 1
P_BITS = 24


@dataclass(frozen=True, slots=True)
class Mass:
    """high * 2**17 + low, 0 <= low < 2**17."""

    high: Tile
    low: Tile

    def below(self, other: Mass) -> Tile:
        """self < other."""
        return (self.high < other.high) | ((self.high == other.high) & (self.low < other.low))

    def unless(self, condition: Tile, other: Mass) -> Mass:
        """self, or where a condition holds the other mass."""
        return Mass(where(condition, other.high, self.high), where(condition, other.low, self.low))


def halves(mass: Tile) -> tuple[Tile, Tile]:
    """High and low part of masses of 29 bits."""
    return mass >> LOW_BITS, mass & _LOW


def carried(high: Tile, low: Tile) -> Mass:
    """high * 2**17 + low of any low half."""
    return Mass(high + (low >> LOW_BITS), low & _LOW)


def summed(high: Tile, low: Tile) -> Mass:
    """The sum of a tile of halves, each below 2**31 over the number of elements once low ones are carried."""
    high = reduce_sum(high + (low >> LOW_BITS), axis=0)
    return carried(high, reduce_sum(low & _LOW, axis=0))


def share(total: Mass, p: Tile) -> Mass:
    """ceil(total p / 2**24) of an integer 1 <= p <= 2**24, by limbs of 12 bits."""
    limbs = (
        total.low & 4095,
        (total.low >> 12) | ((total.high & 127) << 5),
        (total.high >> 7) & 4095,
        total.high >> 19,
    )
    low, high = p & 4095, p >> 12
    columns = [limbs[0] * low]
    columns += [limbs[i + 1] * low + limbs[i] * high for i in range(3)]
    columns += [limbs[3] * high]
    digits, carry = [], columns[0] * 0
    for column in columns:
        carry = carry + column
        digits.append(carry & 4095)
        carry = carry >> 12
    inexact = ((digits[0] | digits[1]) != 0).to(INT32)
    # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
    low = digits[2] + (digits[3] << 12) + inexact
    return Mass((low >> LOW_BITS) + (((carry << 12) | digits[4]) << 7), low & _LOW)


def times(mass: Tile, count: Tile) -> Mass:
    """mass * count, of a mass of 29 bits and a count of at most 18."""
    parts = [(mass & 4095) * count, ((mass >> 12) & 4095) * count, (mass >> 24) * count]
    middle = parts[1] + (parts[0] >> 12)
    high = parts[2] + (middle >> 12)
    # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
    rest = ((middle & 4095) << 12) | (parts[0] & 4095)
    return Mass((high << 7) + (rest >> LOW_BITS), rest & _LOW)


def added(a: Mass, b: Mass) -> Mass:
    """a + b."""
    return carried(a.high + b.high, a.low + b.low)


def subtracted(a: Mass, b: Mass) -> Mass:
    """a - b, of which b is not the larger one."""
    return carried(a.high - b.high, a.low - b.low)


def fitting(mass: Tile, before: Mass, goal: Mass, most: Tile) -> Tile:
    """Number of equal masses of which each starts below `goal`: the most n <= most, before + (n - 1) mass < goal.

    `before` is below the goal, so that one fits at least; by bisection.
    """

    def halve(i: Tile, lower: Tile, upper: Tile) -> tuple[Tile, Tile]:  # noqa: ARG001
        middle = (lower + upper + 1) >> 1
        fits = added(before, times(mass, middle - 1)).below(goal)
        return where(fits, middle, lower), where(fits, upper, middle - 1)

    one = full((), 1, INT32)
    found: Tile
    found, _ = fori_loop(0, 18, halve, one, most)
    return found
