"""Exit statuses, and requested devices, implementations and cases that did not run.

0  all that was compared passed
1  something failed, or a checked-in file is stale
2  wrong usage
3  nothing failed, but what was asked for by name (a device, an implementation, a case) did not run, or nothing did
130  interrupted; what had run until then is reported
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from parity.record.records import LinearResult, RunRecord, Status, StepResult

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_RUN: Final = 3
INTERRUPTED: Final = 130

STATUSES_TEXT: Final = (
    "Exit status: 0 passed, 1 something failed or is stale, 2 wrong usage, "
    "3 what was asked for by name did not run, 130 interrupted."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Devices, implementations and cases named on the command line; empty for defaults.

    Every implementation named has to run on at least one case: of each operation named, or of all where none is. A
    device that is named has to run implementations of every framework that takes part.
    """

    ops: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    implementations: tuple[str, ...] = ()
    device: str | None = None


NOTHING_NAMED: Final = Asked()
"""A run with defaults only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One comparison: of which operation and case ("" for a model's layers), between what, and what became of it."""

    op: str
    case: str
    sides: tuple[str, ...]
    status: Status
    reason: str

    @property
    def ran(self) -> bool:
        return self.status in ("passed", "failed", "flushed")


def exit_status(record: RunRecord, missing: Sequence[str]) -> int:
    """The status of a run; `missing` are the lines of `not_run`."""
    if record.interrupted:
        return INTERRUPTED
    if any(row.status == "failed" for row in _rows(record)):
        return FAILED
    return NOT_RUN if missing else OK


def not_run(record: RunRecord, asked: Asked) -> tuple[str, ...]:
    """A line for everything that `asked` names and that took part in no comparison, with the reason."""
    rows = tuple(_rows(record))
    if record.interrupted:
        return ()
    lines = [*_implementations(rows, asked), *_cases(rows, asked)]
    if not lines and not any(row.ran for row in rows):
        lines.append(f"nothing was compared{_because(rows)}")
    return tuple(dict.fromkeys(lines))


def _rows(record: RunRecord) -> Iterator[_Row]:
    for r in record.results:
        yield _Row(op=r.op, case=r.case, sides=_sides(r.pair), status=r.status, reason=r.reason)
    for model in record.models:
        layers: tuple[LinearResult | StepResult, ...] = (*model.linears, *model.steps)
        for found in layers:
            yield _Row(op="", case="", sides=_sides(found.pair), status=found.status, reason=found.reason)


def _sides(pair: str) -> tuple[str, ...]:
    return tuple(pair.split(" vs "))


def _implementations(rows: Sequence[_Row], asked: Asked) -> Iterator[str]:
    """Implementations that were named, else frameworks on a device that was."""
    sides = dict.fromkeys(side for row in rows for side in row.sides if ":" in side)
    wanted: dict[str, tuple[str, ...]]
    if asked.implementations:
        wanted = {name: (name,) for name in asked.implementations}
    elif asked.device is not None:
        frameworks = dict.fromkeys(side.partition(":")[0] for side in sides)
        wanted = {f: tuple(side for side in sides if side.startswith(f"{f}:")) for f in frameworks}
    else:
        return
    place = "" if asked.device is None else f" on {asked.device}"
    for name, members in wanted.items():
        idle: dict[str, list[str]] = {}
        for op in asked.ops or ("",):
            mine = [row for row in rows if (not op or row.op == op) and any(side in members for side in row.sides)]
            if not any(row.ran for row in mine):
                idle.setdefault(_because(mine), []).append(op)
        for reason, ops in idle.items():
            named = ", ".join(op for op in ops if op)
            yield f"{name}{place}{f' ({named})' if named else ''}{reason}"


def _cases(rows: Sequence[_Row], asked: Asked) -> Iterator[str]:
    """Cases that were named."""
    for case in asked.cases:
        for op in dict.fromkeys(row.op for row in rows if row.case == case):
            mine = [row for row in rows if (row.op, row.case) == (op, case)]
            if not any(row.ran for row in mine):
                yield f"{op}, case {case}{_because(mine)}"


def _because(rows: Sequence[_Row]) -> str:
    """The first reason, of those against the oracle where there are some: a pair repeats what its sides say."""
    reasons = [row.reason for row in rows if row.reason and "oracle" in row.sides] or [
        r.reason for r in rows if r.reason
    ]
    return f": {reasons[0]}" if reasons else ""
