"""Top-k of long rows without sorting: groups of eight by their maxima, then the elements of the groups that remain.

The k largest elements of a row, first ones first among equals, lie in the k groups that are first by (maximum, number):
each of these has an element that precedes all elements of any other group. So one pass over a row stores the maxima of
its groups, and of groups of groups where the row is long; k of those are selected, level by level, the items of every
level after the first are the members of the groups chosen by the level before. Whatever the data, a row is read once
from end to end, and 8 k of its columns twice more.

Selecting is a search for the k-th largest key by halving the range that it lies in. It ends as soon as k keys are above
a bound: keys are the bits of a float as an integer of the same order. The range comes from the keys themselves or from
the level before, so that ordinary data take about a dozen counts instead of 32. Everything is counted, nothing is moved
before its place is known, so results are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from specs.indexer.arrays import PER_QUERY
from specs.lang.declare.axes import Axis, Expr, as_expr
from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    ArrayHandle,
    arange,
    cdiv,
    cumsum,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_max,
    reduce_min,
    reduce_sum,
    store,
    when,
    where,
)

GROUP = 8
LONGEST = 16384  # keys that one program selects from, at most
MOST = 4096  # largest k
LOWEST = 1 - (1 << 31)  # below the key of every number: no item
_SIGN = -(1 << 31)
_LOW_HALF = 0xFFFF
_FULL = 1 << 15  # number of keys that no longer fits the signed high half of an int32
_ALIGNED = 16


def pow2_at_least(size: Expr, low: int = 256) -> Expr:
    """The least power of two, from `low` to `LONGEST`, that holds `size`, as an expression."""
    total, at = as_expr(low), low
    while at < LONGEST:
        total = total + (size > at) * at
        at *= 2
    return total


def padded(items: Any) -> Any:
    """Number of items rounded up so that rows begin at aligned addresses; an expression or a tile."""
    return (items + (_ALIGNED - 1)) // _ALIGNED * _ALIGNED


def level_axes(width: Expr, prefix: str = "") -> tuple[Axis, Axis]:
    """How many levels of selection a row of `width` takes, and the power of two that the first one selects from."""
    levels = (width > LONGEST) + (width > LONGEST * GROUP) + 1
    first = (width <= LONGEST) * width
    first = first + (width > LONGEST) * (width <= LONGEST * GROUP) * cdiv(width, GROUP)
    first = first + (width > LONGEST * GROUP) * cdiv(width, GROUP * GROUP)
    return (
        Axis(name=f"{prefix}LEVELS", static=True, value=levels, doc="levels of selection"),
        Axis(name=f"{prefix}TILE", static=True, value=pow2_at_least(first), doc="keys that the first one selects from"),
    )


Bounds = Callable[[Any, Tile, Tile], tuple[Tile, Tile]]
"""(parameters, row, row mask) -> the columns [first, end) that the row searches."""


@dataclass(frozen=True, slots=True)
class Space:
    """The candidates. p: parameters with first, topk and BLOCK. rows, width: of the whole problem.

    skip: rows of the result before the first one. levels, tile: see `level_axes`.
    """

    p: Any
    rows: Tile
    width: Tile
    skip: Tile | int
    levels: int
    tile: int
    bounds: Bounds

    def row(self) -> Row:
        """The row of this program."""
        out_row = program_id(0)
        row = self.p.first + out_row
        live = row < self.rows
        start, end = self.bounds(self.p, row, live)
        goal = row if isinstance(self.skip, int) and not self.skip else row + self.skip
        return Row(out_row, goal, live, maximum(start, 0), minimum(end, self.width))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in this launch and in the result, whether it exists, its columns [first, end)."""

    number: Tile
    goal: Tile
    live: Tile
    start: Tile
    end: Tile


def row_key(value: Tile) -> Tile:
    """i32 keys that order as float32 values do, both zeros the same."""
    bits = value.bitcast(INT32)
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    return where(bits < 0, _SIGN - bits, bits)


