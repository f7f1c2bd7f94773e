"""int4_gemm_w4a8: 8-bit activations times INT4 weights in groups along K.

    C[m, n] = sum_k (A[m, perm(k)] - za[m]) sa[m] (u[k, n] - z[k // G, n]) s[k // G, n] t[n] + bias[n]

A is int8 or uint8 with a scale and, where `a_zp` is passed, a zero point per token (or one for all), as
`per_token_quant_int8` gives them; or e4m3 with a scale, as `per_token_quant_fp8` does. u, z and s lie as
`specs.gemm.int4_weights` says; t is a further scale per column, for weights whose group scales are e4m3.

With invariant=True a row of C has the same bits whatever the number of rows.

Accuracy. Both factors are exact in bfloat16 (integers up to 256, e4m3), so every product is exact. Of integers a block
of K (256 at most) has an exact sum too, below 256 * 255 * 15 < 2**20. Zero points are taken off per block, as
za * sum(u - z): both sums are integers in float32, and so is their difference while |za| <= 4369. Beyond that the
three roundings are relative to |za| |u - z|, which is at most 1.07 |A - za| |u - z|: fewer than 4 of a term's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.dequant_packed import INT4_A8_PRODUCT
from specs.gemm.int4_tiles import multiply
from specs.gemm.int4_weights import (
    SOURCE,
    Product,
    attributes,
    bias,
    case,
    constraints,
    group_scales,
    permuted,
    steps,
    weight,
    weight_extras,
    weights,
)
from specs.gemm.oracle import product
from specs.gemm.scaled import K, M, N
from specs.gemm.splits import partial_sums
from specs.gemm.tiles import scale_at
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, FormatSource, Role, Rows, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Independent, Op, Reference, definition_of
from specs.lang.formats.elements import BF16, E4M3, F16, F32, INT8, INT32, UINT8
from specs.tile.blocks import Slice, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import load, rescale

_FREE = Dense(inner=Inner.FREE)
_FLOATS = (F32, BF16, F16)
_PER_TOKEN: tuple[Shape, ...] = ((Rows(M),), (Rows(M), 1))
_ONE: tuple[Shape, ...] = ((), (1,))
_ROUNDINGS = 8 + 2 + 4  # arguments of int4_gemm_w4a16, two more scales, zero points of a


def int4_gemm_w4a8(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it."""
    multiply(p, BF16, None if p.a_zp is None else zero_of_a, scaled)


def zero_of_a(p: Any, rows: Slice) -> Tile:
    """Zero points of the activations."""
    if p.scale_mode == "tensor":
        return load(p.a_zp, ()).to(F32)
    return load_block(p.a_zp, (rows,)).to(F32)[:, None]


def scaled(p: Any, acc: Tile, rows: Slice, cols: Slice) -> Tile:
    """acc under the scales of the activations and of the weight's columns."""
    if p.scale_mode == "tensor":
        acc = rescale(acc, scale_at(p.a_scale, ()))
    else:
        acc = rescale(acc, scale_at(p.a_scale, (rows,))[:, None])
    return acc if p.channel_scale is None else rescale(acc, scale_at(p.channel_scale, (cols,))[None, :])


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    a = np.asarray(inputs["a"], np.float64)
    lead = () if inputs["scale_mode"] == "tensor" else (*a.shape[:-1], 1)
    zero = inputs.get("a_zp")
    if zero is not None:
        a = a - np.asarray(zero, np.float64).reshape(lead)
    a = a * np.asarray(inputs["a_scale"], np.float64).reshape(lead)
    w = weights(inputs)
    channel = inputs.get("channel_scale")
    w = w if channel is None else w * np.asarray(channel, np.float64).reshape(-1)  # one per column, in any shape
    return {"c": product(permuted(a, inputs), w, inputs.get("bias"))}


def _of_rows(name: str, doc: str, formats: FormatSource, role: Role, *, optional: bool = False) -> Array:
    return Array(
        name=name,
        doc=doc,
        by="scale_mode",
        shapes_by=(("token", _PER_TOKEN), ("tensor", _ONE)),
        formats=formats,
        optional=optional,
        layout=_FREE,
        role=role,
    )


