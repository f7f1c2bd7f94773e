"""Rows: any number of leading dimensions, none, and none of the rows; the same bytes whichever way they are split."""

from __future__ import annotations

import pytest

import specs
from parity.judge.inputs import layout_of
from specs.lang.declare.op import Op
from tests.contract import suite
from tests.small import row_axis

FLAT, SPLIT, EMPTY = (12,), (2, 1, 6), (2, 0, 3)


def has_rows(op: Op, name: str) -> bool:
    """Whether an array has the row dimension, in the base case."""
    attributes = layout_of(op, suite.base_case(op)).attributes
    return suite.starts_with_rows(op.array(name), attributes)


def independent(op: Op) -> bool:
    """Whether no result belongs to several rows together."""
    return row_axis(op) is not None and all(has_rows(op, array.name) for array in op.outputs)


# Interpreters see rows that the launcher has split already, which all implementations share; the cases cover it.
SPLIT_BY_LAUNCHER = ("jax:interpret", "torch:interpret")
LAUNCHED = suite.runners(wanted=row_axis, without=SPLIT_BY_LAUNCHER)
# The framework's own product may add in another order where there are fewer rows.
DEQUANT = ("torch:dequant", "jax:dequant")
# XLA compiles their small sums another way for one row; the bits of rows are promised of generated kernels.
COMPILED_BY_ROWS = (("mhc_pre", "jax:xla"), ("mhc_fused_post_pre", "jax:xla"))
ON_INDEPENDENT_ROWS = [
    given
    for given in suite.runners(wanted=independent, without=("jax:interpret", *DEQUANT))
    if given.values[:2] not in COMPILED_BY_ROWS
]


@pytest.mark.parametrize(("op", "implementation", "device"), LAUNCHED)
def test_leading_dimensions_are_kept(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    flat, split = (suite.inputs_of(spec, suite.with_rows(spec, lead)) for lead in (FLAT, SPLIT))
    results = suite.run(split, implementation, device)
    for name, raw in results.items():
        if has_rows(spec, name):
            assert raw.shape[: len(SPLIT)] == SPLIT, name
            results[name] = raw.reshape(FLAT + raw.shape[len(SPLIT) :])
    suite.assert_same(results, suite.run(flat, implementation, device))


@pytest.mark.parametrize(("op", "implementation", "device"), LAUNCHED)
def test_no_leading_dimension_is_one_row(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    one, none = (suite.inputs_of(spec, suite.with_rows(spec, lead)) for lead in ((1,), ()))
    expected = suite.run(one, implementation, device)
    squeezed = {name: raw[0] if has_rows(spec, name) else raw for name, raw in expected.items()}
    suite.assert_same(suite.run(none, implementation, device), squeezed)


@pytest.mark.parametrize(("op", "implementation", "device"), LAUNCHED)
def test_no_rows_give_no_rows(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, suite.with_rows(spec, EMPTY))
    shapes = inputs.layout.call().shapes
    for name, raw in suite.run(inputs, implementation, device).items():
        assert raw.shape == shapes[name]
        if has_rows(spec, name):
            assert raw.shape[: len(EMPTY)] == EMPTY


@pytest.mark.parametrize(("op", "implementation", "device"), ON_INDEPENDENT_ROWS)
def test_rows_do_not_depend_on_each_other(op: str, implementation: str, device: str) -> None:
    """The last row alone gives the bytes that it gives among the others."""
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, suite.base_case(spec))
    arrays = {name: raw[-1:] if has_rows(spec, name) else raw for name, raw in inputs.arrays.items()}
    every = suite.run(inputs, implementation, device)
    last = suite.run(inputs.replaced(**arrays), implementation, device)
    suite.assert_same(last, {name: raw[-1:] for name, raw in every.items()})
