"""The job: the real model on real sentences, every linear quantised, both frameworks against the oracle and each other.

    1. The encoder in float32 (numpy); the input of each of its linears is kept.
    2. Every linear under every scheme, on that input: all implementations quantise the activation, which has to give the
       bytes of the oracle, and multiply, which has to stay within the bound that the spec derives.
    3. The whole encoder under every scheme on every implementation, and the cosines of its sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.compare import Bounded
from parity.frameworks import Result
from parity.guard import bit_view
from parity.inputs import decode
from parity.minilm.arrays import HostArray, numpy_arrays
from parity.minilm.assets import CHECKPOINT, Assets, Linear, Tokens, load
from parity.minilm.encoder import LinearFunction, cosines, encode
from parity.minilm.engines import DEFAULT, Engine, engine
from parity.minilm.schemes import SCHEMES, Operands, Scheme
from parity.minilm.sentences import SENTENCES
from parity.records import LinearResult, ModelSection, Similarity, Status
from parity.runner import Expected, accumulator_of, expectations
from parity.verdict import Verdict
from specs.lang.accuracy import Accumulator
from specs.lang.elements import F32
from specs.lang.errors import Unsupported

FLOAT32_SCHEME = "float32"

Progress = Callable[[str], None]
"""Called with what is about to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearOutcome:
    """One linear under one scheme, one implementation against the oracle or against another implementation.

    pair: such as "torch:eager vs oracle". shape: sizes of the axes.
    same_operands: whether both sides have the same bytes as operands of the activation; None if one did not run.
    same_results: whether both sides have the same bytes as result; None as above, and against the oracle.
    max_ulp, bound_share: of the result; None if one side did not run.
    """

    scheme: str
    layer: int
    linear: str
    shape: str
    pair: str
    status: Status
    same_operands: bool | None = None
    same_results: bool | None = None
    max_ulp: float | None = None
    bound_share: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What the job found. similarities: float32 first. seconds: wall time."""

    sentences: tuple[str, ...]
    tokens: int
    linears: tuple[LinearOutcome, ...]
    similarities: tuple[Similarity, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every comparison ran and passed."""
        return all(outcome.status == "passed" for outcome in self.linears)

    def section(self) -> ModelSection:
        """The part of a run record that reports are made from."""
        names = ("scheme", "layer", "linear", "shape", "pair", "status", "bound_share", "max_ulp", "reason")
        linears = [LinearResult(**{name: getattr(outcome, name) for name in names}) for outcome in self.linears]
        note = f"{len(self.sentences)} sentences, {self.tokens} tokens, packed without padding."
        return ModelSection(
            name=CHECKPOINT,
            note=note,
            sentences=self.sentences,
            linears=tuple(linears),
            similarities=self.similarities,
        )


def run(
    *,
    implementations: Sequence[str] = DEFAULT,
    device: str = "cpu",
    schemes: Sequence[Scheme] = SCHEMES,
    sentences: Sequence[str] = SENTENCES,
    assets: Assets | None = None,
    progress: Progress | None = None,
) -> JobResult:
    """Runs the job.

    Args:
        implementations: "framework:implementation" names; each is compared with the oracle and with every later one.
        assets: the model; None: the installed one.

    Raises:
        Unsupported: the model or a framework is not installed, or a framework does not see the device.
    """
    start = time.perf_counter()
    assets = load() if assets is None else assets
    tokens = assets.tokenise(sentences)
    engines = [engine(name, device) for name in implementations]
    say = progress or (lambda _text: None)
    say(f"{FLOAT32_SCHEME}: numpy")
    captured: dict[str, HostArray] = {}
    reference = encode(numpy_arrays(), assets, tokens, capture=captured)
    outcomes: list[LinearOutcome] = []
    similarities = [_similarity(FLOAT32_SCHEME, "numpy", reference)]
    for scheme in schemes:
        say(f"{scheme.name}: weights")
        weights = {linear.name: scheme.quantise_weight(linear.weight, linear.bias) for _, _, linear in assets.linears()}
        sides = [Side(engine=one, scheme=scheme, weights=_moved(one, weights)) for one in engines]
        say(f"{scheme.name}: {len(weights)} linears")
        for layer, name, linear in assets.linears():
            place = (scheme.name, layer, name)
            outcomes += compare(place, sides, linear, captured[linear.name], weights[linear.name])
        for side in sides:
            say(f"{scheme.name}: encoder, {side.engine.name}")
            similarities += _quantised_similarity(side, assets, tokens)
    return JobResult(
        sentences=tuple(sentences),
        tokens=tokens.ids.size,
        linears=tuple(outcomes),
        similarities=tuple(similarities),
        seconds=time.perf_counter() - start,
    )


def _moved(one: Engine, weights: Mapping[str, Operands]) -> dict[str, dict[str, Any]]:
    return {
        name: {argument: one.operand(operand.raw, operand.form) for argument, operand in operands.items()}
        for name, operands in weights.items()
    }


