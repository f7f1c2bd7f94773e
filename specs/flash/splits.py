"""Split-KV of dense attention: a row's keys in parts that run side by side, and the kernel that merges them."""

from __future__ import annotations

from typing import Any

from specs.attention.columns import Span
from specs.attention.merging import MERGE_TUNABLES, merge_grid, merged, part_arrays
from specs.attention.softmax import MINUS_INFINITY, State, normaliser
from specs.flash import arrays as declare
from specs.flash.arrays import DV, GROUP, HKV, HQ, LONGEST_K, LONGEST_Q, REQUESTS, TQ
from specs.flash.configs import FREE_TILES
from specs.flash.results import log_sum_exp, sinks, sums_of
from specs.flash.work import Work, owned_rows
from specs.lang.declare.axes import Axis, Ref, as_expr, cdiv, emax, emin
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel
from specs.tile.frontend.trace import Tile
from specs.tile.language import store, when, where
from specs.tuned import everywhere

_ROWS, _PROGRAMS, _KEYS, _MOST = 64, 264, 256, 32
"""Rows of a program; programs that fill a large GPU; least keys of one part, half as many where
there are four such parts; most parts."""

_WANTED = as_expr(_PROGRAMS) // emax(1, REQUESTS * HKV * cdiv(LONGEST_Q * GROUP, _ROWS))
# On an H200 one request of 1024 keys (8 heads of keys) takes 10.0 us in 4 parts, 7.5 in 8 and 7.3 in 16.
_PARTS = (LONGEST_K // _KEYS) * (1 + (LONGEST_K >= 4 * _KEYS))
_CHOSEN = emax(1, emin(emin(_MOST, _PARTS), _WANTED))
SPLITS = Axis(
    name="SPLITS",
    static=True,
    value=Ref("splits") + Ref("splits").equals(0) * (FREE_TILES * _CHOSEN + Ref("invariant")),
    doc="parts of a row's keys",
)


def splits_attribute() -> Attribute:
    """How many parts."""
    doc = "parts that the keys of a query are cut into; 0: as many as the batch leaves room for, so that the last bits "
    doc += "of a query's result may depend on the number of requests; any other number: they do not"
    return Attribute(name="splits", kind=int, default=0, minimum=0, maximum=_MOST, doc=doc)


def invariant_attribute() -> Attribute:
    """Whether tiles may follow the number of queries."""
    doc = "the same tiles for every number of queries, and one part where splits is 0: a query's result has the same "
    doc += "bits in every batch"
    return Attribute(name="invariant", kind=bool, default=False, doc=doc)


def partials(access: Access) -> tuple[Array, ...]:
    """What the parts leave."""
    return part_arrays(SPLITS, TQ, HQ, DV, access)


def leave_part(p: Any, at: Work, columns: tuple[Span, ...], state: State) -> None:
    """Stores a program's partial result for its split of the keys."""
    assert at.split is not None
    found = State(state.peak, state.total, sums_of(p, at, state))
    store_part(p, at.split, at.token, at.query_head, at.live, columns, found)


def store_part(
    p: Any, split: Tile, token: Tile, head: Tile, live: Tile, columns: tuple[Span, ...], state: State
) -> None:
    """Stores the state of rows (token, head) as part `split` of their keys."""
    for span, total in zip(columns, state.sums, strict=True):
        inside, mask = span.inside(), live[:, None]
        place = (split, token[:, None], head[:, None], span.columns()[None, :])
        store(p.partial, place, total, mask if inside is None else mask & inside[None, :])
    store(p.partial_peak, (split, token, head), state.peak, live)
    store(p.partial_total, (split, token, head), state.total, live)


def merge_parts(p: Any) -> None:
    """One query token, MERGE_H heads, MERGE_D columns: all parts in order."""
    at = merged(p, p.HQ, p.DV)
    sink = sinks(p, at.head, at.live)
    mean = at.state.sums[0] * normaliser(at.state.peak, at.state.total, sink)[:, None]
    store(p.out, (at.token, at.head[:, None], at.column[None, :]), mean.to(p.out.element), at.inside)
    if p.return_softmax_lse:
        logarithm = log_sum_exp(at.state, sink)
        if sink is not None:  # merged, a row that no request owns looks like one that sees no key but the sink
            first, end = owned_rows(p)
            owned = (at.token >= first) & (at.token < end)
            logarithm = where(owned, logarithm, MINUS_INFINITY)
        when(at.first, lambda: store(p.lse, (at.head, at.token), logarithm, at.live))


_MERGED = ("cu_seqlens_q", "s_aux")
MERGE = Kernel(
    name="flash_merge",
    doc="Results of split attention, merged in order.",
    axes=(TQ, HQ, HKV, DV, declare.BOUNDS, declare.PAGE, declare.TABLE, SPLITS),
    arrays=(*partials(Access.IN), *(a for a in declare.ARGUMENTS if a.name in _MERGED), *declare.results()),
    attributes=(*declare.ATTRIBUTES, splits_attribute(), invariant_attribute()),
    tunables=MERGE_TUNABLES,
    configs=everywhere("flash_merge"),
    grid=merge_grid(TQ, HQ, DV),
    body=merge_parts,
)
