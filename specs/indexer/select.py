"""Top-k of long rows without sorting: groups of eight by their maxima, then the elements of the groups that remain.

The k largest elements of a row, first ones first among equals, lie in the k groups that are first by (maximum, number):
each of these has an element that precedes all elements of any other group. So one pass over a row leaves the maxima of
its groups, and of groups of groups where the row is long; k of those are selected, level by level. Of the 8 k elements
in them only those matter that are not below the least maximum, because k of them are not: usually little more than k.
Whatever the data, a row is read once, and an eighth of it or less a second time.

Selecting is a search for the k-th largest key, bit by bit: keys are the bits of a float as an integer of the same order.
Everything is counted, nothing is moved before its place is known, so results are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def level_axes(width: Expr) -> tuple[Axis, Axis]:
    """How many levels of selection a row of `width` takes, and the power of two that the first one selects from."""
    levels = (width > LONGEST) + (width > LONGEST * GROUP) + 1
    first = (width <= LONGEST) * width
    first = first + (width > LONGEST) * (width <= LONGEST * GROUP) * cdiv(width, GROUP)
    first = first + (width > LONGEST * GROUP) * cdiv(width, GROUP * GROUP)
    return (
        Axis(name="LEVELS", static=True, value=levels, doc="levels of selection"),
        Axis(name="TILE", static=True, value=pow2_at_least(first), doc="keys that the first of them selects from"),
    )


def row_key(value: Tile) -> Tile:
    """i32 keys that order as float32 values do, both zeros the same."""
    bits = where(value == 0.0, 0, value.bitcast(INT32))
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


Bounds = Callable[[Any, Tile, Tile], tuple[Tile, Tile]]
"""Parameters, row, whether there is such a row -> the first column that it looks at and the one behind its last."""


def bounds_of_rows(p: Any, row: Tile, live: Tile) -> tuple[Tile, Tile]:
    """Ranges of the rows' own."""
    return maximum(load(p.row_starts, (row,), live), 0), minimum(load(p.row_ends, (row,), live), p.W)


