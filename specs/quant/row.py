"""Quantisers with one scale per row (token): FP8, and INT8 with or without a zero point. Rows may have any length."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel, Role, Rows, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT32, UINT8, ElementFormat
from specs.lang.formats.named import ROW_FLOOR, int8_per_token
from specs.quant.oracle import int8_oracle, row_oracle
from specs.quant.scaling import INFINITY_BITS, float_bits, limited, scale_of
from specs.tile.blocks import UNDEFINED, Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    cdiv,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_max,
    reduce_min,
    where,
    zeros,
)
from specs.tile.library.codec import clamp_finite, is_nan, magnitude_bits, nearest, saturate
from specs.tuned import everywhere

M = Axis(name="M", doc="rows: the product of the leading dimensions")
N = Axis(name="N", minimum=1, doc="elements of a row")
EXACT = Accuracy(exact=True)


class Row:
    """Tiles of the rows of one grid point, visited column block by column block."""

    def __init__(self, p: Any) -> None:
        self.p = p
        self.rows = ds(program_id(0) * p.BLOCK_M, p.BLOCK_M, padding=UNDEFINED)
        self.blocks = cdiv(p.N, p.BLOCK_N)

    def columns(self, k: Tile) -> Slice:
        """Columns of block k."""
        return ds(k * self.p.BLOCK_N, self.p.BLOCK_N)

    def inside(self, k: Tile) -> Tile | None:
        """Which columns of block k exist; None for all."""
        return None if self.p.even_n else (self.columns(k).indices() < self.p.N)[None, :]

    def load(self, k: Tile) -> Tile:
        """Block k as float32, zero beyond the last column."""
        # Rows over the edge are not stored, so anything is read for them, without a mask.
        return load_block(self.p.x, (self.rows, self.columns(k))).to(F32)

    def store(self, k: Tile, codes: Tile) -> None:
        """Writes the codes of block k."""
        store_block(self.p.q, (self.rows, self.columns(k)), codes)

    def store_once(self, array: Any, value: Tile) -> None:
        """Writes one value per row."""
        store_block(array, (self.rows,), value)


def row_quant(p: Any) -> None:
    """FP8: the largest magnitude of the row in one pass, the codes in a second."""
    row = Row(p)

    def widest(k: Tile, amax: Tile) -> Tile:
        return maximum(amax, reduce_max(magnitude_bits(row.load(k)), axis=1))

    amax = fori_loop(0, row.blocks, widest, zeros((p.BLOCK_M,), INT32))
    bound = None if p.scale_ub is None else load(p.scale_ub, ())
    scale = scale_of(limited(amax, bound), p.element, F32, False, ROW_FLOOR)
    row.store_once(p.scale, scale.value)

    def write(k: Tile) -> None:
        row.store(k, scale.divide(row.load(k), (p.BLOCK_M, 1)).to(p.element))

    fori_loop(0, row.blocks, write)


def row_quant_int8(p: Any) -> None:
    """INT8: s = amax / 127, or s = (max - min) / 255 with a zero point; s is rounded to the format of x."""
    row = Row(p)

    def extent(k: Tile, high: Tile, low: Tile, amax: Tile) -> tuple[Tile, Tile, Tile]:
        x = row.load(k)
        inside = row.inside(k)
        top = x if inside is None else where(inside, x, float("-inf"))
        bottom = x if inside is None else where(inside, x, float("inf"))
        return (
            maximum(high, reduce_max(top, axis=1)),
            minimum(low, reduce_min(bottom, axis=1)),
            maximum(amax, reduce_max(magnitude_bits(x), axis=1)),
        )

    shape = (p.BLOCK_M,)
    start = (full(shape, float("-inf"), F32), full(shape, float("inf"), F32), zeros(shape, INT32))
    high, low, amax = fori_loop(0, row.blocks, extent, *start)
    symmetric = p.element == INT8
    floor = int8_per_token(symmetric=symmetric).amax_floor
    if symmetric:
        span = maximum(amax, float_bits(floor)).bitcast(F32) / 127.0
    else:
        span = where(high - low > floor, high - low, floor) / 255.0
        span = where(amax >= INFINITY_BITS, float("nan"), span)
    s = span.to(p.x.element).to(F32)
    row.store_once(p.scale, s)
    shift = None
    if not symmetric:
        shift = -nearest(low / s)
        row.store_once(p.zero_point, saturate(shift))
        shift = where(is_nan(shift), 0.0, clamp_finite(shift, INT32))  # as it is stored

    def write(k: Tile) -> None:
        q = row.load(k) / s[:, None]
        q = q if shift is None else q + shift[:, None]
        row.store(k, q.to(p.element))

    fori_loop(0, row.blocks, write)


# Codes are quotients x / s of float32, up to 255 apart, plus the zero point: whole steps are lost from 2**23 on.
_ZERO_POINT = (
    "code of zero, when the codes are uint8; in rows further from zero than "
    f"{2**23 // 255} = 2**23 / 255 times their extent (255e-5 at least) codes may be off by more than one, and from "
    f"{2**31 // 255} = 2**31 / 255 times on zero points saturate at int32 and rows decode to other values"
)


AMAX = """
    amax = max({what}, 1 / 512)
    s    = amax * fl(1 / max)            fl: rounded to float32; max: 448 for e4m3, 57344 for e5m2
    q    = round_half_even(x / s)        to the format, saturating at max

