"""The section of an operation: a row for each of its cases, and pictures of those that say most."""

from __future__ import annotations

from parity.judge.verdict import Worst
from parity.record.records import CaseResult, RunRecord, count
from parity.report import error_map, heatmap, histogram, parts
from parity.report.bars import slug
from parity.report.markup import Markup, join, tag
from parity.show import wording

Numbered = tuple[int, CaseResult]
"""A comparison, and its number in the record."""


def operations(record: RunRecord) -> Markup:
    """All operations, those with failures unfolded."""
    numbers = {id(result): number for number, result in enumerate(record.results)}
    sections = [
        _operation(op, [(numbers[id(result)], result) for result in found]) for op, found in record.by_op.items()
    ]
    return tag("section", tag("h2", "Operations", id="operations"), *sections)


def _operation(op: str, results: list[Numbered]) -> Markup:
    """A table with a row for every case and a column for every comparison, and pictures of some of them."""
    counts = count(tuple(result for _, result in results))
    shares = [result.bound_share for _, result in results if result.bound_share is not None]
    words = [tag("h3", op, class_="name")]
    if shares:
        words.append(tag("span", f"largest share {wording.share(max(shares))}", class_="soft small"))
    words.append(tag("span", parts.tally(counts), class_="tally"))
    columns = list(dict.fromkeys(_column(result) for _, result in results))
    by_case: dict[str, list[CaseResult]] = {}
    for _, result in results:
        by_case.setdefault(result.case, []).append(result)
    drawn = _drawn(results)
    goals = {result.case: number for number, result in reversed(drawn)}
    rows = [row for case, found in by_case.items() for row in _rows(found, columns, goals.get(case))]
    pictures = [_pictures(number, result) for number, result in drawn]
    table = parts.table([("Case", False), *((column, False) for column in columns)], rows)
    inside = tag("div", tag("div", table, class_="scroll", tabindex=0), *pictures, class_="inside")
    return tag("details", tag("summary", *words), inside, class_="op", id=f"op-{op}", open=counts["failed"] > 0)


def _column(result: CaseResult) -> str:
    return f"{result.pair}, {result.data}"


def _drawn(results: list[Numbered]) -> list[Numbered]:
    """Comparisons that are drawn: all that failed, where none did the one with the largest share of its bound."""
    shown = [(n, r) for n, r in results if r.pictures.histogram is not None or r.pictures.scale_map is not None]
    failed = [(n, r) for n, r in shown if r.status == "failed"]
    return failed or sorted(shown, key=lambda found: -(found[1].bound_share or 0.0))[:1]


def _rows(results: list[CaseResult], columns: list[str], goal: int | None) -> list[Markup]:
    """The row of a case, and one for every reason that a comparison gives. goal: number of the pictures, if any."""
    first = results[0]
    name = tag("b", first.case) if goal is None else tag("a", first.case, href=f"#case-{goal}")
    under = tag("span", f"{first.shape} · {first.formats}", class_="under mono")
    outcomes = {_column(result): result for result in results}
    cells = [_outcome(column, outcomes.get(column)) for column in columns]
    reasons: dict[tuple[str, str], list[CaseResult]] = {}
    for result in results:
        if result.reason:
            reasons.setdefault((result.reason, result.repeat), []).append(result)
    row = tag("tr", parts.cell("Case", name, under, kind="case"), *cells, class_="has-why" if reasons else None)
    return [row, *(_reason(found, 1 + len(columns)) for found in reasons.values())]


def _outcome(column: str, result: CaseResult | None) -> Markup:
    """A cell: sign and word; of what passed, the share of the bound or that the bytes are the same."""
    if result is None:
        return parts.cell(column, wording.NOTHING)
    if result.status != "passed":
        return parts.cell(column, parts.status(result.status), kind="keep")
    same = result.bit_identical == "identical" or result.bound == "same bytes"
    words = "same bytes" if same else wording.share(result.bound_share)
    # Most cells of a page: one element each.
    return tag("td", f"{wording.SYMBOLS['passed']} {words}", data_label=column, class_="keep passed")


def _reason(results: list[CaseResult], width: int) -> Markup:
    """What several comparisons of a case give as their reason."""
    first, which = results[0], "; ".join(_column(result) for result in results)
    words = tag("td", tag("b", f"{which}: "), first.reason, *_repeat(first), colspan=width)
    return tag("tr", words, class_=f"why {slug(first.status)}")


def _repeat(result: CaseResult) -> list[Markup]:
    """The command that makes a comparison again, where there is one, on a line of its own."""
    return [tag("div", "Repeat with ", tag("code", result.repeat, class_="command"))] if result.repeat else []


def _pictures(number: int, result: CaseResult) -> Markup:
    shown, figures = result.pictures, []
    if shown.histogram is not None:
        drawing = histogram.draw(shown.histogram, f"h{number}") if sum(shown.histogram.counts) else ""
        figures.append(parts.figure("Errors", histogram.describe(shown.histogram), drawing))
    if shown.scale_map is not None:
        words = heatmap.describe_scales(shown.scale_map)
        figures.append(parts.figure(shown.scale_map.title, words, heatmap.draw_scales(shown.scale_map, f"s{number}")))
    if shown.error_map is not None:
        words = error_map.describe(shown.error_map)
        figures.append(parts.figure("Outside the bound", words, error_map.draw(shown.error_map, f"e{number}")))
    if shown.worst and result.status == "failed":
        figures.append(parts.figure("Worst elements", "Worst first, at most eight.", _worst(shown.worst)))
    facts = [("Shape", result.shape), ("Formats", result.formats), ("Largest ulp", wording.ulps(result.max_ulp))]
    facts += [(name, words) for name, words in (("Bound", result.bound), ("Derivation", result.derivation)) if words]
    seed = "" if result.seed is None else f", seed {result.seed}"
    facts.append(("Inputs", f"{result.data} data{seed}"))
    facts += [("Time", wording.duration(result.seconds))] if result.seconds is not None else []
    summary = tag(
        "summary", tag("b", result.case), tag("span", _column(result), class_="soft"), parts.status(result.status)
    )
    inside = tag("div", parts.definitions(facts), tag("div", join(*figures), class_="figures"), class_="inside")
    failed = result.status == "failed"
    return tag("details", summary, inside, class_="case-pictures", id=f"case-{number}", open=failed)


def _worst(worst: tuple[Worst, ...]) -> Markup:
    headings = (("At", False), ("Actual", True), ("Expected", True), ("Error", True), ("Bound", True))
    rows = [
        tag(
            "tr",
            parts.cell("At", "[" + ", ".join(str(i) for i in element.coordinate) + "]", kind="mono"),
            *(
                parts.cell(label, wording.value(x, digits), kind="number")
                for label, x, digits in (
                    ("Actual", element.actual, 6),
                    ("Expected", element.expected, 6),
                    ("Error", element.error, 3),
                    ("Bound", element.bound, 3),
                )
            ),
        )
        for element in worst
    ]
    return parts.table(headings, rows, stack=False)
