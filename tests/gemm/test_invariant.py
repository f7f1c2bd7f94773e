"""Invariant operations: no tile and no split follows the number of rows; a row alone has the same bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.declare.kernel import Array, Rows
from specs.lang.declare.op import Case, Op
from specs.quant.group import GROUP_QUANT
from specs.tile.launch.cases import case_launches
from tests.contract import suite
from tests.small import row_axis

OPS = [name for name in specs.names() if any(a.name == "invariant" for a in specs.get(name).attributes)]
TARGETS = ("cuda", "cuda.pallas", "xpu")
NUMBERS = (1, 257)
"""Of rows: of the first and the last class of configurations, and with or without parts of K."""


def axis_of(op: Op) -> str:
    """The axis that counts rows: of a product, of the activations of experts, tokens, queries."""
    sizes = dict(op.cases[0].sizes)
    return row_axis(op) or next(name for name in ("M", "TA", "T", "TQ") if name in sizes)


def with_rows(op: Op, case: Case, rows: int, *, invariant: bool) -> Case:
    sizes, axis = dict(case.sizes), axis_of(op)
    pairs = sizes.get("ENTRIES", 0) // max(1, sizes[axis])
    sizes |= {axis: rows} | ({"ENTRIES": rows * pairs} if pairs else {})
    attributes = {**dict(case.attributes), "invariant": invariant}
    return replace(case, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), lead=None)


def plans(op: Op, case: Case, target: str, *, invariant: bool) -> set[Any]:
    """Kernels of a case and their tunables, for all numbers of rows."""
    found = set()
    for rows in NUMBERS:
        given = with_rows(op, case, rows, invariant=invariant)
        launched = case_launches(op, given, target, strided=True)
        sums = [one for one in launched if one.kernel != GROUP_QUANT]  # whose codes are exact in every tile
        found.add(tuple((one.kernel.name, one.key.static, tuple(one.tunables.items())) for one in sums))
    return found


@pytest.mark.parametrize("name", OPS)
def test_no_tile_and_no_split_follows_the_number_of_rows(name: str) -> None:
    op, follows = specs.get(name), False
    for case in op.cases:
        if 0 in dict(case.sizes).values():
            continue
        for target in TARGETS:
            assert len(plans(op, case, target, invariant=True)) == 1, (case.name, target)
            follows = follows or len(plans(op, case, target, invariant=False)) > 1
    assert follows  # without it they do


CASES = {
    "gemm": ("ragged", {}),
    "bmm": ("o-projection", {}),
    "fp8_gemm": ("ragged-k", {}),
    "fp8_bmm": ("ragged", {}),
    "fp8_gemm_w8a16": ("ragged-k", {}),
    "fp4_gemm": ("bias", {}),
    "int4_gemm_w4a16": ("splits", {"N": 16, "K": 2048}),
    "int4_gemm_w4a8": ("splits", {"N": 16, "K": 2048}),
    "gguf_gemm": ("q8-0", {"N": 9, "K": 1056}),
    "fused_moe": ("fp8", {}),
}
"""Cases that have other tiles, or parts of K, for one row, and sizes of theirs that are changed."""
ROW = 67
"""Which row is taken by itself."""
TILES = ("fp8_gemm", "int4_gemm_w4a16", "gguf_gemm")
"""Whose tile programs are run: one whose tiles follow the rows, and both that have parts of K."""


def wanted(name: str, implementation: str) -> bool:
    if name == "fused_moe" or (name, implementation) == ("gguf_gemm", "torch:interpret"):  # slow, as are the others
        return implementation == "torch:eager"
    return name in TILES or implementation.endswith("dequant")


RUNS = [run for run in suite.runners(wanted=lambda op: op.name in CASES) if wanted(*run.values[:2])]


def alone(array: Array, raw: Any, attributes: dict[str, Any], axis: str) -> Any:
    """The row by itself, of arrays that have rows."""
    shapes = array.under(attributes).shapes
    for dim, size in enumerate(shapes[0] if shapes else ()):
        if getattr(size.axis if isinstance(size, Rows) else size, "name", None) == axis:
            return np.take(raw, [ROW], dim)
    return raw


@pytest.mark.parametrize(("name", "implementation", "device"), RUNS)
def test_a_row_has_the_same_bytes_alone(name: str, implementation: str, device: str) -> None:
    op, (case, sizes) = specs.get(name), CASES[name]
    given = with_rows(op, op.case(case), 257 if implementation.endswith("dequant") else 70, invariant=True)
    given = replace(given, sizes=tuple((dict(given.sizes) | sizes).items()))
    inputs = suite.inputs_of(op, given)
    attributes, axis = dict(inputs.layout.attributes), axis_of(op)
    one = {key: alone(op.array(key), raw, attributes, axis) for key, raw in inputs.arrays.items()}
    assert any(one[key] is not raw for key, raw in inputs.arrays.items())
    every = suite.run(inputs, implementation, device)
    expected = {key: alone(op.array(key), raw, attributes, axis) for key, raw in every.items()}
    suite.assert_same(suite.run(inputs.replaced(**one), implementation, device), expected)
