"""The part of a language model's section: operations, hidden states and logits, tokens."""

from __future__ import annotations

from parity.record.records import ModelSection, count
from parity.report import drift, margins, parts
from parity.report.markup import Markup, join, tag
from parity.show import wording
from parity.show.language_sections import OPERATIONS, operations_section

STEPS_NOTE = (
    "Operations are compared on the bytes that one framework had in the first and the last layer, with the "
    "oracle and with each other; what the bound is of, their specification says. Residual stream and logits belong to "
    "whole runs, each going on with its own results: twice the error is allowed that the formats cost, measured by the "
    "oracle with every result rounded to them. Draws are of given logits, and have to be the same tokens."
)
DRIFT_NOTE = (
    "Relative error of the residual stream after every layer, then of the logits: root mean square of the tokens' own. "
    "The last line is the oracle with every result rounded to the formats of the scheme."
)
TOKENS_NOTE = (
    "After the same tokens, both frameworks have to take the oracle's next one wherever its margin, largest minus "
    "second largest logit, exceeds the error: how far the difference of any two logits is off. Elsewhere either token "
    "is right, and the position is a tie."
)


def section(model: ModelSection, number: int) -> Markup:
    """Everything about whole runs of a language model; nothing for others."""
    if not model.answers:
        return Markup("")
    return join(_steps(model), _drifts(model, number), _answers(model, number))


def _steps(model: ModelSection) -> Markup:
    rows = [
        tag(
            "tr",
            *(
                parts.cell(name, words, kind="number" if right else None)
                for (name, right), words in zip(OPERATIONS, row, strict=True)
            ),
        )
        for row in operations_section(model).rows
    ]
    wrong = [f"{x.scheme}, {x.stage}, {x.step}, {x.pair}: {x.reason}" for x in model.steps if x.reason]
    why = tag("ul", *(tag("li", line) for line in wrong), class_="small") if wrong else ""
    return join(
        tag("h3", "Operations, layers and logits"),
        tag("p", STEPS_NOTE, class_="small soft"),
        tag("p", parts.tally(count(model.steps)), class_="small"),
        parts.table(OPERATIONS, rows, stack=False),
        why,
    )


def _drifts(model: ModelSection, number: int) -> Markup:
    schemes = dict.fromkeys(found.scheme for found in model.drifts)
    axis = drift.decades(model.drifts)
    figures = []
    for i, scheme in enumerate(schemes):
        lines = tuple(found for found in model.drifts if found.scheme == scheme)
        drawing = drift.draw(lines, model.stages, axis, scheme, f"d{number}-{i}")
        figures.append(parts.figure(scheme, drift.describe(lines, model.stages), drawing))
    return join(
        tag("h3", "Errors of whole runs"),
        tag("p", DRIFT_NOTE, class_="small soft"),
        drift.legend(tuple(dict.fromkeys(found.pair for found in model.drifts))),
        tag("div", *figures, class_="figures"),
    )


def _answers(model: ModelSection, number: int) -> Markup:
    axis = margins.decades(model.answers)
    figures = [
        parts.figure(
            f"{found.scheme}: {found.question}", margins.describe(found), margins.draw(found, axis, f"m{number}-{i}")
        )
        for i, found in enumerate(model.answers)
    ]
    tokens = [token for found in model.answers for token in found.tokens]
    ties = sum(token.tied for token in tokens)
    return join(
        tag("h3", "Tokens of the answers"),
        tag("p", TOKENS_NOTE, class_="small soft"),
        tag("p", f"{wording.whole(ties)} of {wording.whole(len(tokens))} positions are ties.", class_="small"),
        margins.legend(model.answers[0].implementations),
        tag("div", *figures, class_="figures"),
    )
