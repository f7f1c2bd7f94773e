"""fp4_gemm: activations times a weight, both in MXFP4 or both in NVFP4 (W4A4).

    C[m, n] = (sum_k A[m, k] sa[m, k // G] B[k, n] sb[k // G, n]) / (ga gb) + bias[n]

Codes are e2m1, two consecutive k per byte, the even one in the low nibble. The format of the scales says which of two
declarations of `specs.lang.formats.named` applies: MXFP4 with one E8M0 scale per G = 32 k (OCP Microscaling Formats
1.0), or NVFP4 with one e4m3 scale per G = 16 k and one float32 number per tensor, ga and gb (448 * 6 / amax, as vLLM
and compressed-tensors have it; MXFP4 has none). Products of codes are exact; each block of G is summed and then scaled
in float32. The inverses of ga and gb, each rounded, multiply the sum.

With invariant=True a row of C has the same bits whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from specs.gemm.dequant_packed import FP4_GROUPS, FP4_PRODUCT
from specs.gemm.oracle import product, spread
from specs.gemm.scaled import FREE_TILES, M, N, grid, invariant, tunables, weight_order
from specs.gemm.tiles import finish, scale_at, span, tile_position
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Rows, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Reference, definition_of, single
from specs.lang.formats.elements import BF16, E2M1, E4M3, E8M0, F16, F32, INT32, UINT8, ElementFormat
from specs.lang.formats.named import MXFP4, NVFP4
from specs.tile.blocks import UNDEFINED, ds, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, dot, fori_loop, load, multiply, rescale, zeros
from specs.tile.library.codec import decode
from specs.tuned import tuned

FORMATS = {E8M0: MXFP4, E4M3: NVFP4}
"""By the format of the scales."""
PER_BYTE = 2
BYTES = Axis(name="KB", minimum=1, doc="bytes of a row: K / 2")


def fp4_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, one block of the format per step."""
    group = FP4_GROUPS[p.scale_format]
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M, UNDEFINED)
    cols = span(tile_n, p.BLOCK_N, UNDEFINED)

    def step(k: Tile, acc: Tile) -> Tile:
        size = group // PER_BYTE
        pair = ds(k * size, size, in_bounds=True)  # K is a multiple of the block of the format
        # Rows and columns over the edge are not stored, so anything is read for them, without a mask.
        a_bytes = load_block(p.a, (rows, pair)).to(INT32)
        b_bytes = load_block(p.b, (pair, cols)).to(INT32)
        shift = arange(PER_BYTE) * 4
        a_codes = ((a_bytes[:, :, None] >> shift[None, None, :]) & 15).reshape(p.BLOCK_M, group)
        b_codes = ((b_bytes[:, None, :] >> shift[None, :, None]) & 15).reshape(group, p.BLOCK_N)
        partial = dot(decode(a_codes, E2M1).to(BF16), decode(b_codes, E2M1).to(BF16))
        a_scale = scale_at(p.a_scale, (rows, k))
        b_scale = scale_at(p.b_scale, (k, cols))
        return acc + rescale(partial, multiply(a_scale[:, None], b_scale[None, :]))

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, p.KB // (group // PER_BYTE), step, acc)
    for whole in (p.a_global_scale, p.b_global_scale):
        acc = acc if whole is None else acc * (1.0 / load(whole, ()))
    finish(p, acc, rows, cols)


