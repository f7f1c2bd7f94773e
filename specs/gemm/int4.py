"""int4_gemm_w4a16: 16-bit activations times INT4 weights in groups along K.

    C[m, n] = sum_k A[m, perm(k)] (u[k, n] - z[k // G, n]) s[k // G, n] + bias[n]

u, z and s lie as `specs.gemm.int4_weights` says. With invariant=True a row of C has the same bits whatever the number
of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.gemm.dequant_packed import INT4_PRODUCT
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
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.kernel import Access, Array, Rows
from specs.lang.declare.op import Independent, Op, Reference, definition_of
from specs.lang.formats.elements import BF16, F16, F32


def int4_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it; the format of `a` multiplies."""
    multiply(p, p.a.element)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    return {"c": product(permuted(inputs["a"], inputs), weights(inputs), inputs.get("bias"))}


_ARRAYS = (
    Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=(BF16, F16)),
    weight(),
    group_scales((BF16, F16, F32)),
    *weight_extras(),
    bias(),
    Array(name="c", doc="result", shapes=((Rows(M), N),), formats="a", access=Access.OUT),
)
_FORM = Product(
    name="int4_gemm_w4a16",
    doc="Product of 16-bit activations and an INT4 weight in groups along K.",
    arrays=_ARRAYS,
    attributes=attributes(),
    body=int4_gemm,
)
_SYMMETRIC = ("b_zp", "g_idx", "bias")

INT4_GEMM_W4A16 = Op(
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
    source=SOURCE,
    constraints=constraints(),
    oracle=oracle,
    framework_product=INT4_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        case("one-row", 1, 384, 384, 128, _SYMMETRIC),
        case("asymmetric", 33, 96, 256, 128, ("g_idx",), formats=(("b_scale", F16),)),
        case("act-order", 17, 64, 256, 64, formats=(("bias", BF16),)),
        case("group-32", 9, 72, 160, 32, ("g_idx",), formats=(("b_scale", F32),)),
        case("one-group", 20, 40, 136, -1, ("g_idx",)),
        case(
            "kn-f16",
            5,
            104,
            256,
            128,
            ("g_idx",),
            formats=(("a", F16), ("bias", F16)),
            attributes={"weight_order": "kn", "invariant": True},
        ),
        case("lead", 12, 64, 256, 256, ("g_idx",), lead=(2, 3, 2)),
        case("ragged-n", 3, 67, 128, 32, ("b_zp", "g_idx")),
        case("splits", 9, 72, 2176, 128, ("g_idx",)),
        case("splits-kn", 4, 67, 3072, 64, ("b_zp", "bias"), attributes={"weight_order": "kn"}),
        case("f16", 21, 48, 512, 128, ("g_idx", "bias"), formats=(("a", F16),)),
        case("no-rows", 0, 64, 128, 128, _SYMMETRIC),
        case("no-columns", 3, 0, 2048, 128),
        case("decode", 16, 8192, 28672, 128, _SYMMETRIC, large=True, golden=True),
        case("decode-down", 16, 28672, 8192, 128, _SYMMETRIC, large=True),
    ),
)
