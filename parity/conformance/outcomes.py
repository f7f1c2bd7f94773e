"""Outcomes of wrong calls, judged against the expected refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from parity.conformance.wrong_calls import WrongCall, wrong_calls
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, ConstraintViolated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Outcome of a wrong call.

    error: the exception, None if the call was accepted.
    changed: names of arguments whose bytes have changed.
    reached: how often the launcher went on to plan or run something, where that was counted.
    """

    call: WrongCall
    error: Exception | None
    changed: tuple[str, ...] = ()
    reached: int = 0


def representative_cases(op: Op) -> tuple[Case, ...]:
    """The smallest case with rows for every choice of attributes and of arrays to leave out."""
    chosen: dict[object, Case] = {}
    usable = [case for case in op.cases if not case.large and all(size for _, size in case.sizes)]
    for case in sorted(usable, key=lambda case: prod(size for _, size in case.sizes)):
        chosen.setdefault((case.attributes, case.absent, case.lead is None), case)
    return tuple(chosen.values())


def all_wrong_calls(op: Op) -> Iterator[WrongCall]:
    """The wrong calls derived from the representative cases of an operation."""
    for case in representative_cases(op):
        yield from wrong_calls(op, case)


def _says(error: ArgumentError) -> bool:
    """Whether the message has operation, argument, what was expected and what was passed."""
    parts = [error.op, error.argument, error.expected, error.actual]
    if isinstance(error, ConstraintViolated) and error.told is not None:  # a sentence with the values that decide
        sizes = [value for _, _, value in (pair.partition(" = ") for pair in error.actual.split(", "))]
        parts[2:] = [next((size for size in sizes if size in error.told), "no value of the call")]
    return all(part.strip() and part in str(error) for part in parts)


def problem(outcome: Outcome) -> str | None:
    """Why an outcome is not the refusal that the call has to get, None if it is.

    A refusal is an `ArgumentError` of the right class that names the argument, says what was expected and what was
    passed, and leaves every array as it was.
    """
    call, error = outcome.call, outcome.error
    if error is None:
        return f"{call}: accepted"
    if not isinstance(error, ArgumentError):
        return f"{call}: {type(error).__name__}: {error}"
    if (type(error), error.argument) not in call.expected:
        expected = " or ".join(f"{kind.__name__} of '{name}'" for kind, name in sorted(call.expected, key=str))
        return f"{call}: {expected} expected, got {type(error).__name__} of '{error.argument}': {error}"
    if not _says(error):
        return f"{call}: the message does not say what was expected and what was passed: {error}"
    if outcome.changed:
        return f"{call}: changed {outcome.changed}"
    if outcome.reached:
        return f"{call}: planned or run before it was refused"
    return None
