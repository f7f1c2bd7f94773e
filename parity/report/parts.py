"""Pieces of the page that several sections use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from parity.record.records import Status
from parity.report.bars import meter, slug
from parity.report.markup import Markup, join, tag
from parity.show import wording


def status(kind: Status, words: str | None = None) -> Markup:
    """Sign and word of a status, in its colour."""
    sign = tag("i", wording.SYMBOLS[kind], aria_hidden="true")
    return tag("span", sign, words if words is not None else kind, class_=f"status {slug(kind)}")


def tally(counts: Mapping[Status, int]) -> Markup:
    """Statuses that occur, with their counts."""
    return join(*(status(kind, f"{wording.whole(count)} {kind}") for kind, count in counts.items() if count))


def bound_share(share: float | None) -> Markup:
    """A share of the bound as a bar and a number."""
    return tag("span", meter(share), tag("span", wording.share(share), class_="of-bound"))


def definitions(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Names and their values."""
    return tag("dl", *(part for name, words in pairs for part in (tag("dt", name), tag("dd", words))))


def figure(caption: str, note: str, drawing: str) -> Markup:
    """A picture under its caption; `note` says in words what it shows."""
    return tag("figure", tag("figcaption", caption, tag("span", note)), drawing)


def table(headings: Iterable[tuple[str, bool]], rows: Iterable[str], *, stack: bool = True) -> Markup:
    """A table.

    Args:
        headings: words, and whether the column holds numbers.
        rows: finished rows, cells labelled with `cell`.
        stack: whether rows become cards on a narrow screen; otherwise the table scrolls sideways there.
    """
    head = tag(
        "tr",
        *(tag("th", words, scope="col", class_="number" if right else None) for words, right in headings),
    )
    whole = tag("table", tag("thead", head), tag("tbody", *rows), class_="stack" if stack else None)
    return whole if stack else tag("div", whole, class_="scroll", tabindex=0)


def cell(label: str, *children: str, kind: str | None = None) -> Markup:
    """One cell that carries the heading of its column, for narrow screens."""
    return tag("td", tag("span", *children), data_label=label, class_=kind)
