"""The job: the real model on real sentences, in both frameworks, against the oracle, the float32 model and each other.

1. The encoder without quantisation, in numpy: in float32 as the reference of schemes, in float64 for the inputs of its
linears. Rounded to float32, these hardly depend on the order in which a library adds. 2. Every linear under every
scheme, on that input: all implementations quantise the activation, which has to give
   the bytes of the oracle, and multiply, which has to stay within the bound that the spec derives.
3. The whole encoder under every scheme on every implementation, each going on with its own results: the cosine of
   every sentence with the float32 model, and how far the runs drift from it and from each other, layer by layer.
4. Every operation of the whole encoder under the schemes `PINNED`, on the bytes that the first implementation has
   there: quantised bytes have to be the same, results within the bound of the operation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parity.models.minilm import whole
from parity.models.minilm.arrays import HostArray, numpy_arrays
from parity.models.minilm.assets import Assets, Tokens, load
from parity.models.minilm.drift import FLOAT32, drifts, float32_model, sentence_cosines, similarity
from parity.models.minilm.encoder import encode
from parity.models.minilm.engines import DEFAULT, Engine, engine, thread_limit
from parity.models.minilm.linears import Side, compare
from parity.models.minilm.outcomes import JobResult, LinearOutcome
from parity.models.minilm.pinned import pinned
from parity.models.minilm.plain import PLAIN, AnyScheme
from parity.models.minilm.schemes import SCHEMES, Operands, Scheme
from parity.models.minilm.sentences import SENTENCES
from parity.models.minilm.whole import Seen, Trace
from parity.record.records import Drift, SentenceCosines, Similarity
from specs.lang.errors import Unsupported

Progress = Callable[[str], None]
"""Called before each part, with its name."""


PINNED: Final = ("bf16", "fp8_block", "int4")
"""Names of the schemes under which operations are compared one by one."""


@dataclass(slots=True, kw_only=True)
class _Found:
    """What has been found so far."""

    similarities: list[Similarity]
    linears: list[LinearOutcome] = field(default_factory=list)
    steps: list[LinearOutcome] = field(default_factory=list)
    cosines: list[SentenceCosines] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)


def run(
    *,
    implementations: Sequence[str] = DEFAULT,
    device: str = "cpu",
    schemes: Sequence[AnyScheme] = (PLAIN, *SCHEMES),
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
    say("the encoder without quantisation")
    model, captured = float32_model(assets, tokens), inputs_of_linears(assets, tokens)
    found = _Found(similarities=[similarity(FLOAT32, numpy_arrays().name, model)])
    with thread_limit(implementations):
        for scheme in schemes:
            weights = {
                linear.name: scheme.quantise_weight(linear.weight, linear.bias) for _, _, linear in assets.linears()
            }
            sides = [Side(engine=one, scheme=scheme, weights=_moved(one, weights)) for one in engines]
            if isinstance(scheme, Scheme):
                say(f"{scheme.name}: every linear")
                found.linears += _linears(sides, assets, captured, weights)
            say(f"{scheme.name}: the whole encoder")
            _whole(found, sides, assets, tokens, model, weights)
    return JobResult(
        sentences=tuple(sentences),
        tokens=tokens.ids.size,
        layers=assets.config.layers,
        linears=tuple(found.linears),
        steps=tuple(found.steps),
        similarities=tuple(found.similarities),
        cosines=tuple(found.cosines),
        drifts=tuple(found.drifts),
        seconds=time.perf_counter() - start,
    )


def inputs_of_linears(assets: Assets, tokens: Tokens) -> dict[str, HostArray]:
    """The input of every linear of the unquantised encoder, float32 [T, K], by the linear's name."""
    captured: dict[str, HostArray] = {}
    encode(numpy_arrays(np.float64), assets, tokens, capture=captured)
    return captured


def _linears(
    sides: Sequence[Side], assets: Assets, captured: Mapping[str, HostArray], weights: Mapping[str, Operands]
) -> Iterator[LinearOutcome]:
    """Step 2 for one scheme."""
    for layer, name, linear in assets.linears():
        place = (sides[0].scheme.name, layer, name)
        yield from compare(place, sides, linear, captured[linear.name], weights[linear.name])


def _whole(
    found: _Found,
    sides: Sequence[Side],
    assets: Assets,
    tokens: Tokens,
    model: Trace,
    weights: Mapping[str, Operands],
) -> None:
    """Steps 3 and 4 for one scheme; an implementation that does not support it is left out."""
    scheme, runs, seen = sides[0].scheme.name, dict[str, Trace](), list[Seen]()
    for side in sides:
        try:
            runs[side.engine.name] = whole.run(side, assets, tokens, None if runs else seen)
        except Unsupported:
            seen.clear()
    for name, trace in runs.items():
        found.similarities.append(similarity(scheme, name, trace))
        found.cosines.append(sentence_cosines(scheme, name, trace, model))
    found.drifts += drifts(scheme, runs, model)
    if scheme in PINNED:
        found.steps += pinned(seen, sides, weights)


def _moved(one: Engine, weights: Mapping[str, Operands]) -> dict[str, dict[str, Any]]:
    return {
        name: {argument: one.operand(operand.raw, operand.form) for argument, operand in operands.items()}
        for name, operands in weights.items()
    }
