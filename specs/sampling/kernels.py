"""The first kernels of sampling (see `specs.sampling.sample`), one after the other; `specs.sampling.wide` goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specs.lang.formats.elements import F32, INT32
from specs.sampling.items import (
    Cut,
    Held,
    Item,
    Items,
    filtered,
    goal_of,
    kth_bound,
    mass_above,
    nucleus_cut,
    number_of,
    winner,
)
from specs.sampling.masses import Mass, added, summed
from specs.sampling.settings import (
    CHOSEN,
    FEW,
    GROUP,
    LAST,
    LONGEST,
    MINUS_INFINITY,
    SPAN,
    SPANS,
    Settings,
    group_columns,
    key_of,
    noise_of,
    settings_of,
    vocabulary,
)
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cdiv,
    cumsum,
    fori_loop,
    full,
    load,
    maximum,
    program_id,
    reduce_max,
    reduce_min,
    reduce_sum,
    store,
    when,
    where,
)

SPREAD = 8
"""Groups that share a maximum while the bound of a few keys is searched for."""
MANY_ROWS, TURNS = 64, 4
"""Rows from which on a program of `span_masses` adds up several spans, and how many."""
Finish = Callable[[Any, Tile, Item, Cut, Settings], None]
EXCLUDED = -(1 << 31)
"""Score of a token that is not kept."""


def group_keys(p: Any) -> None:
    """Largest keys of groups of columns: the one read of all logits."""
    row, block = program_id(0), program_id(1)
    groups: int = p.BLOCK // GROUP
    group = block * groups + arange(groups)
    column = group[:, None] * GROUP + arange(GROUP)[None, :]
    inside = column < vocabulary(p)
    key = where(inside, key_of(load(p.logits, (row, column), inside)), MINUS_INFINITY)
    store(p.maxima, (row, group), reduce_max(key, axis=1), group < cdiv(p.V, GROUP))


def choose_groups(p: Any) -> None:
    """The groups of a row that can have tokens which are kept, where they are few enough."""
    row, group = program_id(0), arange(p.TILE)
    key = load(p.maxima, (row, group), group < cdiv(p.V, GROUP), other=MINUS_INFINITY)
    top = reduce_max(key, axis=0)
    settings = settings_of(p, row)
    # Every one of k groups has a key at or above the smallest of their maxima, so the k-th largest key is, too.
    goal = where(settings.k > CHOSEN, 0, settings.k)
    partial = settings.nucleus & (settings.k == 0)
    if p.TILE > CHOSEN:
        goal = where(partial, CHOSEN, goal)
    if p.TILE < SPREAD * FEW:
        bound = _bound(key, goal, top)
    else:
        # A few keys are found among the maxima of several groups as well, which are fewer, and taken from all over the
        # row so that tokens next to each other are not one. What lies above their bound is hardly more.
        few = goal <= FEW
        bound = maximum(
            _bound(reduce_max(key.reshape(SPREAD, p.TILE // SPREAD), axis=0), where(few, goal, 0), top),
            _bound(key, where(few, 0, goal), top),
        )
    # Of min-p after top-p the mass of the tokens that it drops is needed as well.
    dropped = settings.quantised(key, top) < settings.least
    if p.order != "vllm":
        dropped = dropped & ~settings.nucleus
    near = (key > MINUS_INFINITY) & ~dropped
    eligible = near & (key > bound)
    number = reduce_sum(eligible.to(INT32), axis=0)
    partial = partial & (number < reduce_sum(near.to(INT32), axis=0))
    # One group is enough where nothing is drawn: the first with the largest key.
    first = reduce_min(where(key == top, group, p.TILE), axis=0)
    eligible = eligible & (~settings.greedy | (group == first))
    count = reduce_sum(eligible.to(INT32), axis=0)
    place = cumsum(eligible.to(INT32), axis=0) - 1
    store(p.groups, (row, place), group, eligible & (place < min(p.TILE, CHOSEN)))
    store(p.count, (row,), count)
    store(p.top, (row,), top)
    store(p.bound, (row,), where(partial, bound, MINUS_INFINITY))


def _bound(key: Tile, goal: Tile, top: Tile) -> Tile:
    """A key that `goal` of a tile's keys are above."""
    return kth_bound(lambda middle: reduce_sum((key > middle).to(INT32), axis=0), goal, top)


def span_masses(p: Any) -> None:
    """Mass of some spans of columns, for rows whose nucleus is a part of the whole row."""
    row, part = program_id(0), program_id(1)
    partial = load(p.bound, (row,)) > MINUS_INFINITY

    def add_up() -> None:
        settings, bound = settings_of(p, row), full((), MINUS_INFINITY, INT32)

        def add(i: Tile, high: Tile, low: Tile) -> tuple[Tile, Tile]:
            mass = added(Mass(high, low), mass_above(span_of(p, row, part * turns_of(p) + i, settings), bound))
            return mass.high, mass.low

        zero = full((), 0, INT32)
        high, low = fori_loop(0, turns_of(p), add, zero, zero)
        store(p.masses, (row, part, 0), high)
        store(p.masses, (row, part, 1), low)

    when(partial, add_up)


def turns_of(p: Any) -> Tile:
    """Spans of a program of `span_masses`: in large batches fewer programs have nothing to do."""
    return where(p.B >= MANY_ROWS, TURNS, full((), 1, INT32))


