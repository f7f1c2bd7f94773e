"""fp8_gemm, fp8_bmm and fp8_gemm_w8a16: products of FP8 weights with FP8 or 16-bit activations.

    C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once. How sa
and sb depend on k and n is the explicit `scale_mode` (recognising it from shapes is ambiguous when K is one group):

    mode            a_scale            b_scale                        formats of the scales
    tensor          one value          one value                      float32, E8M0
    channel         none (w8a16)       one per column                 float32, E8M0
    token_channel   one per row        one per column                 float32, E8M0
    token_tensor    one per row        one value                      float32, E8M0
    tensor_channel  one value          one per column                 float32, E8M0
    block           [.., ceil(K/g)]    [ceil(K/g), ceil(N/g)]         float32, E8M0
    mx              [.., K/32]         [K/32, N]                      E8M0
"""

from __future__ import annotations

from dataclasses import replace

from specs.gemm.dequant_fp8 import FP8_PRODUCT
from specs.gemm.oracle import scaled_product
from specs.gemm.scaled import (
    FREE_TILES,
    GROUPED,
    G,
    K,
    M,
    N,
    grid,
    invariant,
    scaled_gemm,
    static_conditions,
    tunables,
    weight_order,
)
from specs.gemm.splits import in_parts, splits_axis
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Literal, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Constraint, Dim, Kernel, Role, Rows, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32
from specs.tuned import tuned

MODES = ("tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx")
MODES_W8A16 = ("tensor", "channel", "block")
_NEEDED = ("channel", "block", "mx")  # modes in which a missing scale is a mistake, and does not mean 1
_FREE = Dense(inner=Inner.FREE)
_SCALES = (F32, E8M0)
_GROUP = Ref("group")
# On an H200 64 rows of 4096 x 7168 take 12.6 us in two parts of K, 15.6 in one, and 28.6 in seven; 24 rows 12.4 us in
# four, 14.9 in two and 13.7 in seven.
SPLITS = splits_axis(most=2 + 2 * (M <= 32) + 4 * (M <= 16))


_FORMULA = """
    C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once.
Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row (token) or column
(channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx).
With invariant=True a row of C has the same bits whatever the number of rows.
"""


def _one(lead: Shape) -> tuple[Shape, ...]:
    return (lead, (*lead, 1), (*lead, 1, 1))


