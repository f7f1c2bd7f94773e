"""Results in the terminal: a line per operation or per comparison, reasons, and a progress bar on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from parity.record.environment import unattended
from parity.record.records import CaseResult, RunRecord, Status, count
from parity.show import wording

STYLES: Final[dict[Status, str]] = {
    "passed": "green",
    "failed": "bold red",
    "flushed": "yellow",
    "unsupported": "magenta",
    "not run": "dim",
}

WIDE: Final = 132
"""Width from which shape, formats and data have columns of their own."""

Step = Callable[[str], None]


def print_record(record: RunRecord, console: Console | None = None, *, rows: bool = True) -> None:
    """Print table, reasons and totals to `console` (standard output by default).

    rows: one row per comparison; else one per operation, failures, and why comparisons did not run.
    """
    out = console or Console()
    for part in (render(record, out.width) if rows else render_summary(record)).renderables:
        # Commands stay in one line, however narrow the terminal is: they are there to be copied.
        out.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap is True)


def render_summary(record: RunRecord) -> Group:
    """One row per operation, every failure with its reason, and what did not run, each reason once."""
    failures = [line for result in record.results if result.status == "failed" for line in _reason(result)]
    skipped = Counter(
        (result.status, _cause(result.reason))
        for result in record.results
        if result.reason and result.status in ("unsupported", "not run")
    )
    lines = [
        Text.assemble((f"{wording.SYMBOLS[status]} {wording.whole(n)} {status}: ", STYLES[status]), reason)
        for (status, reason), n in skipped.most_common()
    ]
    parts: list[RenderableType] = [operations_table(record.results)]
    for block in (failures, lines):
        parts += [Text(), *block] if block else []
    return Group(*parts, Text(), totals(record))


def _cause(reason: str) -> str:
    """A reason without the operation and the implementation it was given for: many rows share what remains."""
    text = reason.partition("is not supported here: ")[2] or reason
    head, separator, rest = text.partition(": ")
    return rest if separator and " " not in head else text


def operations_table(results: tuple[CaseResult, ...]) -> Table:
    """One row per operation: cases, comparisons of each status, bit-identical pairs, largest share of the bound."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("operation", "cases", "comparisons", "bit-identical", "of bound"):
        table.add_column(name, overflow="fold", justify="left" if name in ("operation", "comparisons") else "right")
    for op in dict.fromkeys(result.op for result in results):
        mine = tuple(result for result in results if result.op == op)
        counts = count(mine)
        worst: Status = "failed" if counts["failed"] else "passed" if counts["passed"] else mine[0].status
        identical, compared = identical_pairs(mine)
        share = max((r.bound_share for r in mine if r.bound_share is not None), default=None)
        table.add_row(
            Text(wording.SYMBOLS[worst], STYLES[worst]),
            Text(op),
            wording.whole(len({result.case for result in mine})),
            ", ".join(f"{wording.whole(n)} {status}" for status, n in counts.items() if n),
            f"{identical} of {compared}",
            Text(wording.share(share), "" if wording.within(share) else "bold red"),
        )
    return table


def identical_pairs(results: tuple[CaseResult, ...]) -> tuple[int, int]:
    """Comparisons of two frameworks on exactly summable inputs: those with the same bytes, and all that ran."""
    ran = [r for r in results if r.bit_identical != "not applicable" and r.status in ("passed", "failed", "flushed")]
    return sum(r.bit_identical == "identical" for r in ran), len(ran)


def render(record: RunRecord, width: int) -> Group:
    """Table, reasons and totals, for a terminal `width` columns wide."""
    reasons = [line for result in record.results if result.reason for line in _reason(result)]
    spaced = [Text(), *reasons] if reasons else []
    return Group(results_table(record.results, width), *spaced, Text(), totals(record))


def results_table(results: tuple[CaseResult, ...], width: int) -> Table:
    """One row per result under the name of its operation.

    On a narrow terminal shape, formats and data stand below the case, and the status is its sign alone.
    """
    wide = width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("case", overflow="fold", ratio=None if wide else 1)
    if wide:
        table.add_column("shape", overflow="fold")
        table.add_column("formats", overflow="fold")
        table.add_column("data", no_wrap=True)
    table.add_column("compared", overflow="fold")
    table.add_column("max ulp", justify="right", no_wrap=True)
    table.add_column("of bound", justify="right", no_wrap=True)
    previous = ""
    for result in results:
        if result.op != previous:
            table.add_section()
            table.add_row("", Text(result.op, "bold"))
        table.add_row(*_row(result, wide=wide))
        previous = result.op
    return table


def totals(record: RunRecord) -> Text:
    """The last line: how many cases of each status, and how long it took."""
    parts = [
        Text(f"{wording.SYMBOLS[status]} {wording.whole(count)} {status}", STYLES[status] if count else "dim")
        for status, count in record.counts.items()
    ]
    return Text("  ").join([*parts, Text(wording.duration(record.seconds), "dim")])


def _row(result: CaseResult, *, wide: bool) -> list[Text]:
    # Text, not strings: brackets of shapes and formats are no markup.
    identical = "" if result.bit_identical == "not applicable" else f", {result.bit_identical}"
    shape, formats, data = (Text(part, "dim") for part in (result.shape, result.formats, result.data + identical))
    if wide:
        case = [Text(result.case), shape, formats, data]
    else:
        case = [Text("\n").join([Text(result.case), Text("  ").join([shape, data]), formats])]
    sign = wording.SYMBOLS[result.status]
    return [
        Text(f"{sign} {result.status}" if wide else sign, STYLES[result.status]),
        *case,
        Text(result.pair),
        Text(wording.ulps(result.max_ulp)),
        Text(wording.share(result.bound_share), "" if wording.within(result.bound_share) else "bold red"),
    ]


def _reason(result: CaseResult) -> list[Text]:
    """Why a case did not pass; for a failure also the bound that was used, and the command that repeats it."""
    name = f"{wording.SYMBOLS[result.status]} {result.op}, {result.case}, {result.pair}: "
    line = Text.assemble((name, STYLES[result.status]), result.reason)
    if result.status == "failed" and result.bound:
        derived = f" ({result.derivation})" if result.derivation else ""
        line.append(f"\n  bound: {result.bound}{derived}", "dim")
    return [line, Text(f"  repeat: {result.repeat}", no_wrap=True)] if result.repeat else [line]


def is_interactive(console: Console) -> bool:
    """Whether to draw a moving bar: on a terminal, unless the environment variable CI is set."""
    return console.is_terminal and not unattended()


@contextmanager
def progress(total: int, console: Console | None = None) -> Iterator[Step]:
    """A bar over `total` steps on `console` (standard error by default); silent unless `is_interactive`.

    Yields a function to call before each step with the name of the part about to run.
    """
    shown_on = console or Console(stderr=True)
    if not is_interactive(shown_on):
        yield lambda _: None
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=shown_on, transient=True) as bars:
        task = bars.add_task("", total=total)
        started = False

        def step(name: str) -> None:
            nonlocal started
            bars.update(task, advance=1 if started else 0, description=name)
            started = True

        yield step
