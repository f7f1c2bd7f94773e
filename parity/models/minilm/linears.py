"""One linear under one scheme: every implementation against the oracle and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from parity.judge.compare import Bounded
from parity.judge.frameworks import Result
from parity.judge.guard import bit_view
from parity.judge.inputs import decode, raw_dtype
from parity.judge.ulp import Float64
from parity.models.minilm.arrays import HostArray
from parity.models.minilm.assets import Linear
from parity.models.minilm.engines import Engine
from parity.models.minilm.outcomes import LinearOutcome
from parity.models.minilm.plain import AnyScheme
from parity.models.minilm.schemes import Operands, Product
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import F32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """One side's results for a linear: the activation's operands, and the product."""

    operands: Operands
    product: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one side has no result."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One implementation with the weights of one scheme, by linear and argument, on its device."""

    engine: Engine
    scheme: AnyScheme
    weights: Mapping[str, Mapping[str, Any]]

    def linear(self, name: str, x: Any) -> Any:
        """The linear, float32 or bf16 in and bf16 out; both are the framework's arrays."""
        activation = self.scheme.quantise_activation(self.engine, x)
        return self.scheme.multiply(self.engine, activation, self.weights[name])

    def answer(self, name: str, x: HostArray) -> Answer | Refusal:
        """The linear on a captured input, float32 [T, K]."""
        one = self.engine
        try:
            activation = self.scheme.quantise_activation(one, one.operand(x, F32))
            product = self.scheme.multiply(one, activation, self.weights[name])
        except Unsupported as refusal:
            return Refusal(reason=str(refusal))
        operands = {argument: one.result(array) for argument, array in activation.items()}
        return Answer(operands=operands, product=one.result(product))


def compare(
    place: tuple[str, int, str], sides: Sequence[Side], linear: Linear, x: HostArray, weight: Operands
) -> Iterator[LinearOutcome]:
    """All comparisons of one linear on its captured input x, float32 [T, K].

    place: scheme, layer, name within the layer.
    weight: the quantised weight, as the oracle takes it.
    """
    scheme = sides[0].scheme
    activation = scheme.expected_activation(x)
    n, k = linear.weight.shape
    facts: dict[str, Any] = dict(zip(("scheme", "layer", "linear"), place, strict=True))
    facts["shape"] = f"M={len(x)} N={n} K={k}"
    answers = [side.answer(linear.name, x) for side in sides]
    yield from judge(facts, sides, answers, activation, scheme.expected_product(activation, weight))


def judge(
    facts: Mapping[str, Any],
    sides: Sequence[Side],
    answers: Sequence[Answer | Refusal],
    operands: Operands,
    product: Product,
) -> Iterator[LinearOutcome]:
    """Every answer against what it has to be, and against the answers after it.

    facts: the fields of an outcome that say what was computed.
    """
    expected = product.expected
    bounds = [product.bound(side.engine) for side in sides]
    names = [side.engine.name for side in sides]
    exact = np.asarray(expected.reference.value, np.float64)
    for name, answer, bound in zip(names, answers, bounds, strict=True):
        yield _judged({**facts, "pair": f"{name} vs oracle"}, answer, operands, exact, bound, expected.form)
    for one, other in combinations(range(len(sides)), 2):
        pair = {**facts, "pair": f"{names[one]} vs {names[other]}"}
        # Both are within their bound of the oracle, so they differ by at most the sum.
        yield _against(pair, answers[one], answers[other], bounds[one] + bounds[other])


def _against(facts: Mapping[str, Any], one: Answer | Refusal, other: Answer | Refusal, bound: Float64) -> LinearOutcome:
    if isinstance(other, Refusal):
        return LinearOutcome(**facts, status="unsupported", reason=other.reason)
    base = other.product
    outcome = _judged(facts, one, other.operands, decode(base.raw, base.form), bound, base.form)
    if isinstance(one, Refusal):
        return outcome
    same = same_bytes({"c": one.product}, {"c": base})
    return replace(outcome, same_results=same, equal=_equal(one.product, base))


def _equal(one: Result, other: Result) -> float:
    """Share of the elements that are the same bytes; of equal shapes."""
    if one.form != other.form or one.raw.shape != other.raw.shape:
        return 0.0
    return float(np.mean(one.raw.view(one.form.storage_dtype) == other.raw.view(other.form.storage_dtype)))


def _judged(
    facts: Mapping[str, Any],
    answer: Answer | Refusal,
    operands: Operands,
    reference: Float64,
    bound: Float64,
    form: ElementFormat,
) -> LinearOutcome:
    """An answer against operands, byte for byte, and against a product of format `form` within a bound."""
    if isinstance(answer, Refusal):
        return LinearOutcome(**facts, status="unsupported", reason=answer.reason)
    same = same_bytes(answer.operands, operands)
    rule = Bounded(reference=reference, bound=bound, dtype=raw_dtype(form), element=form)
    verdict = rule.compare(answer.product.raw)
    reasons = [] if same else ["the bytes of the quantised activation differ"]
    reasons += [] if verdict.passed else [verdict.message.removeprefix("failed: ")]
    return LinearOutcome(
        **facts,
        status="failed" if reasons else "passed",
        same_operands=same,
        max_ulp=verdict.max_ulp,
        bound_share=verdict.bound_share,
        reason="; ".join(reasons),
    )


def same_bytes(one: Operands, other: Operands) -> bool:
    """Whether two sets of arrays have the same names, formats, shapes and bytes."""
    return one.keys() == other.keys() and all(
        one[name].form == other[name].form and np.array_equal(bit_view(one[name].raw), bit_view(other[name].raw))
        for name in one
    )
