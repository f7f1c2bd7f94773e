"""grouped_gemm_fp8: rows of experts times the experts' FP8 weights, of FP8 or 16-bit activations.

    C[r, n] = sum_k A[s(r), k] sa(s(r), k) B[e(r)][k, n] sb(e(r), k, n) + bias[e(r), n]

s(r) is order[r] // topk, or r without an order. Expert e has the rows offsets[e] <= r < offsets[e + 1], the first one
those from 0 on; it may have none. Rows after the last expert's are zeros. Scales are one per `group` of k, and for b
also per `group` of n (scale_mode block), or one per 32 k (mx); 16-bit activations have none. Products are exact, sums
are float32 in any order, scales and bias are applied in float32, and C is rounded once. Entries of the order out of
range read the first or the last row of A. With invariant=True a row of C has the same bits whatever the other rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.fp8 import WithoutScaleOfA
from specs.gemm.oracle import spread
from specs.gemm.scaled import group_scale, invariant, scale_stages, tunables, weight_order
from specs.gemm.tiles import span
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Ref, cdiv
from specs.lang.declare.kernel import Array, Attribute, Config, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Op, Reference, definition_of, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, ElementFormat
from specs.moe import grouped
from specs.moe.grouped import TA, E, K, N, activations, case, finish, rows_of, steps_of, tile_of
from specs.tile.blocks import load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import dot, fori_loop, multiply, rescale, zeros
from specs.tuned import tuned

_GROUP, _MX = Ref("group"), Ref("scale_mode").equals("mx")


def grouped_gemm_fp8(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of one expert."""
    at, cols = tile_of(p)
    size = 32 if p.scale_mode == "mx" else p.group
    weight = WithoutScaleOfA(p)

    def step(k: Tile, acc: Tile) -> Tile:
        depth = span(k, p.BLOCK_K)
        a = activations(p, at, depth)
        b = load_block(p.b, (at.expert, depth, cols)).to(a.element)
        scale = group_scale(weight, (at.expert,), k, cols.start // p.BLOCK_N, at.rows, cols)
        if p.a_scale is not None:
            by_row = rows_of(p.a_scale, at, k if size == p.BLOCK_K else (k * p.BLOCK_K) // size).to(F32)
            scale = multiply(by_row, scale)[:, None] if not scale.shape else multiply(by_row[:, None], scale)
        # Scales multiply the sum of their group in float32, so their range never limits the operands'.
        if not p.SWAP_AB:
            return acc + rescale(dot(a, b), scale)
        # Columns of b are rows of the matrix instruction; of Hopper's 64 the few rows of a would leave most empty.
        return acc + rescale(dot(b.transpose(), a.transpose()), scale.transpose() if scale.shape else scale)

    steps = steps_of(p, at, p.BLOCK_K)
    shape = (p.BLOCK_N, p.BLOCK_M) if p.SWAP_AB else (p.BLOCK_M, p.BLOCK_N)
    acc = fori_loop(0, steps, step, zeros(shape), stages=scale_stages(p))
    finish(p, acc.transpose() if p.SWAP_AB else acc, at, cols)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    swap, mx = inputs["weight_order"] == "nk", inputs["scale_mode"] == "mx"
    group, a = 32 if mx else int(inputs["group"]), inputs["a"]
    if inputs.get("a_scale") is not None:
        a = a * spread(np.asarray(inputs["a_scale"], np.float64), -1, group, a.shape[1])

    def weight(e: int) -> Any:
        b, scale = (np.asarray(inputs[name][e], np.float64) for name in ("b", "b_scale"))
        b, scale = (b.T, scale.T) if swap else (b, scale)
        scale = spread(scale, 0, group, b.shape[0])
        return b * (scale if mx else spread(scale, 1, group, b.shape[1]))

    return grouped.oracle(inputs, a, weight)


def _configs() -> tuple[Config, ...]:
    classes: dict[str, Expr | None] = {
        "mx": _MX,
        "blocks_of_64": _GROUP.equals(64),
        **grouped.classes(),
    }
    return tuple(
        row for target in ("cuda", "xpu", "cpu", "interpret") for row in tuned(target, "grouped_gemm_fp8", **classes)
    )


_FREE = Dense(inner=Inner.FREE)
_NARROW = (E4M3, E5M2)
_KERNEL = Kernel(
    name="grouped_gemm_fp8",
    doc="Products of the rows of experts with the experts' FP8 weights.",
    axes=grouped.AXES,
    arrays=(
        Array(name="a", doc="activations", shapes=((TA, K),), formats=(E4M3, E5M2, BF16, F16)),
        Array(
            name="b",
            doc="weights of experts",
            shapes=((E, K, N),),
            formats=_NARROW,
            order="weight_order",
            layout=Dense(inner=Inner.EITHER),
        ),
        Array(
            name="b_scale",
            doc="scales of b, in the order of the weight",
            by="scale_mode",
            shapes_by=(("block", ((E, cdiv(K, _GROUP), cdiv(N, _GROUP)),)), ("mx", ((E, K // 32, N),))),
            formats=(F32, E8M0),
            order="weight_order",
            layout=_FREE,
            role=Role.SCALE,
        ),
        *grouped.routing(),
        Array(
            name="a_scale",
            doc="scales of FP8 activations",
            by="scale_mode",
            shapes_by=(("block", ((TA, cdiv(K, _GROUP)),)), ("mx", ((TA, K // 32),))),
            formats=(F32, E8M0),
            optional=True,
            layout=_FREE,
            role=Role.SCALE,
        ),
        grouped.bias(),
        grouped.result("out_dtype"),
    ),
    attributes=(
        Attribute(name="scale_mode", kind=str, default="block", choices=("block", "mx"), doc="what a scale covers"),
        Attribute(name="group", kind=int, default=128, choices=(64, 128), doc="edge of the square weight blocks"),
        weight_order(", and its scales, are"),
        grouped.topk(),
        Attribute(
            name="out_dtype", kind=ElementFormat, default=BF16, choices=(BF16, F16, F32), doc="format of the result"
        ),
        invariant(),
    ),
    tunables=(
        *tunables(),
        Tunable(name="SWAP_AB", values=(0, 1), doc="whether rows of a are the columns of a matrix instruction"),
    ),
    configs=_configs(),
    static_conditions=grouped.static_conditions(),
    grid=grouped.grid(),
    body=grouped_gemm_fp8,
)
_A_IS_FP8 = Ref("a_format").equals(E4M3).or_(Ref("a_format").equals(E5M2))

GROUPED_GEMM_FP8: Op = single(
    _KERNEL,
    family="moe",
    definition=definition_of(__doc__),
    source="DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx",
    constraints=(
        grouped.ORDER_FITS,
        Constraint(
            argument="a_scale",
            holds=Ref("has_a_scale").equals(_A_IS_FP8),
            message="with FP8 activations, and not with 16-bit ones",
        ),
        Constraint(
            argument="b",
            holds=_A_IS_FP8.equals(0).or_(Ref("a_format").equals(Ref("b_format"))),
            message="in the format of FP8 activations",
        ),
        Constraint(
            argument="a",
            holds=_MX.equals(0).or_((K % 32).equals(0)),
            message="K divisible by 32 in mode mx",
            failure="K = {K} must be a multiple of 32 in mode mx",
        ),
    ),
    sample=grouped.sample,
    oracle=oracle,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        case("decode", 5, 12, 160, 256, 6, ("bias",)),
        case("many-rows", 150, 3, 130, 200, formats=(("bias", BF16),)),
        case("w8a16", 40, 4, 64, 136, 2, ("a_scale",), formats=(("a", BF16),), attributes={"out_dtype": F32}),
        case(
            "w8a16-f16",
            9,
            2,
            64,
            72,
            0,
            ("a_scale",),
            formats=(("a", F16), ("b", E5M2), ("bias", F16)),
            attributes={"out_dtype": F16},
        ),
        case("mx", 9, 2, 40, 96, formats=(("a_scale", E8M0), ("b_scale", E8M0)), attributes={"scale_mode": "mx"}),
        case(
            "kn-64",
            9,
            2,
            72,
            136,
            formats=(("a", E5M2), ("b", E5M2)),
            attributes={"weight_order": "kn", "group": 64, "invariant": True},
        ),
        case("no-rows", 0, 4, 128, 128, 2),
        case("decode-v4", 16, 256, 4096, 4096, 6, ("bias",), large=True, golden=True),
    ),
)
