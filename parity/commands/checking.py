"""`parity check`: checks an operation without compiling a kernel.

Declarations are validated at construction, so an imported operation has valid ones. Here every small
case is bound, planned for every kind of device, traced, and run on the numpy executor with every load and store
checked; the oracle is checked against the contract.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

from rich.console import Console

from parity.judge.expected import ExpectedQuantised, expectations
from parity.judge.inputs import Kind, generate
from parity.judge.runner import seed_of
from parity.show.printing import say
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.declare.check import KINDS_OF_DEVICE
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, SpecError
from specs.tile.launch.cases import case_launches
from specs.tile.passes.accesses import misuses

KIND: Kind = "random"
"""Data of the checked runs: rows that no request owns, lengths of 0, slots and pages out of range."""


def problems(op: Op) -> Iterator[str]:
    """Problems of an operation, one line each; duplicates across cases are merged."""
    seen: dict[str, str] = {}
    for case in op.cases:
        if case.large:
            continue
        for line in case_problems(op, case):
            if line not in seen:
                seen[line] = case.name
                yield f"{line}  [case {case.name}]"


def case_problems(op: Op, case: Case) -> Iterator[str]:
    """Problems that show in one case."""
    for check in (_launches, _contract, _accesses):
        try:
            yield from check(op, case)
        except (SpecError, ArgumentError) as error:
            yield str(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever an author's body raises is a finding
            yield f"{_last_line(error)}: {type(error).__name__}: {error}"
            return


def _last_line(error: Exception) -> str:
    """`file:line` where an exception was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _launches(op: Op, case: Case) -> Iterable[str]:
    """Every step has a configuration and can be traced, for every kind of device."""
    for target in KINDS_OF_DEVICE:
        case_launches(op, case, target, strided=True)
    return ()


def _contract(op: Op, case: Case) -> Iterator[str]:
    """The oracle gives every result in its shape, with a magnitude where the contract is a bound."""
    inputs = generate(op, case, KIND, seed_of(0, op.name, case.name, KIND))
    call = inputs.layout.call()
    try:
        found = expectations(inputs, call)
    except Exception as error:  # noqa: BLE001 - whatever an author's oracle raises is a finding
        yield f"{_last_line(error)}: the oracle failed, {type(error).__name__}: {error}"
        return
    for name, expected in found.items():
        value, magnitude = expected.reference.value, expected.reference.magnitude
        if isinstance(expected, ExpectedQuantised):
            yield from _quantised(expected)
            continue
        if value.shape != call.shapes[name]:
            yield f"the oracle gives {name!r} the shape {list(value.shape)}, the call {list(call.shapes[name])}"
        if magnitude is None and not expected.accuracy.exact:
            yield f"the contract of {name!r} is a bound: the oracle has to give its magnitude"


def _quantised(expected: ExpectedQuantised) -> Iterator[str]:
    """The oracle gives values before quantisation, their magnitude, and scales in the shape of the blocks."""
    if expected.codes.magnitude is None:
        if not expected.is_scale:
            yield f"the contract of {expected.name!r} is a bound: the oracle has to give its magnitude"
        return
    try:
        rule = expected.rule(KIND, FLOAT32)
    except SpecError as error:
        yield f"{expected.name!r}: {error}"
        return
    verdict = rule.compare(expected.raw)
    if not verdict.passed:
        yield f"the oracle's own {expected.name!r} breaks the contract: {verdict.message}"


def _accesses(op: Op, case: Case) -> Iterable[str]:
    inputs = generate(op, case, KIND, seed_of(0, op.name, case.name, KIND))
    return misuses(inputs.layout.call(), inputs.arrays)


def report(ops: Iterable[Op], console: Console, find: Callable[[Op], Iterable[str]] = problems) -> int:
    """Prints a line per operation and its problems; returns the number of operations that failed."""
    failed = 0
    for op in ops:
        start = perf_counter()
        lines = list(find(op))
        failed += bool(lines)
        cases = sum(not case.large for case in op.cases)
        say(console, f"{'✕' if lines else '✓'} {op.name}: {cases} cases, {perf_counter() - start:.1f} s")
        for line in lines:
            say(console, f"    {line}")
    return failed
