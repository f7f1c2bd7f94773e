"""Split-KV: the keys of a row in parts that run side by side, and the kernel that merges them in order."""

from __future__ import annotations

from typing import Any

from specs.attention.softmax import MINUS_INFINITY, State, merge, normaliser
from specs.flash import arrays as declare
from specs.flash.arrays import DV, GROUP, HKV, HQ, LONGEST_K, LONGEST_Q, REQUESTS, TQ
from specs.flash.columns import Span
from specs.flash.results import log_sum_exp, sinks, sums_of
from specs.flash.work import Work
from specs.lang.axes import Axis, Ref, as_expr, cdiv, emax, emin
from specs.lang.elements import F32
from specs.lang.kernel import Access, Array, Attribute, Config, Kernel, Tunable
from specs.tile.language import arange, load, program_id, store, when

_ROWS, _PROGRAMS, _KEYS, _MOST = 64, 264, 256, 32
"""Rows of a program; programs that fill a large GPU; least keys of one part; most parts."""

_WANTED = as_expr(_PROGRAMS) // emax(1, REQUESTS * HKV * cdiv(LONGEST_Q * GROUP, _ROWS))
_CHOSEN = emax(1, emin(emin(_MOST, LONGEST_K // _KEYS), _WANTED))
SPLITS = Axis(
    name="SPLITS",
    static=True,
    value=Ref("splits").equals(0) * _CHOSEN + Ref("splits"),
    doc="parts of a row's keys",
)


def splits_attribute() -> Attribute:
    """How many parts."""
    doc = "parts that the keys of a query are cut into; 0: as many as the batch leaves room for, so that the last bits "
    doc += "of a query's result may depend on the number of requests; any other number: they do not"
    return Attribute(name="splits", kind=int, default=0, minimum=0, maximum=_MOST, doc=doc)


def partials(access: Access) -> tuple[Array, ...]:
    """What the parts leave."""

    def array(name: str, doc: str, *columns: Axis) -> Array:
        shape = (SPLITS, TQ, HQ, *columns)
        return Array(name=name, doc=f"{doc} of each part", shapes=(shape,), formats=(F32,), access=access)

    return array("partial", "sums", DV), array("partial_peak", "largest score"), array("partial_total", "total")


def leave_part(p: Any, at: Work, columns: tuple[Span, ...], state: State) -> None:
    """Leaves what a program has found in its part of the keys."""
    assert at.split is not None
    for span, total in zip(columns, sums_of(p, at, state), strict=True):
        inside, live = span.inside(), at.live[:, None]
        place = (at.split, at.token[:, None], at.query_head[:, None], span.columns()[None, :])
        store(p.partial, place, total, live if inside is None else live & inside[None, :])
    store(p.partial_peak, (at.split, at.token, at.query_head), state.peak, at.live)
    store(p.partial_total, (at.split, at.token, at.query_head), state.total, at.live)


def merge_parts(p: Any) -> None:
    """One query token, MERGE_H heads, MERGE_D columns: all parts in order."""
    blocks = (p.HQ + (p.MERGE_H - 1)) // p.MERGE_H
    tile = program_id(0)
    token, head = tile // blocks, (tile % blocks) * p.MERGE_H + arange(p.MERGE_H)
    column = program_id(1) * p.MERGE_D + arange(p.MERGE_D)
    live = head < p.HQ
    inside = live[:, None] & (column < p.DV)[None, :]
    peaks = [load(p.partial_peak, (part, token, head), live, other=MINUS_INFINITY) for part in range(p.SPLITS)]
    state = merge(
        peaks,
        lambda part: (
            load(p.partial_total, (part, token, head), live),
            load(p.partial, (part, token, head[:, None], column[None, :]), inside),
        ),
    )
    sink = sinks(p, head, live)
    mean = state.sums[0] * normaliser(state.peak, state.total, sink)[:, None]
    store(p.out, (token, head[:, None], column[None, :]), mean.to(p.out.element), inside)
    if p.return_softmax_lse:
        logarithm = log_sum_exp(state, sink)
        when(program_id(1) == 0, lambda: store(p.lse, (head, token), logarithm, live))


_SIZES = {"cuda": (4, 128, 4), "xpu": (4, 128, 2), "cpu": (64, 256, 4), "interpret": (64, 256, 4)}
_NAMES = ("MERGE_H", "MERGE_D", "num_warps")

MERGE = Kernel(
    name="flash_merge",
    doc="Results of split attention, merged in order.",
    axes=(TQ, HQ, HKV, DV, declare.BOUNDS, declare.PAGE, declare.TABLE, SPLITS),
    arrays=(*partials(Access.IN), *(a for a in declare.ARGUMENTS if a.name == "s_aux"), *declare.results()),
    attributes=(*declare.ATTRIBUTES, splits_attribute()),
    tunables=(
        Tunable(name="MERGE_H", values=(1, 2, 4, 8, 16, 64)),
        Tunable(name="MERGE_D", values=(64, 128, 256, 512)),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
    ),
    configs=tuple(Config(target=t, values=tuple(zip(_NAMES, size, strict=True))) for t, size in _SIZES.items()),
    grid=(TQ * cdiv(HQ, Ref("MERGE_H")), cdiv(DV, Ref("MERGE_D"))),
    body=merge_parts,
)
