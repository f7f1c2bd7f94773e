"""`parity check`: what can be said of an operation before any kernel is compiled.

Declarations are checked when they are made, so an operation that can be imported has passed those. Here every small
case is bound, planned for every kind of device, traced, and run on the numpy executor with each load and store looked
at; the oracle is asked for what its contract needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

from rich.console import Console

from parity.judge.inputs import Kind, generate
from parity.judge.runner import expectations, seed_of
from parity.show.printing import say
from specs.lang.declare.check import KINDS_OF_DEVICE
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, SpecError
from specs.tile.launch.cases import case_launches
from specs.tile.passes.accesses import misuses

KIND: Kind = "random"
"""Data of the watched runs: rows that no request owns, lengths of 0, slots and pages out of range."""


def problems(op: Op) -> Iterator[str]:
    """What is wrong with an operation, a line each; the same line of several cases once."""
    seen: dict[str, str] = {}
    for case in op.cases:
        if case.large:
            continue
        for line in _of_case(op, case):
            if line not in seen:
                seen[line] = case.name
                yield f"{line}  [case {case.name}]"


def _of_case(op: Op, case: Case) -> Iterator[str]:
    for check in (_launches, _contract, _accesses):
        try:
            yield from check(op, case)
        except (SpecError, ArgumentError) as error:
            yield str(error)
            return


def _launches(op: Op, case: Case) -> Iterable[str]:
    """Every step has a configuration and can be traced, for every kind of device."""
    for target in KINDS_OF_DEVICE:
        case_launches(op, case, config=target, strided=True)
    return ()


def _contract(op: Op, case: Case) -> Iterator[str]:
    """The oracle gives every result in its shape, with a magnitude where the contract is a bound."""
    inputs = generate(op, case, KIND, seed_of(0, op.name, case.name, KIND))
    call = inputs.layout.call()
    for name, expected in expectations(inputs, call).items():
        value, magnitude = expected.reference.value, expected.reference.magnitude
        if value.shape != call.shapes[name]:
            yield f"the oracle gives {name!r} the shape {list(value.shape)}, the call {list(call.shapes[name])}"
        if magnitude is None and not expected.accuracy.exact:
            yield f"the contract of {name!r} is a bound: the oracle has to give its magnitude"


def _accesses(op: Op, case: Case) -> Iterable[str]:
    inputs = generate(op, case, KIND, seed_of(0, op.name, case.name, KIND))
    return misuses(inputs.layout.call(), inputs.arrays)


def report(ops: Iterable[Op], console: Console, find: Callable[[Op], Iterable[str]] = problems) -> int:
    """Prints a line per operation, then what is wrong with it; returns the number of operations that failed."""
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
