"""Calls that have to be refused for an array that is given for a result (`out=`), derived from the spec.

Every call is right but for one entry: another shape, format, device or strides than the result has, the memory of an
argument or of another result, or a result that the mode does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from parity.conformance.page_calls import Refusal
from parity.conformance.wrong_calls import FORMATS, Mistake, Passed, WrongCall, shapes_near
from parity.judge.inputs import Inputs, Shape, generate
from specs.lang import errors
from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.call.results import entry
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import E8M0, UINT8, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An array for a result.

    passed: how it is passed, where that is the mistake.
    memory_of: the argument, or the entry of `out`, whose memory it has.
    """

    shape: Shape
    form: ElementFormat
    passed: Passed | None = None
    memory_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrongResult(WrongCall):
    """A call with one wrong entry of `out`; entries are in the order of the results, None for those to allocate."""

    results: tuple[Given | None, ...]

    def __str__(self) -> str:
        return f"{self.inputs.op.name}: {self.mistake.value} of '{self.subject}': out = {self.results}"


def right_results(inputs: Inputs) -> tuple[Given | None, ...]:
    """An array for every result of a right call, None for those that its mode does not have."""
    infos: dict[str, ArrayInfo | None] = {
        name: ArrayInfo(raw.shape, inputs.formats[name], None, "") for name, raw in inputs.arrays.items()
    }
    call = bind(inputs.op, infos, inputs.attributes)
    return tuple(
        Given(shape=call.shapes[a.name], form=call.formats[a.name]) if a.name in call.shapes else None
        for a in inputs.op.outputs
    )


def wrong_results(op: Op, case: Case) -> list[WrongResult]:
    """Every mistake in every entry of `out` of the call of a case. The same case gives the same calls."""
    inputs = generate(op, case, "random", 0)
    right = right_results(inputs)
    found: list[WrongResult] = []
    for index, given in enumerate(right):
        name = entry(op, index)
        wrong = _surplus() if given is None else _wrong(inputs, right, index, given)
        for mistake, error, other in wrong:
            expected: frozenset[Refusal] = frozenset({(error, name)})
            results = (*right[:index], other, *right[index + 1 :])
            found.append(WrongResult(inputs=inputs, mistake=mistake, subject=name, expected=expected, results=results))
    return found


_Wrong = Iterator[tuple[Mistake, type[errors.ArgumentError], Given]]


def _surplus() -> _Wrong:
    yield Mistake.SURPLUS, errors.Surplus, Given(shape=(1,), form=UINT8)


def _wrong(inputs: Inputs, right: tuple[Given | None, ...], index: int, given: Given) -> _Wrong:
    shape = given.shape
    for other in dict.fromkeys(shapes_near(shape)):
        if len(other) != len(shape):
            yield Mistake.RANK, errors.WrongRank, replace(given, shape=other)
        elif other != shape:
            yield Mistake.SIZE, errors.WrongShape, replace(given, shape=other)
    for form in FORMATS:
        if form != given.form and not (form == UINT8 and given.form == E8M0):
            yield Mistake.FORMAT, errors.WrongFormat, replace(given, form=form)
    if shape and shape[-1] > 1 and inputs.op.outputs[index].layout != Dense(inner=Inner.FREE):
        yield Mistake.STRIDE, errors.WrongStride, replace(given, passed=Passed.LAST_STRIDED)
    if shape and shape[0] > 1:
        yield Mistake.STRIDE, errors.WrongStride, replace(given, passed=Passed.REPEATED)
    yield Mistake.DEVICE, errors.WrongDevice, replace(given, passed=Passed.ELSEWHERE)
    for passed in (Passed.AS_LIST, Passed.AS_TEXT):
        yield Mistake.NOT_AN_ARRAY, errors.WrongType, replace(given, passed=passed)
    for name, raw in inputs.arrays.items():
        if raw.size and 0 not in shape:
            yield Mistake.ALIAS, errors.Aliased, replace(given, memory_of=name)
    # The later of two results with the same memory is the wrong one.
    for earlier in range(index):
        if right[earlier] is not None and 0 not in shape:
            yield Mistake.ALIAS, errors.Aliased, replace(given, memory_of=entry(inputs.op, earlier))
