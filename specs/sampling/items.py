"""The candidates of one row, in registers or read from memory block by block, and the searches among them.

Thresholds are keys (`settings.key_of`): integers in the order of the logits, found by halving their range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from specs.indexer.select import middle_of
from specs.lang.formats.elements import INT32
from specs.sampling.masses import Mass, fitting, halves, share, summed
from specs.sampling.settings import LAST, MINUS_INFINITY, Settings, key_of, mass_of, vocabulary
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, cdiv, fori_loop, full, load, maximum, reduce_max, reduce_min, reduce_sum, where


@dataclass(frozen=True, slots=True)
class Item:
    """Token ids, keys, quantised distances and masses of some candidates."""

    number: Tile
    key: Tile
    q: Tile
    mass: Tile


Count = Callable[[Item], tuple[Tile, ...]]


class Items(Protocol):
    """All candidates of a row."""

    def lanes(self, count: Count, results: int) -> tuple[Tile, ...]:
        """The `results` tiles that `count` makes of all candidates, added up lane by lane."""


def filtered(p: Any, settings: Settings, number: Tile, key: Tile, top: Tile) -> Item:
    """Candidates, -inf where min-p, if it comes first, drops them."""
    q = settings.quantised(key, top)
    if p.order == "vllm":
        key = where(q >= settings.least, key, MINUS_INFINITY)
    return Item(number, key, q, mass_of(p, q, key))


@dataclass(frozen=True, slots=True)
class Held:
    """Candidates in registers."""

    item: Item

    def lanes(self, count: Count, results: int) -> tuple[Tile, ...]:
        """Of one block."""
        return count(self.item)


@dataclass(frozen=True, slots=True)
class Scanned:
    """All columns of a row, read BLOCK at a time whenever something is counted."""

    p: Any
    row: Tile
    top: Tile
    settings: Settings

    def lanes(self, count: Count, results: int) -> tuple[Tile, ...]:
        """Of all blocks."""
        p, limit = self.p, vocabulary(self.p)

        def step(i: Tile, *sums: Tile) -> tuple[Tile, ...]:
            number = i * p.BLOCK + arange(p.BLOCK)
            inside = number < limit
            key = where(inside, key_of(load(p.logits, (self.row, number), inside)), MINUS_INFINITY)
            found = count(filtered(p, self.settings, number, key, self.top))
            return tuple(a + b for a, b in zip(sums, found, strict=True))

        zero = full((p.BLOCK,), 0, INT32)
        found = fori_loop(0, cdiv(limit, p.BLOCK), step, *(zero,) * results)
        return found if isinstance(found, tuple) else (found,)


def number_of(items: Items, chosen: Callable[[Item], Tile]) -> Tile:
    """How many candidates a condition holds for."""
    (found,) = items.lanes(lambda item: (chosen(item).to(INT32),), 1)
    return reduce_sum(found, axis=0)


def mass_above(items: Items, bound: Tile) -> Mass:
    """The mass of the keys above a bound."""
    return summed(*items.lanes(lambda item: halves(where(item.key > bound, item.mass, 0)), 2))


def kth_bound(count: Callable[[Tile], Tile], k: Tile, top: Tile) -> Tile:
    """A bound that k keys or more are above, and not one more than the equals of the k-th largest; -inf if k is 0.

    count: how many keys are above a bound. -inf as well where fewer than k keys are above it.
    """

    def step(i: Tile, lower: Tile, upper: Tile) -> tuple[Tile, Tile]:  # noqa: ARG001
        middle = middle_of(lower, upper)
        found = count(middle)
        # With exactly k the search is over, however far the next key is.
        upper = where(found < k, middle, where(found == k, middle + 1, upper))
        return where(found < k, lower, middle), upper

    def halve(i: Tile, lower: Tile, upper: Tile) -> tuple[Tile, Tile]:  # noqa: ARG001
        needed = ((k > 0) & (middle_of(lower, upper) > lower)).to(INT32)
        found: tuple[Tile, Tile] = fori_loop(0, needed, step, lower, upper)
        return found

    lower: Tile
    lower, _ = fori_loop(0, 32, halve, full((), MINUS_INFINITY, INT32), top)
    return lower


@dataclass(frozen=True, slots=True)
class Cut:
    """What the filters keep: keys above `key`, and those equal to it up to token `last`."""

    key: Tile
    last: Tile

    def keeps(self, item: Item, settings: Settings) -> Tile:
        """Which candidates are kept; min-p drops below the largest logit only, so it may come last in any case."""
        inside = (item.key > self.key) | ((item.key == self.key) & (item.number <= self.last))
        return inside & (item.key > MINUS_INFINITY) & (item.q >= settings.least)


def nucleus_cut(p: Any, items: Items, settings: Settings, goal: Mass, floor: Tile, top: Tile) -> Cut:
    """The cut of top-p: candidates above `floor` before which, in descending order, there is less mass than `goal`."""

    def step(i: Tile, lower: Tile, upper: Tile, high: Tile, low: Tile) -> tuple[Tile, ...]:  # noqa: ARG001
        middle = middle_of(lower, upper)
        found = mass_above(items, middle)
        below = found.below(goal)
        return (
            where(below, lower, middle),
            where(below, middle, upper),
            where(below, found.high, high),
            where(below, found.low, low),
        )

    def halve(i: Tile, *bracket: Tile) -> tuple[Tile, ...]:  # noqa: ARG001
        needed = (settings.nucleus & (middle_of(bracket[0], bracket[1]) > bracket[0])).to(INT32)
        found: tuple[Tile, ...] = fori_loop(0, needed, step, *bracket)
        return found

    zero = full((), 0, INT32)
    _, key, high, low = fori_loop(0, 32, halve, floor, top, zero, zero)
    key = where(settings.nucleus, key, floor + 1)
    equal = number_of(items, lambda item: item.key == key)
    q = settings.quantised(key, top)
    room = fitting(mass_of(p, q, key), Mass(high, low), goal, equal)
    return Cut(key, _last_of(items, key, where(settings.nucleus, room, equal), equal))


def _last_of(items: Items, key: Tile, room: Tile, equal: Tile) -> Tile:
    """Token id of the `room`-th of `equal` keys."""

    def halve(i: Tile, lower: Tile, upper: Tile) -> tuple[Tile, Tile]:  # noqa: ARG001
        middle = (lower + upper) >> 1
        enough = number_of(items, lambda item: (item.key == key) & (item.number <= middle)) >= room
        return where(enough, lower, middle + 1), where(enough, middle, upper)

    # Ids have 18 bits; equal logits at the cut are rare in float32.
    steps = (room < equal).to(INT32) * 18
    found, _ = fori_loop(0, steps, halve, full((), 0, INT32), full((), (1 << 18) - 1, INT32))
    return where(room < equal, found, LAST)


def goal_of(settings: Settings, total: Mass) -> Mass:
    """The mass that the nucleus reaches."""
    return share(total, maximum(settings.p, 1))


def winner(score: Tile, number: Tile) -> tuple[Tile, Tile]:
    """The largest score and the lowest token id that has it."""
    best = reduce_max(score, axis=0)
    return best, reduce_min(where(score == best, number, LAST), axis=0)
