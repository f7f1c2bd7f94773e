"""Calls of operations that several devices share, whatever the framework."""

from __future__ import annotations

from dataclasses import replace

from parity.judge.inputs import Inputs, generate
from specs.lang.call.dividing import Divisions, divisions
from specs.lang.declare.op import Op
from specs.lang.formats.elements import INT64
from specs.tile.launch.cases import case_call
from tests.small import small_case


def divided_case(op: Op, rows: int) -> tuple[Inputs, Divisions, str]:
    """Inputs with that many rows, what may be divided of them, and the label of the rows.

    Of the small case, or of the first that can be divided: scales in columns, padded for all rows at once, cannot.
    """
    first = op.independent[0].axis.name
    small = small_case(op.name, without=INT64)  # which JAX has off
    for case in (small, *(c for c in op.cases if not c.large and c.lead is None)):
        old = dict(case.sizes)[first]
        together = {first, *(axis.name for axis in op.independent[0].along)}
        sizes = [
            (name, size // old * rows if name in together and size % old == 0 else size) for name, size in case.sizes
        ]
        sized = replace(case, sizes=tuple(sizes))
        if op.name == "per_tensor_quant_fp8":
            sized = replace(sized, absent=("scale_ub",))  # with a static scale
        found = divisions(case_call(op, sized, strided=False))
        labels = [label for label in found.parts if label.startswith(first)]
        if labels:
            return generate(op, sized, "exact", 0), found, labels[0]
    raise AssertionError(f"no case of {op.name} can be divided")
