"""The wrong calls themselves: of every kind, wrong indeed, and refused by the binder as they deserve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import specs
from parity.conformance.outcomes import Outcome, problem
from parity.conformance.wrong_calls import Mistake, WrongCall, reshaped, shapes_near, solutions, with_surplus
from parity.judge.inputs import generate
from specs.lang import errors
from specs.lang.declare.kernel import Array
from specs.lang.declare.op import Op
from specs.lang.formats.elements import F32
from tests.bad_input.calls import (
    BY_FRAMEWORK,
    FEWER,
    assert_refused,
    bound,
    calls_of,
    cases_of,
    random_calls,
    results_of,
)


@pytest.mark.parametrize("op", specs.names())
def test_binder_refuses_every_wrong_call(op: str) -> None:
    calls = [call for call in calls_of(op) if call.mistake not in BY_FRAMEWORK]
    assert_refused(Outcome(call=call, error=bound(call.inputs)) for call in calls)


def test_binder_accepts_what_is_no_mistake() -> None:
    """Shapes that the generator drops are right ones: it is not silent where the binder is too strict."""
    accepted = 0
    for op, case in [(name, case) for name in specs.names() for case in cases_of(name)]:
        inputs = generate(specs.get(op), case, "random", 0)
        for name, raw in inputs.arrays.items():
            for shape in shapes_near(raw.shape):
                if reshaped(inputs, name, shape) is None:
                    changed = inputs.replaced(**{name: np.zeros(shape, raw.dtype)})
                    assert bound(changed) is None, (op, name, shape)
                    accepted += shape != raw.shape
    assert accepted, "some changes are harmless, such as one more leading dimension of a quantiser's input"


@pytest.mark.parametrize("op", specs.names())
@FEWER
@given(data=st.data())
def test_binder_refuses_random_calls(op: str, data: st.DataObject) -> None:
    call: WrongCall = data.draw(random_calls(op))
    assert_refused([Outcome(call=call, error=bound(call.inputs))])


@pytest.mark.parametrize("op", specs.names())
def test_cases_are_right(op: str) -> None:
    for case in specs.get(op).cases:
        if not case.large:
            inputs = generate(specs.get(op), case, "random", 0)
            shapes = {name: raw.shape for name, raw in inputs.arrays.items()}
            assert solutions(inputs.op, shapes, inputs.attributes), case.name


IMPLIED = {
    "fused_moe": frozenset({"E", "K", "N", "W", "a_scale", "eps", "order", "w13_zp"}),
    # Rows shorter than the mean are no whole groups either; tests/norm calls it by hand.
    "rms_norm_quant": frozenset({"variance_size"}),
}
"""Arguments of constraints that a step of a composite has and its own choices always meet, or that no change breaks."""


def test_every_kind_of_mistake_is_made() -> None:
    made = {call.mistake for op in specs.names() for call in (*calls_of(op), *results_of(op))}
    assert made == set(Mistake)


@pytest.mark.parametrize("op", specs.names())
def test_every_argument_attribute_and_constraint_is_broken(op: str) -> None:
    spec = specs.get(op)
    subjects = {call.subject for call in calls_of(op)}
    assert subjects >= {array.name for array in spec.inputs} | {attribute.name for attribute in spec.attributes}
    refused = {
        argument for call in calls_of(op) for kind, argument in call.expected if kind is errors.ConstraintViolated
    }
    assert refused == {constraint.argument for constraint in spec.constraints} - IMPLIED.get(op, frozenset())


def test_surplus_array() -> None:
    """An array that one mode takes and another does not, which the binder has to say."""
    base = specs.get("fp8_gemm_w8a16")
    extra = Array(
        name="extra",
        doc="only in mode channel",
        by="scale_mode",
        shapes_by=(("tensor", ()), ("channel", ((),)), ("block", ())),
        formats=(F32,),
        optional=True,
    )
    op: Op = replace(base, arrays=(*base.inputs, extra, *base.outputs))
    inputs = generate(op, op.case("one-row"), "random", 0)
    call = with_surplus(inputs, extra)
    assert call is not None
    assert call.expected == {(errors.Surplus, "extra")}
    assert_refused([Outcome(call=call, error=bound(call.inputs))])


def test_an_outcome_that_is_not_right_is_reported() -> None:
    call = next(call for call in calls_of("fp8_gemm") if call.expected == {(errors.WrongRank, "b")})
    fields = {"op": "fp8_gemm", "argument": "b", "expected": "[K, N]", "actual": "[1]"}
    right = errors.WrongRank(**fields)
    assert problem(Outcome(call=call, error=right)) is None
    wrong: list[Exception | None] = [
        None,
        KeyError("b"),
        errors.WrongShape(**fields),
        errors.WrongRank(**(fields | {"argument": "a"})),
        errors.WrongRank(**(fields | {"expected": ""})),
    ]
    assert all(problem(Outcome(call=call, error=error)) for error in wrong)
    assert problem(Outcome(call=call, error=right, changed=("a",)))
    assert problem(Outcome(call=call, error=right, reached=1))
