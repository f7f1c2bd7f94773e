"""What the tests of wrong calls share: the calls of every operation, random ones, and what a refusal has to be like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings

import specs
from parity.conformance.outcomes import Outcome, all_wrong_calls, problem, representative_cases
from parity.conformance.wrong_calls import (
    FORMATS,
    Mistake,
    WrongCall,
    reformatted,
    reshaped,
    resized,
    with_attribute,
)
from parity.conformance.wrong_results import WrongResult, wrong_results
from parity.judge.inputs import Inputs, generate, layout_of
from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.declare.op import Case
from specs.lang.errors import ArgumentError
from specs.lang.formats.elements import ALL, INT64, UINT32

LEAST_REFUSALS = 20
"""Different refusals that each framework has to be seen with, of every operation."""

FEWER = settings(max_examples=settings().max_examples * 2 // 5)
"""Of random calls: what is refused is the binder's to say, and each of three ways to it draws its own."""

BY_FRAMEWORK = (Mistake.NOT_AN_ARRAY, Mistake.STRIDE, Mistake.DEVICE, Mistake.IMPLEMENTATION)
"""Mistakes that a spec alone does not show."""

Key = tuple[str, str, str, str]


def key(outcome: Outcome) -> Key:
    """By what refusals differ: operation, argument, kind of mistake, message."""
    error = outcome.error
    assert isinstance(error, ArgumentError)
    return (error.op, error.argument, outcome.call.mistake.name, str(error))


def different(outcomes: Iterable[Outcome]) -> int:
    """How many refusals differ."""
    return len({key(outcome) for outcome in outcomes if isinstance(outcome.error, ArgumentError)})


@cache
def cases_of(op: str) -> tuple[Case, ...]:
    """The representative cases of an operation."""
    return representative_cases(specs.get(op))


@cache
def calls_of(op: str) -> tuple[WrongCall, ...]:
    """The wrong calls of an operation."""
    return tuple(all_wrong_calls(specs.get(op)))


def bound(inputs: Inputs) -> Exception | None:
    """What the binder says about a call."""
    infos: dict[str, ArrayInfo | None] = {
        name: ArrayInfo(raw.shape, inputs.formats[name], None, "") for name, raw in inputs.arrays.items()
    }
    try:
        bind(inputs.op, infos, inputs.attributes)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


@cache
def told_apart(op: str) -> tuple[WrongCall, ...]:
    """The wrong calls of an operation that the binder refuses in different words, and what only a framework sees.

    For tests that make every call: what is said of the same mistake in one argument of two cases is said once.
    """
    found: dict[object, WrongCall] = {}
    for call in calls_of(op):
        alone = call.mistake in BY_FRAMEWORK
        found.setdefault(id(call) if alone else (call.mistake, call.subject, str(bound(call.inputs))), call)
    return tuple(found.values())


@cache
def results_of(op: str) -> tuple[WrongResult, ...]:
    """The calls of all cases of an operation with a wrong entry of `out`."""
    return tuple(call for case in cases_of(op) for call in wrong_results(specs.get(op), case))


def right_call(op: str) -> Inputs:
    """The call that most mistakes of an operation are made in; of no 64-bit types, which JAX has off."""
    narrow = (case for case in cases_of(op) if INT64 not in layout_of(specs.get(op), case).formats.values())
    return generate(specs.get(op), next(narrow), "random", 0)


def assert_refused(outcomes: Iterable[Outcome]) -> None:
    """Every outcome is the refusal that its call deserves."""
    found = [text for outcome in outcomes if (text := problem(outcome)) is not None]
    assert not found, f"{len(found)} calls, among them\n" + "\n".join(found[:10])


class Reached(RuntimeError):
    """A call got to where something is planned, compiled or run."""


class Spy:
    """Counts how often the parts of a launcher that plan, compile and run are reached, and lets nobody in."""

    def __init__(self, patch: pytest.MonkeyPatch, *targets: tuple[object, str]) -> None:
        self.reached = 0
        for owner, name in targets:
            patch.setattr(owner, name, self._watched(getattr(owner, name)))

    def watch(self, attempt: Callable[[], Outcome]) -> Outcome:
        """The outcome of an attempt, and how often something was reached during it."""
        before = self.reached
        outcome = attempt()
        return replace(outcome, reached=self.reached - before)

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*_: Any, **__: Any) -> Any:
            self.reached += 1
            raise Reached(f"{getattr(function, '__qualname__', function)} was reached")

        return watched


# -- random calls ----------------------------------------------------------------------------------------


@st.composite
def random_calls(draw: st.DrawFn, op: str, attributes: bool = True) -> WrongCall:
    """A wrong call with a shape, an axis, a format or (if wanted) an attribute drawn at random."""
    spec, case = specs.get(op), draw(st.sampled_from(cases_of(op)))
    inputs = generate(spec, case, "random", 0)
    makers: list[Callable[[], WrongCall | None]] = [
        lambda: _random_shape(draw, inputs),
        lambda: _random_axis(draw, op, case),
        lambda: _random_format(draw, inputs),
    ]
    if attributes and spec.attributes:
        makers.append(lambda: _random_attribute(draw, inputs))
    call = draw(st.sampled_from(makers))()
    return draw(st.just(call).filter(lambda made: made is not None))  # type: ignore[return-value]


def _random_shape(draw: st.DrawFn, inputs: Inputs) -> WrongCall | None:
    name = draw(st.sampled_from(sorted(inputs.arrays)))
    used = sorted({size for raw in inputs.arrays.values() for size in raw.shape if size < 512})
    size = st.integers(0, 40) | (st.sampled_from(used) if used else st.nothing())
    return reshaped(inputs, name, tuple(draw(st.lists(size, max_size=3))))


def _random_format(draw: st.DrawFn, inputs: Inputs) -> WrongCall | None:
    name = draw(st.sampled_from(sorted(inputs.arrays)))
    # Not uint32: torch has the dtype, but no format stands for it there.
    return reformatted(inputs, name, draw(st.sampled_from([form for form in FORMATS if form != UINT32])))


def _random_axis(draw: st.DrawFn, op: str, case: Case) -> WrongCall | None:
    axis = draw(st.sampled_from([name for name, _ in case.sizes]))
    return resized(specs.get(op), case, axis, draw(st.integers(0, 600)))


def _random_attribute(draw: st.DrawFn, inputs: Inputs) -> WrongCall | None:
    attribute = draw(st.sampled_from(inputs.op.attributes))
    values = st.integers() | st.floats() | st.text(max_size=8) | st.booleans() | st.binary(max_size=3)
    own = st.sampled_from(attribute.choices) if attribute.choices else st.nothing()
    return with_attribute(inputs, attribute.name, draw(values | st.sampled_from(ALL) | st.lists(st.integers()) | own))
