"""The ladder on a terminal: one row per kernel and source, one column per rung, reasons below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from parity.show import wording
from parity.show.describe import Row, Section
from parity.xpu.record import KernelRow, LadderRecord, Rung

MACHINE_CODE: Final = "Machine code of kernels with dots, and of those that spill"
CODE_COLUMNS: Final = (
    "operation",
    "case",
    "source",
    "kernel",
    "card",
    "GRF",
    "SIMD",
    "instructions",
    "DPAS",
    "2-D blocks",
    "spilled bytes",
    "cycles of the loop (estimate)",
    "share of DPAS peak (estimate)",
)
SIGNS: Final = {"yes": "yes", "no": "NO", "not run": "-"}


def sections(record: LadderRecord) -> tuple[Section, ...]:
    """Kernels, totals of the rungs, reasons, environment."""
    columns = ("operation", "case", "source", "kernel", *record.rungs)
    rows = tuple(_row(row, record.rungs) for row in record.rows)
    totals = tuple(_total(record, rung) for rung in record.rungs)
    found = [
        Section(title="Kernels on Intel's compilers", columns=columns, rows=rows),
        Section(title="Rungs", columns=("rung", "yes", "no", "not run"), rows=totals),
    ]
    if code := tuple(code_rows(record.rows)):
        found.insert(1, Section(title=MACHINE_CODE, columns=CODE_COLUMNS, rows=code))
    answers = (("no", "What refused a kernel"), ("not run", "What was not run"))
    for answer, title in answers:
        told = reasons(record.rows, answer)
        if told:
            found.append(Section(title=title, columns=("rung", "reason", "kernels"), rows=told))
    machine = tuple(sorted((record.environment | record.versions).items()))
    found.append(Section(title="Environment", columns=("what", "found"), rows=machine))
    return tuple(found)


def cell(rung: Rung) -> str:
    """The answer on one rung, with its note."""
    notes = [rung.note] if rung.note and rung.name != "lowered" else []
    if rung.spill:
        notes.insert(0, f"spills {wording.whole(rung.spill)} B")
    return f"{SIGNS[rung.answer]} ({', '.join(notes)})" if notes else SIGNS[rung.answer]


def code_rows(rows: Sequence[KernelRow]) -> Iterator[Row]:
    """Machine code of kernels with dots, and of those that spill."""
    for row in rows:
        for code in row.code:
            if row.dots or code.spill:
                yield (
                    row.op,
                    row.case,
                    row.backend,
                    row.kernel,
                    code.card,
                    str(code.registers),
                    str(code.lanes),
                    wording.whole(code.instructions),
                    str(code.dpas),
                    str(code.blocks),
                    wording.whole(code.spill),
                    *((wording.whole(code.cycles), f"{code.dpas_share:.0%}") if code.dpas else (wording.NOTHING,) * 2),
                )


def reasons(rows: Sequence[KernelRow], answer: str) -> tuple[Row, ...]:
    """Rung, reason, and the kernels of which both hold."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for rung in row.rungs:
            if rung.answer == answer and rung.reason:
                found.setdefault((rung.name, rung.reason), []).append(
                    f"{row.kernel} ({row.op}, {row.case}, {row.backend})"
                )
    return tuple((rung, reason, _some(kernels)) for (rung, reason), kernels in found.items())


def _some(kernels: Sequence[str]) -> str:
    shown = "; ".join(kernels[:3])
    return shown if len(kernels) <= 3 else f"{shown}; and {len(kernels) - 3} more"


def _row(row: KernelRow, rungs: Sequence[str]) -> Row:
    return (row.op, row.case, row.backend, row.kernel, *(cell(row.rung(name)) for name in rungs))


def _total(record: LadderRecord, rung: str) -> Row:
    counts = record.counts(rung)
    return (rung, *(str(counts[answer]) for answer in ("yes", "no", "not run")))
