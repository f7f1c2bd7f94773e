"""Gated activations of rows with gates and factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.activation import gated
from specs.activation.gated import EXTRA, KINDS, M, W, attributes, definition, product, x
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Rows, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, definition_of, single
from specs.lang.formats.elements import F16, F32
from specs.tile.blocks import ds, store_block
from specs.tile.language import program_id
from specs.tuned import everywhere

DEFINITION = f"""
{definition_of(gated.__doc__)}

All steps are float32, with one rounding to the format of x at the end. Gates and factors are finite.
"""


def act_and_mul(p: Any) -> None:
    """BLOCK_M rows of BLOCK_N products."""
    rows = ds(program_id(0) * p.BLOCK_M, p.BLOCK_M)
    start = program_id(1) * p.BLOCK_N
    y = product(p, rows, start, p.BLOCK_N, p.even_n)
    store_block(p.y, (rows, ds(start, p.BLOCK_N)), y)


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    y, magnitude = definition(values)
    return {"y": Reference(value=y, magnitude=magnitude)}


def _case(name: str, m: int, w: int, kind: str, **fields: Any) -> Case:
    attributes = (("kind", kind), *fields.pop("attributes", ()))
    return Case(name=name, sizes=(("M", m), ("W", w)), attributes=attributes, **fields)


ACT_AND_MUL: Op = single(
    Kernel(
        name="act_and_mul",
        doc="Activation of the gates of every row, times its factors.",
        axes=(M, W),
        arrays=(
            x(),
            Array(name="y", doc="products", shapes=((Rows(M), W // 2),), formats="x", access=Access.OUT),
        ),
        attributes=attributes(),
        tunables=(
            Tunable(name="BLOCK_M", values=(1, 2, 4, 8)),
            Tunable(name="BLOCK_N", values=(128, 256, 512, 1024, 2048)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("act_and_mul"),
        static_conditions=(
            ("even_m", (M % Ref("BLOCK_M")).equals(0)),
            ("even_n", (W % (Ref("BLOCK_N") * 2)).equals(0)),
        ),
        grid=(cdiv(M, Ref("BLOCK_M")), cdiv(W // 2, Ref("BLOCK_N"))),
        body=act_and_mul,
    ),
    family="activation",
    definition=DEFINITION,
    source="Shazeer, GLU Variants Improve Transformer (2020)",
    independent=(Independent(M),),
    oracle=oracle,
    accuracy=(("y", Accuracy(extra=EXTRA, exact_for_exact_sums=False)),),
    cases=(
        *(_case(kind, 5, 2 * 72, kind) for kind in KINDS),
        _case("clamp-f16-lead", 6, 2 * 300, "clamp", lead=(2, 3), formats=(("x", F16),), attributes=(("limit", 1.0),)),
        _case("no-limit", 3, 6, "swigluoai_uninterleaved", formats=(("x", F32),), attributes=(("limit", 0.0),)),
        _case("situ-linear", 3, 64, "situ", attributes=(("beta", 4.0), ("linear_beta", 0.5))),
        _case("no-rows", 0, 64, "silu"),
        _case("large", 8192, 2 * 7168, "silu", large=True, golden=True),
    ),
)
