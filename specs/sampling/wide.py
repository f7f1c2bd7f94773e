"""The kernels of sampling for rows of many candidates: more groups than registers hold, or a nucleus larger than they.

Such rows are listed first. Two passes count candidates and their mass by their distance from the largest logit, in
steps of 1 and of 1/16 after temperature. So there is a distance within which all tokens lie that top-k or top-p can
keep, and not many more: these are collected, and settled in registers. Where they are too many, the last 1/16's
are collected, among which the cut is, and the token is drawn by spans. Only where even these are too many, as with
logits that are nearly equal, the row is read for every halving of a search.

Programs take turns with the spans of the rows on the list: without any, a kernel ends at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from specs.lang.formats.elements import INT32
from specs.sampling.integers import ONE_BITS
from specs.sampling.items import Cut, Scanned, goal_of, mass_above, nucleus_cut, winner
from specs.sampling.kernels import EXCLUDED, Finish, held_of, put_cut, scores, span_of, store_cut, top_k_bound
from specs.sampling.masses import Mass, added, carried, halves, subtracted
from specs.sampling.settings import HELD, LAST, LONGEST, MINUS_INFINITY, SPAN, SPANS, Settings, settings_of
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cdiv,
    cumsum,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_min,
    reduce_sum,
    store,
    when,
    where,
)

CUT_FOUND = 2
"""What is pending of a row is its token."""
BINS = 16
COARSE, FINE = ONE_BITS, ONE_BITS - 4
"""Size of a bin of either pass, in bits: sixteen of the second one are one of the first."""
KINDS = 3
"""Of every bin: number of candidates, high and low half of their mass."""
_LISTED, _COLUMNS = 1024, 256
"""Rows that are listed at a time, columns of a span that are counted at a time."""
_SHARED = 20
_FARTHEST = (1 << 31) - 1


def list_pending(p: Any) -> None:
    """Rows that are not finished, in their order, and their number."""

    def some(i: Tile, total: Tile) -> Tile:
        row = i * _LISTED + arange(_LISTED)
        pending = load(p.pending, (row,), row < p.B)
        store(p.listed, (total + cumsum(pending, axis=0) - 1,), row, pending > 0)
        return total + reduce_sum(pending, axis=0)

    store(p.number, (0,), fori_loop(0, cdiv(p.B, _LISTED), some, full((), 0, INT32)))


def _in_turn(p: Any, body: Callable[[Tile, Tile, Settings], None]) -> None:
    """Runs `body` of row, span and settings, for the spans of listed rows that are this program's turn."""
    program, spans = program_id(0), cdiv(p.V, SPAN)

    def turn(i: Tile) -> None:
        item = program + i * p.PROGRAMS
        row = load(p.listed, (item // spans,))
        body(row, item % spans, settings_of(p, row))

    fori_loop(0, maximum(cdiv(load(p.number, (0,)) * spans - program, p.PROGRAMS), 0), turn)


def _searched(settings: Settings) -> Tile:
    """Whether a filter has a search; without one, all tokens are drawn from."""
    return settings.nucleus | (settings.k > 0)


@dataclass(frozen=True, slots=True)
class Counts:
    """Candidates of every span and bin; the row's up to every bin, and their mass."""

    spans: Tile
    until: Tile
    mass: Mass

    def at(self, place: Tile) -> tuple[Tile, Mass]:
        """Candidates up to one bin, and their mass; none where it is -1."""
        here = arange(BINS) == place
        number, high, low = (reduce_sum(where(here, x, 0), axis=0) for x in (self.until, self.mass.high, self.mass.low))
        return number, Mass(high, low)

    def bin(self, settings: Settings, goal: Mass) -> Tile:
        """The first bin up to which there are enough for a filter, or the last one."""
        enough = where(settings.k > 0, (self.until >= settings.k).to(INT32), 1 - self.mass.below(goal).to(INT32))
        return reduce_min(where(enough > 0, arange(BINS), BINS - 1), axis=0)


def _counts(p: Any, array: Any, row: Tile, there: Tile, nearer: tuple[Tile, Mass] | None = None) -> Counts:
    """What a pass has counted of a row, if it is `there`; nearer: candidates before its first bin."""
    span, b = arange(SPANS), arange(BINS)
    inside = (span < cdiv(p.V, SPAN))[:, None] & there
    spans, *parts = (load(array, (row, span[:, None], kind, b[None, :]), inside) for kind in range(KINDS))
    # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
    mass = carried(*(cumsum(reduce_sum(part, axis=0), axis=0) for part in parts))
    until = cumsum(reduce_sum(spans, axis=0), axis=0)
    return Counts(spans, until, mass) if nearer is None else Counts(spans, until + nearer[0], added(mass, nearer[1]))


@dataclass(frozen=True, slots=True)
class Near:
    """Candidates among which the cut is.

    begin, end: their distances. nearer: how many are nearer, and their mass. spans: their number in every span.
    fits: whether registers hold them. goal: of the nucleus of a row without top-k.
    """

    begin: Tile
    end: Tile
    nearer: tuple[Tile, Mass]
    spans: Tile
    fits: Tile
    goal: Mass


def _coarse(p: Any, row: Tile, settings: Settings) -> tuple[Counts, Tile, Mass]:
    """Counts of the first pass, the bin that it has found, and the goal of the nucleus."""
    counts = _counts(p, p.coarse, row, full((), 1, INT32) > 0)
    goal = goal_of(settings, counts.at(full((), BINS - 1, INT32))[1])
    return counts, counts.bin(settings, goal), goal


def _near(p: Any, row: Tile, settings: Settings) -> Near:
    """What both passes have found."""
    coarse, first, goal = _coarse(p, row, settings)
    enough = coarse.at(first)[0] <= HELD
    fine = _counts(p, p.fine, row, ~enough, coarse.at(first - 1))
    second = fine.bin(settings, goal)
    number, mass = fine.at(second - 1)
    # Before the second pass's first bin there are those that the first pass has counted.
    at_first, (number_first, mass_first) = second == 0, coarse.at(first - 1)
    number, mass = where(at_first, number_first, number), mass.unless(at_first, mass_first)
    last = fine.at(second)[0]
    whole = enough | (last <= HELD)
    # Top-k and top-p: the cut of the second one may lie nearer.
    alone = ~whole & (last - number <= HELD) & ~(settings.nucleus & (settings.k > 0))
    start = (first << COARSE) + (second << FINE)
    # The last bin has all that is farther.
    farthest = (first == BINS - 1) & (enough | (second == BINS - 1))
    end = where(farthest, _FARTHEST, where(enough, (first + 1) << COARSE, start + (1 << FINE)))
    b = arange(BINS)[None, :]
    here = where(whole, b <= where(enough, first, first - 1), b < 0)
    spans = where(here, coarse.spans, 0) + where((b == second) | (whole & (b < second)), fine.spans, 0)
    zero = full((), 0, INT32)
    return Near(
        begin=where(whole, zero, start),
        end=end,
        nearer=(where(whole, zero, number), mass.unless(whole, Mass(zero, zero))),
        spans=reduce_sum(spans, axis=1),
        fits=whole | alone,
        goal=goal,
    )


def count_coarse(p: Any) -> None:
    """The first pass: of all candidates."""

    def count(row: Tile, span: Tile, settings: Settings) -> None:
        zero = full((), 0, INT32)
        when(_searched(settings), lambda: _count(p, p.coarse, row, span, settings, zero, COARSE, zero == 0))

    _in_turn(p, count)


def count_fine(p: Any) -> None:
    """The second pass: of the bin that the first one has found, where it has more candidates than registers hold."""

    def count(row: Tile, span: Tile, settings: Settings) -> None:
        def finer() -> None:
            coarse, first, _ = _coarse(p, row, settings)
            start, last = first << COARSE, first == BINS - 1
            when(coarse.at(first)[0] > HELD, lambda: _count(p, p.fine, row, span, settings, start, FINE, last))

        when(_searched(settings), finer)

    _in_turn(p, count)


def _count(p: Any, array: Any, row: Tile, span: Tile, settings: Settings, start: Tile, bits: int, open_: Tile) -> None:
    """Counts a span's candidates by their distance from `start` on; open_: in the last bin those beyond it as well."""
    top, b = load(p.top, (row,)), arange(BINS)[:, None]

    def some(i: Tile, *sums: Tile) -> tuple[Tile, ...]:
        item = held_of(p, row, span * SPAN + i * _COLUMNS + arange(_COLUMNS), top, settings).item
        found = (0 - item.q - start) >> bits
        found = where(item.key > MINUS_INFINITY, where(open_, minimum(found, BINS - 1), found), -1)
        here = found[None, :] == b
        high, low = halves(item.mass)
        # A column of the loop has at most 16 candidates, and halves of 12 bits: their sums share a word.
        parts = (high + (1 << _SHARED), low)
        return tuple(x + where(here, part[None, :], 0) for x, part in zip(sums, parts, strict=True))

    shared, low = fori_loop(0, SPAN // _COLUMNS, some, *(full((BINS, _COLUMNS), 0, INT32),) * 2)
    mass = carried(reduce_sum(shared & ((1 << _SHARED) - 1), axis=1), reduce_sum(low, axis=1))
    for kind, value in enumerate((reduce_sum(shared >> _SHARED, axis=1), mass.high, mass.low)):
        store(array, (row, span, kind, arange(BINS)), value)


def collect(p: Any) -> None:
    """The candidates among which the cut is, in the order of their ids."""

    def some(row: Tile, span: Tile, settings: Settings) -> None:
        near = _near(p, row, settings)

        def put() -> None:
            item = span_of(p, row, span, settings).item
            first = reduce_sum(where(arange(SPANS) < span, near.spans, 0), axis=0)
            distance = 0 - item.q
            kept = (item.key > MINUS_INFINITY) & (distance >= near.begin) & (distance < near.end)
            place = first + cumsum(kept.to(INT32), axis=0) - 1
            store(p.collected, (row, place), item.number, kept)

        when(near.fits, put)

    _in_turn(p, lambda row, span, settings: when(_searched(settings), lambda: some(row, span, settings)))


def settle_collected(p: Any, finish: Finish) -> None:
    """Cut of a row among the candidates that were collected, and its token where all that are kept are among them."""
    row = program_id(0)

    def settle() -> None:
        settings, place = settings_of(p, row), arange(HELD)
        near = _near(p, row, settings)

        def cut_among() -> None:
            top, there = load(p.top, (row,)), place < reduce_sum(near.spans, axis=0)
            held = held_of(p, row, load(p.collected, (row, place), there, other=LONGEST), top, settings)
            number, mass = near.nearer
            here = replace(settings, k=where(settings.k > 0, settings.k - number, 0))
            floor = top_k_bound(p, held, here, top)
            cut = Cut(floor + 1, full((), LAST, INT32))
            if p.top_p is not None:
                # With top-k, nothing is nearer.
                goal = subtracted(near.goal, mass).unless(settings.k > 0, goal_of(settings, mass_above(held, floor)))
                cut = nucleus_cut(p, held, settings, goal, floor, top)
            whole = near.begin == 0
            store(p.pending, (row,), where(whole, full((), 0, INT32), CUT_FOUND))
            when(whole, lambda: finish(p, row, held.item, cut, settings))
            when(~whole, lambda: store_cut(p, row, held.item, cut, settings))

        when(near.fits & _searched(settings), cut_among)

    when(load(p.pending, (row,)) > 0, settle)


def wide_cut(p: Any) -> None:
    """The cut of a row whose candidates do not fit into registers: reads it for every halving."""
    row = program_id(0)

    def search() -> None:
        top, settings = load(p.top, (row,)), settings_of(p, row)
        items = Scanned(p, row, top, settings)
        floor = top_k_bound(p, items, settings, top)
        above_floor = Cut(floor + 1, full((), LAST, INT32))
        if p.top_p is None:
            put_cut(p, row, above_floor)
            return

        def nucleus() -> None:
            goal = goal_of(settings, mass_above(items, floor))
            put_cut(p, row, nucleus_cut(p, items, settings, goal, floor, top))

        when(settings.nucleus, nucleus)
        when(~settings.nucleus, lambda: put_cut(p, row, above_floor))

    when(load(p.pending, (row,)) == 1, search)


def span_winners(p: Any) -> None:
    """The largest score of a span of columns, in rows that are still pending."""

    def span_winner(row: Tile, span: Tile, settings: Settings) -> None:
        def draw() -> None:
            cut = Cut(load(p.cut, (row,)), load(p.last, (row,)))
            item = span_of(p, row, span, settings).item
            best, token = winner(scores(p, row, item, cut, settings), item.number)
            store(p.winners, (row, span, 0), best)
            store(p.winners, (row, span, 1), token)

        when(load(p.pending, (row,)) > 0, draw)

    _in_turn(p, span_winner)


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
