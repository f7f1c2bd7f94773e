"""A real model in rows of text: what the job prints."""

from __future__ import annotations

from collections.abc import Iterator

from parity.record.records import ModelSection, StepResult, count
from parity.show import wording
from parity.show.describe import Row, Section
from parity.show.language_sections import language_sections


def model_sections(model: ModelSection) -> Iterator[Section]:
    """Every table that the section has numbers for."""
    if model.answers:
        yield from language_sections(model)
        return
    yield linears_section(model)
    if model.steps:
        yield stages_section(model)
    if model.drifts:
        yield drift_section(model)
    if model.cosines:
        yield cosine_section(model)
    if model.similarities:
        yield similarity_section(model)


def reasons(model: ModelSection) -> Iterator[str]:
    """A line for whatever did not pass."""
    for linear in model.linears:
        if linear.reason:
            where = f"{linear.scheme}, layer {linear.layer}, {linear.linear}, {linear.pair}"
            yield f"{linear.status}: {where}: {linear.reason}"
    for step in model.steps:
        if step.reason:
            yield f"{step.status}: {step.scheme}, {step.stage}, {step.step}, {step.pair}: {step.reason}"


def similarity_section(model: ModelSection) -> Section:
    """Cosines of neighbouring sentences (paraphrases of each other), and the largest of any other two."""
    tables = model.similarities
    columns = ("sentences", *(f"{t.scheme} {t.implementation.partition(':')[0]}" for t in tables))
    rows: list[Row] = []
    for i in range(0, len(model.sentences) - 1, 2):
        words = " / ".join(f"{model.sentences[j][:24].rsplit(' ', 1)[0]} .." for j in (i, i + 1))
        rows.append((words, *(f"{t.values[i][i + 1]:.4f}" for t in tables)))
    others = [(i, j) for j in range(len(model.sentences)) for i in range(j) if i // 2 != j // 2]
    if others:
        rows.append(("unrelated, at most", *(f"{max(t.values[i][j] for i, j in others):.4f}" for t in tables)))
    return Section(title="Cosine similarities of sentence embeddings", columns=columns, rows=tuple(rows))


def linears_section(model: ModelSection) -> Section:
    """One row per scheme and pair: how many linears passed, and the largest numbers among them."""
    rows: list[Row] = []
    for scheme, pair in dict.fromkeys((linear.scheme, linear.pair) for linear in model.linears):
        linears = tuple(x for x in model.linears if (x.scheme, x.pair) == (scheme, pair))
        counts = ", ".join(f"{n} {status}" for status, n in count(linears).items() if n)
        ulp = max((x.max_ulp for x in linears if x.max_ulp is not None), default=None)
        share = max((x.bound_share for x in linears if x.bound_share is not None), default=None)
        rows.append((scheme, pair, counts, wording.ulps(ulp), wording.share(share)))
    columns = ("scheme", "compared", "linears", "max ulp", "of bound")
    return Section(title=f"{model.name}: {model.note}", columns=columns, rows=tuple(rows))


def between_frameworks(steps: tuple[StepResult, ...]) -> tuple[StepResult, ...]:
    """Comparisons of two implementations with each other."""
    return tuple(step for step in steps if step.equal is not None)


def step_numbers(steps: tuple[StepResult, ...]) -> Row:
    """Activations quantised to the same bytes, elements that are the same bytes, largest ulp and share of the bound.

    A unit in the last place of a number near zero is tiny, so that the largest distance in such units may be huge where
    the error is far inside its bound.
    """
    quantised = [step.same_operands for step in steps if step.same_operands is not None]
    equal = min((step.equal for step in steps if step.equal is not None), default=None)
    ulp = max((step.max_ulp for step in steps if step.max_ulp is not None), default=None)
    share = max((step.bound_share for step in steps if step.bound_share is not None), default=None)
    return (
        f"{sum(quantised)} of {len(quantised)}" if quantised else wording.NOTHING,
        wording.percent(equal),
        wording.ulps(ulp),
        wording.share(share),
    )


def stages_section(model: ModelSection) -> Section:
    """Framework against framework on the same bytes: one row per scheme, pair and stage."""
    rows: list[Row] = []
    found = between_frameworks(model.steps)
    for scheme, pair in dict.fromkeys((step.scheme, step.pair) for step in found):
        for stage in model.stages:
            steps = tuple(x for x in found if (x.scheme, x.pair, x.stage) == (scheme, pair, stage))
            counts = ", ".join(f"{n} {status}" for status, n in count(steps).items() if n)
            rows.append((scheme, stage, pair, counts, *step_numbers(steps)))
    columns = ("scheme", "stage", "compared", "operations", "same operands", "same elements", "max ulp", "of bound")
    return Section(title="The whole encoder, every operation on the same bytes", columns=columns, rows=tuple(rows))


def drift_section(model: ModelSection) -> Section:
    """Relative error after every stage, each run going on with its own results."""
    rows = tuple((x.scheme, x.pair, *(f"{error:.1e}" for error in x.errors)) for x in model.drifts)
    columns = ("scheme", "compared", *model.stages)
    return Section(title="The whole encoder, each run on its own: relative error after", columns=columns, rows=rows)


def cosine_section(model: ModelSection) -> Section:
    """Cosine of every sentence's embedding with the float32 model's."""
    columns = ("sentence", *(f"{c.scheme} {c.implementation.partition(':')[0]}" for c in model.cosines))
    rows = tuple(
        (f"{sentence[:36].rsplit(' ', 1)[0]} ..", *(f"{c.values[i]:.5f}" for c in model.cosines))
        for i, sentence in enumerate(model.sentences)
    )
    return Section(title="Cosine of each sentence with the float32 model", columns=columns, rows=rows)
