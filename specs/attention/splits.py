"""Split-KV of sparse attention: a token's keys in parts that run side by side, and the kernel that merges them.

The number of parts follows from the number of tokens and heads unless
the caller fixes it: a fixed number makes a token's result independent of what else is in the batch.
"""

from __future__ import annotations

from typing import Any

from specs.attention.arrays import SINKS, VALUES, H, T
from specs.attention.merging import MERGE_TUNABLES, merge_grid, merged, part_arrays
from specs.attention.softmax import LOG2_E, largest_score, log_sum_exp, normaliser
from specs.attention.sparse import Position, Results
from specs.lang.declare.axes import Axis, Ref, as_expr, cdiv, emax, emin
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel
from specs.lang.formats.elements import F32
from specs.tile.language import load, store, when
from specs.tuned import everywhere

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
    """Partial results of the splits."""
    return part_arrays(splits, T, H, VALUES, access)


def store_partial(p: Any, at: Position, found: Results) -> None:
    """Stores a program's partial result for its split of the keys."""
    assert at.split is not None
    for columns, total in zip(found.columns, found.state.sums, strict=True):
        place = (at.split, at.token, at.head[:, None], columns.columns()[None, :])
        # Unnormalised float32: the merge weighs them by exp2(peak - largest peak) and divides once.
        store(p.partial, place, total, at.live[:, None])
    # Programs that share the value columns of a row agree on its peak and total; one stores them.
    if found.part == 0:
        store(p.partial_peak, (at.split, at.token, at.head), found.state.peak, at.live)
        store(p.partial_total, (at.split, at.token, at.head), found.state.total, at.live)


def merge_parts(p: Any) -> None:
    """One token, MERGE_H heads, MERGE_D columns: all parts in order."""
    at = merged(p, p.H, p.VALUES)
    peak, total = at.state.peak, at.state.total
    # Here and not in the splits, which would count the sink once each.
    sink = None if p.attn_sink is None else load(p.attn_sink, (at.head,), at.live).to(F32) * LOG2_E
    mean = at.state.sums[0] * normaliser(peak, total, sink)[:, None]
    store(p.out, (at.token, at.head[:, None], at.column[None, :]), mean.to(p.out.element), at.inside)
    if p.return_lse:
        logarithm = log_sum_exp(peak, total)

        def scores() -> None:
            store(p.max_logits, (at.token, at.head), largest_score(peak, total), at.live)
            store(p.lse, (at.token, at.head), logarithm, at.live)

        when(at.first, scores)


def merge_kernel(splits: Axis, arrays: tuple[Array, ...], attributes: tuple[Attribute, ...]) -> Kernel:
    """The kernel that merges the splits; arrays: sink and results."""
    return Kernel(
        name="merge_parts",
        doc="Results of split attention, merged in order.",
        axes=(T, H, SINKS, VALUES, splits),
        arrays=(*partials(splits, Access.IN), *arrays),
        attributes=attributes,
        tunables=MERGE_TUNABLES,
        configs=everywhere("merge_parts"),
        grid=merge_grid(T, H, VALUES),
        body=merge_parts,
    )
