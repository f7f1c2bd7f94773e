"""The section of a real model: how far each linear stays inside its bound, and what becomes of the
embeddings.
"""

from __future__ import annotations

from parity.record.records import LinearResult, ModelSection, Similarity, count
from parity.report import heatmap, language, layers, parts, whole
from parity.report.markup import Markup, join, tag
from parity.show import wording

HEADINGS = (
    ("Scheme", False),
    ("Compared", False),
    ("Linears", True),
    ("Largest ulp", True),
    ("Largest share", True),
    ("Status", False),
)


def section(model: ModelSection, number: int) -> Markup:
    """One model."""
    return tag(
        "section",
        tag("h2", "Model: ", model.name, id=f"model-{number}"),
        tag("p", model.note) if model.note else "",
        _sentences(model.sentences),
        _linears(model.linears, number),
        language.section(model, number) if model.answers else whole.section(model, number),
        _similarities(model, number),
    )


def _sentences(sentences: tuple[str, ...]) -> Markup:
    if not sentences:
        return Markup("")
    items = [tag("li", tag("b", f"S{i}"), sentence) for i, sentence in enumerate(sentences, start=1)]
    return join(tag("h3", "Sentences"), tag("ul", *items, class_="sentences"))


def _schemes(linears: tuple[LinearResult, ...]) -> dict[str, tuple[LinearResult, ...]]:
    names = dict.fromkeys(result.scheme for result in linears)
    return {name: tuple(result for result in linears if result.scheme == name) for name in names}


def _linears(linears: tuple[LinearResult, ...], number: int) -> Markup:
    if not linears:
        return Markup("")
    order = layers.kinds(linears)
    schemes = _schemes(linears)
    rows = [_scheme_row(scheme, found) for scheme, found in schemes.items()]
    figures = [
        parts.figure(scheme, layers.describe(found), layers.draw(found, order, scheme, f"l{number}-{i}"))
        for i, (scheme, found) in enumerate(schemes.items())
    ]
    return join(
        tag("h3", "Every linear on the activations of the float32 model"),
        parts.table(HEADINGS, rows),
        layers.legend(order),
        tag("div", *figures, class_="figures"),
    )


def _scheme_row(scheme: str, found: tuple[LinearResult, ...]) -> Markup:
    shares = [result.bound_share for result in found if result.bound_share is not None]
    steps = [result.max_ulp for result in found if result.max_ulp is not None]
    pairs = ", ".join(dict.fromkeys(result.pair for result in found))
    reasons = ", ".join(dict.fromkeys(result.reason for result in found if result.reason))
    why = (tag("span", reasons, class_="under"),) if reasons else ()
    return tag(
        "tr",
        parts.cell("Scheme", tag("b", scheme), kind="case"),
        parts.cell("Compared", pairs),
        parts.cell("Linears", wording.whole(len(found)), kind="number"),
        parts.cell("Largest ulp", wording.ulps(max(steps, default=None)), kind="number"),
        parts.cell("Largest share", parts.bound_share(max(shares, default=None)), kind="number"),
        parts.cell("Status", parts.tally(count(found)), *why),
    )


def _similarities(model: ModelSection, number: int) -> Markup:
    if not model.similarities:
        return Markup("")
    reference, *schemes = model.similarities
    largest = max((heatmap.largest_change(table, reference) for table in schemes), default=0.0)
    pictures = [
        parts.figure(
            f"{reference.scheme}, {reference.implementation}",
            "Cosine similarity of each pair of sentences.",
            heatmap.draw_similarity(reference, f"c{number}-0"),
        )
    ]
    pictures += [_change(table, reference, f"c{number}-{i}", largest) for i, table in enumerate(schemes, start=1)]
    note = "What a scheme changes is given in thousandths, with its sign: orange rises, blue falls."
    return join(
        tag("h3", "Sentence similarities"),
        tag("p", note, class_="small soft") if schemes else "",
        tag("div", *pictures, class_="figures"),
    )


def _change(table: Similarity, reference: Similarity, name: str, largest: float) -> Markup:
    change = f"{heatmap.largest_change(table, reference):.2f}"
    note = f"Change from {reference.scheme} in thousandths; the largest is {change}."
    drawing = heatmap.draw_change(table, reference, name, largest)
    return parts.figure(f"{table.scheme}, {table.implementation}", note, drawing)