def span_of(p: Any, row: Tile, span: Tile, settings: Settings) -> Held:
    """The columns of a span."""
    return held_of(p, row, span * SPAN + arange(SPAN), load(p.top, (row,)), settings)


def few_groups(p: Any, finish: Finish) -> None:
    """A row of few groups: its cut, and its token."""
    row = program_id(0)
    count = load(p.count, (row,))
    when(count <= FEW, lambda: _settle(p, row, count, min(p.TILE, FEW), finish))


def many_groups(p: Any, finish: Finish) -> None:
    """A row of more groups: its cut and its token, unless the nucleus is larger than the groups."""
    row = program_id(0)
    count = load(p.count, (row,))
    when((count > FEW) & (count <= CHOSEN), lambda: _settle(p, row, count, min(p.TILE, CHOSEN), finish))
    if p.TILE > CHOSEN:
        when(count <= FEW, lambda: store(p.pending, (row,), full((), 0, INT32)))
        when(count > CHOSEN, lambda: store(p.pending, (row,), full((), 1, INT32)))


def _settle(p: Any, row: Tile, count: Tile, capacity: int, finish: Finish) -> None:
    """Cut and token of a row with all candidates in registers."""
    wider = capacity == CHOSEN and p.TILE > CHOSEN
    place = arange(capacity)
    # Groups that were not chosen become columns past every vocabulary.
    number = group_columns(load(p.groups, (row, place), place < count, other=LONGEST // GROUP))
    top, settings = load(p.top, (row,)), settings_of(p, row)
    held = held_of(p, row, number, top, settings)
    floor = top_k_bound(p, held, settings, top)
    ready = full((), 1, INT32) > 0
    if p.top_p is None:
        cut = Cut(floor + 1, full((), LAST, INT32))
    else:
        goal = goal_of(settings, mass_above(held, floor))
        if wider:
            bound = load(p.bound, (row,))
            partial = bound > MINUS_INFINITY
            whole = goal_of(settings, _whole_mass(p, row, partial))
            goal = goal.unless(partial, whole)
            # Keys above the bound are all here; of those below it, other groups have some.
            ready = ~partial | ~mass_above(held, bound).below(goal)
            floor = maximum(floor, bound)
        cut = nucleus_cut(p, held, settings, goal, floor, top)
    if wider:
        store(p.pending, (row,), where(ready, full((), 0, INT32), 1))
        when(ready, lambda: finish(p, row, held.item, cut, settings))
    else:
        finish(p, row, held.item, cut, settings)


def held_of(p: Any, row: Tile, number: Tile, top: Tile, settings: Settings) -> Held:
    """Candidates of a row by their columns, into registers."""
    inside = number < vocabulary(p)
    key = where(inside, key_of(load(p.logits, (row, number), inside)), MINUS_INFINITY)
    return Held(filtered(p, settings, number, key, top))


def top_k_bound(p: Any, items: Items, settings: Settings, top: Tile) -> Tile:
    """A key that all which top-k keeps are above."""
    if p.top_k is None:
        return full((), MINUS_INFINITY, INT32)
    return kth_bound(lambda middle: number_of(items, lambda item: item.key > middle), settings.k, top)


def _whole_mass(p: Any, row: Tile, partial: Tile) -> Mass:
    """The mass of a whole row, from its spans."""
    span = arange(SPANS)
    there = (span * turns_of(p) < cdiv(p.V, SPAN)) & partial
    return summed(*(load(p.masses, (row, span, half), there) for half in (0, 1)))


def draw_token(p: Any, row: Tile, item: Item, cut: Cut, settings: Settings) -> None:
    """Draws from candidates in registers."""
    best, token = winner(scores(p, row, item, cut, settings), item.number)
    store(p.tokens, (row,), where(best > EXCLUDED, token, 0))


def store_cut(p: Any, row: Tile, item: Item, cut: Cut, settings: Settings) -> None:
    """Stores the cut, for those who mask."""
    # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
    least = reduce_min(where(cut.keeps(item, settings), item.key, LAST), axis=0)
    key = where(settings.greedy, cut.key, maximum(least, cut.key))
    put_cut(p, row, Cut(key, where(key == cut.key, cut.last, LAST)))


def put_cut(p: Any, row: Tile, cut: Cut) -> None:
    """Stores a cut."""
    store(p.cut, (row,), cut.key)
    store(p.last, (row,), cut.last)


def scores(p: Any, row: Tile, item: Item, cut: Cut, settings: Settings) -> Tile:
    """Quantised logits plus noise of the tokens that are kept."""
    score = where(settings.greedy, item.key, item.q + noise_of(p, row).of(p.table, item.number))
    return where(cut.keeps(item, settings), score, EXCLUDED)


def write_filtered(p: Any) -> None:
    """Scaled logits, -inf where a filter drops them."""
    row, block = program_id(0), program_id(1)
    column = block * p.BLOCK + arange(p.BLOCK)
    there, settings = column < p.V, settings_of(p, row)
    cut = Cut(load(p.cut, (row,)), load(p.last, (row,)))
    value = load(p.logits, (row, column), there).to(F32)
    key, top = where(column < vocabulary(p), key_of(value), MINUS_INFINITY), load(p.top, (row,))
    item = Item(column, key, settings.quantised(key, top), key)
    kept = cut.keeps(item, settings)
    # One product of float32, with nothing after it.
    store(p.filtered, (row, column), where(kept, value * settings.inverse, float("-inf")), there)
