"""torch: wrong calls are refused, through the public functions and through the operators, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import specs
from parity.conformance.outcomes import Outcome, problem
from parity.conformance.torch_calls import Tensors, attempt, expressible
from parity.conformance.wrong_calls import Mistake, WrongCall
from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs
from specs.lang.declare.readiness import READY
from specs.lang.errors import ArgumentError, Unsupported, WrongFormat, WrongType
from specs.lang.formats.elements import E2M1, ElementFormat
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
from torch_impl import launch, ops
from torch_impl.eager import call as eager
from torch_impl.formats import DTYPES
from torch_impl.triton import launch as triton

CHECKED_BY_TORCH = (
    Mistake.NOT_AN_ARRAY,
    Mistake.ATTRIBUTE_TYPE,
    Mistake.ATTRIBUTE_VALUE,
    Mistake.MISSING,
    Mistake.IMPLEMENTATION,
)
"""Mistakes that the schema of an operator already excludes: torch may refuse them in its own words."""


def schema_holds(call: WrongCall) -> bool:
    """Whether the operator's schema leaves the call to us. A number in place of a dtype crashes torch itself."""
    dtypes = [a.name for a in call.inputs.op.attributes if a.kind is ElementFormat]
    values = [call.inputs.attributes[name] for name in dtypes]
    return all(value is None or (isinstance(value, ElementFormat) and value in DTYPES) for value in values)


Through = Callable[[WrongCall, Tensors, Spy], Outcome]


def public(call: WrongCall, tensors: Tensors, spy: Spy) -> Outcome:
    """The call through `torch_impl.ops`."""
    return spy.watch(lambda: attempt(call, tensors))


def operator(call: WrongCall, tensors: Tensors, spy: Spy) -> Outcome:
    """The call through `torch.ops`, which knows dtypes and no element formats."""
    named = {name: launch.layout_name(value) for name, value in call.inputs.attributes.items()}
    attributes = {n: DTYPES.get(v, v) if isinstance(v, ElementFormat) else v for n, v in named.items()}
    function = getattr(torch.ops.twinkernels, call.inputs.op.name)
    return spy.watch(lambda: attempt(call, tensors, function, attributes))


