"""moe_combine: the rows of a token's experts, weighted and added up.

    y[t] = base[t] + sum_j weights[t, j] rows[inverse[t, j]]

Sums are float32 in the order base, j = 0, 1, .. whatever the order of the rows, and y is rounded once. Slots whose row
is negative, or not there, add nothing, as do their weights; without weights every factor is 1. `base` is what a shared
expert gives, which all tokens have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32
from specs.moe.declared import K, T, inverse
from specs.tile.language import arange, load, program_id, store, where, zeros
from specs.tuned import everywhere

R = Axis(name="R", doc="rows of experts")
H = Axis(name="H", doc="columns")


def moe_combine(p: Any) -> None:
    """BLOCK_H columns of a token."""
    token = program_id(0)
    column = program_id(1) * p.BLOCK_H + arange(p.BLOCK_H)
    inside = None if p.even_h else column < p.H
    total = zeros((p.BLOCK_H,)) if p.base is None else load(p.base, (token, column), inside).to(F32)
    for j in range(p.K):
        row = load(p.inverse, (token, j))
        # A row that is not there is not read, so that nothing of it, not even a NaN, reaches the sum.
        live = (row >= 0) & (row < p.R.to(row.element))
        mask = live if inside is None else live & inside
        value = load(p.rows, (row, column), mask.broadcast(p.BLOCK_H) if inside is None else mask).to(F32)
        if p.weights is not None:
            value = value * where(live, load(p.weights, (token, j)), 0.0)
        total = total + value
    store(p.y, (token, column), total.to(p.y.element), inside)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    rows, place = np.asarray(inputs["rows"], np.float64), np.asarray(inputs["inverse"], np.int64)
    live = (place >= 0) & (place < len(rows))
    rows = np.append(rows, np.zeros((1, rows.shape[1])), axis=0)
    terms = rows[np.where(live, place, -1)]
    if inputs.get("weights") is not None:
        terms = terms * np.where(live, inputs["weights"], 0.0)[..., None]
    if inputs.get("base") is not None:
        terms = np.append(terms, np.asarray(inputs["base"], np.float64)[:, None, :], axis=1)
    return {"y": Reference(value=terms.sum(1), magnitude=np.abs(terms).sum(1))}


def sample(case: Sample) -> dict[str, Any]:
    """Every row at most once, some slots without one, and some rows that do not exist."""
    shape, rows = case.shapes["inverse"], case.sizes["R"]
    count = int(np.prod(shape))
    place = np.append(case.rng.permutation(rows), np.full(max(count - rows, 0), -1))[:count]
    lost = case.rng.random(count) < 1 / 8
    return {"inverse": np.where(lost, case.rng.choice([-1, -9, rows, 2**31 - 1], count), place).reshape(shape)}


_KERNEL = Kernel(
    name="moe_combine",
    doc="Weighted sums of the rows of every token's experts.",
    axes=(T, K, R, H),
    arrays=(
        Array(name="rows", doc="results of the experts, a row per pair", shapes=((R, H),), formats=(BF16, F16, F32)),
        inverse(),
        Array(name="weights", doc="weight of every slot", shapes=((T, K),), formats=(F32,), optional=True),
        Array(name="base", doc="added to the sum", shapes=((T, H),), formats=(BF16, F16, F32), optional=True),
        Array(name="y", doc="sums", shapes=((T, H),), formats="out_dtype", access=Access.OUT),
    ),
    attributes=(
        Attribute(
            name="out_dtype", kind=type(BF16), follows="rows", choices=(BF16, F16, F32), doc="format of the result"
        ),
    ),
    tunables=(
        Tunable(name="BLOCK_H", values=(128, 256, 512, 1024, 2048, 4096)),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
    ),
    configs=everywhere("moe_combine"),
    static_conditions=(("even_h", (H % Ref("BLOCK_H")).equals(0)),),
    grid=(T, cdiv(H, Ref("BLOCK_H"))),
    body=moe_combine,
)


def _case(name: str, tokens: int, k: int, rows: int, h: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    sizes = (("T", tokens), ("K", k), ("R", rows), ("H", h))
    return Case(name=name, sizes=sizes, absent=absent, **fields)


MOE_COMBINE: Op = single(
    _KERNEL,
    family="moe",
    definition=definition_of(__doc__),
    source="MegaBlocks (Gale et al., 2022); DeepSeek-V3 technical report, section 2.1.2",
    independent=(Independent(T), Independent(H)),
    sample=sample,
    oracle=oracle,
    accuracy=(("y", Accuracy(terms=K, extra=2)),),
    cases=(
        _case("decode", 5, 6, 30, 200, ("base",)),
        _case("shared-expert", 9, 8, 60, 256, formats=(("base", F32),), attributes=(("out_dtype", F32),)),
        _case(
            "f16-no-weights",
            3,
            2,
            7,
            96,
            ("weights",),
            formats=(("rows", F16), ("base", F16)),
            attributes=(("out_dtype", F16),),
        ),
        _case("f32-rows", 4, 1, 4, 130, formats=(("rows", F32),), attributes=(("out_dtype", BF16),)),
        _case("no-rows", 3, 4, 0, 128),
        _case("no-tokens", 0, 6, 0, 128),
        _case("prefill", 4096, 6, 4096 * 6, 4096, ("base",), large=True, golden=True),
    ),
)
