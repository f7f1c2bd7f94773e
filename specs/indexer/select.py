"""Top-k of long rows without sorting: groups of eight by their maxima, then the elements of the groups that remain.

The k largest elements of a row, first ones first among equals, lie in the k groups that are first by (maximum, number):
each of these has an element that precedes all elements of any other group. So one pass over a row leaves the maxima of
its groups, and of groups of groups where the row is long; k of those are selected, level by level. Of the 8 k elements
in them only those matter that are not below the least maximum, because k of them are not: usually little more than k.
Whatever the data, a row is read once, and an eighth of it or less a second time.

Selecting is a search for the k-th largest key, bit by bit: keys are the bits of a float as an integer of the same
order. Everything is counted, nothing is moved before its place is known, so results are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from specs.indexer.arrays import PER_QUERY
from specs.lang.axes import Axis, Expr, as_expr, cdiv
from specs.lang.elements import F32, INT32
from specs.tile.language import (
    ArrayHandle,
    arange,
    cumsum,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_max,
    reduce_sum,
    store,
    when,
    where,
)
from specs.tile.language import cdiv as tile_cdiv
from specs.tile.trace import Tile

GROUP = 8
LONGEST = 16384  # keys that one program selects from, at most
MOST = 2048  # what may be selected
LOWEST = 1 - (1 << 31)  # below the key of every number: nothing
_LOW_HALF = 0xFFFF


def pow2_at_least(size: Expr, low: int = 256) -> Expr:
    """The least power of two, from `low` to `LONGEST`, that holds `size`, as an expression."""
    total, at = as_expr(low), low
    while at < LONGEST:
        total = total + (size > at) * at
        at *= 2
    return total


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
"""Parameters, row, whether there is such a row -> the first column that it looks at and the one behind its last."""


@dataclass(frozen=True, slots=True)
class Space:
    """What is selected from. p: parameters with first, topk and BLOCK. rows, width: of the whole problem.

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
    """One row: its number in this launch and in the result, whether there is one, its first column, the one behind."""

    number: Tile
    goal: Tile
    live: Tile
    start: Tile
    end: Tile


