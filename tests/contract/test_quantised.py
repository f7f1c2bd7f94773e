"""Real quantisers keep the contract of codes and scales, with formats that attributes decide about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.runner import run_case
from specs.lang.declare.accuracy import quantised
from specs.lang.declare.op import Case, Op, Reference
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import F32
from specs.lang.formats.named import INT8_PER_TOKEN, MXFP4, MXFP8, per_token, token_group

Form = Callable[[Mapping[str, Any]], BlockFormat]
FORMS: dict[str, Form] = {
    "per_token_group_quant_fp8": lambda a: token_group(
        a["group"], a["scale_format"], a["element"], power_of_two=a["ue8m0"] or None
    ),
    "per_token_quant_fp8": lambda a: per_token(a["element"]),
    "per_token_quant_int8": lambda _: INT8_PER_TOKEN,
    "mxfp8_quant": lambda _: MXFP8,
    "mxfp4_quant": lambda _: MXFP4,
}


def judged_together(op: Op, form: Form) -> Op:
    """The same operation, whose oracle knows values and scales but no bytes."""

    def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
        block, x = form(inputs), inputs["x"]
        columns = x.shape[-1] if block.block[1] is None else block.block[1]
        groups = np.abs(x).reshape(*x.shape[:-1], x.shape[-1] // columns, columns).max(-1)
        groups = groups[..., 0] if block.block[1] is None else groups
        scale = np.maximum(np.minimum(groups, inputs.get("scale_ub", np.inf)), block.amax_floor) / block.largest
        return {"q": Reference(value=x, magnitude=np.abs(x)), "scale": Reference(value=scale)}

    arrays = tuple(array for array in op.arrays if array.name != "zero_point")
    return replace(op, arrays=arrays, oracle=oracle, accuracy=quantised("q", "scale", form))


def rows_of_scales(op: Op, case: Case) -> bool:
    """Whether a case has one scale per block and nothing else, in the order of the blocks."""
    given = dict(case.attributes)
    # int8 scales are rounded to the format of x: float32 ones are as INT8_PER_TOKEN has them
    plain = op.name != "per_token_quant_int8" or dict(case.formats).get("x") == F32
    return not case.large and given.get("scale_layout", "row") == "row" and plain


CASES = [(name, case.name) for name in FORMS for case in specs.get(name).cases if rows_of_scales(specs.get(name), case)]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_quantiser_keeps_the_contract(name: str, case: str) -> None:
    """Exact values are the least that a bound can forgive: codes are the nearest ones, and scales the rule's."""
    op = judged_together(specs.get(name), FORMS[name])
    rows = run_case(op, op.case(case), "random", 5, ("torch:eager", "jax:xla"))
    assert len(rows) == 3
    for row in rows:
        assert row.status == "passed", f"{row.pair}: {row.reason}"
        assert "|q scale - exact| <= scale (h + d)" in row.bound
