"""JAX: wrong calls are refused, outside and inside jit, and nothing is traced into a kernel."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import specs
from jax_impl import launch, ops, steps
from parity.conformance.jax_calls import Arrays, array_of, attempt, expressible
from parity.conformance.outcomes import Outcome, problem
from parity.conformance.wrong_calls import WrongCall
from specs.lang.declare.readiness import READY
from specs.lang.errors import ArgumentError, Unsupported, WrongFormat
from tests.bad_input.calls import (
    FEWER,
    LEAST_REFUSALS,
    Reached,
    Spy,
    assert_refused,
    different,
    random_calls,
    right_call,
    told_apart,
)


def watched(patch: pytest.MonkeyPatch) -> Spy:
    return Spy(patch, (steps, "launches"), (launch, "Work"))


def right_arrays(op: str) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and attributes of a right call."""
    inputs = right_call(op)
    given_ = [
        array_of(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
        for a in inputs.op.inputs
    ]
    return given_, dict(inputs.attributes)


@cache
def outcomes(op: str) -> tuple[Outcome, ...]:
    """Every wrong call of an operation, after a right one, whose function is kept."""
    arrays, attributes = right_arrays(op)
    getattr(ops, op)(*arrays, **attributes, implementation="xla")
    shared: Arrays = {}
    with pytest.MonkeyPatch.context() as patch:
        spy = watched(patch)
        return tuple(spy.watch(partial(attempt, call, shared)) for call in told_apart(op) if expressible(call))


@pytest.mark.parametrize("op", specs.names())
def test_public_functions_refuse(op: str) -> None:
    assert_refused(outcomes(op))
    assert different(outcomes(op)) >= LEAST_REFUSALS


@pytest.mark.parametrize("op", specs.names())
@FEWER
@given(data=st.data())
def test_random_calls_are_refused(op: str, data: st.DataObject) -> None:
    call = data.draw(random_calls(op))
    with pytest.MonkeyPatch.context() as patch:
        assert_refused([watched(patch).watch(lambda: attempt(call, {}))])


@pytest.mark.parametrize("op", specs.names())
def test_refused_the_same_while_tracing(op: str) -> None:
    """One call per kind of mistake, under eval_shape."""
    chosen = {outcome.call.mistake: outcome for outcome in outcomes(op) if jit_sees(outcome.call)}
    assert chosen
    for outcome in chosen.values():
        call, names = outcome.call, list(outcome.call.inputs.arrays)
        arrays = [array_of(call.inputs.arrays[name], call.inputs.formats[name]) for name in names]

        def function(*traced: Any, call: WrongCall = call, names: list[str] = names) -> Any:
            passed = dict(zip(names, traced, strict=True))
            positional = [passed.get(array.name) for array in call.inputs.op.inputs]
            keywords = {**call.inputs.attributes, "implementation": call.implementation}
            return getattr(ops, call.inputs.op.name)(*positional, **keywords)

        with pytest.raises(ArgumentError) as raised:
            jax.eval_shape(function, *arrays)
        traced = Outcome(call=call, error=raised.value)
        assert problem(traced) is None, problem(traced)
        assert str(raised.value) == str(outcome.error)


def jit_sees(call: WrongCall) -> bool:
    """Whether every argument can be traced."""
    traceable = (array_of(raw, call.inputs.formats[name]) for name, raw in call.inputs.arrays.items())
    return not call.passed and all(isinstance(array, jax.Array) for array in traceable)


def test_the_spy_sees_a_right_call() -> None:
    arrays, attributes = right_arrays("per_token_quant_fp8")
    # A size that no other test has.
    odd = [None if array is None else jnp.concatenate([array, array[:1]]) for array in arrays]
    with pytest.MonkeyPatch.context() as patch:
        spy = watched(patch)
        with pytest.raises(Reached):
            ops.per_token_quant_fp8(*odd, **attributes)  # type: ignore[arg-type]
        assert spy.reached == 1


@pytest.mark.parametrize("op", specs.names())
def test_keywords_that_nobody_takes(op: str) -> None:
    """Python itself refuses what the signature does not have."""
    arrays, attributes = right_arrays(op)
    function = getattr(ops, op)
    with pytest.raises(TypeError, match="colour"):
        function(*arrays, **attributes, colour="red")
    with pytest.raises(TypeError, match="positional"):
        function(*[None] * (len(arrays) + 1), **attributes)
    with pytest.raises(TypeError, match=specs.get(op).inputs[0].name):
        function(**attributes)
    for attribute in specs.get(op).attributes:
        if attribute.required:
            with pytest.raises(TypeError, match=attribute.name):
                function(*arrays)


@pytest.mark.parametrize("op", specs.names())
def test_unsupported_is_not_the_callers_fault(op: str) -> None:
    arrays, attributes = right_arrays(op)
    for implementation, why in ops.explain(op).items():
        if why != READY:
            with pytest.raises(Unsupported, match=why) as raised:
                getattr(ops, op)(*arrays, **attributes, implementation=implementation)
            assert not isinstance(raised.value, ArgumentError)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.zeros((3, 64), np.complex64), "complex64"),
        (np.zeros((3, 64), jnp.int4), "int4"),
        (np.full((3, 64), "text"), "<U4"),
        (np.zeros((3, 64), [("field", np.float32)]), "field"),
        (jax.random.key(0), "key<fry>"),
    ],
    ids=["complex", "int4", "text", "structured", "key"],
)
def test_dtypes_that_no_format_stands_for(array: Any, name: str) -> None:
    with pytest.raises(WrongFormat, match=name):
        ops.per_token_quant_fp8(array)