def _similarity(scheme: str, implementation: str, embeddings: HostArray) -> Similarity:
    table = tuple(tuple(float(value) for value in row) for row in cosines(embeddings))
    return Similarity(scheme=scheme, implementation=implementation, values=table)


# -- one scheme on one implementation -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What one side made of one linear: the activation's operands and the product, or why it made nothing."""

    name: str
    operands: Operands | None = None
    product: Result | None = None
    accumulator: Accumulator | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One implementation with the weights of one scheme, by linear and argument, on its device."""

    engine: Engine
    scheme: Scheme
    weights: Mapping[str, Mapping[str, Any]]

    def linear(self, name: str, x: Any, _weight: HostArray, _bias: HostArray) -> Any:
        """The quantised linear, float32 in and out (a `LinearFunction`)."""
        activation = self.scheme.quantise_activation(self.engine, x)
        return self.engine.cast(self.scheme.multiply(self.engine, activation, self.weights[name]), F32)

    def answer(self, name: str, x: HostArray) -> Answer:
        """The linear on a captured input, float32 [T, K]."""
        one = self.engine
        try:
            activation = self.scheme.quantise_activation(one, one.operand(x, F32))
            product = self.scheme.multiply(one, activation, self.weights[name])
        except Unsupported as refusal:
            return Answer(name=one.name, reason=str(refusal))
        operands = {argument: one.result(array) for argument, array in activation.items()}
        return Answer(name=one.name, operands=operands, product=one.result(product))


def _quantised_similarity(side: Side, assets: Assets, tokens: Tokens) -> Iterator[Similarity]:
    """The table of one scheme on one implementation; none where it is not supported."""
    linear: LinearFunction = side.linear
    try:
        embeddings = encode(side.engine.arrays, assets, tokens, linear)
    except Unsupported:
        return
    yield _similarity(side.scheme.name, side.engine.name, embeddings)


# -- one linear -----------------------------------------------------------------------------------------------------


def compare(
    place: tuple[str, int, str], sides: Sequence[Side], linear: Linear, x: HostArray, weight: Operands
) -> Iterator[LinearOutcome]:
    """All comparisons of one linear on its captured input x, float32 [T, K].

    place: scheme, layer, name within the layer.
    """
    scheme = sides[0].scheme
    activation = scheme.expected_activation(x)
    inputs = scheme.inputs(activation, weight)
    call = inputs.layout.call()
    expected = expectations(inputs, call)["c"]
    n, k = linear.weight.shape
    facts: dict[str, Any] = dict(zip(("scheme", "layer", "linear"), place, strict=True))
    facts["shape"] = f"M={len(x)} N={n} K={k}"
    answers = [(side.answer(linear.name, x), accumulator_of(call, side.engine.name, side.engine.device)) for side in sides]
    for answer, accumulator in answers:
        yield _against_oracle(facts, answer, accumulator, activation, expected)
    for position, (one, its) in enumerate(answers):
        for other, others in answers[position + 1 :]:
            yield _against(facts, one, other, expected, expected.bound(its) + expected.bound(others))


def _against_oracle(
    facts: Mapping[str, Any], answer: Answer, accumulator: Accumulator, activation: Operands, expected: Expected
) -> LinearOutcome:
    pair = f"{answer.name} vs oracle"
    if answer.operands is None or answer.product is None:
        return LinearOutcome(**facts, pair=pair, status="unsupported", reason=answer.reason)
    same = same_bytes(answer.operands, activation)
    return _judged(facts, pair, same, None, expected.rule("random", accumulator).compare(answer.product.raw))


def _against(
    facts: Mapping[str, Any], one: Answer, other: Answer, expected: Expected, bound: HostArray
) -> LinearOutcome:
    """Both are within their bound of the oracle, so they differ by at most the sum."""
    pair = f"{one.name} vs {other.name}"
    if one.operands is None or other.operands is None or one.product is None or other.product is None:
        return LinearOutcome(**facts, pair=pair, status="unsupported", reason=one.reason or other.reason)
    base = other.product
    reference = decode(base.raw, base.form)
    rule = Bounded(reference=reference, bound=bound, dtype=base.raw.dtype, element=expected.form)
    same_results = same_bytes({"c": one.product}, {"c": base})
    return _judged(facts, pair, same_bytes(one.operands, other.operands), same_results, rule.compare(one.product.raw))


def _judged(
    facts: Mapping[str, Any], pair: str, same_operands: bool, same_results: bool | None, verdict: Verdict
) -> LinearOutcome:
    reasons = [] if same_operands else ["the bytes of the quantised activation differ"]
    reasons += [] if verdict.passed else [verdict.message.removeprefix("failed: ")]
    return LinearOutcome(
        **facts,
        pair=pair,
        status="failed" if reasons else "passed",
        same_operands=same_operands,
        same_results=same_results,
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
