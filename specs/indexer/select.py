"""Top-k of long rows without sorting: groups of eight by their maxima, then the elements of the groups that remain.

The k largest elements of a row, first ones first among equals, lie in the k groups that are first by (maximum, number):
each of these has an element that precedes all elements of any other group. So one pass over a row leaves the maxima of
its groups, and of groups of groups where the row is long; selecting k of those, level by level, leaves 8 k elements to
select from. Whatever the data, a row is read once, and an eighth of it or less a second time.

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
    p: Any, bounds: Bounds, values: ArrayHandle, parents: ArrayHandle | None, chosen: ArrayHandle, span: int
) -> None:
    """One row: the first k items by (value, number), in ascending order of their numbers.

    values: of all items, float32 or keys. parents: numbers of groups that items are taken from; None: all items.
    chosen: gets the numbers, -1 behind the last; counted from the row's first column where items are columns.
    span: columns of the row that an item stands for.
    """
    out_row = program_id(0)
    row = p.first + out_row
    live = row < p.R
    start, end = bounds(p, row, live)
    final = span == 1
    goal = row if final else out_row
    width = 1 << max(p.topk - 1, 0).bit_length()

    def everything() -> None:
        number = arange(width)
        store(chosen, (goal, number), where(number < end - start, number, -1), number < p.topk)

    def some() -> None:
        item, inside = _items(p, parents, out_row, start // span, width)
        inside = inside & (item * span < end) & ((item + 1) * span > start)
        value = load(values, (out_row, where(inside, item, 0)), inside)
        keys = where(inside, row_key(value) if value.element == F32 else value, LOWEST)
        place, kept, count = _ranked(keys, p.topk)
        number = item - start if final else item
        store(chosen, (goal, place), number, kept)
        column = arange(width)
        store(chosen, (goal, column), full((width,), -1, INT32), (column >= count) & (column < p.topk))

    long = live & (end - start > p.topk)
    when(long, some)
    if final:
        when(live & (end - start <= p.topk), everything)


def _items(p: Any, parents: ArrayHandle | None, out_row: Tile, first: Tile, width: int) -> tuple[Tile, Tile]:
    """Numbers of the items that a row is selected from, ascending, and which of them there are."""
    if parents is None:
        item = first + arange(p.TILE)
        return item, item >= 0
    index = arange(GROUP * width)
    parent = load(parents, (out_row, index // GROUP), index < GROUP * p.topk, other=-1)
    return parent * GROUP + index % GROUP, parent >= 0


def _ranked(keys: Tile, k: int) -> tuple[Tile, Tile, Tile]:
    """Where each key goes, which keys do, and how many: the k largest, the first of equal ones, in their order."""

    def at_least(bound: Tile) -> Tile:
        return reduce_sum((keys >= bound).to(INT32), axis=0) >= k

    def bit(i: Tile, least: Tile) -> Tile:
        higher = least + (full((), 1, INT32) << (30 - i))
        return where(at_least(higher), higher, least)

    zero = full((), 0, INT32)
    least = fori_loop(0, 31, bit, where(at_least(zero), zero, LOWEST))
    above, equal = keys > least, (keys == least) & (keys > LOWEST)
    # Both counts in one running sum: there are fewer keys than half an integer counts.
    ranks = cumsum(above.to(INT32) + (equal.to(INT32) << 16), axis=0)
    room = k - reduce_sum(above.to(INT32), axis=0)
    before, ties = ranks & _LOW_HALF, ranks >> 16
    kept = above | (equal & (ties <= room))
    place = before + minimum(ties, room) - 1
    return place, kept, reduce_sum(kept.to(INT32), axis=0)
