"""fp4_gemm: MXFP4 activations times an MXFP4 weight (W4A4).

    C[m, n] = sum_k A[m, k] sa[m, k // 32] B[k, n] sb[k // 32, n] + bias[n]

Both operands hold e2m1 codes, two consecutive k per byte, the even one in the low nibble, and one E8M0 scale per 32 k
(OCP Microscaling Formats 1.0). Products of codes are exact; each block of 32 is summed and then scaled in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.dequant_packed import FP4_PRODUCT
from specs.gemm.oracle import product, spread
from specs.gemm.scaled import M, N, config, grid, tunables, weight_order
from specs.gemm.tiles import clamped, finish, scale_at, span, tile_position
from specs.lang.accuracy import Accuracy
from specs.lang.axes import Axis, Ref
from specs.lang.elements import BF16, E2M1, E8M0, F16, F32, INT32, UINT8
from specs.lang.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Rows
from specs.lang.layouts import Dense, Inner
from specs.lang.op import Case, Op, Reference, single
from specs.tile.language import arange, dot, fori_loop, load, zeros
from specs.tile.library.codec import decode
from specs.tile.trace import Tile
from specs.tuned import tuned

BLOCK = 32
PER_BYTE = 2
BYTES = Axis(name="KB", minimum=1, doc="bytes of a row: K / 2")


def fp4_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, one block of 32 per step."""
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M)
    cols = span(tile_n, p.BLOCK_N)
    a_rows = clamped(rows, p.M, p.even_m)
    b_cols = clamped(cols, p.N, p.even_n)

    def step(k: Tile, acc: Tile) -> Tile:
        pair = span(k, BLOCK // PER_BYTE)
        a_bytes = load(p.a, (a_rows[:, None], pair[None, :])).to(INT32)
        b_bytes = load(p.b, (pair[:, None], b_cols[None, :])).to(INT32)
        shift = arange(PER_BYTE) * 4
        a_codes = ((a_bytes[:, :, None] >> shift[None, None, :]) & 15).reshape(p.BLOCK_M, BLOCK)
        b_codes = ((b_bytes[:, None, :] >> shift[None, :, None]) & 15).reshape(BLOCK, p.BLOCK_N)
        partial = dot(decode(a_codes, E2M1).to(BF16), decode(b_codes, E2M1).to(BF16))
        a_scale = scale_at(p.a_scale, (a_rows, k))
        b_scale = scale_at(p.b_scale, (k, b_cols))
        return acc + partial * (a_scale[:, None] * b_scale[None, :])

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, p.KB // (BLOCK // PER_BYTE), step, acc)
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
    k = w.shape[0]
    return {
        "c": product(a * spread(inputs["a_scale"], -1, BLOCK, k), w * spread(scale, 0, BLOCK, k), inputs.get("bias"))
    }


def _arrays() -> tuple[Array, ...]:
    free = Dense(inner=Inner.FREE)
    either = Dense(inner=Inner.EITHER)
    blocks = BYTES // (BLOCK // PER_BYTE)
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
            shapes=((Rows(M), blocks),),
            formats=(E8M0,),
            layout=free,
            role=Role.SCALE,
        ),
        Array(
            name="b_scale",
            doc="scales of b",
            shapes=((blocks, N),),
            formats=(E8M0,),
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
        Array(name="c", doc="result", shapes=((Rows(M), N),), formats="out_dtype", access=Access.OUT),
    )


def _case(name: str, m: int, n: int, k: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    attributes = {"weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("N", n), ("KB", k // PER_BYTE))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), absent=absent, **fields)


FP4_GEMM: Op = single(
    Kernel(
        name="fp4_gemm",
        doc="Product of MXFP4 activations and an MXFP4 weight.",
        axes=(M, N, BYTES),
        arrays=_arrays(),
        attributes=(
            Attribute(
                name="out_dtype", kind=type(BF16), default=BF16, choices=(BF16, F16, F32), doc="format of the result"
            ),
            weight_order(),
        ),
        tunables=tunables(),
        configs=(
            config("cuda", (16, 64, BLOCK), 4, 4, band=1, when=M <= 16),
            config("cuda", (64, 64, BLOCK), 4, 3),
            *tuned("xpu", "fp4_gemm", few_rows=M <= 16, rest=None),
            config("cpu", (128, 128, BLOCK), 4, 1, band=1),
            config("interpret", (64, 64, BLOCK), 4, 1, band=1),
        ),
        facts=(("even_m", (M % Ref("BLOCK_M")).equals(0)), ("even_n", (N % Ref("BLOCK_N")).equals(0))),
        grid=grid(),
        body=fp4_gemm,
    ),
    family="gemm",
    source="OCP Microscaling Formats (MX) 1.0",
    constraints=(
        Constraint(argument="a", holds=(BYTES % 16).equals(0), message="K divisible by 32 (16 bytes per scale)"),
    ),
    oracle=oracle,
    framework_product=FP4_PRODUCT,
    accuracy=(("c", Accuracy(terms=BYTES * PER_BYTE, extra=8)),),
    cases=(
        _case("one-row", 1, 384, 384, ("bias",)),
        _case("bias", 33, 96, 160, formats=(("bias", BF16),)),
        _case("one-block", 5, 67, 32, attributes={"weight_order": "kn"}),
        _case("lead-f16", 12, 64, 96, attributes={"out_dtype": F16}, formats=(("bias", F16),), lead=(3, 4)),
        _case("f32", 70, 130, 64, ("bias",), attributes={"out_dtype": F32}),
        _case("no-rows", 0, 64, 64, ("bias",)),
    ),
)