def _a_scale(rows: Dim, lead: Shape = ()) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
    """Shapes of a_scale per mode; `rows` is what the row dimension is, `lead` the batch."""
    token: tuple[Shape, ...] = ((*lead, rows), (*lead, rows, 1))
    return (
        ("tensor", _one(lead)),
        ("token_channel", token),
        ("token_tensor", token),
        ("tensor_channel", _one(lead)),
        ("block", ((*lead, rows, cdiv(K, _GROUP)),)),
        ("mx", ((*lead, rows, K // 32),)),
    )


def _b_scale(lead: Shape = ()) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
    channel: tuple[Shape, ...] = ((*lead, N), (*lead, 1, N), (*lead, N, 1))
    return (
        ("tensor", _one(lead)),
        ("channel", channel),
        ("token_channel", channel),
        ("token_tensor", _one(lead)),
        ("tensor_channel", channel),
        ("block", ((*lead, cdiv(K, _GROUP), cdiv(N, _GROUP)),)),
        ("mx", ((*lead, K // 32, N),)),
    )


def _arrays(
    rows: Dim, lead: Shape, a_formats: tuple[object, ...], out: str, modes: tuple[str, ...], scaled_a: bool
) -> tuple[Array, ...]:
    def of_modes(shapes_by: tuple[tuple[str, tuple[Shape, ...]], ...]) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
        return tuple((mode, shapes) for mode, shapes in shapes_by if mode in modes)

    needed = tuple(mode for mode in modes if mode in _NEEDED)
    grouped = tuple(mode for mode in modes if mode in GROUPED)
    a = Array(name="a", doc="activations", shapes=((*lead, rows, K),), formats=a_formats)  # type: ignore[arg-type]
    b = Array(
        name="b",
        doc="weight",
        shapes=((*lead, K, N),),
        formats="a" if scaled_a else (E4M3, E5M2),
        order="weight_order",
        layout=Dense(inner=Inner.EITHER),
    )
    a_scale = Array(
        name="a_scale",
        doc="scales of a (1 where left out in a mode that does not need them)",
        by="scale_mode",
        shapes_by=of_modes(_a_scale(rows, lead)),
        formats=_SCALES,
        optional=True,
        required_for=needed,
        layout=_FREE,
        role=Role.SCALE,
    )
    b_scale = Array(
        name="b_scale",
        doc="scales of b (1 where left out in a mode that does not need them), in the order of the weight where they "
        "have both dimensions",
        by="scale_mode",
        shapes_by=of_modes(_b_scale(lead)),
        formats=_SCALES,
        optional=True,
        required_for=needed,
        order="weight_order",
        order_for=grouped,
        layout=_FREE,
        role=Role.SCALE,
    )
    bias = Array(
        name="bias",
        doc="addend",
        shapes=((N,),),
        formats=(F32, BF16, F16),
        optional=True,
        layout=_FREE,
        role=Role.ADDEND,
    )
    c = Array(name="c", doc="result", shapes=((*lead, rows, N),), formats=out, access=Access.OUT)
    return (a, b, a_scale, b_scale, bias, c) if scaled_a else (a, b, b_scale, bias, c)


def _scale_mode(choices: tuple[str, ...]) -> Attribute:
    return Attribute(
        name="scale_mode", kind=str, required=True, choices=choices, doc="how the scales depend on m, k, n"
    )


_GROUP_SIZE = Attribute(
    name="group",
    kind=int,
    default=128,
    choices=(32, 64, 128, 256, 512),
    doc="edge of the square weight blocks (mode block)",
)
_OUT = Attribute(name="out_dtype", kind=type(BF16), default=BF16, choices=(BF16, F16, F32), doc="format of the result")
_MX_DIVIDES = Constraint(
    argument="a",
    holds=(K % 32).equals(0).or_(Ref("scale_mode").differs("mx")),
    message="K divisible by 32 in mode mx",
    failure="K = {K} must be a multiple of 32 in mode mx",
)


def _configs(kernel: str, modes: tuple[str, ...]) -> tuple[Config, ...]:
    """Default tile sizes; the first row whose condition holds is taken."""
    mx = Ref("scale_mode").equals("mx")
    small = _GROUP.equals(64).and_(Ref("scale_mode").equals("block"))
    tiny = _GROUP.equals(32).and_(Ref("scale_mode").equals("block"))
    few, some = FREE_TILES.and_(M <= 16), FREE_TILES.and_(M <= 64)
    on_host: dict[str, Expr | None] = {
        "steps_of_32": mx.or_(tiny),
        "steps_of_64": small,
        "few_rows": few,
        "rest": None,
    }
    return (
        # Rows from 64 on were measured on an H200 at 64x4096x7168, 4096x7168x2048 and 4096x4096x7168, operands coming
        # from memory.
        *tuned(
            "cuda",
            "fp8",
            mx=mx,
            blocks_of_32=tiny,
            blocks_of_64=small,
            few_rows_wide=few.and_(N > 8192),
            few_rows=few,
            rows_32=FREE_TILES.and_(M <= 32),
            rows_64_wide=some.and_(N > 8192),
            rows_64=some,
            short=K <= 4096,
            rest=None,
        ),
        *tuned(
            "cuda.gluon",
            "fp8",
            mx=mx,
            blocks_of_32=tiny,
            blocks_of_64=small,
            many_rows=FREE_TILES.and_(M > 64),
        ),
        *tuned(
            "xpu",
            kernel,
            **({"mx": mx} if "mx" in modes else {}),
            blocks_of_32=tiny,
            blocks_of_64=small,
            few_rows=few,
            rest=None,
        ),
        *tuned("cpu", "fp8", **on_host),
        *tuned("interpret", "fp8", **on_host),
    )


def _kernel(name: str, doc: str, batched: bool, scaled_a: bool, modes: tuple[str, ...]) -> Kernel:
    rows: Dim = M if batched else Rows(M)
    lead: Shape = (G,) if batched else ()
    formats = (E4M3, E5M2) if scaled_a else (BF16, F16)
    arrays = _arrays(rows, lead, formats, "out_dtype" if scaled_a else "a", modes, scaled_a)
    attributes = (_scale_mode(modes), _GROUP_SIZE, weight_order(), *((_OUT,) if scaled_a else ()), invariant())
    return Kernel(
        name=name,
        doc=doc,
        axes=(G, M, N, K) if batched else (M, N, K, SPLITS),
        arrays=arrays,
        attributes=attributes,
        tunables=tunables(),
        configs=_configs(name, modes),
        static_conditions=(*static_conditions(), ("batched", Literal(int(batched)))),
        grid=(*grid(), G) if batched else grid(),
        body=scaled_gemm if scaled_a else w8a16_gemm,
    )


def w8a16_gemm(p: object) -> None:
    """The shared body; there is no scale of A."""
    scaled_gemm(WithoutScaleOfA(p))


class WithoutScaleOfA:
    """Parameters of a kernel that has no `a_scale`, for the shared body."""

    a_scale = None

    def __init__(self, p: object) -> None:
        self._p = p

    def __getattr__(self, name: str) -> object:
        return getattr(self._p, name)


def _case(name: str, m: int, n: int, k: int, mode: str, **fields: object) -> Case:
    attributes = {"scale_mode": mode, "weight_order": "nk", **fields.pop("attributes", {})}  # type: ignore[dict-item]
    sizes = (("M", m), ("N", n), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), **fields)  # type: ignore[arg-type]


_COMMON = (
    _case("one-row", 1, 384, 384, "block"),
    _case("ragged-n", 7, 160, 256, "block"),
    _case("ragged-k", 33, 96, 200, "block"),
    _case("one-group", 5, 130, 128, "block", attributes={"weight_order": "kn"}),
    _case("tensor", 67, 130, 136, "tensor", attributes={"weight_order": "kn"}),
)

FP8_GEMM: Op = in_parts(
    _kernel("fp8_gemm", "W8A8 product of FP8 activations and an FP8 weight.", False, True, MODES),
    SPLITS,
    family="gemm",
    independent=(Independent(M), Independent(N)),
    definition=_FORMULA,
    source="DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx",
    constraints=(_MX_DIVIDES,),
    oracle=scaled_product,
    framework_product=FP8_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        *_COMMON,
        _case("token-channel", 65, 144, 384, "token_channel", formats=(("bias", BF16),)),
        _case("token-tensor-lead", 12, 96, 160, "token_tensor", lead=(2, 1, 6)),
        _case(
            "tensor-channel-bias",
            16,
            72,
            320,
            "tensor_channel",
            formats=(("bias", F16),),
            attributes={"out_dtype": F16, "invariant": True},
        ),
        _case("unit-scales", 9, 64, 96, "tensor", absent=("a_scale", "b_scale", "bias")),
        _case("mx", 40, 100, 352, "mx", formats=(("a_scale", E8M0), ("b_scale", E8M0))),
        _case("e5m2-f32", 20, 80, 256, "block", formats=(("a", E5M2),), attributes={"out_dtype": F32}),
        _case("e8m0-scales", 20, 192, 256, "block", formats=(("b_scale", E8M0),)),
        _case("group-64", 20, 192, 192, "block", attributes={"group": 64}),
        _case("group-32", 20, 72, 104, "block", attributes={"group": 32}),
        _case("group-256", 20, 300, 512, "block", attributes={"group": 256}),
        _case("group-512", 5, 520, 1024, "block", absent=("bias",), attributes={"group": 512}),
        _case("no-rows", 0, 64, 128, "block"),
        _case("no-columns", 5, 0, 128, "token_channel"),
        _case("splits", 3, 130, 2176, "block", formats=(("bias", BF16),)),
        _case("decode", 64, 4096, 7168, "block", absent=("bias",), large=True, golden=True),
        _case("decode-one-row", 1, 4096, 4096, "block", absent=("bias",), large=True),
        _case("prefill", 4096, 4096, 7168, "block", absent=("bias",), large=True),
        _case("down", 4096, 7168, 2048, "block", absent=("bias",), large=True),
    ),
)


def _batched(name: str, g: int, m: int, n: int, k: int, mode: str, **fields: object) -> Case:
    case = _case(name, m, n, k, mode, **fields)
    return replace(case, sizes=(("G", g), *case.sizes))


FP8_BMM: Op = single(
    _kernel("fp8_bmm", "Batched W8A8 product, one weight per batch.", True, True, MODES),
    family="gemm",
    independent=(Independent(G), Independent(M), Independent(N)),
    definition=_FORMULA,
    constraints=(_MX_DIVIDES,),
    oracle=scaled_product,
    framework_product=FP8_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        _batched("o-projection", 4, 9, 128, 256, "block"),
        _batched("ragged", 3, 17, 72, 200, "block", attributes={"weight_order": "kn"}),
        _batched("token-channel", 2, 33, 40, 96, "token_channel", absent=("bias",)),
        _batched(
            "token-tensor",
            2,
            5,
            24,
            72,
            "token_tensor",
            formats=(("a", E5M2), ("a_scale", E8M0), ("b_scale", E8M0), ("bias", BF16)),
            attributes={"out_dtype": F32},
        ),
        _batched(
            "tensor-channel",
            3,
            4,
            40,
            64,
            "tensor_channel",
            formats=(("bias", F16),),
            attributes={"out_dtype": F16, "weight_order": "kn", "invariant": True},
        ),
        _batched("group-32", 2, 5, 72, 104, "block", attributes={"group": 32}),
        _batched("group-64", 2, 5, 100, 192, "block", attributes={"group": 64}),
        _batched("group-256", 2, 5, 300, 512, "block", absent=("bias",), attributes={"group": 256}),
        _batched("group-512", 1, 3, 40, 520, "block", absent=("bias",), attributes={"group": 512}),
        _batched("tensor", 5, 1, 64, 64, "tensor"),
        _batched("unit-scales", 2, 3, 32, 40, "tensor", absent=("a_scale", "b_scale", "bias")),
        _batched("mx", 2, 16, 48, 64, "mx"),
        _batched("no-batches", 0, 5, 48, 64, "token_channel"),
        _batched("decode", 16, 64, 512, 128, "block", absent=("bias",), large=True, golden=True),
    ),
)

FP8_GEMM_W8A16: Op = in_parts(
    _kernel(
        "fp8_gemm_w8a16",
        "Product of 16-bit activations and an FP8 weight.",
        False,
        False,
        MODES_W8A16,
    ),
    SPLITS,
    family="gemm",
    independent=(Independent(M), Independent(N)),
    definition=_FORMULA,
    oracle=scaled_product,
    framework_product=FP8_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        *_COMMON,
        _case("channel-lead", 30, 200, 136, "channel", lead=(5, 6), formats=(("bias", BF16),)),
        _case(
            "channel-f16",
            5,
            72,
            264,
            "channel",
            formats=(("a", F16), ("b", E5M2), ("bias", F16)),
            attributes={"weight_order": "kn", "invariant": True},
        ),
        _case("f16-e5m2", 18, 96, 264, "block", formats=(("a", F16), ("b", E5M2))),
        _case("group-32", 5, 72, 104, "block", attributes={"group": 32}),
        _case("group-64", 5, 100, 192, "block", formats=(("b_scale", E8M0),), attributes={"group": 64}),
        _case("group-256", 5, 300, 512, "block", absent=("bias",), attributes={"group": 256}),
        _case("group-512", 3, 40, 520, "block", absent=("bias",), attributes={"group": 512}),
        _case("splits", 2, 72, 2200, "tensor", formats=(("bias", BF16),)),
        _case("unit-scale", 3, 64, 96, "tensor", absent=("b_scale", "bias")),
        _case("no-rows", 0, 64, 128, "block"),
        _case("decode", 64, 4096, 7168, "block", absent=("bias",), large=True, golden=True),
    ),
)