def run_right(inputs: Inputs) -> None:
    """The right call, whose preparation is kept: a later mistake must not profit from it."""
    tensors = [
        to_torch(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
        for a in inputs.op.inputs
    ]
    getattr(ops, inputs.op.name)(*tensors, **inputs.attributes)


def watched(patch: pytest.MonkeyPatch) -> Spy:
    programs = ((eager, "launches"), (triton, "launches"), (eager, "execute"), (triton, "runner_of"))
    return Spy(patch, *programs, (launch.Prepared, "__call__"))


@cache
def outcomes(op: str) -> tuple[tuple[Outcome, Outcome | None], ...]:
    """Every wrong call of an operation, through the public function and (where it can be) through the operator."""
    run_right(right_call(op))
    tensors: Tensors = {}
    with pytest.MonkeyPatch.context() as patch:
        spy = watched(patch)
        calls = [call for call in told_apart(op) if expressible(call)]
        return tuple(
            (public(call, tensors, spy), operator(call, tensors, spy) if schema_holds(call) else None) for call in calls
        )


@pytest.mark.parametrize("op", specs.names())
def test_public_functions_refuse(op: str) -> None:
    found = [one for one, _ in outcomes(op)]
    assert_refused(found)
    assert different(found) >= LEAST_REFUSALS


@pytest.mark.parametrize("op", specs.names())
def test_operators_refuse(op: str) -> None:
    """With the same words as the public functions, or in torch's own where the schema excludes the mistake."""
    found: list[str] = []
    for plain, other in outcomes(op):
        if other is None:
            continue
        same = type(plain.error) is type(other.error) and str(plain.error) == str(other.error)
        if not (problem(other) is None if same else refused_by_torch(other)):
            found.append(f"{other.call}: {type(other.error).__name__}: {other.error}")
    assert not found, f"{len(found)} calls, among them\n" + "\n".join(found[:10])
    assert different(other for _, other in outcomes(op) if other is not None) >= LEAST_REFUSALS


def refused_by_torch(outcome: Outcome) -> bool:
    """Whether torch's own check names the argument, or what it converted the value to is refused."""
    call, error = outcome.call, outcome.error
    value = call.inputs.attributes.get(call.subject, 0)
    # None where the schema has a default that is no None: torch does not fill it in, as the public functions do.
    if (call.mistake not in CHECKED_BY_TORCH and value is not None) or outcome.changed:
        return False
    # Numbers of another type are converted, and may be right values then, or wrong in their own way.
    converted = call.mistake is Mistake.ATTRIBUTE_TYPE and isinstance(value, int | float)
    if isinstance(error, ArgumentError | Reached):
        return converted or getattr(error, "argument", None) == call.subject
    return isinstance(error, RuntimeError | TypeError) and f"'{call.subject}'" in str(error)


@pytest.mark.parametrize("through", [public, operator], ids=lambda through: through.__name__)
@pytest.mark.parametrize("op", specs.names())
@FEWER
@given(data=st.data())
def test_random_calls_are_refused(op: str, through: Through, data: st.DataObject) -> None:
    # Through an operator, values of another type are torch's to convert: bytes to text, integers to floats.
    call = data.draw(random_calls(op, attributes=through is public))
    with pytest.MonkeyPatch.context() as patch:
        outcome = through(call, {}, watched(patch))
    assert_refused([outcome])


def test_the_spy_sees_a_right_call() -> None:
    with pytest.MonkeyPatch.context() as patch:
        spy = watched(patch)
        with pytest.raises(Reached):
            run_right(right_call("per_token_quant_fp8"))
        assert spy.reached == 1


@pytest.mark.parametrize("op", specs.names())
def test_keywords_that_nobody_takes(op: str) -> None:
    """Python itself refuses what the signature does not have."""
    inputs = right_call(op)
    tensors = [to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()]
    function = getattr(ops, op)
    with pytest.raises(TypeError, match="colour"):
        function(*tensors, **inputs.attributes, colour="red")
    with pytest.raises(TypeError, match="positional"):
        function(*[None] * (len(inputs.op.inputs) + 1), **inputs.attributes)
    with pytest.raises(TypeError, match=inputs.op.inputs[0].name):
        function(**inputs.attributes)
    for attribute in inputs.op.attributes:
        if attribute.required:
            with pytest.raises(TypeError, match=attribute.name):
                function(*tensors)


@pytest.mark.parametrize("op", specs.names())
def test_unsupported_is_not_the_callers_fault(op: str) -> None:
    inputs = right_call(op)
    tensors = [
        to_torch(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
        for a in inputs.op.inputs
    ]
    for implementation, why in ops.explain(op, "cpu").items():
        if why != READY:
            with pytest.raises(Unsupported, match=why) as raised:
                getattr(ops, op)(*tensors, **inputs.attributes, implementation=implementation)
            assert not isinstance(raised.value, ArgumentError)


@pytest.mark.parametrize("name", ["complex64", "float8_e4m3fnuz", "uint16", "uint32"])
def test_dtypes_that_no_format_stands_for(name: str) -> None:
    x = torch.zeros(3, 64).to(getattr(torch, name))
    with pytest.raises(WrongFormat, match=name):
        ops.per_token_quant_fp8(x)


def test_formats_without_a_dtype() -> None:
    """uint8 holds e2m1 codes, which does not make e2m1 another name of it."""
    with pytest.raises(ArgumentError, match=r"element.*e2m1"):
        ops.per_token_quant_int8(torch.zeros(3, 64), element="e2m1")
    with pytest.raises(ArgumentError, match=r"element.*e2m1"):
        ops.per_token_quant_int8(torch.zeros(3, 64), element=E2M1)


def test_tensors_that_are_not_strided() -> None:
    x = torch.zeros(3, 64)
    with pytest.raises(WrongType, match="strided"):
        ops.per_token_quant_fp8(x.to_sparse())
    with pytest.raises(WrongType, match="ndarray"):
        ops.per_token_quant_fp8(x.numpy())  # type: ignore[arg-type]
