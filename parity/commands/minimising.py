"""`--minimise`: a smaller call that fails as well, in sizes first and then in data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from parity.judge.inputs import Inputs, Kind, generate
from parity.judge.runner import ORACLE, inputs_of, run_inputs, seed_of
from parity.record.records import CaseResult
from specs.lang.declare.kernel import Role
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, SpecError

ZEROED: Final = (Role.DATA, Role.CODES, Role.ADDEND)
"""What may be zero without another meaning: no scale, no index."""
CALLS: Final = 200
"""Calls that a search makes at most."""
PARTS: Final = 64
"""Into how many parts an array is divided at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smaller:
    """A call that fails. rows: how. calls: how many were tried."""

    case: Case
    inputs: Inputs
    rows: tuple[CaseResult, ...]
    calls: int

    def told(self) -> str:
        """Sizes, and which arguments are not zero."""
        sizes = " ".join(f"{name}={size}" for name, size in self.case.sizes)
        counts = [
            f"{a.name}: {np.count_nonzero(self.inputs.arrays[a.name])} of {self.inputs.arrays[a.name].size} not zero"
            for a in self.inputs.op.inputs
            if a.role in ZEROED and a.name in self.inputs.arrays
        ]
        return "; ".join((sizes, *counts))


def minimise(
    op: Op, case: Case, kind: Kind, seed: int, implementations: Sequence[str], device: str = "cpu"
) -> Smaller | None:
    """The smallest failing call that `CALLS` tries find; None where the case does not fail.

    Sizes become smaller one by one, with data drawn for them as for the case; then parts of the arguments become zero.

    Args:
        implementations: those that failed, as "framework:implementation".
    """
    inputs = inputs_of(op, case, kind, seed)
    search = _Search(kind=kind, implementations=implementations, device=device)
    if not (rows := search.failed(case, inputs)):
        return None
    found = Smaller(case=case, inputs=inputs, rows=rows, calls=1)
    found = _with_smaller_sizes(search, found, seed_of(seed, op.name, case.name, kind))
    found = _with_zeros(search, found)
    return replace(found, calls=search.calls)


@dataclass(slots=True, kw_only=True)
class _Search:
    """Calls with the same implementations."""

    kind: Kind
    implementations: Sequence[str]
    device: str
    calls: int = field(default=0, init=False)

    def failed(self, case: Case, inputs: Inputs) -> tuple[CaseResult, ...]:
        """Rows of a call, none where it passes or where there have been enough calls."""
        if self.calls >= CALLS:
            return ()
        self.calls += 1
        rows = run_inputs(inputs, case, self.kind, None, self.implementations, self.device)
        return rows if any(row.status == "failed" for row in rows) else ()


def _with_smaller_sizes(search: _Search, found: Smaller, seed: int) -> Smaller:
    changed = True
    while changed:
        changed = False
        for case in _smaller(found.case):
            try:
                inputs = generate(found.inputs.op, case, search.kind, seed)
                inputs.layout.call()
            except (ArgumentError, SpecError, AssertionError, ValueError):
                continue  # no call that the operation takes, or none that data is known for
            if rows := search.failed(case, inputs):
                found, changed = replace(found, case=case, inputs=inputs, rows=rows), True
                break
    return found


def _smaller(case: Case) -> Iterator[Case]:
    """The same case without leading dimensions, or with one smaller size, the smallest first."""
    if case.lead is not None:
        yield replace(case, lead=None)
    for index, (name, size) in enumerate(case.sizes):
        for less in sorted({0, 1, 2, 3, size // 4, size // 2, (size - 1) // 32 * 32, size - 1}):
            if 0 <= less < size:
                sizes = (*case.sizes[:index], (name, less), *case.sizes[index + 1 :])
                yield replace(case, sizes=sizes, lead=None)


def _with_zeros(search: _Search, found: Smaller) -> Smaller:
    names = [a.name for a in found.inputs.op.inputs if a.role in ZEROED and a.name in found.inputs.arrays]
    for name in names:
        parts = 1
        while parts <= min(PARTS, found.inputs.arrays[name].size):
            for part in np.array_split(np.arange(found.inputs.arrays[name].size), parts):
                flat = found.inputs.arrays[name].reshape(-1).copy()
                if not flat[part].any():
                    continue
                flat[part] = np.zeros((), flat.dtype)
                inputs = found.inputs.replaced(**{name: flat.reshape(found.inputs.arrays[name].shape)})
                if rows := search.failed(found.case, inputs):
                    found = replace(found, inputs=inputs, rows=rows)
            parts *= 2
    return found


def failing(rows: Sequence[CaseResult]) -> list[str]:
    """Implementations that failed against the oracle; of pairs where none did."""
    failed = [row.pair.split(" vs ") for row in rows if row.status == "failed"]
    alone = [pair[0] for pair in failed if ORACLE in pair]
    return list(dict.fromkeys(alone or [side for pair in failed for side in pair]))