def bounds_of_rows(p: Any, row: Tile, live: Tile) -> tuple[Tile, Tile]:
    """One range per row: row_starts, row_ends."""
    return load(p.row_starts, (row,), live), load(p.row_ends, (row,), live)


def bounds_of_queries(p: Any, row: Tile, live: Tile) -> tuple[Tile, Tile]:
    """From the first column to a length, of the row or, the last row's, of its request."""
    request, query = row // p.next_n, row % p.next_n
    if p.lens == PER_QUERY:
        return row * 0, load(p.seq_lens, (request, query), live)
    return row * 0, load(p.seq_lens, (request,), live) - (p.next_n - 1 - query)


def group_maxima(space: Space) -> None:
    """BLOCK columns of one row: maxima of their groups, and of groups of groups where there are three levels."""
    p, block, row = space.p, program_id(1), space.row()
    first = block * p.BLOCK
    needed = row.live & (row.end - row.start > p.topk) & (first < row.end) & (first + p.BLOCK > row.start)
    # Blocks inside the row's range are read without a mask: wide loads, no compare per element.
    whole = (first >= row.start) & (first + p.BLOCK <= row.end)
    column = first + (arange(p.BLOCK // GROUP) * GROUP)[:, None] + arange(GROUP)[None, :]

    def all_columns() -> None:
        _store_maxima(space, row.number, block, row_key(load(p.logits, (row.number, column))))

    def some_columns() -> None:
        inside = (column >= row.start) & (column < row.end)
        keys = where(inside, row_key(load(p.logits, (row.number, column), inside)), LOWEST)
        _store_maxima(space, row.number, block, keys)

    when(needed & whole, all_columns)
    when(needed & ~whole, some_columns)


def _store_maxima(space: Space, row: Tile, block: Tile, keys: Tile) -> None:
    """Maxima of keys [groups, GROUP]."""
    p, groups = space.p, keys.shape[0]
    highest = reduce_max(keys, axis=1)
    number = block * groups + arange(groups)
    # The last block reaches past the row; the next row's maxima begin there.
    store(p.maxima, (row, number), highest, number < (space.width + (GROUP - 1)) // GROUP)
    if space.levels > 2:
        wider = reduce_max(highest.reshape(groups // GROUP, GROUP), axis=1)
        number = block * (groups // GROUP) + arange(groups // GROUP)
        store(p.wide_maxima, (row, number), wider, number < (space.width + (GROUP * GROUP - 1)) // (GROUP * GROUP))


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the hierarchical top-k: its candidates and its outputs.

    values: of all items, float32 or keys. span: columns per item. groups: that items are taken from, and
    floor: a key that k items are not below, both from the level before; None at the first level, which takes all items.
    chosen: gets numbers of items in ascending order, -1 after the last; counted from the row's first column where
    items are columns. next_floor: receives the floor of the next level.
    """

    values: ArrayHandle
    span: int
    chosen: ArrayHandle
    groups: ArrayHandle | None = None
    floor: ArrayHandle | None = None
    next_floor: ArrayHandle | None = None

    def items(self, space: Space, row: Row, start: Tile | int, count: int) -> tuple[Tile, Tile]:
        """Numbers of `count` items from item `start` of the level on, and their keys, `LOWEST` where there is none.

        Both are multiples of GROUP. Items come in whole groups, so that several are read at once; items outside the
        row's range are read too, but stay inside the array.
        """
        number = start // GROUP + arange(count // GROUP)
        if self.groups is None:
            group = self.first(row) + number
        else:
            # -1: fewer groups than k were chosen.
            group = load(self.groups, (row.number, number), number < space.p.topk, other=-1)
        item = group[:, None] * GROUP + arange(GROUP)[None, :]
        # Whole groups exist or not; for chosen groups the items' sign says it (-1: not chosen).
        last = cdiv(cdiv(row.end, self.span), GROUP)
        there = (group < last)[:, None] if self.groups is None else item >= 0
        width = space.width if self.span == 1 else padded(cdiv(space.width, self.span))
        value = load(self.values, (row.number, item), there & (item < width))
        # A group that straddles the start counts with the columns after it.
        after = item >= row.start if self.span == 1 else (item + 1) * self.span > row.start
        inside = there & after & (item * self.span < row.end)
        keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
        return item.reshape(count), keys.reshape(count)

    def first(self, row: Row) -> Tile:
        """Group of the first item."""
        return row.start // (self.span * GROUP)

    def blocks(self, space: Space, row: Row, block: int) -> Tile | int:
        """Number of blocks of items."""
        if self.groups is not None:
            whole: int = -(-GROUP * space.p.topk // block)
            return whole
        last = cdiv(row.end, self.span) - self.first(row) * GROUP
        return minimum(cdiv(last, block), space.tile // block)


def select(space: Space, level: Level) -> None:
    """One row: the first k items of a level by (value, number).

    All of their keys are in registers while the k-th largest is searched. They are read a second time, `BLOCK` at a
    time, to be put in their places: running sums of all of them at once take several registers per key, so that only
    one row instead of four fits on a multiprocessor.
    """
    p, row, k = space.p, space.row(), space.p.topk
    # k chosen groups of GROUP items each are all that the next level has to look at.
    size = space.tile if level.groups is None else _power(GROUP * k)
    block = min(p.BLOCK, size)
    goal = row.goal if level.span == 1 else row.number

    def some() -> None:
        item, keys = level.items(space, row, 0, size)
        # k items of the level before reach its floor, so the k-th largest here is not below it.
        lower = surely_below(keys, k) if level.floor is None else load(level.floor, (row.number,)) - 1
        least, above = kth_largest(keys, k, lower)
        room = k - above

        def put(item: Tile, keys: Tile, before: Tile) -> Tile:
            place, passed = ranked(keys, least, room, before, full=size >= _FULL)
            # Results count from the row's first column, as vLLM's top_k_per_row does.
            store(level.chosen, (goal, place), item - row.start if level.span == 1 else item, place >= 0)
            return before + passed

        def block_of(i: Tile, before: Tile) -> Tile:
            return put(*level.items(space, row, i * block, block), before)

        zero = full((), 0, INT32)
        # A row of one block keeps its keys in registers; longer ones read them again, from L2.
        if block == size:
            passed = put(item, keys, zero)
        else:
            passed = fori_loop(0, level.blocks(space, row, block), block_of, zero)
        fill_rest(p, level.chosen, goal, (passed & _LOW_HALF) + minimum(_high_half(passed, size >= _FULL), room))
        if level.next_floor is not None:
            store(level.next_floor, (row.number,), least)

    when(row.live & (row.end - row.start > k), some)
    if level.span == 1:
        # At most k columns: all are chosen, in order, without reading a logit.
        when(row.live & (row.end - row.start <= k), lambda: short_row(p, level.chosen, row))


def short_row(p: Any, chosen: ArrayHandle, row: Row) -> None:
    """A row of no more columns than may be chosen: all of them."""
    number = arange(_width(p))
    store(chosen, (row.goal, number), where(number < row.end - row.start, number, -1), number < p.topk)


def fill_rest(p: Any, chosen: ArrayHandle, row: Tile, count: Tile) -> None:
    """-1 past the first `count` entries."""
    number = arange(_width(p))
    store(chosen, (row, number), full((_width(p),), -1, INT32), (number >= count) & (number < p.topk))


def _width(p: Any) -> int:
    return _power(p.topk)


def _power(size: int) -> int:
    """The least power of two >= `size`."""
    return 1 << max(size - 1, 0).bit_length()


def surely_below(keys: Tile, k: int) -> Tile:
    """A lower bound (exclusive) of the k-th largest key: the smallest maximum of k or more disjoint sets, minus 1."""
    (size,), sets = keys.shape, _power(k)
    if sets < size:
        keys = reduce_max(keys.reshape(size // sets, sets), axis=0)
    # Each of k disjoint sets or more has a key at or above the smallest of their maxima, so the k-th largest is too.
    return reduce_min(keys, axis=0) - 1


def kth_largest(keys: Tile, k: int, lower: Tile) -> tuple[Tile, Tile]:
    """(bound, count): `count` keys are above the bound; count = k, or count < k and at least k keys are >= the bound.

    lower: the k-th largest key is above it.
    """
    upper, zero = reduce_max(keys, axis=0), full((), 0, INT32)

    # One halving at the sign first, so that upper - lower fits into int32 afterwards.
    def sign(i: Tile, lower: Tile, upper: Tile, above: Tile) -> Bracket:  # noqa: ARG001
        middle = minimum(upper, -1)
        return halved(middle, reduce_sum((keys > middle).to(INT32), axis=0), k, lower, upper, above)

    straddles = ((lower < -1) & (upper > -1)).to(INT32)
    lower, upper, above = fori_loop(0, straddles, sign, lower, upper, zero)
    # From here on the range is shorter than 2**31, and so is every difference of two keys: the sign of one is a
    # comparison that costs the integer units half of what one with a result of its own does.
    near = minimum(maximum(keys, lower), upper)

    def halve(i: Tile, lower: Tile, upper: Tile, above: Tile) -> Bracket:  # noqa: ARG001
        # A loop of 0 or 1 steps is a branch: stops counting once exactly k keys are above the bound.
        needed = ((above < k) & (middle_of(lower, upper) > lower)).to(INT32)
        found: Bracket = fori_loop(0, needed, step, lower, upper, above)
        return found

    def step(i: Tile, lower: Tile, upper: Tile, above: Tile) -> Bracket:  # noqa: ARG001
        middle = middle_of(lower, upper)  # of what this loop carries: a compiler may move anything else out of it
        return halved(middle, -reduce_sum((middle - near) >> 31, axis=0), k, lower, upper, above)

    # 31 halvings empty any range shorter than 2**31; most rows stop after a dozen.
    _, least, above = fori_loop(0, 31, halve, lower, upper, above)
    return least, above


Bracket = tuple[Tile, Tile, Tile]
"""(lower, upper, above): more than k keys exceed `lower` (or all do), `above` <= k keys exceed `upper`."""


def middle_of(lower: Tile, upper: Tile) -> Tile:
    """floor((lower + upper) / 2) without overflow."""
    # Common bits plus half of the differing ones: rounds down for negative sums too.
    return (lower & upper) + ((lower ^ upper) >> 1)


def halved(middle: Tile, found: Tile, k: int, lower: Tile, upper: Tile, above: Tile) -> Bracket:
    """The bracket halved at `middle`, above which lie `found` keys."""
    enough = found <= k
    return where(enough, lower, middle), where(enough, middle, upper), where(enough, found, above)


def _high_half(x: Tile, full: bool) -> Tile:
    """The count in the high half; full: which may have all 16 bits."""
    high = x >> 16
    return high & _LOW_HALF if full else high


def ranked(keys: Tile, least: Tile, room: Tile, before: Tile, full: bool = False) -> tuple[Tile, Tile]:
    """Destination of each key, -1 for none: keys above `least`, and the first `room` keys equal to it.

    before: number of these keys in earlier blocks: above it in the low half, equal to it in the high half. The second
    result counts this block in the same form. full: whether counts may reach `_FULL`.
    """
    higher, equal = keys > least, (keys == least) & (keys > LOWEST)
    # Both counts in one running sum: there are fewer keys than half an integer counts.
    passed = higher.to(INT32) + (equal.to(INT32) << 16)
    ranks = before + cumsum(passed, axis=0)
    ties = _high_half(ranks, full)
    # Of equal keys the first in the row: the result does not depend on the machine.
    kept = higher | (equal & (ties <= room))
    return where(kept, (ranks & _LOW_HALF) + minimum(ties, room) - 1, -1), reduce_sum(passed, axis=0)
