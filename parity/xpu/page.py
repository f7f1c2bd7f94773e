"""The ladder as HTML: a section that stands on a page of its own or inside another."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from parity.record.records import Status
from parity.report import parts
from parity.report.markup import Markup, join, tag
from parity.show import wording
from parity.xpu.record import REAL, Answer, KernelRow, LadderRecord, Rung
from parity.xpu.table import CODE_COLUMNS, MACHINE_CODE, cell, code_rows, reasons

_TITLE: Final = "Intel GPUs: how far every kernel comes without one"
_REAL: Final = "Real card"
_STATUSES: Final[dict[Answer, Status]] = {"yes": "passed", "no": "failed", "not run": "not run"}


def render(record: LadderRecord) -> str:
    """The whole page as HTML text that needs nothing else."""
    body = (section(record, fold=False), _environment(record))
    return document(f"Intel GPUs, {wording.moment(record.started)}", *body, command=record.command)


def document(title: str, *body: Markup, command: str) -> str:
    """A page as HTML text, with the style of all reports and the command that repeats it."""
    style = files("parity.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    footer = tag("footer", tag("p", join("Repeat with ", tag("code", command, class_="command"), ".")))
    main = tag("main", *body, footer)
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def section(record: LadderRecord | None, hashes: Mapping[str, str] | None = None, *, fold: bool = True) -> Markup:
    """Totals of the rungs, the table of kernels, and the reasons for every "no" and "not run".

    Args:
        record: None where the ladder was not walked.
        hashes: specifications of the page around it, by operation; a walk with others is said to be out of date.
        fold: whether the table of kernels opens only when it is asked for.
    """
    if record is None:
        told = [parts.status("not run", f"{what}: not run") for what in ("Intel ladder", _REAL)]
        how = (tag("code", "parity xpu --json FILE"), tag("code", "--xpu FILE"))
        words = join("Walk it with ", how[0], ", and give the report its record with ", how[1], ".")
        return tag("section", tag("h2", _TITLE), tag("p", told[0]), tag("p", told[1]), tag("p", words))
    kicker = f"Intel GPUs · {wording.moment(record.started)} · {wording.duration(record.seconds)}"
    totals = [
        tag(
            "tr",
            parts.cell("Rung", tag("b", rung), kind="case"),
            parts.cell("Kernels", parts.tally({_STATUSES[a]: n for a, n in record.counts(rung).items()})),
        )
        for rung in record.rungs
    ]
    headings = ("Operation", "Case", "Source", "Kernel", *record.rungs)
    rows = [_row(row, record.rungs) for row in record.rows]
    kernels = parts.table([(words, False) for words in headings], rows, stack=False)
    folded = tag("details", tag("summary", f"All {wording.whole(len(rows))} kernels"), kernels, class_="note-list")
    return tag(
        "section",
        tag("h2", _TITLE),
        tag("p", kicker, class_="kicker"),
        _real(record),
        _stale(record, hashes or {}),
        parts.table((("Rung", False), ("Kernels", False)), totals),
        folded if fold else kernels,
        _machine_code(record, fold=fold),
        *(_reasons(record, answer) for answer in ("no", "not run")),
    )


def _real(record: LadderRecord) -> Markup:
    """Whether a real card has run the kernels, in one prominent line."""
    counts = record.counts(REAL)
    ran = counts["yes"] + counts["no"]
    words = f"{_REAL}: {wording.whole(ran)} kernels" if ran else f"{_REAL}: not run"
    return tag("p", parts.status("failed" if counts["no"] else "passed" if ran else "not run", words))


def _stale(record: LadderRecord, hashes: Mapping[str, str]) -> Markup:
    known = [name for name in record.spec_hashes if name in hashes]
    changed = [name for name in known if hashes[name] != record.spec_hashes[name]]
    if not changed:
        return Markup("")
    return tag("p", parts.status("failed", "out of date"), f" Since the walk these have changed: {', '.join(changed)}.")


def _row(row: KernelRow, rungs: tuple[str, ...]) -> Markup:
    name = [parts.cell("Operation", row.op), parts.cell("Case", row.case), parts.cell("Source", row.backend)]
    return tag("tr", *name, parts.cell("Kernel", row.kernel), *(_answer(row.rung(rung)) for rung in rungs))


def _machine_code(record: LadderRecord, *, fold: bool) -> Markup:
    found = [
        tag("tr", *(parts.cell(name, value) for name, value in zip(CODE_COLUMNS, row, strict=True)))
        for row in code_rows(record.rows)
    ]
    if not found:
        return Markup("")
    table = parts.table(
        [(name.capitalize() if name.islower() else name, False) for name in CODE_COLUMNS], found, stack=False
    )
    if not fold:
        return tag("div", tag("h3", MACHINE_CODE), table)
    return tag("details", tag("summary", MACHINE_CODE), table, class_="note-list")


def _answer(rung: Rung) -> Markup:
    return parts.cell(rung.name, parts.status(_STATUSES[rung.answer], cell(rung)))


def _reasons(record: LadderRecord, answer: str) -> Markup:
    found = reasons(record.rows, answer)
    if not found:
        return Markup("")
    rows = [
        tag("tr", parts.cell("Rung", rung), parts.cell("Reason", reason), parts.cell("Kernels", kernels))
        for rung, reason, kernels in found
    ]
    title = "What refused a kernel" if answer == "no" else "What was not run"
    return tag("div", tag("h3", title), parts.table((("Rung", False), ("Reason", False), ("Kernels", False)), rows))


def _environment(record: LadderRecord) -> Markup:
    blocks = [
        tag("div", tag("h3", title), parts.definitions(sorted(found.items())))
        for title, found in (("Machine and tools", record.environment), ("Versions", record.versions))
    ]
    return tag("section", tag("h2", "Environment"), tag("div", *blocks, class_="columns"))
