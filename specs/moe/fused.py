"""fused_moe: the MLP of the experts of every token.

    h1 = x w13[e] + w13_bias[e]          a = act(h1)          h2 = a w2[e] + w2_bias[e]
    y[t] = shared[t] + sum_j weights[t, j] h2[t, j]           e = ids[t, j], or expert_map[ids[t, j]]

h1, a and h2 are rounded to the format of x, with float32 sums; y is summed in float32 in the order of the slots, and
rounded once. Its steps are the operations moe_permute, grouped_gemm (for every `scheme` its own), act_and_mul and
moe_combine, with the same bytes. Slots whose id, or whose entry of expert_map, is negative or no expert add nothing:
with expert parallelism the results of all devices add up, and `shared` is passed to one of them.

    scheme       weights                            activations
    dense        in the format of x                 as they are
    fp8          e4m3, float32 per 128 x 128        e4m3, float32 per 128 (per_token_group_quant_fp8)
    mxfp4        two e2m1 per byte, e8m0 per 32     as they are
    mxfp4_fp8    two e2m1 per byte, e8m0 per 32     e4m3, float32 per 128
    int4         two u4 per byte, per group_size    as they are
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specs.activation.mul import ACT_AND_MUL
from specs.cache.declared import index
from specs.gemm.scaled import invariant, weight_order
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Role, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Step, definition_of
from specs.lang.formats.elements import BF16, E4M3, E8M0, F16, F32, INT32, INT64, UINT8, ElementFormat
from specs.moe.combine import MOE_COMBINE
from specs.moe.fused_oracle import ROUNDING, oracle, sample
from specs.moe.grouped_dense import GROUPED_GEMM
from specs.moe.grouped_fp8 import GROUPED_GEMM_FP8
from specs.moe.grouped_packed import GROUPED_GEMM_INT4, GROUPED_GEMM_MXFP4
from specs.moe.permute import EXPERT_MAP, GLOBAL, MOE_PERMUTE
from specs.quant.group import PER_TOKEN_GROUP_QUANT_FP8

T = Axis(name="T", maximum=1 << 24, doc="tokens, padding included")
SLOTS = Axis(name="SLOTS", static=True, minimum=1, maximum=64, doc="experts per token")
E = Axis(name="E", static=True, minimum=1, maximum=4096, doc="experts on this device")
H = Axis(name="H", minimum=1, doc="columns of x")
W = Axis(name="W", minimum=2, multiple_of=2, doc="columns of h1: gates and factors")
PAIRS, INNER = T * SLOTS, W // 2
SCHEMES = ("dense", "fp8", "mxfp4", "mxfp4_fp8", "int4")
KINDS = ("silu", "gelu", "gelu_tanh", "swigluoai", "swigluoai_uninterleaved", "clamp")
_SCHEME, _GROUP = Ref("scheme"), Ref("group_size")
_BLOCK, _MX = 128, 32
_FREE = Dense(inner=Inner.FREE)


def _by_scheme(shapes: dict[str, Shape]) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
    return tuple((scheme, (shapes[scheme],) if scheme in shapes else ()) for scheme in SCHEMES)


def _weight(name: str, doc: str, rows: Expr, columns: Expr) -> tuple[Array, Array, Array]:
    """A weight of all experts, its scales and its zero points; rows: the contracted size."""
    whole: Shape = (E, rows, columns)
    packed: Shape = (E, rows // 2, columns)
    form = {"dense": whole, "fp8": whole, "mxfp4": packed, "mxfp4_fp8": packed, "int4": packed}
    mx: Shape = (E, rows // _MX, columns)
    scales: dict[str, Shape] = {
        "fp8": (E, cdiv(rows, _BLOCK), cdiv(columns, _BLOCK)),
        "mxfp4": mx,
        "mxfp4_fp8": mx,
        "int4": (E, rows // _GROUP, columns),
    }

    def array(suffix: str, text: str, shapes: dict[str, Shape], formats: Any, **fields: Any) -> Array:
        return Array(
            name=f"{name}{suffix}",
            doc=text,
            by="scheme",
            shapes_by=_by_scheme(shapes),
            formats=formats,
            order="weight_order",
            **fields,
        )

    zero: dict[str, Shape] = {"int4": (E, rows // _GROUP, columns // 2)}
    return (
        array("", doc, form, (BF16, E4M3, UINT8), layout=Dense(inner=Inner.EITHER)),
        array("_scale", f"scales of {name}", scales, "scale_format", layout=_FREE, role=Role.SCALE),
        array(
            "_zp",
            f"zero points of {name}; 8 when left out",
            zero,
            (UINT8,),
            optional=True,
            layout=_FREE,
            role=Role.CODES,
        ),
    )


def _bias(name: str, columns: Expr) -> Array:
    return Array(
        name=name,
        doc="addend of every expert",
        shapes=((E, columns),),
        formats=(F32, BF16),
        optional=True,
        layout=_FREE,
        role=Role.ADDEND,
    )


def _format_of(weight: str) -> Expr:
    """Whether a weight has the format of its scheme."""
    form = Ref(f"{weight}_format")
    packed = form.equals(UINT8).and_(_SCHEME.differs("dense")).and_(_SCHEME.differs("fp8"))
    return packed.or_(form.equals(BF16).and_(_SCHEME.equals("dense"))).or_(
        form.equals(E4M3).and_(_SCHEME.equals("fp8"))
    )


_MXFP4 = _SCHEME.equals("mxfp4").or_(_SCHEME.equals("mxfp4_fp8"))
_SCALES = Ref("scale_format")


def _temporary(name: str, doc: str, shape: Shape, form: Any) -> Array:
    return Array(name=name, doc=doc, shapes=(shape,), formats=(form,), access=Access.OUT)


_TEMPORARIES = (
    _temporary("pairs", "pairs in the order of their experts", (PAIRS,), INT32),
    _temporary("offsets", "first row of every expert", (E + 1,), INT32),
    _temporary("inverse", "row of every pair", (T, SLOTS), INT32),
    _temporary("x_codes", "codes of x", (T, H), E4M3),
    _temporary("x_scales", "scales of x", (T, H // _BLOCK), F32),
    _temporary("h1", "gates and factors", (PAIRS, W), BF16),
    _temporary("act", "products of gates and factors", (PAIRS, INNER), BF16),
    _temporary("act_codes", "codes of these", (PAIRS, INNER), E4M3),
    _temporary("act_scales", "scales of these", (PAIRS, INNER // _BLOCK), F32),
    _temporary("h2", "results of experts", (PAIRS, H), BF16),
)


def _quantise(x: str, rows: Expr, columns: Expr) -> Step:
    return Step(
        op=PER_TOKEN_GROUP_QUANT_FP8,
        arrays=(("x", x), ("q", f"{x}_codes"), ("scale", f"{x}_scales")),
        attributes=(("group", _BLOCK), ("element", E4M3), ("scale_format", F32)),
        sizes=(("M", rows), ("N", columns)),
        when=_SCHEME.equals("fp8").or_(_SCHEME.equals("mxfp4_fp8")),
    )


def _products(a: str, weight: str, result: str, sizes: dict[str, Any], **order: Any) -> list[Step]:
    """The grouped product of every scheme. order: the array of pairs by which rows of `a` are read, if any."""
    arrays = {"b": weight, "bias": f"{weight}_bias", "c": result, **order}
    scaled = arrays | {"b_scale": f"{weight}_scale"}
    codes = {"a": f"{a}_codes", "a_scale": f"{a}_scales"}
    block = {"scale_mode": "block", "group": _BLOCK, "out_dtype": BF16}
    mx = {"a_scale_group": _BLOCK, "out_dtype": BF16}
    topk = {"topk": SLOTS + 0} if order else {"topk": 1}
    ops: tuple[tuple[str, Op, dict[str, str], dict[str, Any]], ...] = (
        ("dense", GROUPED_GEMM, arrays | {"a": a}, {}),
        ("fp8", GROUPED_GEMM_FP8, scaled | codes, block),
        ("mxfp4", GROUPED_GEMM_MXFP4, scaled | {"a": a}, mx),
        ("mxfp4_fp8", GROUPED_GEMM_MXFP4, scaled | codes, mx),
        ("int4", GROUPED_GEMM_INT4, scaled | {"a": a, "b_zp": f"{weight}_zp"}, {"out_dtype": BF16}),
    )
    return [
        Step(
            op=op,
            arrays=tuple(given.items()),
            attributes=tuple((settings | topk).items()),
            sizes=tuple(sizes.items()),
            when=_SCHEME.equals(scheme),
        )
        for scheme, op, given, settings in ops
    ]


_CONSTRAINTS = (
    Constraint(
        argument="w13",
        holds=_format_of("w13"),
        message="bf16 in scheme dense, e4m3 in fp8, bytes in the others",
    ),
    Constraint(
        argument="w2",
        holds=_format_of("w2"),
        message="bf16 in scheme dense, e4m3 in fp8, bytes in the others",
    ),
    Constraint(
        argument="w2",
        holds=(INNER % _MX).equals(0).or_(_SCHEME.differs("mxfp4")),
        message="rows divisible by 32 (one scale each) in scheme mxfp4",
    ),
    Constraint(
        argument="w2",
        holds=(INNER % _BLOCK).equals(0).or_(_SCHEME.differs("fp8").and_(_SCHEME.differs("mxfp4_fp8"))),
        message="rows divisible by 128, the groups of quantised activations",
    ),
    Constraint(
        argument="scale_format",
        holds=_SCALES.equals(E8M0).equals(_MXFP4).and_(_SCALES.equals(F32).or_(_SCHEME.differs("fp8"))),
        message="e8m0 in the schemes of mxfp4 and in no other, float32 in fp8",
    ),
)


def _act_attributes() -> tuple[Attribute, ...]:
    """Attributes of act_and_mul, with the kinds that models with experts have."""
    return tuple(replace(a, choices=KINDS) if a.name == "kind" else a for a in ACT_AND_MUL.attributes)


def _case(
    name: str, tokens: int, slots: int, scheme: str, kind: str, given: tuple[str, ...] = (), **fields: Any
) -> Case:
    optional = ("expert_map", "w13_zp", "w2_zp", "w13_bias", "w2_bias", "shared")
    attributes = {"scheme": scheme, "kind": kind, "limit": 2.0, "group_size": 64, **fields.pop("attributes", {})}
    sizes = {"T": tokens, "SLOTS": slots, "E": 4, "GLOBAL": 6, "H": 128, "W": 256, **fields.pop("sizes", {})}
    forms = {"dense": BF16, "fp8": E4M3}
    form = forms.get(scheme, UINT8)
    attributes.setdefault("scale_format", {"mxfp4": E8M0, "mxfp4_fp8": E8M0, "int4": BF16}.get(scheme, F32))
    weights = (("w13", form), ("w2", form))
    return Case(
        name=name,
        sizes=tuple(sizes.items()),
        attributes=tuple(attributes.items()),
        absent=tuple(array for array in optional if array not in given),
        formats=(*weights, *fields.pop("formats", ())),
        **fields,
    )


_BIASES = ("w13_bias", "w2_bias")
_ROWS = {"TA": T, "ENTRIES": PAIRS, "N": W, "K": H}
_PERMUTED = {"TA": PAIRS, "ENTRIES": 0, "N": H, "K": INNER}

FUSED_MOE = Op(
    name="fused_moe",
    doc="The MLP of the experts of every token, weighted and added up.",
    definition=definition_of(__doc__),
    source="Mixtral, DeepSeek-V3 and V4, gpt-oss; MegaBlocks (Gale et al., 2022)",
    family="moe",
    independent=(Independent(T),),
    axes=(T, SLOTS, E, GLOBAL, H, W),
    arrays=(
        Array(name="x", doc="activations", shapes=((T, H),), formats=(BF16,)),
        *_weight("w13", "gates, then factors, of every expert, or in turn (kind swigluoai)", H, W),
        *_weight("w2", "second weight of every expert", INNER, H),
        Array(name="weights", doc="weight of every slot", shapes=((T, SLOTS),), formats=(F32,)),
        index("ids", "experts of every token; negative: none", T, SLOTS, formats=(INT32, INT64)),
        EXPERT_MAP,
        _bias("w13_bias", W),
        _bias("w2_bias", H),
        Array(
            name="shared", doc="result of a shared expert", shapes=((T, H),), formats=(BF16, F16, F32), optional=True
        ),
        Array(name="y", doc="results", shapes=((T, H),), formats=(BF16,), access=Access.OUT),
    ),
    attributes=(
        Attribute(name="scheme", kind=str, default="dense", choices=SCHEMES, doc="formats of weights and activations"),
        *_act_attributes(),
        Attribute(
            name="scale_format",
            kind=ElementFormat,
            default=F32,
            choices=(F32, E8M0, BF16, F16),
            doc="format of w13_scale and w2_scale",
        ),
        Attribute(name="group_size", kind=int, default=128, choices=(32, 64, 128), doc="k per scale (scheme int4)"),
        replace(weight_order(", scales and zero points are"), default="nk"),
        invariant(),
    ),
    constraints=_CONSTRAINTS,
    temporaries=_TEMPORARIES,
    steps=(
        Step(
            op=MOE_PERMUTE,
            arrays=(("order", "pairs"),),
            attributes=(("num_experts", E + 0),),
            sizes=(("K", SLOTS),),
        ),
        _quantise("x", T, H),
        *_products("x", "w13", "h1", _ROWS, order="pairs"),
        Step(op=ACT_AND_MUL, arrays=(("x", "h1"), ("y", "act")), sizes=(("M", PAIRS),)),
        _quantise("act", PAIRS, INNER),
        *_products("act", "w2", "h2", _PERMUTED),
        Step(
            op=MOE_COMBINE,
            arrays=(("rows", "h2"), ("base", "shared")),
            attributes=(("out_dtype", BF16),),
            sizes=(("K", SLOTS), ("R", PAIRS)),
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("y", Accuracy(extra=ROUNDING, exact_for_exact_sums=False)),),
    cases=(
        _case("dense", 5, 2, "dense", "silu", ("expert_map", "shared")),
        _case("fp8", 9, 3, "fp8", "clamp", ("shared", *_BIASES), formats=(("shared", F32),)),
        _case("gpt-oss", 7, 2, "mxfp4", "swigluoai", _BIASES, formats=(("w13_bias", BF16), ("w2_bias", BF16))),
        _case("v4", 3, 2, "mxfp4_fp8", "clamp", ("shared",), formats=(("shared", F16), ("ids", INT64))),
        _case("int4", 6, 2, "int4", "swigluoai_uninterleaved", ("w13_zp", "w2_zp"), attributes={"weight_order": "kn"}),
        _case("int4-32", 2, 1, "int4", "gelu", attributes={"group_size": 32, "scale_format": F16}),
        _case("gelu", 2, 4, "dense", "gelu_tanh", _BIASES, attributes={"invariant": True, "group_size": 128}),
        _case("no-tokens", 0, 2, "dense", "silu"),
        _case(
            "decode-v4",
            16,
            6,
            "mxfp4_fp8",
            "clamp",
            ("shared",),
            sizes={"E": 256, "GLOBAL": 256, "H": 4096, "W": 4096},
            attributes={"limit": 10.0},
            large=True,
            golden=True,
        ),
    ),
)
