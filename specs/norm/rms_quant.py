"""RMS norm of rows, quantised to FP8: rms_norm and a quantiser in one launch, without y in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Kernel
from specs.lang.declare.op import Case, Independent, Op, Reference, single
from specs.lang.formats.elements import E8M0, F16, F32
from specs.norm import rows as norm
from specs.norm.rows import CLASSES, EXTRA, TUNABLES, M, N, before_quantisation, normalised, roundings, rows_of_program
from specs.quant import fused
from specs.quant.fused import GROUP, codes_of
from specs.quant.group import ROWS
from specs.tile.blocks import ds
from specs.tile.language import arange, both, store
from specs.tuned import everywhere

SIZE = GROUP + GROUP.equals(0) * N  # elements per scale

DEFINITION = f"""{norm.DEFINITION}

y is rounded to the format of x, and quantised:
{fused.DEFINITION}
The floor of groups is 1e-10, of rows (group = 0) 1 / 512. Codes and scales have the bytes that `rms_norm` followed by
`per_token_group_quant_fp8`, or by `per_token_quant_fp8`, gives. A NaN makes the scale of its group NaN.
"""


def rms_norm_quant(p: Any) -> None:
    """BLOCK_M rows."""
    rows = rows_of_program(p)
    y = normalised(p, rows)
    width = y.shape[1]
    size = p.group or width
    groups = ds(0, width // size)
    codes = codes_of(p, rows, groups, y.reshape(rows.size, groups.size, size))
    # Stored as groups: codes as rows would have the compiler lay the rows out for them, and add the squares up in
    # another order than rms_norm does.
    row = rows.indices()[:, None, None]
    column = (groups.indices() * size)[None, :, None] + arange(size)[None, None, :]
    inside = both(None if p.even_m else row < p.M, None if width == p.N else column < p.N)
    store(p.q, (row, column), codes, inside)


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64: what is quantised has been rounded."""
    s, y = before_quantisation(values)
    return {"residual": Reference(value=s), **fused.references(values, y)}


def _case(name: str, m: int, n: int, *absent: str, bound: bool = False, **fields: Any) -> Case:
    """bound: whether scale_ub is passed."""
    left_out = absent if bound else (*absent, "scale_ub")
    return Case(name=name, sizes=(("M", m), ("N", n)), absent=left_out, **fields)


def _set(**values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(values.items())


RMS_NORM_QUANT: Op = single(
    Kernel(
        name="rms_norm_quant",
        doc="FP8 codes of normalised rows, with one scale per group or per row.",
        axes=(M, N, ROWS),
        arrays=(*norm.inputs(), *fused.results(N, N // SIZE)),
        attributes=(*norm.attributes(), *fused.attributes(0, 32, 64, 128)),
        tunables=TUNABLES,
        configs=everywhere("rms_norm", **CLASSES),  # as rms_norm: sums in the same order
        static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0).and_(ROWS.equals(M))),),
        grid=(cdiv(ROWS, Ref("BLOCK_M")),),
        body=rms_norm_quant,
    ),
    family="norm",
    definition=DEFINITION,
    source="Zhang and Sennrich, Root Mean Square Layer Normalization (2019); DeepSeek-V3 technical report, section 3.3",
    independent=(Independent(M),),
    constraints=(*norm.constraints(), *fused.constraints("x", N, SIZE, rows=True)),
    sample=norm.sample,
    oracle=oracle,
    accuracy=(("residual", Accuracy(exact=True)), *fused.accuracy(roundings(N), EXTRA)),
    cases=(
        _case("hidden", 5, 384, "residual"),
        _case("add-twice-64", 9, 192, attributes=_set(style="twice", group=64)),
        _case(
            "e8m0-tma-lead", 6, 96, lead=(2, 3), attributes=_set(group=32, scale_format=E8M0, scale_layout="column_tma")
        ),
        _case("ue8m0-column", 5, 128, "residual", "weight", attributes=_set(ue8m0=True, scale_layout="column")),
        _case("bound", 3, 256, bound=True, formats=(("x", F32), ("weight", F32))),
        _case("rows-f16", 7, 136, bound=True, formats=(("x", F16), ("weight", F16)), attributes=_set(group=0)),
        _case("rows-gemma", 6, 72, "residual", lead=(3, 2), attributes=_set(group=0, style="gemma")),
        _case("no-rows", 0, 128),
        _case("large", 8192, 7168, large=True, golden=True),
    ),
)