All steps are float32 with one rounding each; scale_ub applies where it is passed.
{zeros}
A NaN makes the scale {whose} NaN, an infinity makes it infinite unless scale_ub bounds it.
"""
_INT8 = """
    int8:   s = max(max |x|, 127e-5) / 127                 q = round_half_even(x / s), clamped to -128 .. 127
    uint8:  s = max(max x - min x, 255e-5) / 255           z = -round_half_even(min x / s)
            q = round_half_even(x / s + z), clamped to 0 .. 255

All steps are float32 with one rounding each, and s (at least 1e-5) is rounded to the format of x before it divides:
x is about q s, or (q - z) s. A row of zeros has the codes 0 (and z 0).
"""


def _arrays(codes: Any, zero_point: bool) -> tuple[Array, ...]:
    x = Array(name="x", doc="values", shapes=((Rows(M), N),), formats=(BF16, F16, F32))
    q = Array(name="q", doc="codes", shapes=((Rows(M), N),), formats=codes, access=Access.OUT)
    free = Dense(inner=Inner.FREE)
    scale = Array(
        name="scale",
        doc="scale of every row",
        shapes=((Rows(M),),),
        formats=(F32,),
        access=Access.OUT,
        role=Role.SCALE,
        layout=free,
    )
    if not zero_point:
        return (x, q, scale)
    zero = Array(
        name="zero_point",
        doc=_ZERO_POINT,
        by="element",
        shapes_by=(("int8", ()), ("uint8", ((Rows(M),),))),
        formats=(INT32,),
        access=Access.OUT,
        layout=free,
    )
    return (x, q, scale, zero)


def upper_bound() -> Array:
    """The largest magnitude that scales are made for."""
    return Array(
        name="scale_ub",
        doc="upper bound of the largest magnitude that a scale is computed from; what lies beyond it saturates",
        shapes=((), (1,)),
        formats=(F32,),
        optional=True,
        layout=Dense(inner=Inner.FREE),
        role=Role.SCALE,
    )


def _kernel(name: str, doc: str, body: Any, choices: tuple[ElementFormat, ...], zero_point: bool) -> Kernel:
    x, *results = _arrays("element", zero_point)
    element = Attribute(
        name="element", kind=ElementFormat, default=choices[0], choices=choices, doc="format of the codes"
    )
    return Kernel(
        name=name,
        doc=doc,
        axes=(M, N),
        arrays=(x, *(() if zero_point else (upper_bound(),)), *results),
        attributes=(element,),
        tunables=(
            Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16)),
            Tunable(name="BLOCK_N", values=(128, 256, 512, 1024, 2048, 4096)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1, 2, 3)),
        ),
        configs=everywhere("row_quant"),
        static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0)), ("even_n", (N % Ref("BLOCK_N")).equals(0))),
        grid=(cdiv(M, Ref("BLOCK_M")),),
        body=body,
    )


def _case(name: str, m: int, n: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("M", m), ("N", n)), **fields)


_COMMON = (
    _case("hidden", 7, 512),
    _case("ragged", 19, 67),
    _case("lead", 12, 130, lead=(3, 1, 4), formats=(("x", F16),)),
    _case("no-rows", 0, 5),
    _case("decode", 64, 7168, large=True, golden=True),
)

PER_TOKEN_QUANT_FP8: Op = single(
    _kernel(
        "per_token_quant_fp8", "FP8 codes of every row, with one float32 scale per row.", row_quant, (E4M3, E5M2), False
    ),
    family="quant",
    independent=(Independent(M),),
    definition=AMAX.format(
        what="min(max |x| of the row, scale_ub)",
        zeros="A row of zeros has the codes 0 and the scale 1 / (512 max).",
        whose="of its row",
    ),
    oracle=row_oracle,
    accuracy=(("q", EXACT), ("scale", EXACT)),
    cases=(
        *(replace(case, absent=("scale_ub",)) for case in _COMMON),
        _case("e5m2", 5, 96, attributes=(("element", E5M2),), absent=("scale_ub",)),
        _case("f32", 5, 96, formats=(("x", F32),), absent=("scale_ub",)),
        _case("upper-bound", 9, 200),
    ),
)

PER_TOKEN_QUANT_INT8: Op = single(
    _kernel(
        "per_token_quant_int8",
        "INT8 codes of every row: int8 without, uint8 with a zero point per row.",
        row_quant_int8,
        (INT8, UINT8),
        True,
    ),
    family="quant",
    independent=(Independent(M),),
    definition=_INT8,
    oracle=int8_oracle,
    accuracy=(("q", EXACT), ("scale", EXACT), ("zero_point", EXACT)),
    cases=(
        *_COMMON,
        _case("f32", 5, 96, formats=(("x", F32),)),
        _case("asymmetric", 9, 200, attributes=(("element", UINT8),)),
        _case("asymmetric-f16", 9, 200, attributes=(("element", UINT8),), formats=(("x", F16),)),
    ),
)
