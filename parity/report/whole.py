"""The part of a model's section about whole runs: operations on the same bytes, drift, cosines of sentences."""

from __future__ import annotations

from parity.record.records import Drift, ModelSection, SentenceCosines, StepResult, count
from parity.report import drift, parts
from parity.report.markup import Markup, join, tag
from parity.show import wording
from parity.show.model_sections import between_frameworks, step_numbers

STEPS = (("After", False), ("Operands", True), ("Elements", True), ("ulp", True), ("Bound", True))
STEPS_NOTE = (
    "One framework runs the encoder, and every operation of it gets the same bytes on both. Operands: linears whose "
    "quantised activation is the same bytes, which is promised. Elements: least share of the elements of a result that "
    "are the same bytes, which is not promised. ulp: largest distance, large where a result lies near zero. Bound: "
    "largest share of the bound, the sum of what each side is allowed: by the specification of the operation, or by an "
    "error analysis of float32 where a framework computes itself."
)
DRIFT_NOTE = (
    "Each run goes on with its own results, hidden states in bf16. Relative error of the hidden states of all tokens "
    "(Frobenius norms), last of the sentence embeddings. Nothing is promised here: a last bit that differs between "
    "frameworks grows from layer to layer like every other rounding. What lies below the axis stands at its foot."
)


def section(model: ModelSection, number: int) -> Markup:
    """Everything about whole runs; nothing where there were none."""
    return join(_steps(model), _drifts(model, number), _cosines(model.cosines))


def _steps(model: ModelSection) -> Markup:
    found = between_frameworks(model.steps)
    if not found:
        return Markup("")
    figures = []
    for scheme, pair in dict.fromkeys((step.scheme, step.pair) for step in found):
        mine = tuple(step for step in found if (step.scheme, step.pair) == (scheme, pair))
        rows = [_row(stage, tuple(x for x in mine if x.stage == stage)) for stage in model.stages]
        reasons = "; ".join(f"{x.stage}, {x.step}: {x.reason}" for x in mine if x.reason)
        why = tag("p", reasons, class_="small") if reasons else ""
        inside = tag("div", parts.table(STEPS, rows, stack=False), why, class_="narrow")
        figures.append(
            tag("figure", tag("figcaption", scheme, tag("span", pair, " ", parts.tally(count(mine)))), inside)
        )
    against = tuple(step for step in model.steps if step.equal is None)
    shares = [step.bound_share for step in against if step.bound_share is not None]
    oracle = f"Against the oracle, {wording.whole(len(against))} comparisons: {_tally(against)}"
    oracle += f", largest share of the bound {wording.share(max(shares))}." if shares else "."
    return join(
        tag("h3", "The whole encoder: every operation on the same bytes"),
        tag("p", STEPS_NOTE, class_="small soft"),
        tag("p", oracle, class_="small"),
        tag("div", *figures, class_="figures"),
    )


def _tally(steps: tuple[StepResult, ...]) -> str:
    return ", ".join(f"{wording.whole(n)} {status}" for status, n in count(steps).items() if n)


def _row(stage: str, steps: tuple[StepResult, ...]) -> Markup:
    cells = zip((name for name, _ in STEPS[1:]), step_numbers(steps), strict=True)
    return tag(
        "tr",
        parts.cell("After", stage),
        *(parts.cell(name, words, kind="number") for name, words in cells),
    )


def _drifts(model: ModelSection, number: int) -> Markup:
    if not model.drifts:
        return Markup("")
    schemes: dict[str, list[Drift]] = {}
    for found in model.drifts:
        schemes.setdefault(found.scheme, []).append(found)
    axis = drift.decades(model.drifts)
    figures = []
    for i, (scheme, mine) in enumerate(schemes.items()):
        lines = tuple(mine)
        drawing = drift.draw(lines, model.stages, axis, scheme, f"d{number}-{i}")
        figures.append(parts.figure(scheme, drift.describe(lines, model.stages), drawing))
    return join(
        tag("h3", "The whole encoder: drift of whole runs"),
        tag("p", DRIFT_NOTE, class_="small soft"),
        drift.legend(tuple(dict.fromkeys(found.pair for found in model.drifts))),
        tag("div", *figures, class_="figures"),
    )


def _cosines(cosines: tuple[SentenceCosines, ...]) -> Markup:
    if not cosines:
        return Markup("")
    names = [f"{found.scheme} {found.implementation.partition(':')[0]}" for found in cosines]
    headings = (("Sentence", False), *((name, True) for name in names))
    rows = [
        tag(
            "tr",
            parts.cell("Sentence", f"S{i + 1}"),
            *(
                parts.cell(name, f"{found.values[i]:.5f}", kind="number")
                for name, found in zip(names, cosines, strict=True)
            ),
        )
        for i in range(len(cosines[0].values))
    ]
    return join(
        tag("h3", "Cosine of each sentence with the float32 model"),
        parts.table(headings, rows, stack=False),
    )
