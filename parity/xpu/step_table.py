"""Whole steps on a terminal and as a page: rungs, launches, copies, kernels with dots, reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from parity.report import parts
from parity.report.markup import Markup, tag
from parity.show import wording
from parity.show.describe import Row, Section
from parity.xpu.page import document
from parity.xpu.step_record import STEP_RUNGS, StepRecord, StepRow
from parity.xpu.table import cell

_TITLE: Final = "Whole steps on Intel's compilers"
_WHO: Final = ("step", "implementation", "card")
_FIGURES: Final = ("our kernels", "XLA's kernels", "calls of libraries", "copies", "caches", "aliased", "temporaries")
_KERNELS: Final = ("kernel", "made by", "dots", "DPAS", "instructions", "spilled bytes")


def sections(record: StepRecord) -> tuple[Section, ...]:
    """Rungs, figures, kernels, reasons, environment; what is empty is left out."""
    found = (
        Section(title=_TITLE, columns=(*_WHO, *STEP_RUNGS), rows=tuple(map(_rungs, record.rows))),
        Section(title="What a step launches, and bytes", columns=(*_WHO, *_FIGURES), rows=tuple(_figures(record.rows))),
        Section(
            title="Kernels with dots, and those that spill",
            columns=(*_WHO, *_KERNELS),
            rows=tuple(_kernels(record.rows)),
        ),
        Section(title="Reasons", columns=(*_WHO, "rung", "reason"), rows=tuple(_reasons(record.rows))),
        Section(
            title="Environment",
            columns=("what", "found"),
            rows=tuple(sorted((record.environment | record.versions).items())),
        ),
    )
    return tuple(section for section in found if section.rows)


def page(record: StepRecord) -> str:
    """The same as HTML text that needs nothing else."""
    title = f"{_TITLE}, {wording.moment(record.started)}"
    return document(title, *map(_section, sections(record)), command=record.command)


def _section(section: Section) -> Markup:
    columns = [name[0].upper() + name[1:] for name in section.columns]
    rows = [tag("tr", *(parts.cell(*pair) for pair in zip(columns, row, strict=True))) for row in section.rows]
    return tag("section", tag("h2", section.title), parts.table([(name, False) for name in columns], rows, stack=False))


def _who(row: StepRow) -> tuple[str, str, str]:
    return row.step, row.implementation, row.card


def _rungs(row: StepRow) -> Row:
    return (*_who(row), *(cell(row.rung(name)) for name in STEP_RUNGS))


def _figures(rows: Sequence[StepRow]) -> Iterator[Row]:
    for row in rows:
        if row.launches.own or row.launches.xla:
            counts = (row.launches.own, row.launches.xla, row.launches.library, row.launches.copies)
            yield (*_who(row), *map(wording.whole, (*counts, row.caches, row.aliased, row.temporaries)))


def _kernels(rows: Sequence[StepRow]) -> Iterator[Row]:
    for row in rows:
        for one in row.kernels:
            if one.dots or one.spill:
                counts = (one.dots, one.dpas, one.instructions, one.spill)
                yield (*_who(row), one.name, one.source, *map(wording.whole, counts))


def _reasons(rows: Sequence[StepRow]) -> Iterator[Row]:
    for row in rows:
        for rung in row.rungs:
            if rung.reason:
                yield (*_who(row), rung.name, rung.reason)
