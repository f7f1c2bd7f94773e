"""However a caller spells a number or a format, it is the same call; what is neither is refused with what there is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.errors import ArgumentError, OutOfRange, WrongType
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, ElementFormat
from tests.contract import suite

NUMBERS = [(op, a.name) for op in specs.names() for a in specs.get(op).attributes if a.kind is float]
FORMATS = [(op, a.name) for op in specs.names() for a in specs.get(op).attributes if a.kind is ElementFormat]
NAMES = {
    "bfloat16": BF16,
    "float16": F16,
    "float32": F32,
    "float8_e4m3fn": E4M3,
    "float8_e5m2": E5M2,
    "float8_e8m0fnu": E8M0,
}


def called(framework: str, op: str, attribute: str, value: object, *, through_operator: bool = False) -> Any:
    """Raw results of the base case with another value of one attribute."""
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, suite.base_case(spec))
    package, convert, back = suite.converters(framework)
    given = {n: convert(raw, inputs.formats[n], "cpu") for n, raw in inputs.arrays.items()}
    attributes = {**inputs.attributes, attribute: value}
    function = getattr(package, op)
    if through_operator:
        import torch

        from torch_impl.launch import layout_name

        function = getattr(torch.ops.twinkernels, op)
        attributes = {name: layout_name(held) for name, held in attributes.items()}
        attributes = {name: held for name, held in attributes.items() if not isinstance(held, ElementFormat)}
    made = function(*[given.get(array.name) for array in spec.inputs], **attributes)
    several = made if isinstance(made, tuple) else () if made is None else (made,)
    mutated = [given[a.name] for a in spec.mutated if a.name in given] if framework == "torch" else []
    return {str(i): back(array).raw for i, array in enumerate((*mutated, *several)) if array is not None}


@pytest.mark.parametrize(("op", "attribute"), NUMBERS)
def test_an_integer_is_a_float(op: str, attribute: str) -> None:
    expected = called("torch", op, attribute, 1.0)
    for one in (1, np.float32(1), np.int64(1)):
        suite.assert_same(called("torch", op, attribute, one), expected)
    suite.assert_same(called("torch", op, attribute, 1, through_operator=True), expected)
    for wrong, error in ((True, WrongType), (np.bool_(True), WrongType), (math.nan, OutOfRange), (10**400, OutOfRange)):
        with pytest.raises(error, match=attribute):
            called("torch", op, attribute, wrong)


def test_an_integer_is_a_float_in_jax() -> None:
    op, attribute = "per_token_group_quant_fp8", "eps"
    expected = called("jax", op, attribute, 1.0)
    for one in (1, np.float32(1)):
        suite.assert_same(called("jax", op, attribute, one), expected)
    for wrong, error in ((True, WrongType), (math.inf, OutOfRange)):
        with pytest.raises(error, match=attribute):
            called("jax", op, attribute, wrong)


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize(("op", "attribute"), FORMATS)
def test_formats_by_the_names_of_dtypes(op: str, attribute: str, framework: str) -> None:
    """Every choice of the attribute is taken by its dtype's name as by its own; the others are refused by name."""
    package, _, _ = suite.converters(framework)
    choices = specs.get(op).attribute(attribute).choices
    for name, form in NAMES.items():
        refusals = []
        for value in (name, form.name, form):
            with pytest.raises(ArgumentError) as caught:  # nothing else is passed: the first argument is missing
                getattr(package, op)(*[None] * len(specs.get(op).inputs), **{attribute: value, **required(op)})
            refusals.append(str(caught.value))
        assert len(set(refusals)) == 1
        assert (attribute in refusals[0]) == (form not in choices)


def required(op: str) -> dict[str, object]:
    """Values of the attributes that have to be stated."""
    spec = specs.get(op)
    attributes = dict(suite.base_case(spec).attributes)
    return {a.name: attributes[a.name] for a in spec.attributes if a.required}


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_an_unknown_name_is_refused_with_the_names(framework: str) -> None:
    for name in ("bfloat", "float8", "BF16", b"bf16"):
        with pytest.raises(WrongType, match=r"bfloat16 \(bf16\).*float8_e4m3fn \(e4m3\)"):
            called(framework, "fp8_gemm", "out_dtype", name)
