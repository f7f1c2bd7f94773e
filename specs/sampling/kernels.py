"""The kernels of sampling (see `specs.sampling.sample`), one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specs.lang.formats.elements import F32, INT32
from specs.sampling.items import (
    Cut,
    Held,
    Item,
    Items,
    Scanned,
    filtered,
    goal_of,
    kth_bound,
    mass_above,
    nucleus_cut,
    number_of,
    winner,
)
from specs.sampling.masses import Mass, summed
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
    bound = kth_bound(lambda middle: reduce_sum((key > middle).to(INT32), axis=0), goal, top)
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


def span_masses(p: Any) -> None:
    """Mass of a span of columns, for rows whose nucleus is a part of the whole row."""
    row, span = program_id(0), program_id(1)
    partial = load(p.bound, (row,)) > MINUS_INFINITY

    def add_up() -> None:
        items = _span(p, row, span, settings_of(p, row))
        mass = mass_above(items, full((), MINUS_INFINITY, INT32))
        store(p.masses, (row, span, 0), mass.high)
        store(p.masses, (row, span, 1), mass.low)

    when(partial, add_up)


def _span(p: Any, row: Tile, span: Tile, settings: Settings) -> Held:
    number = span * SPAN + arange(SPAN)
    inside = number < vocabulary(p)
    key = where(inside, key_of(load(p.logits, (row, number), inside)), MINUS_INFINITY)
    return Held(filtered(p, settings, number, key, load(p.top, (row,))))


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
    there = place < count
    # Groups that were not chosen become columns past every vocabulary.
    number = group_columns(load(p.groups, (row, place), there, other=LONGEST // GROUP))
    inside = number < vocabulary(p)
    key = where(inside, key_of(load(p.logits, (row, number), inside)), MINUS_INFINITY)
    top, settings = load(p.top, (row,)), settings_of(p, row)
    held = Held(filtered(p, settings, number, key, top))
    floor = _top_k_bound(p, held, settings, top)
    ready = full((), 1, INT32) > 0
    if p.top_p is None:
        cut = Cut(floor + 1, full((), LAST, INT32))
    else:
        goal = goal_of(settings, mass_above(held, floor))
        if wider:
            bound = load(p.bound, (row,))
            partial = bound > MINUS_INFINITY
            whole = goal_of(settings, _whole_mass(p, row, partial))
            goal = Mass(where(partial, whole.high, goal.high), where(partial, whole.low, goal.low))
            # Keys above the bound are all here; of those below it, other groups have some.
            ready = ~partial | ~mass_above(held, bound).below(goal)
            floor = maximum(floor, bound)
        cut = nucleus_cut(p, held, settings, goal, floor, top)
    if wider:
        store(p.pending, (row,), where(ready, full((), 0, INT32), 1))
        when(ready, lambda: finish(p, row, held.item, cut, settings))
    else:
        finish(p, row, held.item, cut, settings)


def _top_k_bound(p: Any, items: Items, settings: Settings, top: Tile) -> Tile:
    if p.top_k is None:
        return full((), MINUS_INFINITY, INT32)
    return kth_bound(lambda middle: number_of(items, lambda item: item.key > middle), settings.k, top)


def _whole_mass(p: Any, row: Tile, partial: Tile) -> Mass:
    """The mass of a whole row, from its spans."""
    span = arange(SPANS)
    there = (span < cdiv(p.V, SPAN)) & partial
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
    _store_cut(p, row, Cut(key, where(key == cut.key, cut.last, LAST)))


def _store_cut(p: Any, row: Tile, cut: Cut) -> None:
    store(p.cut, (row,), cut.key)
    store(p.last, (row,), cut.last)


def scores(p: Any, row: Tile, item: Item, cut: Cut, settings: Settings) -> Tile:
    """Quantised logits plus noise of the tokens that are kept."""
    score = where(settings.greedy, item.key, item.q + noise_of(p, row).of(p.table, item.number))
    return where(cut.keeps(item, settings), score, EXCLUDED)


def wide_cut(p: Any) -> None:
    """The cut of a row whose candidates do not fit into registers: reads it for every halving."""
    row = program_id(0)

    def search() -> None:
        top, settings = load(p.top, (row,)), settings_of(p, row)
        items = Scanned(p, row, top, settings)
        floor = _top_k_bound(p, items, settings, top)
        above_floor = Cut(floor + 1, full((), LAST, INT32))
        if p.top_p is None:
            _store_cut(p, row, above_floor)
            return

        def nucleus() -> None:
            goal = goal_of(settings, mass_above(items, floor))
            _store_cut(p, row, nucleus_cut(p, items, settings, goal, floor, top))

        when(settings.nucleus, nucleus)
        when(~settings.nucleus, lambda: _store_cut(p, row, above_floor))

    when(load(p.pending, (row,)) > 0, search)


def span_winners(p: Any) -> None:
    """The largest score of a span of columns, in rows of many candidates."""
    row, span = program_id(0), program_id(1)

    def draw() -> None:
        settings = settings_of(p, row)
        cut = Cut(load(p.cut, (row,)), load(p.last, (row,)))
        item = _span(p, row, span, settings).item
        best, token = winner(scores(p, row, item, cut, settings), item.number)
        store(p.winners, (row, span, 0), best)
        store(p.winners, (row, span, 1), token)

    when(load(p.pending, (row,)) > 0, draw)


def pick_winner(p: Any) -> None:
    """The token of a row of many candidates."""
    row, span = program_id(0), arange(SPANS)
    there = span < cdiv(p.V, SPAN)

    def pick() -> None:
        best = load(p.winners, (row, span, 0), there, other=EXCLUDED)
        token = load(p.winners, (row, span, 1), there, other=0)
        score, found = winner(best, token)
        store(p.tokens, (row,), where(score > EXCLUDED, found, 0))

    when(load(p.pending, (row,)) > 0, pick)


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
