"""Gated activations of rows, quantised to FP8: act_and_mul and a quantiser in one launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.activation import gated
from specs.activation.gated import EXTRA, M, W, definition, product
from specs.lang.declare.accuracy import NO_TERMS
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, definition_of, single
from specs.lang.formats.elements import E8M0, F16, F32
from specs.norm.rows import rounded
from specs.quant import fused
from specs.quant.fused import GROUP, codes_of
from specs.quant.group import ROWS
from specs.tile.blocks import ds, store_block
from specs.tile.language import program_id
from specs.tuned import everywhere

N = W // 2

DEFINITION = f"""
{definition_of(gated.__doc__)}

All steps are float32; the product y is rounded to the format of x, and quantised:
{fused.DEFINITION}
The floor is 1e-10. Codes and scales have the bytes that `act_and_mul` followed by `per_token_group_quant_fp8` gives.
Gates and factors are finite.
"""


def act_and_mul_quant(p: Any) -> None:
    """BLOCK_M rows of BLOCK_N products."""
    rows = ds(program_id(0) * p.BLOCK_M, p.BLOCK_M)
    start, count = program_id(1) * p.BLOCK_N, p.BLOCK_N // p.group
    y = product(p, rows, start, p.BLOCK_N, p.even_n).reshape(rows.size, count, p.group)
    codes = codes_of(p, rows, ds(program_id(1) * count, count), y)
    store_block(p.q, (rows, ds(start, p.BLOCK_N)), codes.reshape(rows.size, p.BLOCK_N))


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64: what is quantised has been rounded."""
    y, magnitude = definition(values)
    unit = EXTRA * F32.unit_roundoff
    y, moved = rounded(y, unit * magnitude, values["formats"]["x"])
    return fused.references(values, Reference(value=y, magnitude=moved / unit))


def _case(name: str, m: int, w: int, kind: str, bound: bool = False, **fields: Any) -> Case:
    """bound: whether scale_ub is passed."""
    attributes = (("kind", kind), *fields.pop("attributes", ()))
    absent = () if bound else ("scale_ub",)
    return Case(name=name, sizes=(("M", m), ("W", w)), attributes=attributes, absent=absent, **fields)


def _set(**values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(values.items())


ACT_AND_MUL_QUANT: Op = single(
    Kernel(
        name="act_and_mul_quant",
        doc="FP8 codes of the products of gated activations, with one scale per group.",
        axes=(M, W, ROWS),
        arrays=(gated.x(), *fused.results(N, N // GROUP)),
        attributes=(*gated.attributes(), *fused.attributes(32, 64, 128)),
        tunables=(
            Tunable(name="BLOCK_M", values=(1, 2, 4, 8)),
            Tunable(name="BLOCK_N", values=(128, 256, 512, 1024, 2048)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("act_and_mul"),
        static_conditions=(
            ("even_m", (M % Ref("BLOCK_M")).equals(0).and_(ROWS.equals(M))),
            ("even_n", (W % (Ref("BLOCK_N") * 2)).equals(0)),
        ),
        grid=(cdiv(ROWS, Ref("BLOCK_M")), cdiv(N, Ref("BLOCK_N"))),
        body=act_and_mul_quant,
    ),
    family="activation",
    definition=DEFINITION,
    source="Shazeer, GLU Variants Improve Transformer (2020); DeepSeek-V3 technical report, section 3.3",
    independent=(Independent(M),),
    constraints=fused.constraints("x", N, GROUP),
    oracle=oracle,
    accuracy=fused.accuracy(NO_TERMS, EXTRA),
    cases=(
        _case("silu", 5, 2 * 384, "silu"),
        _case("swigluoai-e8m0", 6, 2 * 96, "swigluoai", attributes=_set(group=32, scale_format=E8M0)),
        _case("clamp-tma-lead", 6, 2 * 192, "clamp", lead=(2, 3), attributes=_set(group=64, scale_layout="column_tma")),
        _case("ue8m0-column", 3, 2 * 128, "mul_and_silu", attributes=_set(ue8m0=True, scale_layout="column")),
        _case("bound", 9, 2 * 128, "gelu_tanh", True),
        _case("gelu", 2, 2 * 128, "gelu"),
        _case("uninterleaved", 2, 2 * 128, "swigluoai_uninterleaved"),
        _case("swiglustep-f16", 3, 2 * 256, "swiglustep", formats=(("x", F16),)),
        _case("situ-f32", 3, 2 * 64, "situ", formats=(("x", F32),), attributes=_set(group=32)),
        _case("no-rows", 0, 2 * 128, "silu"),
        _case("large", 8192, 2 * 7168, "silu", large=True, golden=True),
    ),
)
