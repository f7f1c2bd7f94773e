"""Traces of a call: what each of its statements gives on one machine, kept in a file, and where two of them part.

As in `parity.judge.statements` every statement runs on numpy's operands, so a difference between two traces is the
statement's own, whatever they were recorded with: another device, framework or version.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, Kind
from parity.judge.statements import (
    Array,
    Entry,
    FirstDifference,
    Follower,
    compared,
    library_for,
    named,
    recorded,
    same_bits,
)
from specs.export import content_hash
from specs.tile.ir import Operation
from specs.version import __version__


class NoTrace(ValueError):
    """A file is no trace, or two traces are of other calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """The call of a trace: two traces are compared if these are equal.

    spec: sha256 of the operation's declaration. inputs: hash of the bytes of its arguments.
    """

    operation: str
    case: str
    kind: str
    seed: int
    spec: str
    inputs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement that ran: of which kernel, the operation as the IR calls it, its result's name and the author's line.

    numpy: hash of what it gives there. dtypes: of its results. raised: the exception, where it gives none.
    """

    kernel: str
    statement: str
    variable: str
    where: str
    numpy: str = ""
    dtypes: tuple[str, ...] = ()
    raised: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A run. recorded: implementation, device and versions, for people.

    arrays: "3.0" the first result of statement 3, "3.bound" how far others may be from numpy's, and "3.flushed" what it
        gives where subnormal numbers are taken for zero; the last two where they apply.
    """

    call: TracedCall
    recorded: str
    statements: tuple[Statement, ...]
    arrays: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceDifference:
    """The first statement at which two traces part.

    one, other: the statement in either, None where a trace has ended. count: statements before it.
    wrong, elements: of its results. index, values: the worst of them, () where nothing can be compared.
    note: what else has to be known.
    """

    one: Statement | None
    other: Statement | None
    count: int
    wrong: int = 0
    elements: int = 0
    index: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    note: str = ""


class _Tracer(Follower):
    """Keeps what every statement gives."""

    kernel: str
    statements: list[Statement]
    arrays: dict[str, Array]

    def look(self, entry: Entry, arrays: list[Array], *, same: bool) -> None:
        """Keeps them."""
        del same
        number = len(self.statements)
        found = {str(i): np.array(array) for i, array in enumerate(arrays)}  # torch stores into its memory again
        found |= {n: x for n, x in (("bound", entry.bound), ("flushed", entry.flushed)) if x is not None}
        self.arrays |= {f"{number}.{name}": array for name, array in found.items()}
        dtypes = tuple(array.dtype.name for array in arrays)
        self.statements.append(
            Statement(kernel=self.kernel, **named(entry.op), numpy=_hash(entry.arrays), dtypes=dtypes)
        )

    def failed(self, op: Operation, raised: str) -> FirstDifference:
        """Keeps the exception, with which the trace ends."""
        self.statements.append(replace(self._statement(op), raised=raised))
        return super().failed(op, raised)

    def _statement(self, op: Operation) -> Statement:
        facts = named(op)
        return Statement(
            kernel=self.kernel, statement=facts["statement"], variable=facts["variable"], where=facts["where"]
        )


def trace(inputs: Inputs, case: str, kind: Kind, seed: int, implementation: str, device: str = "cpu") -> Trace:
    """Runs the inputs of a case statement by statement.

    Raises:
        Unsupported: the implementation does not run statement by statement.
    """
    statements, arrays = list[Statement](), dict[str, Array]()
    with library_for(inputs, implementation, device) as library:
        for launch, entries, memory in recorded(inputs):
            tracer = _Tracer.start(launch, library, memory)
            tracer.entries, tracer.kernel = entries, launch.program.name
            tracer.statements, tracer.arrays = statements, arrays
            try:
                tracer.run(launch)
            except FirstDifference:
                break
    call = TracedCall(
        operation=inputs.op.name,
        case=case,
        kind=kind,
        seed=seed,
        spec=content_hash(inputs.op),
        inputs=_hash(list(inputs.arrays.values())),
    )
    return Trace(call=call, recorded=_recorded(implementation, device), statements=tuple(statements), arrays=arrays)


def _recorded(implementation: str, device: str) -> str:
    versions = [f"twinkernels {__version__}", f"{platform.machine()}", f"Python {platform.python_version()}"]
    for name in (implementation.partition(":")[0], "numpy"):
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join([f"{implementation} on {device}", *versions])


def _hash(arrays: Sequence[Array]) -> str:
    found = blake2b(digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(bit_view(array)).tobytes())
    return found.hexdigest()


def parted(one: Trace, other: Trace) -> TraceDifference | None:
    """The first statement at which two traces of one call part.

    Statements that are exact give the same bits; others each their rounding of numpy's, so that both are at most the
    sum of their bounds apart.

    Raises:
        NoTrace: they are of other calls.
    """
    _refuse_others(one.call, other.call)
    note = ""
    for number in range(max(len(one.statements), len(other.statements))):
        pair = [x.statements[number] if number < len(x.statements) else None for x in (one, other)]
        left, right = pair
        if left is None or right is None or _name(left) != _name(right) or bool(left.raised) != bool(right.raised):
            return TraceDifference(one=left, other=right, count=number, note=note)
        if found := _differing(one, other, number):
            values = found["got"], found["expected"]
            facts = {name: found[name] for name in ("wrong", "elements", "index")}
            return TraceDifference(one=left, other=right, count=number, values=values, note=note, **facts)
        if left.numpy != right.numpy and not note:
            note = f"numpy itself gives something else in either trace from {left.where} on, after {number} statements"
    return None


def _refuse_others(one: TracedCall, other: TracedCall) -> None:
    for fact in fields(TracedCall):
        mine, theirs = getattr(one, fact.name), getattr(other, fact.name)
        if mine != theirs:
            raise NoTrace(
                f"the traces are not of the same call: {fact.name} is {mine!r} in one, {theirs!r} in the other"
            )


def _name(statement: Statement) -> tuple[str, str]:
    return statement.kernel, statement.statement


def _differing(one: Trace, other: Trace, number: int) -> dict[str, Any] | None:
    """The worst element of a statement's results, None where they are the same."""
    bounds = [x.arrays.get(f"{number}.bound") for x in (one, other)]
    bound = None if bounds[0] is None or bounds[1] is None else bounds[0] + bounds[1]
    flushed = [x.arrays.get(f"{number}.flushed") for x in (one, other)]
    for result in range(len(one.statements[number].dtypes)):
        left, right = (x.arrays[f"{number}.{result}"] for x in (one, other))
        if same_bits(left, right):
            continue
        found = compared(left, right, bound, flushed)
        # Either of the two may be the one that takes subnormal numbers for zero.
        if found is not None and compared(right, left, bound, flushed) is not None:
            return found
    return None