def row_key(value: Tile) -> Tile:
    """i32 keys that order as float32 values do, both zeros the same."""
    bits = where(value == 0.0, 0, value.bitcast(INT32))
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def bounds_of_rows(p: Any, row: Tile, live: Tile) -> tuple[Tile, Tile]:
    """Ranges of the rows' own."""
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
    store(p.maxima, (row, number), highest, number < (space.width + (GROUP - 1)) // GROUP)
    if space.levels > 2:
        wider = reduce_max(highest.reshape(groups // GROUP, GROUP), axis=1)
        number = block * (groups // GROUP) + arange(groups // GROUP)
        store(p.wide_maxima, (row, number), wider, number < (space.width + (GROUP * GROUP - 1)) // (GROUP * GROUP))


def select(space: Space, values: ArrayHandle, chosen: ArrayHandle, floor: ArrayHandle | None, span: int) -> None:
    """One row: the first k of all its items by (value, number), in ascending order of their numbers.

    values: of the items, float32 or keys. chosen: gets the numbers, -1 behind the last; counted from the row's first
    column where items are columns. floor: gets the least of their keys. span: columns that an item stands for.
    """
    p, row = space.p, space.row()
    first = row.start // span

    def some() -> None:
        item = first + arange(space.tile)
        inside = (item * span < row.end) & ((item + 1) * span > row.start)
        value = load(values, (row.number, item), inside)
        keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
        least = kth_largest(p.topk, lambda bound: count_from(keys, bound))
        room = p.topk - count_from(keys, least + 1)
        zero = full((), 0, INT32)
        place, kept = ranked(keys, least, room, zero, zero)
        goal = row.goal if span == 1 else row.number
        store(chosen, (goal, place), arange(space.tile) if span == 1 else first + arange(space.tile), kept)
        fill_behind(p, chosen, goal, minimum(count_from(keys, full((), LOWEST + 1, INT32)), p.topk))
        if floor is not None:
            store(floor, (row.number,), least)

    when(row.live & (row.end - row.start > p.topk), some)
    if span == 1:
        when(row.live & (row.end - row.start <= p.topk), lambda: short_row(p, chosen, row))


def collect(space: Space, values: ArrayHandle, groups: ArrayHandle, span: int) -> None:
    """One row: items of the groups that were chosen, as far as they are not below the floor, in ascending order."""
    p, row = space.p, space.row()

    def items() -> None:
        floor = load(p.floor, (row.number,))

        def tile(k: Tile, placed: Tile) -> Tile:
            index = k * p.BLOCK + arange(p.BLOCK)
            group = load(groups, (row.number, index // GROUP), index < GROUP * p.topk, other=-1)
            item = group * GROUP + index % GROUP
            inside = (group >= 0) & (item * span < row.end) & ((item + 1) * span > row.start)
            value = load(values, (row.number, item), inside)
            keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
            wanted = (keys >= floor) & inside
            place = placed + cumsum(wanted.to(INT32), axis=0) - 1
            store(p.list_keys, (row.number, place), keys, wanted)
            store(p.list_items, (row.number, place), item - row.start if span == 1 else item, wanted)
            return placed + reduce_sum(wanted.to(INT32), axis=0)

        tiles = -(-GROUP * p.topk // p.BLOCK)
        store(p.list_count, (row.number,), fori_loop(0, tiles, tile, full((), 0, INT32)))

    when(row.live & (row.end - row.start > p.topk), items)


def select_listed(space: Space, chosen: ArrayHandle, floor: ArrayHandle | None, span: int) -> None:
    """One row: as `select`, of the items that were collected. The first BLOCK of them stay in registers."""
    p, row = space.p, space.row()
    goal = row.goal if span == 1 else row.number

    def some() -> None:
        count = load(p.list_count, (row.number,))
        tiles = tile_cdiv(count, p.BLOCK)

        def keys_of(k: Tile | int) -> Tile:
            index = k * p.BLOCK + arange(p.BLOCK)
            return load(p.list_keys, (row.number, index), index < count, other=LOWEST)

        held = keys_of(0)

        def counted(bound: Tile) -> Tile:
            found: Tile = fori_loop(
                1, tiles, lambda k, total: total + count_from(keys_of(k), bound), count_from(held, bound)
            )
            return found

        least = kth_largest(p.topk, counted)
        room = p.topk - counted(least + 1)

        def put(k: Tile | int, keys: Tile, above: Tile, tied: Tile) -> tuple[Tile, Tile]:
            place, kept = ranked(keys, least, room, above, tied)
            item = load(p.list_items, (row.number, k * p.BLOCK + arange(p.BLOCK)), kept)
            store(chosen, (goal, place), item, kept)
            higher, equal = (reduce_sum(some.to(INT32), axis=0) for some in (keys > least, keys == least))
            return above + higher, tied + equal

        zero = full((), 0, INT32)
        above, tied = put(0, held, zero, zero)
        fori_loop(1, tiles, lambda k, above, tied: put(k, keys_of(k), above, tied), above, tied)
        fill_behind(p, chosen, goal, minimum(count, p.topk))
        if floor is not None:
            store(floor, (row.number,), least)

    when(row.live & (row.end - row.start > p.topk), some)
    if span == 1:
        when(row.live & (row.end - row.start <= p.topk), lambda: short_row(p, chosen, row))


def short_row(p: Any, chosen: ArrayHandle, row: Row) -> None:
    """A row of no more columns than may be chosen: all of them."""
    number = arange(_width(p))
    store(chosen, (row.goal, number), where(number < row.end - row.start, number, -1), number < p.topk)


def fill_behind(p: Any, chosen: ArrayHandle, row: Tile, count: Tile) -> None:
    """-1 behind the first `count` entries."""
    number = arange(_width(p))
    store(chosen, (row, number), full((_width(p),), -1, INT32), (number >= count) & (number < p.topk))


def _width(p: Any) -> int:
    width: int = 1 << max(p.topk - 1, 0).bit_length()
    return width


def count_from(keys: Tile, bound: Tile) -> Tile:
    """How many keys are not below a bound."""
    return reduce_sum((keys >= bound).to(INT32), axis=0)


def kth_largest(k: int, counted: Callable[[Tile], Tile]) -> Tile:
    """The k-th largest key, `LOWEST` where there are fewer. counted: how many keys are not below a bound."""

    def bit(i: Tile, least: Tile) -> Tile:
        higher = least + (full((), 1, INT32) << (30 - i))
        return where(counted(higher) >= k, higher, least)

    zero = full((), 0, INT32)
    least: Tile = fori_loop(0, 31, bit, where(counted(zero) >= k, zero, LOWEST))
    return least


def ranked(keys: Tile, least: Tile, room: Tile, above: Tile, tied: Tile) -> tuple[Tile, Tile]:
    """Where each key goes, and which do: those above `least`, and of those equal to it the first `room`.

    above, tied: how many such keys there were before.
    """
    higher, equal = (keys > least).to(INT32), ((keys == least) & (keys > LOWEST)).to(INT32)
    # Both counts in one running sum: there are fewer keys than half an integer counts.
    ranks = cumsum(higher + (equal << 16), axis=0)
    ties = tied + (ranks >> 16)
    kept = (keys > least) | ((keys == least) & (keys > LOWEST) & (ties <= room))
    place = above + (ranks & _LOW_HALF) + minimum(ties, room) - 1
    return place, kept
