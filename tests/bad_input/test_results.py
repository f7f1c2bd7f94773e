"""torch: wrong arrays for results (`out=`) are refused, publicly and through operators, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

import specs
from parity.conformance.outcomes import Outcome, problem
from parity.conformance.torch_calls import memory
from parity.conformance.wrong_calls import Mistake, Passed
from parity.conformance.wrong_results import Given, WrongResult, right_results
from parity.judge.frameworks import to_torch
from specs.lang.call.results import entry
from specs.lang.declare.layouts import packed_strides
from specs.lang.formats.elements import ElementFormat
from tests.bad_input.calls import assert_refused, results_of, right_call
from tests.bad_input.test_torch import watched
from torch_impl import launch, ops
from torch_impl.formats import DTYPES, dtype_of

WITH_RESULTS = [name for name in specs.names() if specs.get(name).outputs]
Call = tuple[list[Any], list[Any]]


def fresh(given: Given) -> Any:
    """The array of an entry, in memory of its own."""
    dtype, passed = dtype_of(given.form), given.passed
    match passed:
        case Passed.AS_LIST | Passed.AS_TEXT:
            return [1.0] if passed is Passed.AS_LIST else "text"
        case Passed.ELSEWHERE:
            return torch.zeros(given.shape, dtype=dtype, device="meta")
        case Passed.REPEATED:
            return torch.zeros((1, *given.shape[1:]), dtype=dtype).expand(given.shape)
        case Passed.LAST_STRIDED:
            strides = tuple(2 * stride for stride in packed_strides(given.shape))
            return torch.zeros(2 * torch.Size(given.shape).numel(), dtype=dtype).as_strided(given.shape, strides)
    return torch.zeros(given.shape, dtype=dtype)


def placed(tensor: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
    """The tensor at the start of `room`, with its values."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8)
    room[: raw.numel()] = raw
    return room[: raw.numel()].view(tensor.dtype).reshape(tensor.shape)


def arguments(call: WrongResult) -> Call:
    """Tensors in the order of the signature, and entries of `out`."""
    inputs = call.inputs
    tensors: list[Any] = [
        to_torch(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
        for a in inputs.op.inputs
    ]
    entries: list[Any] = [None if given is None else fresh(given) for given in call.results]
    for index, given in enumerate(call.results):
        if given is None or given.memory_of is None:
            continue
        names = [a.name for a in inputs.op.inputs]
        pool = tensors if given.memory_of in names else entries
        places = names if pool is tensors else [entry(inputs.op, i) for i in range(len(entries))]
        other = places.index(given.memory_of)
        both = (entries[index], pool[other])
        room = torch.zeros(max(t.numel() * t.element_size() for t in both), dtype=torch.uint8)
        entries[index], pool[other] = (placed(tensor, room) for tensor in both)
    return tensors, entries


def attempt(call: WrongResult, function: Callable[[Call], Any], reached: Callable[[], int]) -> Outcome:
    """Makes a call and looks at all arrays afterwards."""
    made, so_far = arguments(call), reached()
    every = [*made[0], *made[1]]
    before = [memory(tensor) for tensor in every]
    error: Exception | None = None
    try:
        function(made)
    except Exception as raised:  # noqa: BLE001 - which one it is, is the question
        error = raised.with_traceback(None)
    inputs = call.inputs.op.inputs
    names = [*[a.name for a in inputs], *[entry(call.inputs.op, index) for index in range(len(made[1]))]]
    changed = tuple(n for n, t, old in zip(names, every, before, strict=True) if memory(t) != old)
    return Outcome(call=call, error=error, changed=changed, reached=reached() - so_far)


def public(call: WrongResult) -> Callable[[Call], Any]:
    """The call through `torch_impl.ops`."""

    def function(made: Call) -> Any:
        tensors, entries = made
        out = entries[0] if len(entries) == 1 else tuple(entries)
        return getattr(ops, call.inputs.op.name)(*tensors, **call.inputs.attributes, out=out)

    return function


def operator(call: WrongResult) -> Callable[[Call], Any]:
    """The call through `torch.ops`."""
    op = call.inputs.op
    named = {name: launch.layout_name(value) for name, value in call.inputs.attributes.items()}
    attributes = {n: DTYPES[v] if isinstance(v, ElementFormat) else v for n, v in named.items()}

    def function(made: Call) -> Any:
        tensors, entries = made
        given = dict(zip([f"out_{a.name}" for a in op.outputs], entries, strict=True))
        return getattr(torch.ops.twinkernels, f"{op.name}_out")(*tensors, **attributes, **given)

    return function


@cache
def outcomes(op: str) -> tuple[tuple[Outcome, Outcome], ...]:
    """Every call with a wrong result, publicly and through the operator."""
    with pytest.MonkeyPatch.context() as patch:
        spy = watched(patch)
        calls = [c for c in results_of(op) if all(g is None or g.form in DTYPES for g in c.results)]
        found = []
        for call in calls:
            both = [attempt(call, through(call), lambda: spy.reached) for through in (public, operator)]
            found.append((both[0], both[1]))
        return tuple(found)


def made_right(op: str) -> None:
    """The right call with all results given, whose preparation is kept: a later mistake must not profit from it."""
    inputs = right_call(op)
    call = WrongResult(
        inputs=inputs, mistake=Mistake.SIZE, subject="", expected=frozenset(), results=right_results(inputs)
    )
    public(call)(arguments(call))


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_public_functions_refuse(op: str) -> None:
    made_right(op)
    assert_refused(one for one, _ in outcomes(op))


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_operators_refuse(op: str) -> None:
    """With the same words as the public functions, or in torch's own where the schema excludes the mistake."""
    for plain, other in outcomes(op):
        if other.call.mistake is Mistake.NOT_AN_ARRAY:
            assert isinstance(other.error, RuntimeError | TypeError)
            assert not other.changed
        else:
            assert problem(other) is None, problem(other)
            assert str(plain.error) == str(other.error)


def test_every_kind_is_made() -> None:
    made = {call.mistake for op in WITH_RESULTS for call in results_of(op)}
    assert made >= {Mistake.RANK, Mistake.SIZE, Mistake.FORMAT, Mistake.STRIDE, Mistake.DEVICE}
    assert made >= {Mistake.NOT_AN_ARRAY, Mistake.ALIAS, Mistake.SURPLUS}
