"""Both orders of the weight, every accepted shape of an argument, two runs: the same bytes."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest

import specs
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs
from specs.lang.declare.axes import as_expr
from specs.lang.declare.kernel import Rows, Shape
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import F32
from tests.contract import suite


def other_order(inputs: Inputs) -> Inputs:
    """The same call with the weight, and what goes with it, passed in the other order."""
    order = "kn" if inputs.attributes["weight_order"] == "nk" else "nk"
    attributes = {**inputs.attributes, "weight_order": order}
    arrays = {
        name: np.ascontiguousarray(np.swapaxes(raw, -1, -2))
        if inputs.op.under(inputs.attributes)[name].swapped != inputs.op.under(attributes)[name].swapped
        else raw
        for name, raw in inputs.arrays.items()
    }
    return replace(inputs, arrays=arrays, attributes=attributes)


def ordered(op: Op) -> bool:
    return any(attribute.name == "weight_order" for attribute in op.attributes)


@pytest.mark.parametrize(
    ("op", "implementation", "device"),
    # The framework's own product may add in another order where a matrix lies in memory in another one.
    suite.runners(wanted=ordered, without=("torch:dequant", "jax:dequant")),
)
def test_both_weight_orders_give_the_same_bytes(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, suite.base_case(spec))
    other = other_order(inputs)
    assert any(raw.shape != inputs.arrays[name].shape for name, raw in other.arrays.items())
    expected = suite.run(inputs, implementation, device)
    suite.assert_same(suite.run(other, implementation, device), expected)


def shape_variants(op: Op) -> list[tuple[str, str, int]]:
    """(case, array, index of an accepted shape other than the first), every mode of the operation once.

    Only cases in which the shape has as many elements: it may lack an axis.
    """
    found: dict[tuple[str, Shape, int], tuple[str, str, int]] = {}
    for case in op.cases:
        if case.large or case.lead is not None:
            continue
        inputs = suite.inputs_of(op, case)
        for name, raw in inputs.arrays.items():
            accepted = op.under(inputs.attributes)[name].shapes
            for index in range(1, len(accepted)):
                if prod(sizes_of(accepted[index], case, inputs)) == raw.size:
                    found.setdefault((name, accepted[0], index), (case.name, name, index))
    return list(found.values())


def sizes_of(shape: Shape, case: Case, inputs: Inputs) -> list[int]:
    """Sizes of the dimensions of a shape in a case."""
    env = {**dict(case.sizes), **inputs.attributes}
    return [(dim.axis if isinstance(dim, Rows) else as_expr(dim)).evaluate(env) for dim in shape]


@pytest.mark.parametrize(
    ("op", "case", "name", "index"),
    [(op, *variant) for op in specs.names() for variant in shape_variants(specs.get(op))],
)
def test_every_accepted_shape_gives_the_same_bytes(op: str, case: str, name: str, index: int) -> None:
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, spec.case(case))
    sizes = sizes_of(spec.under(inputs.attributes)[name].shapes[index], spec.case(case), inputs)
    reshaped = inputs.replaced(**{name: inputs.arrays[name].reshape(sizes)})
    for implementation in ("torch:eager", "jax:xla"):
        expected = suite.run(inputs, implementation, "cpu")
        suite.assert_same(suite.run(reshaped, implementation, "cpu"), expected)


# Interpreters run one program after the other, in memory that nothing had before.
@pytest.mark.parametrize(
    ("op", "implementation", "device"), suite.runners(without=("torch:interpret", "jax:interpret"))
)
def test_two_runs_give_the_same_bytes(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, suite.base_case(spec))
    first, other = inputs, suite.inputs_of(spec, suite.base_case(spec), "exact")
    expected = suite.run(first, implementation, device)
    different = suite.run(other, implementation, device)  # leaves other values wherever scratch memory is reused
    suite.assert_same(suite.run(first, implementation, device), expected)
    assert any(not np.array_equal(bit_view(different[name]), bit_view(raw)) for name, raw in expected.items())


def has_bias(op: Op) -> bool:
    return any(array.name == "bias" for array in op.inputs)


@pytest.mark.parametrize(("op", "implementation", "device"), suite.runners(wanted=has_bias))
def test_an_empty_bias_is_no_bias(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    case = suite.base_case(spec)
    inputs = suite.inputs_of(spec, replace(case, absent=(*case.absent, "b_zp", "g_idx", "bias")))
    framework, _, name = implementation.partition(":")
    package, convert, back = suite.converters(framework)
    given = {n: convert(raw, inputs.formats[n], device) for n, raw in inputs.arrays.items()}
    nothing = convert(np.empty(0, np.float32), F32, device)
    results = []
    for bias in (None, nothing):
        arguments = [bias if a.name == "bias" else given.get(a.name) for a in spec.inputs]
        returned = getattr(package, op)(*arguments, **inputs.attributes, implementation=name)
        results.append({"c": back(returned).raw})
    suite.assert_same(results[1], results[0])
