"""Picture of an answer, token by token: the oracle's margin, and the errors that it has to exceed."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Final

from parity.record.records import AnswerResult, TokenResult
from parity.report import svg
from parity.report.markup import Markup, join, number, tag
from parity.show import wording

LEFT: Final = 40.0
RIGHT: Final = svg.WIDTH - 8.0
TOP: Final = 12.0
BASE: Final = 152.0
HEIGHT: Final = 226.0
Axis = tuple[int, int]


def decades(answers: tuple[AnswerResult, ...]) -> Axis:
    """Powers of ten that the axis of all pictures of a section spans."""
    found = [x for answer in answers for token in answer.tokens for x in (token.margin, *token.errors) if x > 0]
    if not found:
        return -1, 0
    low = floor(log10(min(found)))
    return low, max(ceil(log10(max(found))), low + 1)


def draw(answer: AnswerResult, axis: Axis, name: str) -> Markup:
    """One column per token: a stem up to the margin, and a line per implementation for the errors."""
    step = (RIGHT - LEFT) / max(len(answer.tokens), 1)
    grid = [
        part
        for power in range(axis[0], axis[1] + 1)
        for part in (
            svg.line(LEFT, _y(10.0**power, axis), RIGHT, _y(10.0**power, axis), "grid"),
            svg.text(LEFT - 8, _y(10.0**power, axis) + 4, f"10{wording.superscript(power)}", "tick", "end"),
        )
    ]
    columns = [LEFT + (i + 0.5) * step for i in range(len(answer.tokens))]
    stems = [part for x, token in zip(columns, answer.tokens, strict=True) for part in _stem(x, token, axis)]
    lines = [_line(i, answer, columns, axis) for i in range(len(answer.implementations))]
    return svg.picture(
        name,
        f"Margin and errors of every token, {answer.scheme}: {answer.question}",
        describe(answer),
        HEIGHT,
        *grid,
        *stems,
        *lines,
    )


def describe(answer: AnswerResult) -> str:
    """The picture in words."""
    if not answer.tokens:
        return "No token was compared."
    ties = [token for token in answer.tokens if token.tied]
    moved = sum(token.verdict == "tie" for token in ties)
    wrong = sum(token.verdict == "differs" for token in answer.tokens)
    count = len(answer.tokens)
    said = f"{wrong} of {count} tokens differ outside ties." if wrong else f"All {count} tokens agree outside ties."
    if not ties:
        return f"{said} No margin is within the errors."
    return f"{said} Ties, margins within the errors: {len(ties)}, of which {moved} went another way."


def legend(implementations: tuple[str, ...]) -> Markup:
    """Legend of marks and lines."""
    samples = [
        ("margin of the oracle", svg.marker("circle", 14, 7, "mark series-2", 3.0)),
        ("tie: margin within the errors", svg.marker("ring", 14, 7, "mark series-7", 4.0)),
        ("differs outside a tie", svg.marker("cross", 14, 7, "mark beyond", 4.0)),
        *(
            (f"error, {one}", tag("path", class_=f"trend trend-{i % 3}", d="M0 7h28"))
            for i, one in enumerate(implementations)
        ),
    ]
    items = [
        tag("li", tag("svg", drawing, viewBox="0 0 28 14", aria_hidden="true", class_="wide"), tag("span", words))
        for words, drawing in samples
    ]
    return tag("ul", join(*items), class_="legend")


def _stem(x: float, token: TokenResult, axis: Axis) -> list[Markup]:
    y = _y(token.margin, axis)
    errors = ", ".join(wording.value(error, 2) for error in token.errors)
    words = f"{token.text!r}, margin {wording.value(token.margin, 2)}, errors {errors}"
    if any(taken != token.text for taken in token.tokens):
        words += f", taken {', '.join(map(repr, token.tokens))}"
    if token.verdict == "differs":
        mark = svg.marker("cross", x, y, "mark beyond", 4.0, words)
    elif token.tied:
        mark = svg.marker("ring", x, y, "mark series-7", 3.6, words)
    else:
        mark = svg.marker("circle", x, y, "mark series-2", 2.4, words)
    label = svg.text(x + 3, BASE + 10, _shown(token.text), "word", "end", -70)
    return [svg.line(x, BASE, x, y, "grid"), mark, label]


def _shown(text: str) -> str:
    """A token as a label: the marks of byte-level vocabularies for a space and a line break as people write them."""
    return text.replace("Ġ", "").replace("Ċ", "↵")


def _line(i: int, answer: AnswerResult, columns: list[float], axis: Axis) -> Markup:
    points = [f"{number(x)} {number(_y(t.errors[i], axis))}" for x, t in zip(columns, answer.tokens, strict=True)]
    return tag("path", class_=f"trend trend-{i % 3}", d=f"M{'L'.join(points)}")


def _y(value: float, axis: Axis) -> float:
    low, high = axis
    power = min(max(log10(value), low), high) if value > 0 else float(low)
    return BASE - (power - low) / (high - low) * (BASE - TOP)
