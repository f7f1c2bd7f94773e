"""RMS norm of rows, with the addition of a residual before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Rows
from specs.lang.declare.op import Case, Independent, Op, Reference, single
from specs.lang.formats.elements import F16, F32
from specs.norm.rows import (
    CLASSES,
    DEFINITION,
    EXTRA,
    TUNABLES,
    M,
    N,
    attributes,
    columns_of,
    constraints,
    definition,
    inputs,
    normalised,
    roundings,
    rows_of_program,
    sample,
)
from specs.tile.blocks import store_block
from specs.tuned import everywhere


def rms_norm(p: Any) -> None:
    """BLOCK_M rows."""
    rows = rows_of_program(p)
    store_block(p.y, (rows, columns_of(p)), normalised(p, rows))


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    s, y, magnitude = definition(values)
    return {"y": Reference(value=y, magnitude=magnitude), "residual": Reference(value=s)}


def _case(name: str, m: int, n: int, *absent: str, **fields: Any) -> Case:
    return Case(name=name, sizes=(("M", m), ("N", n)), absent=absent, **fields)


RMS_NORM: Op = single(
    Kernel(
        name="rms_norm",
        doc="Rows divided by their root mean square and multiplied by a weight.",
        axes=(M, N),
        arrays=(
            *inputs(),
            Array(name="y", doc="normalised rows", shapes=((Rows(M), N),), formats="x", access=Access.OUT),
        ),
        attributes=attributes(),
        tunables=TUNABLES,
        configs=everywhere("rms_norm", **CLASSES),
        static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0)),),
        grid=(cdiv(M, Ref("BLOCK_M")),),
        body=rms_norm,
    ),
    family="norm",
    definition=DEFINITION,
    source="Zhang and Sennrich, Root Mean Square Layer Normalization (2019)",
    independent=(Independent(M),),
    constraints=constraints(),
    sample=sample,
    oracle=oracle,
    accuracy=(("residual", Accuracy(exact=True)), ("y", Accuracy(terms=roundings(N), extra=EXTRA))),
    cases=(
        _case("hidden", 5, 576, "residual"),
        _case("add-twice", 33, 64, attributes=(("style", "twice"), ("eps", 1e-5))),
        _case("add-f16-lead", 6, 136, lead=(2, 3), formats=(("x", F16), ("weight", F16))),
        _case("gemma", 3, 1152, "residual", attributes=(("style", "gemma"),)),
        _case("heads", 10, 96, "weight", "residual", lead=(5, 2)),
        _case("variance", 4, 200, formats=(("x", F32), ("weight", F32)), attributes=(("variance_size", 128),)),
        _case("no-rows", 0, 64),
        _case("large", 8192, 7168, large=True, golden=True),
    ),
)
