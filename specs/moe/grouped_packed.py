"""grouped_gemm_mxfp4 and grouped_gemm_int4: rows of experts times weights of four bits per element.

Weights lie in bytes, two consecutive k per byte, the even one in the low nibble. The even and the odd k of a step are
multiplied apart, because they lie in different nibbles of the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.fp4 import codes_of
from specs.gemm.int4_tiles import SYMMETRIC_ZERO
from specs.gemm.oracle import spread
from specs.gemm.scaled import invariant, tunables, weight_order, within_a_group
from specs.gemm.tiles import scale_at, span
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Ref, cdiv
from specs.lang.declare.kernel import Array, Attribute, Config, Constraint, Kernel, Role
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Op, Reference, single
from specs.lang.formats.elements import BF16, E2M1, E4M3, E8M0, F16, F32, INT32, UINT8, ElementFormat
from specs.moe import grouped
from specs.moe.grouped import TA, E, K, N, Rows, activations, case, finish, rows_of, steps_of, tile_of
from specs.tile.blocks import Slice, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import dot, fori_loop, load, minimum, nibble, rescale, scaled_nibble, split_pairs, zeros
from specs.tuned import tuned

MX = 32
"""k per scale of MXFP4."""
_QUARTER = 4.0  # what undoes the factor of `scaled_nibble`
_GROUP = Ref("group_size")
_FREE = Dense(inner=Inner.FREE)


def grouped_gemm_mxfp4(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of one expert.

    A tile with fewer rows than columns is computed as its transpose, W A^T: the short side of a matrix instruction may
    be 8. On an H200 16 tokens of 256 experts take 257 us so, 384 before; in square tiles 4096 tokens would take 1.25
    times as long.
    """
    at, cols = tile_of(p)
    turned = p.BLOCK_M < p.BLOCK_N
    if p.a_scale is not None:
        within_a_group(p, p.a_scale_group)

    def product(a: Tile, w: Tile, acc: Tile | None = None) -> Tile:
        return dot(w.transpose(), a.transpose(), acc) if turned else dot(a, w, acc)

    def step(k: Tile, acc: Tile) -> Tile:
        even, odd = split_pairs(activations(p, at, span(k, p.BLOCK_K), own=turned).to(BF16))
        packed = load_block(p.b, (at.expert, span(k, p.BLOCK_K // 2), cols))
        # A code times a power of two is exact in BF16, which has the exponents of E8M0: one sum goes over all groups.
        scale = load_block(p.b_scale, (at.expert, span(k, p.BLOCK_K // MX), cols)).to(BF16)
        factor = scale[:, None, :].broadcast(p.BLOCK_K // MX, MX // 2, p.BLOCK_N).reshape(p.BLOCK_K // 2, p.BLOCK_N)
        low, high = (scaled_nibble(packed, half, factor) for half in (False, True))
        if p.a_scale is None:
            return product(odd, high, product(even, low, acc))
        by_row = rows_of(p.a_scale, at, _group_of(p, k, p.a_scale_group)).to(F32)
        by_row = by_row[None, :] if turned else by_row[:, None]
        return acc + rescale(product(odd, high, product(even, low)), by_row)

    shape = (p.BLOCK_N, p.BLOCK_M) if turned else (p.BLOCK_M, p.BLOCK_N)
    acc = fori_loop(0, steps_of(p, at, p.BLOCK_K), step, zeros(shape), stages=p.num_stages) * _QUARTER
    finish(p, acc.transpose() if turned else acc, at, cols)


def grouped_gemm_int4(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of one expert; every step lies inside one group, whose scale multiplies its sum."""
    at, cols = tile_of(p)
    within_a_group(p, p.group_size)

    def step(k: Tile, acc: Tile) -> Tile:
        even, odd = split_pairs(activations(p, at, span(k, p.BLOCK_K)))
        packed = load_block(p.b, (at.expert, span(k, p.BLOCK_K // 2), cols))
        group = _group_of(p, k, p.group_size)
        zero = _zero_point(p, at, group, cols)
        low, high = (nibble(packed, half, p.a.element, zero) for half in (False, True))
        return acc + dot(odd, high, dot(even, low)) * scale_at(p.b_scale, (at.expert, group, cols))[None, :]

    acc = fori_loop(0, steps_of(p, at, p.BLOCK_K), step, zeros((p.BLOCK_M, p.BLOCK_N)), stages=p.num_stages)
    finish(p, acc, at, cols)


def _group_of(p: Any, k: Tile, size: int) -> Tile:
    """The group of K that step k lies in."""
    return k if size == p.BLOCK_K else (k * p.BLOCK_K) // size


def _zero_point(p: Any, at: Rows, group: Tile, cols: Slice) -> Tile | None:
    """Zero points of one group in the format of the activations, [1, BLOCK_N]."""
    if p.b_zp is None:
        return None
    column = cols.indices() if p.even_n else minimum(cols.indices(), p.N - 1)
    pair = load(p.b_zp, (at.expert, group, column // 2)).to(INT32)
    return ((pair >> ((column % 2) * 4)) & 15).to(F32).to(p.a.element)[None, :]


def mxfp4_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    a = np.asarray(inputs["a"], np.float64)
    if inputs.get("a_scale") is not None:
        a = a * spread(np.asarray(inputs["a_scale"], np.float64), -1, int(inputs["a_scale_group"]), a.shape[1])

    def weight(e: int) -> Any:
        packed, scale = (_in_order(inputs, name, e) for name in ("b", "b_scale"))
        return E2M1.decode(codes_of(packed, 0)) * spread(np.asarray(scale, np.float64), 0, MX, 2 * len(packed))

    return grouped.oracle(inputs, a, weight)


def int4_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    size = int(inputs["group_size"])

    def weight(e: int) -> Any:
        codes = codes_of(_in_order(inputs, "b", e), 0).astype(np.float64)
        scale = spread(np.asarray(_in_order(inputs, "b_scale", e), np.float64), 0, size, len(codes))
        if inputs.get("b_zp") is None:
            return (codes - SYMMETRIC_ZERO) * scale
        zero = codes_of(_in_order(inputs, "b_zp", e), 1).astype(np.float64)
        return (codes - spread(zero, 0, size, len(codes))) * scale

    return grouped.oracle(inputs, inputs["a"], weight)


def _in_order(inputs: Mapping[str, Any], name: str, e: int) -> Any:
    """An expert's part of an array, [K, N]."""
    return inputs[name][e].T if inputs["weight_order"] == "nk" else inputs[name][e]


# -- declarations -----------------------------------------------------------------------------------------------------


def _packed(name: str, doc: str, rows: Expr, columns: Expr, **fields: Any) -> Array:
    return Array(
        name=name,
        doc=doc,
        shapes=((E, rows, columns),),
        formats=(UINT8,),
        order="weight_order",
        role=Role.CODES,
        **fields,
    )


def _scales(formats: Any, rows: Expr) -> Array:
    return Array(
        name="b_scale",
        doc="scales of b, in the order of the weight",
        shapes=((E, rows, N),),
        formats=formats,
        order="weight_order",
        layout=_FREE,
        role=Role.SCALE,
    )


def _configs(name: str, fewest: Expr | None = None, **first: Expr) -> tuple[Config, ...]:
    """fewest: calls that GPUs of NVIDIA have a class of their own for."""
    every: dict[str, Expr | None] = {**first, **grouped.classes()}
    cuda: dict[str, Expr | None] = {**({} if fewest is None else {"fewest_rows": fewest}), **every}
    tables = {"cuda": cuda, "xpu": every, "cpu": every, "interpret": every}
    return tuple(row for target, classes in tables.items() for row in tuned(target, name, **classes))


def _kernel(name: str, doc: str, arrays: tuple[Array, ...], **fields: Any) -> Kernel:
    a, *rest = arrays
    weight = _packed("b", "weights of experts, two k per byte", K // 2, N, layout=Dense(inner=Inner.EITHER))
    return Kernel(
        name=name,
        doc=doc,
        axes=grouped.AXES,
        arrays=(a, weight, *rest, grouped.bias(), grouped.result("out_dtype")),
        tunables=tunables(least_rows=8),
        static_conditions=grouped.static_conditions(),
        grid=grouped.grid(),
        **fields,
    )


def _definition(formula: str, text: str) -> str:
    return f"""
    C[r, n] = {formula} + bias[e(r), n]

s(r) is order[r] // topk, or r without an order. Expert e has the rows offsets[e] <= r < offsets[e + 1], the first one
those from 0 on; it may have none. Rows after the last expert's are zeros. {text} Sums, scales and bias are
float32, and C is rounded once. Entries of the order out of range read the first or the last row of A. With
invariant=True a row of C has the same bits whatever the other rows.
"""


def _out_dtype(**fields: Any) -> Attribute:
    return Attribute(
        name="out_dtype", kind=ElementFormat, choices=(BF16, F16, F32), doc="format of the result", **fields
    )


_ORDER = weight_order(", its scales and zero points are")
_NARROW_GROUP = Ref("a_scale_group").equals(MX)
_FEWEST = grouped.up_to(4).and_(Ref("has_a_scale").equals(0))  # steps of 256 k: within no group of a's scales

GROUPED_GEMM_MXFP4: Op = single(
    _kernel(
        "grouped_gemm_mxfp4",
        "Products of the rows of experts with the experts' MXFP4 weights.",
        (
            Array(name="a", doc="activations", shapes=((TA, K),), formats=(BF16, E4M3)),
            _scales((E8M0,), K // MX),
            *grouped.routing(),
            Array(
                name="a_scale",
                doc="scales of FP8 activations, one per a_scale_group of k",
                shapes=((TA, cdiv(K, Ref("a_scale_group"))),),
                formats=(F32, E8M0),
                optional=True,
                layout=_FREE,
                role=Role.SCALE,
            ),
        ),
        attributes=(
            Attribute(name="a_scale_group", kind=int, default=128, choices=(MX, 128), doc="k per scale of a"),
            weight_order(", and its scales, are"),
            grouped.topk(),
            _out_dtype(default=BF16),
            invariant(),
        ),
        configs=_configs("grouped_gemm_mxfp4", fewest=_FEWEST, groups_of_32=_NARROW_GROUP),
        body=grouped_gemm_mxfp4,
    ),
    family="moe",
    definition=_definition(
        "sum_k A[s(r), k] sa(s(r), k) E2M1(B[e(r)][k, n]) 2**(sb[e(r)][k // 32, n] - 127)",
        "FP8 activations have a scale per a_scale_group of k.",
    ),
    source="OCP Microscaling Formats (MX) 1.0; gpt-oss, DeepSeek-V4",
    constraints=(
        grouped.ORDER_FITS,
        Constraint(
            argument="a_scale",
            holds=Ref("has_a_scale").equals(Ref("a_format").equals(E4M3)),
            message="with FP8 activations, and not with 16-bit ones",
        ),
        Constraint(
            argument="a",
            holds=(K % MX).equals(0),
            message="K divisible by 32 (one scale each)",
            failure="K = {K} must be a multiple of 32, one scale each",
        ),
    ),
    sample=grouped.sample,
    oracle=mxfp4_oracle,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        case("decode", 5, 12, 72, 160, 6, ("a_scale", "bias")),
        case("fp8", 30, 3, 40, 160, 2, formats=(("a", E4M3), ("bias", BF16))),
        case(
            "fp8-32",
            21,
            2,
            33,
            96,
            formats=(("a", E4M3), ("a_scale", E8M0)),
            attributes={"a_scale_group": MX, "out_dtype": F32, "invariant": True},
        ),
        case(
            "kn",
            150,
            3,
            64,
            64,
            0,
            ("a_scale",),
            formats=(("bias", F16),),
            attributes={"weight_order": "kn", "out_dtype": F16},
        ),
        case("no-rows", 0, 4, 32, 64, 2, ("a_scale",)),
        case("decode-v4", 16, 256, 4096, 4096, 6, ("a_scale", "bias"), large=True, golden=True),
    ),
)

GROUPED_GEMM_INT4: Op = single(
    _kernel(
        "grouped_gemm_int4",
        "Products of the rows of experts with the experts' INT4 weights in groups along K.",
        (
            Array(name="a", doc="activations", shapes=((TA, K),), formats=(BF16, F16)),
            _scales((BF16, F16, F32), K // _GROUP),
            *grouped.routing(),
            _packed(
                "b_zp",
                "zero points, two n per byte; 8 everywhere when left out",
                K // _GROUP,
                N // 2,
                optional=True,
                layout=_FREE,
            ),
        ),
        attributes=(
            Attribute(name="group_size", kind=int, required=True, choices=(32, 64, 128), doc="k per scale"),
            _ORDER,
            grouped.topk(),
            _out_dtype(follows="a"),
            invariant(),
        ),
        configs=_configs("grouped_gemm_int4", groups_of_32=_GROUP.equals(32), groups_of_64=_GROUP.equals(64)),
        body=grouped_gemm_int4,
    ),
    family="moe",
    definition=_definition(
        "sum_k A[s(r), k] (u[e(r)][k, n] - z[e(r)][k // g, n]) sb[e(r)][k // g, n]",
        "u, in 0 .. 15, is a nibble of b, g the group_size.",
    ),
    source="GPTQ (Frantar et al., 2022); AWQ (Lin et al., 2023)",
    constraints=(
        grouped.ORDER_FITS,
        Constraint(
            argument="group_size",
            holds=(K % _GROUP).equals(0),
            message="K divisible by group_size",
            failure="K = {K} must be a multiple of group_size = {group_size}",
        ),
        Constraint(
            argument="b_zp",
            holds=Ref("has_b_zp").equals(0).or_((N % 2).equals(0)),
            message="N divisible by 2 when zero points are packed",
            failure="N = {N} must be a multiple of 2, the zero points in a byte",
        ),
    ),
    sample=grouped.sample,
    oracle=int4_oracle,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        case("decode", 5, 12, 72, 256, 6, ("bias", "b_zp"), attributes={"group_size": 128}),
        case(
            "asymmetric",
            30,
            3,
            40,
            128,
            2,
            formats=(("a", F16), ("b_scale", F16), ("bias", F16)),
            attributes={"group_size": 64, "out_dtype": F16, "invariant": True},
        ),
        case(
            "kn-32",
            150,
            3,
            66,
            96,
            formats=(("b_scale", F32), ("bias", BF16)),
            attributes={"group_size": 32, "weight_order": "kn", "out_dtype": F32},
        ),
        case("one-group", 9, 2, 32, 128, 0, ("b_zp",), attributes={"group_size": 128, "out_dtype": BF16}),
        case("no-rows", 0, 4, 32, 64, 2, attributes={"group_size": 32}),
        case(
            "decode-qwen3",
            16,
            128,
            1536,
            2048,
            8,
            ("bias", "b_zp"),
            attributes={"group_size": 128},
            large=True,
            golden=True,
        ),
    ),
)