_ARRAYS = (
    Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=(INT8, UINT8, E4M3)),
    weight(),
    _of_rows("a_scale", "scales of a", _FLOATS, Role.SCALE),
    group_scales((*_FLOATS, E4M3)),
    _of_rows("a_zp", "zero points of an integer a; 0 when left out", (INT32,), Role.OFFSET, optional=True),
    *weight_extras(),
    Array(
        name="channel_scale",
        doc="further scales of the weight, one per column; 1 when left out",
        shapes=((N,), (1, N), (N, 1)),
        formats=(F32,),
        optional=True,
        layout=_FREE,
        role=Role.SCALE,
    ),
    bias(),
    Array(name="c", doc="result", shapes=((Rows(M), N),), formats="out_dtype", access=Access.OUT),
)
_FORM = Product(
    name="int4_gemm_w4a8",
    doc="Product of 8-bit activations (int8, uint8, e4m3) and an INT4 weight in groups along K.",
    arrays=_ARRAYS,
    attributes=(
        *attributes(),
        Attribute(
            name="scale_mode",
            kind=str,
            default="token",
            choices=("token", "tensor"),
            doc="whether a has a scale (and a zero point) per token, or one for all",
        ),
        Attribute(
            name="out_dtype", kind=type(BF16), default=BF16, choices=(BF16, F16, F32), doc="format of the result"
        ),
    ),
    body=int4_gemm_w4a8,
)
_PLAIN = ("a_zp", "b_zp", "g_idx", "channel_scale", "bias")
_BF16 = (("a", UINT8), ("a_scale", BF16), ("b_scale", BF16))
_F16 = (("a", UINT8), ("a_scale", F16), ("b_scale", F16), ("bias", F16))
_F8 = (("a", E4M3), ("b_scale", E4M3))

INT4_GEMM_W4A8 = Op(
    name=_FORM.name,
    doc=_FORM.doc,
    axes=(M, N, K),
    arrays=_ARRAYS,
    attributes=_FORM.attributes,
    temporaries=(partial_sums("partial", Access.OUT),),
    steps=steps(_FORM),
    family="gemm",
    independent=(Independent(M), Independent(N)),
    definition=definition_of(__doc__),
    source=f"{SOURCE}; QServe (Lin et al., 2024) for int8 activations",
    constraints=(
        *constraints(),
        Constraint(
            argument="a_zp",
            holds=Ref("has_a_zp").equals(0).or_(Ref("a_format").differs(E4M3)),
            message="zero points are of an integer a",
        ),
    ),
    oracle=oracle,
    framework_product=INT4_A8_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=_ROUNDINGS)),),
    cases=(
        case("one-row", 1, 384, 384, 128, _PLAIN),
        case("asymmetric", 33, 96, 256, 128, ("g_idx", "channel_scale"), formats=(("a", UINT8), ("bias", BF16))),
        case("fp8", 17, 72, 256, 128, ("a_zp", "b_zp", "g_idx", "bias"), formats=_F8),
        case("act-order-f32", 9, 64, 192, 64, attributes={"out_dtype": F32, "invariant": True}),
        case("group-32-kn", 9, 72, 160, 32, ("g_idx",), attributes={"weight_order": "kn"}, formats=_F16),
        case("one-group", 20, 72, 136, -1, ("g_idx",), attributes={"scale_mode": "tensor", "out_dtype": F16}),
        case("lead", 12, 64, 256, 256, ("g_idx", "channel_scale"), lead=(2, 3, 2)),
        case("splits", 9, 72, 2176, 128, ("g_idx",), formats=_BF16),
        case("splits-kn-fp8", 4, 67, 3072, 64, ("a_zp", "b_zp"), attributes={"weight_order": "kn"}, formats=_F8),
        case("no-rows", 0, 64, 128, 128, _PLAIN),
        case("decode", 16, 8192, 28672, 128, _PLAIN, large=True, golden=True),
    ),
)