def bounds_of_queries(p: Any, row: Tile, live: Tile) -> tuple[Tile, Tile]:
    """From the first column to a length, of the row or, the last row's, of its request."""
    if p.OWN_LENS:
        end = load(p.seq_lens, (row,), live)
    else:
        end = load(p.seq_lens, (row // p.QUERIES,), live) - (p.QUERIES - 1 - row % p.QUERIES)
    return row * 0, minimum(end, p.W)


def group_maxima(p: Any, bounds: Bounds) -> None:
    """BLOCK columns of one row: maxima of their groups, and of groups of groups where there are three levels."""
    out_row, block = program_id(0), program_id(1)
    row = p.first + out_row
    live = row < p.R
    start, end = bounds(p, row, live)
    first = block * p.BLOCK
    needed = live & (end - start > p.topk) & (first < end) & (first + p.BLOCK > start)
    whole = (first >= start) & (first + p.BLOCK <= end)
    column = first + (arange(p.BLOCK // GROUP) * GROUP)[:, None] + arange(GROUP)[None, :]

    def all_columns() -> None:
        _store_maxima(p, out_row, block, row_key(load(p.logits, (out_row, column))))

    def some_columns() -> None:
        inside = (column >= start) & (column < end)
        _store_maxima(p, out_row, block, where(inside, row_key(load(p.logits, (out_row, column), inside)), LOWEST))

    when(needed & whole, all_columns)
    when(needed & ~whole, some_columns)


def _store_maxima(p: Any, out_row: Tile, block: Tile, keys: Tile) -> None:
    """Maxima of keys [groups, GROUP]."""
    groups = keys.shape[0]
    highest = reduce_max(keys, axis=1)
    number = block * groups + arange(groups)
    store(p.maxima, (out_row, number), highest, number < (p.W + (GROUP - 1)) // GROUP)
    if p.LEVELS > 2:
        wider = reduce_max(highest.reshape(groups // GROUP, GROUP), axis=1)
        number = block * (groups // GROUP) + arange(groups // GROUP)
        store(p.wide_maxima, (out_row, number), wider, number < (p.W + (GROUP * GROUP - 1)) // (GROUP * GROUP))


def select(
    p: Any, bounds: Bounds, values: ArrayHandle, chosen: ArrayHandle, floor: ArrayHandle | None, span: int
) -> None:
    """One row: the first k of all its items by (value, number), in ascending order of their numbers.

    values: of the items, float32 or keys. chosen: gets the numbers, -1 behind the last; counted from the row's first
    column where items are columns. floor: gets the least of their keys. span: columns that an item stands for.
    """
    out_row = program_id(0)
    row = p.first + out_row
    live = row < p.R
    start, end = bounds(p, row, live)

    def some() -> None:
        item = start // span + arange(p.TILE)
        inside = (item * span < end) & ((item + 1) * span > start)
        value = load(values, (out_row, item), inside)
        keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
        least = kth_largest(p.topk, lambda bound: count_from(keys, bound))
        room = p.topk - count_from(keys, least + 1)
        place, kept, _, _ = ranked(keys, least, room, full((), 0, INT32), full((), 0, INT32))
        number = arange(p.TILE) if span == 1 else start // span + arange(p.TILE)
        goal = row if span == 1 else out_row
        store(chosen, (goal, place), number, kept)
        fill_behind(p, chosen, goal, minimum(count_from(keys, full((), LOWEST + 1, INT32)), p.topk))
        if floor is not None:
            store(floor, (out_row,), least)

    when(live & (end - start > p.topk), some)
    if span == 1:
        when(live & (end - start <= p.topk), lambda: short_row(p, chosen, row, end - start))


def collect(p: Any, bounds: Bounds, values: ArrayHandle, groups: ArrayHandle, span: int) -> None:
    """One row: items of the groups that were chosen, as far as they are not below the floor, in ascending order."""
    out_row = program_id(0)
    row = p.first + out_row
    live = row < p.R
    start, end = bounds(p, row, live)

    def items() -> None:
        floor = load(p.floor, (out_row,))

        def tile(k: Tile, placed: Tile) -> Tile:
            index = k * p.BLOCK + arange(p.BLOCK)
            group = load(groups, (out_row, index // GROUP), index < GROUP * p.topk, other=-1)
            item = group * GROUP + index % GROUP
            inside = (group >= 0) & (item * span < end) & ((item + 1) * span > start)
            value = load(values, (out_row, item), inside)
            keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
            wanted = (keys >= floor) & inside
            place = placed + cumsum(wanted.to(INT32), axis=0) - 1
            store(p.list_keys, (out_row, place), keys, wanted)
            store(p.list_items, (out_row, place), item - start if span == 1 else item, wanted)
            return placed + reduce_sum(wanted.to(INT32), axis=0)

        tiles = -(-GROUP * p.topk // p.BLOCK)
        store(p.list_count, (out_row,), fori_loop(0, tiles, tile, full((), 0, INT32)))

    when(live & (end - start > p.topk), items)


def select_listed(p: Any, bounds: Bounds, chosen: ArrayHandle, floor: ArrayHandle | None, span: int) -> None:
    """One row: as `select`, of the items that were collected. The first BLOCK of them stay in registers."""
    out_row = program_id(0)
    row = p.first + out_row
    live = row < p.R
    start, end = bounds(p, row, live)
    goal = row if span == 1 else out_row

    def some() -> None:
        count = load(p.list_count, (out_row,))
        tiles = tile_cdiv(count, p.BLOCK)

        def keys_of(k: Tile | int) -> Tile:
            index = k * p.BLOCK + arange(p.BLOCK)
            return load(p.list_keys, (out_row, index), index < count, other=LOWEST)

        held = keys_of(0)

        def counted(bound: Tile) -> Tile:
            found: Tile = fori_loop(
                1, tiles, lambda k, total: total + count_from(keys_of(k), bound), count_from(held, bound)
            )
            return found

        least = kth_largest(p.topk, counted)
        room = p.topk - counted(least + 1)

        def put(k: Tile | int, keys: Tile, above: Tile, tied: Tile) -> tuple[Tile, Tile]:
            place, kept, above, tied = ranked(keys, least, room, above, tied)
            store(chosen, (goal, place), load(p.list_items, (out_row, k * p.BLOCK + arange(p.BLOCK)), kept), kept)
            return above, tied

        zero = full((), 0, INT32)
        above, tied = put(0, held, zero, zero)
        fori_loop(1, tiles, lambda k, above, tied: put(k, keys_of(k), above, tied), above, tied)
        fill_behind(p, chosen, goal, minimum(count, p.topk))
        if floor is not None:
            store(floor, (out_row,), least)

    when(live & (end - start > p.topk), some)
    if span == 1:
        when(live & (end - start <= p.topk), lambda: short_row(p, chosen, row, end - start))


def short_row(p: Any, chosen: ArrayHandle, row: Tile, count: Tile) -> None:
    """A row of no more columns than may be chosen: all of them."""
    number = arange(_width(p))
    store(chosen, (row, number), where(number < count, number, -1), number < p.topk)


def fill_behind(p: Any, chosen: ArrayHandle, row: Tile, count: Tile) -> None:
    """-1 behind the first `count` entries."""
    number = arange(_width(p))
    store(chosen, (row, number), full((_width(p),), -1, INT32), (number >= count) & (number < p.topk))


def _width(p: Any) -> int:
    return 1 << max(p.topk - 1, 0).bit_length()


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


def ranked(keys: Tile, least: Tile, room: Tile, above: Tile, tied: Tile) -> tuple[Tile, Tile, Tile, Tile]:
    """Where each key goes, and which do: those above `least`, and of those equal to it the first `room`.

    above, tied: how many such keys there were before; their new numbers come third and fourth.
    """
    higher, equal = (keys > least).to(INT32), ((keys == least) & (keys > LOWEST)).to(INT32)
    # Both counts in one running sum: there are fewer keys than half an integer counts.
    ranks = cumsum(higher + (equal << 16), axis=0)
    ties = tied + (ranks >> 16)
    kept = (keys > least) | ((keys == least) & (keys > LOWEST) & (ties <= room))
    place = above + (ranks & _LOW_HALF) + minimum(ties, room) - 1
    return place, kept, above + reduce_sum(higher, axis=0), tied + reduce_sum(equal, axis=0)
