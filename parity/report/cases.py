"""The section of an operation: a table of its cases, and the pictures of each case."""

from __future__ import annotations

from parity.judge.verdict import Worst
from parity.record.records import CaseResult, RunRecord, count
from parity.report import heatmap, histogram, parts
from parity.report.bars import slug
from parity.report.markup import Markup, join, tag
from parity.show import wording

HEADINGS = (
    ("Case", False),
    ("Compared", False),
    ("Formats", False),
    ("Data", False),
    ("Largest ulp", True),
    ("Share of bound", True),
    ("Status", False),
)


def operations(record: RunRecord) -> Markup:
    """All operations, those with failures unfolded."""
    numbers = {id(result): number for number, result in enumerate(record.results)}
    sections = [
        _operation(op, [(numbers[id(result)], result) for result in found]) for op, found in record.by_op.items()
    ]
    return tag("section", tag("h2", "Operations", id="operations"), *sections)


def _operation(op: str, cases: list[tuple[int, CaseResult]]) -> Markup:
    counts = count(tuple(result for _, result in cases))
    shares = [result.bound_share for _, result in cases if result.bound_share is not None]
    words = [tag("span", op, class_="name")]
    if shares:
        words.append(tag("span", f"largest share {wording.share(max(shares))}", class_="soft small"))
    words.append(tag("span", parts.tally(counts), class_="tally"))
    rows = [row for number, result in cases for row in _rows(number, result)]
    pictures = [_pictures(number, result) for number, result in cases if _has_pictures(result)]
    inside = tag("div", parts.table(HEADINGS, rows), *pictures, class_="inside")
    return tag("details", tag("summary", *words), inside, class_="op", open=counts["failed"] > 0)


def _has_pictures(result: CaseResult) -> bool:
    shown = result.pictures
    return shown.histogram is not None or bool(shown.worst) or shown.scale_map is not None


def _rows(number: int, result: CaseResult) -> list[Markup]:
    name = tag("a", result.case, href=f"#case-{number}") if _has_pictures(result) else tag("b", result.case)
    sizes = tag("span", result.shape, class_="under mono")
    kind = slug(result.status)
    row = tag(
        "tr",
        parts.cell("Case", name, sizes, kind="case"),
        parts.cell("Compared", result.pair, kind="keep"),
        parts.cell("Formats", tag("span", result.formats, class_="mono")),
        parts.cell("Data", _data(result), kind="keep"),
        parts.cell("Largest ulp", wording.ulps(result.max_ulp), kind="number"),
        parts.cell("Share of bound", parts.bound_share(result.bound_share), kind="number"),
        parts.cell("Status", parts.status(result.status)),
        class_="has-why" if result.reason else None,
    )
    if not result.reason:
        return [row]
    return [row, tag("tr", tag("td", result.reason, *_repeat(result), colspan=len(HEADINGS)), class_=f"why {kind}")]


def _repeat(result: CaseResult) -> list[Markup]:
    """The command that makes a comparison again, where there is one, on a line of its own."""
    return [tag("div", "Repeat with ", tag("code", result.repeat, class_="command"))] if result.repeat else []


def _data(result: CaseResult) -> str:
    """Kind of data, and what became of it."""
    return result.data if result.bit_identical == "not applicable" else f"{result.data}, {result.bit_identical}"


def _pictures(number: int, result: CaseResult) -> Markup:
    shown, figures = result.pictures, []
    if shown.histogram is not None:
        drawing = histogram.draw(shown.histogram, f"h{number}") if sum(shown.histogram.counts) else ""
        figures.append(parts.figure("Errors", histogram.describe(shown.histogram), drawing))
    if shown.scale_map is not None:
        words = heatmap.describe_scales(shown.scale_map)
        figures.append(parts.figure(shown.scale_map.title, words, heatmap.draw_scales(shown.scale_map, f"s{number}")))
    if shown.worst:
        figures.append(parts.figure("Worst elements", "Worst first, at most eight.", _worst(shown.worst)))
    facts = [("Shape", result.shape), ("Formats", result.formats)]
    facts += [(name, words) for name, words in (("Bound", result.bound), ("Derivation", result.derivation)) if words]
    seed = "" if result.seed is None else f", seed {result.seed}"
    facts.append(("Inputs", f"{result.data} data{seed}"))
    facts += [("Time", wording.duration(result.seconds))] if result.seconds is not None else []
    summary = tag(
        "summary", tag("b", result.case), tag("span", result.pair, class_="soft"), parts.status(result.status)
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
