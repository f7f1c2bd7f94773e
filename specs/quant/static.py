"""static_quant_fp8: codes under scales that the caller has, of the tensor, of rows, of columns or of 2-D groups.

    q[m, n] = encode(x[m, n] / s(m, n))

The division is correctly rounded in float32, values beyond the format's range saturate, and NaN stays NaN. Checkpoints
with calibrated activation scales are quantised this way; `per_tensor_quant_fp8` computes a scale where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.gemm.oracle import spread
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel, Role, Rows, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, ElementFormat
from specs.quant.row import EXACT, M, N
from specs.tile.blocks import UNDEFINED, Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import divide, load, minimum, program_id
from specs.tuned import everywhere

MODES = ("tensor", "token", "channel", "block")


def static_quant(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of codes."""
    rows = ds(program_id(0) * p.BLOCK_M, p.BLOCK_M)
    columns = ds(program_id(1) * p.BLOCK_N, p.BLOCK_N)
    x = load_block(p.x, (rows, columns)).to(F32)
    store_block(p.q, (rows, columns), divide(x, scale_of(p, rows, columns)).to(p.element))


def scale_of(p: Any, rows: Slice, columns: Slice) -> Tile:
    """Scales that broadcast against a tile; anything for what lies over the edge, which is not stored."""
    match p.scale_mode:
        case "tensor":
            return load(p.scale, ()).to(F32)
        case "token":
            return load_block(p.scale, (replace(rows, padding=UNDEFINED),)).to(F32)[:, None]
        case "channel":
            return load_block(p.scale, (replace(columns, padding=UNDEFINED),)).to(F32)[None, :]
    row = rows.indices() if p.even_m else minimum(rows.indices(), p.M - 1)
    column = columns.indices() if p.even_n else minimum(columns.indices(), p.N - 1)
    return load(p.scale, ((row // p.group_m)[:, None], (column // p.group_n)[None, :])).to(F32)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above: numpy's float32 division, and the format's own encoder."""
    x, element = inputs["x"], inputs["element"]
    rows = np.asarray(x, np.float32).reshape(-1, x.shape[-1])
    m, n = rows.shape
    scale = np.asarray(inputs["scale"], np.float32)
    match inputs["scale_mode"]:
        case "token":
            scale = scale.reshape(m, 1)
        case "channel":
            scale = scale.reshape(1, n)
        case "block":
            scale = spread(spread(scale, 0, inputs["group_m"], m), 1, inputs["group_n"], n)
    with np.errstate(all="ignore"):
        codes = element.encode((rows / scale).astype(np.float64))
    return {"q": Reference(value=codes.reshape(x.shape))}


def _group(name: str, what: str) -> Attribute:
    return Attribute(name=name, kind=int, default=128, minimum=1, doc=f"{what} that one scale covers (mode block)")


def _case(name: str, m: int, n: int, mode: str, *attributes: tuple[str, object], **fields: Any) -> Case:
    return Case(name=name, sizes=(("M", m), ("N", n)), attributes=(("scale_mode", mode), *attributes), **fields)


_ARRAYS = (
    Array(name="x", doc="values", shapes=((Rows(M), N),), formats=(BF16, F16, F32)),
    Array(
        name="scale",
        doc="the scales to use; in mode block leading dimensions count as one",
        by="scale_mode",
        shapes_by=(
            ("tensor", ((), (1,), (1, 1))),
            ("token", ((Rows(M),), (Rows(M), 1))),
            ("channel", ((N,), (1, N))),
            ("block", ((cdiv(M, Ref("group_m")), cdiv(N, Ref("group_n"))),)),
        ),
        formats=(F32, E8M0),
        layout=Dense(inner=Inner.FREE),
        role=Role.SCALE,
    ),
    Array(name="q", doc="codes", shapes=((Rows(M), N),), formats="element", access=Access.OUT),
)

STATIC_QUANT_FP8: Op = single(
    Kernel(
        name="static_quant_fp8",
        doc="FP8 codes under scales that are given: of the tensor, of every row or column, or of 2-D groups.",
        axes=(M, N),
        arrays=_ARRAYS,
        attributes=(
            Attribute(
                name="scale_mode", kind=str, required=True, choices=MODES, doc="how the scales depend on row and column"
            ),
            _group("group_m", "rows"),
            _group("group_n", "columns"),
            Attribute(
                name="element", kind=ElementFormat, default=E4M3, choices=(E4M3, E5M2), doc="format of the codes"
            ),
        ),
        tunables=(
            Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16)),
            Tunable(name="BLOCK_N", values=(128, 256, 512, 1024, 2048)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("static_quant"),
        static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0)), ("even_n", (N % Ref("BLOCK_N")).equals(0))),
        grid=(cdiv(M, Ref("BLOCK_M")), cdiv(N, Ref("BLOCK_N"))),
        body=static_quant,
    ),
    definition="""
    q[m, n] = round_half_even(x[m, n] / s(m, n))        to the format, saturating

s is scale[], scale[m], scale[n] or scale[m // group_m, n // group_n]. The division is float32, rounded once; a scale of
zero gives the largest codes, and NaN for zeros.
""",
    family="quant",
    oracle=oracle,
    accuracy=(("q", EXACT),),
    cases=(
        _case("token", 7, 512, "token"),
        _case("tensor", 5, 96, "tensor", formats=(("x", F32),)),
        _case("channel-lead", 12, 130, "channel", formats=(("x", F16),), lead=(3, 4)),
        _case("block", 37, 200, "block", ("group_m", 16), ("group_n", 64), formats=(("scale", E8M0),)),
        _case("block-e5m2", 5, 384, "block", ("group_m", 1), ("element", E5M2)),
        _case("no-rows", 0, 64, "token"),
        _case("decode", 64, 7168, "token", large=True, golden=True),
    ),
)