def codes_of(packed: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
    """e2m1 codes of packed bytes along `axis`, low nibble first."""
    moved = np.moveaxis(np.asarray(packed, np.uint8), axis, -1)
    pairs = np.stack([moved & 15, moved >> 4], axis=-1)
    return np.moveaxis(pairs.reshape(*moved.shape[:-1], PER_BYTE * moved.shape[-1]), -1, axis)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    swap = inputs["weight_order"] == "nk"
    packed, scale = (np.swapaxes(x, 0, 1) if swap else x for x in (inputs["b"], inputs["b_scale"]))
    a, w = E2M1.decode(codes_of(inputs["a"], -1)), E2M1.decode(codes_of(packed, 0))
    k, group = w.shape[0], FP4_GROUPS[inputs["scale_format"]]
    a, w = a * spread(inputs["a_scale"], -1, group, k), w * spread(scale, 0, group, k)
    whole_a, whole_b = (np.reshape(inputs.get(f"{name}_global_scale", 1.0), ()) for name in "ab")
    return {"c": product(a / whole_a, w / whole_b, inputs.get("bias"))}


def _by_format(shape: Callable[[Expr], Shape]) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
    """The shape of scales, from the number of blocks along K, by the format of the scales."""
    return tuple((form.name, (shape(BYTES // (FP4_GROUPS[form] // PER_BYTE)),)) for form in FORMATS)


def _global_scale(operand: str) -> Array:
    return Array(
        name=f"{operand}_global_scale",
        doc=f"NVFP4: number by which the scales of {operand} were multiplied; 1 when left out",
        by="scale_format",
        shapes_by=tuple((form.name, ((), (1,)) if FORMATS[form].tensor_scale else ()) for form in FORMATS),
        formats=(F32,),
        optional=True,
        role=Role.SCALE,
    )


def _arrays() -> tuple[Array, ...]:
    free = Dense(inner=Inner.FREE)
    either = Dense(inner=Inner.EITHER)
    order = "weight_order"
    return (
        Array(
            name="a", doc="activations, two k per byte", shapes=((Rows(M), BYTES),), formats=(UINT8,), role=Role.CODES
        ),
        Array(
            name="b",
            doc="weight, two k per byte",
            shapes=((BYTES, N),),
            formats=(UINT8,),
            order=order,
            layout=either,
            role=Role.CODES,
        ),
        Array(
            name="a_scale",
            doc="scales of a",
            by="scale_format",
            shapes_by=_by_format(lambda groups: (Rows(M), groups)),
            formats="scale_format",
            layout=free,
            role=Role.SCALE,
        ),
        Array(
            name="b_scale",
            doc="scales of b",
            by="scale_format",
            shapes_by=_by_format(lambda groups: (groups, N)),
            formats="scale_format",
            order=order,
            layout=free,
            role=Role.SCALE,
        ),
        Array(
            name="bias",
            doc="addend",
            shapes=((N,),),
            formats=(F32, BF16, F16),
            optional=True,
            layout=free,
            role=Role.ADDEND,
        ),
        _global_scale("a"),
        _global_scale("b"),
        Array(name="c", doc="result", shapes=((Rows(M), N),), formats="out_dtype", access=Access.OUT),
    )


def _case(name: str, m: int, n: int, k: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    attributes = {"weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("N", n), ("KB", k // PER_BYTE))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), absent=absent, **fields)


_SCALES = Ref("scale_format")
_SCALE_FORMAT = Attribute(
    name="scale_format",
    kind=ElementFormat,
    default=E8M0,
    choices=tuple(FORMATS),
    doc="format of the scales: e8m0 is MXFP4 (one per 32 k), e4m3 NVFP4 (one per 16 k, and one per tensor)",
)
_NVFP4 = {"scale_format": E4M3}
_STEP = 32  # BLOCK_K, which the program does not read: a step is a block of the format

FP4_GEMM: Op = single(
    Kernel(
        name="fp4_gemm",
        doc="Product of activations and a weight in MXFP4 or NVFP4.",
        axes=(M, N, BYTES),
        arrays=_arrays(),
        attributes=(
            Attribute(
                name="out_dtype", kind=type(BF16), default=BF16, choices=(BF16, F16, F32), doc="format of the result"
            ),
            weight_order(),
            _SCALE_FORMAT,
            invariant(),
        ),
        tunables=tunables(),
        configs=(
            *tuned("cuda", "fp4_gemm", few_rows=FREE_TILES.and_(M <= 16), rest=None),
            *tuned("xpu", "fp4_gemm", few_rows=FREE_TILES.and_(M <= 16), rest=None),
            *tuned("cpu", "fp4_gemm", every=None),
            *tuned("interpret", "fp4_gemm", every=None),
        ),
        static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0)), ("even_n", (N % Ref("BLOCK_N")).equals(0))),
        grid=grid(),
        body=fp4_gemm,
    ),
    family="gemm",
    independent=(Independent(M), Independent(N)),
    definition=definition_of(__doc__),
    source="OCP Microscaling Formats (MX) 1.0; NVIDIA Transformer Engine (NVFP4), vLLM cutlass_scaled_fp4_mm",
    constraints=(
        Constraint(
            argument="a",
            holds=(BYTES % 16).equals(0).or_(_SCALES.equals(E4M3)),
            message="K divisible by 32 (16 bytes per scale)",
            failure="K / 2 = {KB} bytes must be a multiple of 16, one scale each",
        ),
        Constraint(
            argument="a",
            holds=(BYTES % 8).equals(0),
            message="K divisible by 16 (8 bytes per scale of NVFP4)",
            failure="K / 2 = {KB} bytes must be a multiple of 8, one scale of NVFP4 each",
        ),
    ),
    oracle=oracle,
    framework_product=FP4_PRODUCT,
    accuracy=(("c", Accuracy(terms=BYTES * PER_BYTE, extra=8)),),
    cases=(
        _case("one-row", 1, 384, 384, ("bias",)),
        _case("bias", 33, 96, 160, formats=(("bias", BF16),)),
        _case("one-block", 5, 67, 32, attributes={"weight_order": "kn"}),
        _case(
            "lead-f16",
            12,
            64,
            96,
            attributes={"out_dtype": F16, "invariant": True},
            formats=(("bias", F16),),
            lead=(3, 4),
        ),
        _case("f32", 70, 130, 64, ("bias",), attributes={"out_dtype": F32}),
        _case("no-rows", 0, 64, 64, ("bias",)),
        _case("nvfp4", 33, 96, 176, attributes=_NVFP4),
        _case("nvfp4-one-group", 5, 67, 16, ("a_global_scale",), attributes={**_NVFP4, "weight_order": "kn"}),
        _case("decode", 64, 4096, 7168, ("bias",), large=True, golden=True),
        _case("nvfp4-lead-f32", 12, 64, 240, ("bias",), attributes={**_NVFP4, "out_dtype": F32}, lead=(3, 4)),
    ),
)
