"""Split-KV: the keys of a token in parts that run side by side, and the kernel that merges them.

Each part leaves its largest score, its sum of exponentials and its unnormalised sums in float32; the merge weighs them
in order, so that every run gives the same bytes. The number of parts follows from the number of tokens and heads unless
the caller fixes it: a fixed number makes a token's result independent of what else is in the batch.
"""

from __future__ import annotations

from typing import Any

from specs.attention.arrays import SINKS, VALUES, H, T
from specs.attention.softmax import LOG2_E, MINUS_INFINITY, largest_score, log_sum_exp, merge, normaliser
from specs.attention.sparse import Position, Results
from specs.lang.axes import Axis, Ref, as_expr, cdiv, emax, emin
from specs.lang.elements import BF16, F32
from specs.lang.kernel import Access, Array, Attribute, Config, Kernel, Tunable
from specs.tile.language import arange, load, program_id, store, when
from specs.tuned import tuned

_HEADS, _PROGRAMS, _KEYS, _MOST = 64, 132, 128, 16
"""Heads of a program; programs that fill a large GPU; least entries of one part; most parts."""


def splits_axis(entries: Any) -> Axis:
    """The axis of parts, for `entries` list entries per token (an expression)."""
    wanted = as_expr(_PROGRAMS) // emax(1, T * cdiv(H, _HEADS))
    chosen = emax(1, emin(emin(_MOST, entries // _KEYS), wanted))
    automatic = Ref("splits").equals(0)
    return Axis(name="SPLITS", static=True, value=automatic * chosen + Ref("splits"), doc="parts of a token's keys")


def splits_attribute() -> Attribute:
    """How many parts."""
    doc = "parts that a token's keys are cut into; 0: as many as the batch leaves room for, so that the last bits of a "
    doc += "token's result may depend on the number of tokens; any other number: they do not"
    return Attribute(name="splits", kind=int, default=0, minimum=0, maximum=_MOST, doc=doc)


def partials(splits: Axis, access: Access) -> tuple[Array, ...]:
    """What the parts leave."""
    doc = "of each part"
    return (
        Array(name="partial", doc=f"sums {doc}", shapes=((splits, T, H, VALUES),), formats=(F32,), access=access),
        Array(name="partial_peak", doc=f"largest score {doc}", shapes=((splits, T, H),), formats=(F32,), access=access),
        Array(name="partial_total", doc=f"total {doc}", shapes=((splits, T, H),), formats=(F32,), access=access),
    )


def store_partial(p: Any, at: Position, found: Results) -> None:
    """Leaves what a program has found in its part of the keys."""
    assert at.split is not None
    for columns, total in zip(found.columns, found.state.sums, strict=True):
        place = (at.split, at.token, at.head[:, None], columns.columns()[None, :])
        store(p.partial, place, total, at.live[:, None])
    if found.part == 0:
        store(p.partial_peak, (at.split, at.token, at.head), found.state.peak, at.live)
        store(p.partial_total, (at.split, at.token, at.head), found.state.total, at.live)


def merge_parts(p: Any) -> None:
    """One token, MERGE_H heads, MERGE_D columns: all parts in order."""
    blocks = (p.H + (p.MERGE_H - 1)) // p.MERGE_H
    tile = program_id(0)
    token, head = tile // blocks, (tile % blocks) * p.MERGE_H + arange(p.MERGE_H)
    column = program_id(1) * p.MERGE_D + arange(p.MERGE_D)
    live = head < p.H
    inside = live[:, None] & (column < p.VALUES)[None, :]
    peaks = [load(p.partial_peak, (part, token, head), live, other=MINUS_INFINITY) for part in range(p.SPLITS)]
    state = merge(
        peaks,
        lambda part: (
            load(p.partial_total, (part, token, head), live),
            load(p.partial, (part, token, head[:, None], column[None, :]), inside),
        ),
    )
    sink = None if p.attn_sink is None else load(p.attn_sink, (head,), live).to(F32) * LOG2_E
    factor = normaliser(state.peak, state.total, sink)
    store(p.out, (token, head[:, None], column[None, :]), (state.sums[0] * factor[:, None]).to(BF16), inside)
    if p.return_lse:
        logarithm = log_sum_exp(state.peak, state.total)

        def scores() -> None:
            store(p.max_logits, (token, head), largest_score(state.peak, state.total), live)
            store(p.lse, (token, head), logarithm, live)

        when(program_id(1) == 0, scores)


def merge_kernel(splits: Axis, arrays: tuple[Array, ...], attributes: tuple[Attribute, ...]) -> Kernel:
    """The kernel behind the parts; arrays: sink and results."""
    sizes = {"cuda": (4, 512, 4), "cpu": (64, 512, 4), "interpret": (64, 512, 4)}
    names = ("MERGE_H", "MERGE_D", "num_warps")
    return Kernel(
        name="merge_parts",
        doc="Results of split attention, merged in order.",
        axes=(T, H, SINKS, VALUES, splits),
        arrays=(*partials(splits, Access.IN), *arrays),
        attributes=attributes,
        tunables=(
            Tunable(name="MERGE_H", values=(1, 2, 4, 8, 16, 64)),
            Tunable(name="MERGE_D", values=(64, 128, 256, 512)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=(
            *(Config(target=t, values=tuple(zip(names, size, strict=True))) for t, size in sizes.items()),
            *tuned("xpu", "merge_parts", every=None),
        ),
        grid=(T * cdiv(H, Ref("MERGE_H")), cdiv(VALUES, Ref("MERGE_D"))),
        body=merge_parts,
    )
