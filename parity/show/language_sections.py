"""A language model in rows of text: what the job prints, and the tables of the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from parity.record.records import ModelSection, count
from parity.show import wording
from parity.show.describe import Row, Section

OPERATIONS: Final = (
    ("Scheme", False),
    ("What", False),
    ("Compared", False),
    ("Comparisons", False),
    ("ulp", True),
    ("Bound", True),
)


def language_sections(model: ModelSection) -> Iterator[Section]:
    """Every table of a language model."""
    yield operations_section(model)
    yield answers_section(model)


def operations_section(model: ModelSection) -> Section:
    """One row per scheme, operation and pair: how many comparisons passed, and the largest numbers among them."""
    rows: list[Row] = []
    for scheme, step, pair in dict.fromkeys((x.scheme, x.step, x.pair) for x in model.steps):
        mine = tuple(x for x in model.steps if (x.scheme, x.step, x.pair) == (scheme, step, pair))
        counts = ", ".join(f"{n} {status}" for status, n in count(mine).items() if n)
        ulp = max((x.max_ulp for x in mine if x.max_ulp is not None), default=None)
        share = max((x.bound_share for x in mine if x.bound_share is not None), default=None)
        rows.append((scheme, step, pair, counts, wording.ulps(ulp), wording.share(share)))
    columns = ("scheme", "what", "compared", "comparisons", "max ulp", "of bound")
    return Section(title=f"{model.name}: {model.note}", columns=columns, rows=tuple(rows))


def answers_section(model: ModelSection) -> Section:
    """One row per scheme and question: tokens, ties, the smallest margin and the largest error."""
    rows = tuple(
        (
            found.scheme,
            found.question,
            str(len(found.tokens)),
            str(sum(token.verdict == "differs" for token in found.tokens)),
            str(sum(token.tied for token in found.tokens)),
            str(sum(token.verdict == "tie" for token in found.tokens)),
            wording.value(min((token.margin for token in found.tokens), default=None), 2),
            wording.value(max((error for token in found.tokens for error in token.errors), default=None), 2),
        )
        for found in model.answers
    )
    columns = ("scheme", "question", "tokens", "differ", "ties", "ties that differ", "least margin", "largest error")
    return Section(title="Answers, token by token", columns=columns, rows=rows)
