"""The job: the real model on real sentences, every linear quantised, both frameworks against the oracle and each
other.

1. The encoder without quantisation, in numpy: in float32 for the cosines that schemes are set beside, in float64
   for the inputs of its linears. Rounded to float32, these hardly depend on the order in which a library adds.
2. Every linear under every scheme, on that input: all implementations quantise the activation, which has to give
   the bytes of the oracle, and multiply, which has to stay within the bound that the spec derives.
3. The whole encoder under every scheme on every implementation, and the cosines of its sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from parity.minilm.arrays import HostArray, numpy_arrays
from parity.minilm.assets import Assets, Tokens, load
from parity.minilm.encoder import cosines, encode
from parity.minilm.engines import DEFAULT, Engine, engine, single_threaded
from parity.minilm.linears import Side, compare
from parity.minilm.outcomes import JobResult, LinearOutcome
from parity.minilm.schemes import SCHEMES, Operands, Scheme
from parity.minilm.sentences import SENTENCES
from parity.records import Similarity
from specs.lang.errors import Unsupported

Progress = Callable[[str], None]
"""Called with what is about to run."""


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
    say("the encoder without quantisation")
    plain, captured = numpy_arrays(), inputs_of_linears(assets, tokens)
    similarities = [_similarity("float32", plain.name, encode(plain, assets, tokens))]
    outcomes: list[LinearOutcome] = []
    with single_threaded(engines):
        for scheme in schemes:
            found, tables = _run_scheme(scheme, engines, assets, tokens, captured, say)
            outcomes += found
            similarities += tables
    return JobResult(
        sentences=tuple(sentences),
        tokens=tokens.ids.size,
        linears=tuple(outcomes),
        similarities=tuple(similarities),
        seconds=time.perf_counter() - start,
    )


def inputs_of_linears(assets: Assets, tokens: Tokens) -> dict[str, HostArray]:
    """The input of every linear of the unquantised encoder, float32 [T, K], by the linear's name."""
    captured: dict[str, HostArray] = {}
    encode(numpy_arrays(np.float64), assets, tokens, capture=captured)
    return captured


def _run_scheme(
    scheme: Scheme,
    engines: Sequence[Engine],
    assets: Assets,
    tokens: Tokens,
    captured: Mapping[str, HostArray],
    say: Progress,
) -> tuple[list[LinearOutcome], list[Similarity]]:
    """Steps 2 and 3 for one scheme."""
    say(f"{scheme.name}: every linear")
    weights = {linear.name: scheme.quantise_weight(linear.weight, linear.bias) for _, _, linear in assets.linears()}
    sides = [Side(engine=one, scheme=scheme, weights=_moved(one, weights)) for one in engines]
    outcomes: list[LinearOutcome] = []
    for layer, name, linear in assets.linears():
        place = (scheme.name, layer, name)
        outcomes += compare(place, sides, linear, captured[linear.name], weights[linear.name])
    say(f"{scheme.name}: the whole encoder")
    return outcomes, [table for side in sides for table in _quantised_similarity(side, assets, tokens)]


def _moved(one: Engine, weights: Mapping[str, Operands]) -> dict[str, dict[str, Any]]:
    return {
        name: {argument: one.operand(operand.raw, operand.form) for argument, operand in operands.items()}
        for name, operands in weights.items()
    }


def _similarity(scheme: str, implementation: str, embeddings: HostArray) -> Similarity:
    table = tuple(tuple(float(value) for value in row) for row in cosines(embeddings))
    return Similarity(scheme=scheme, implementation=implementation, values=table)


def _quantised_similarity(side: Side, assets: Assets, tokens: Tokens) -> Iterator[Similarity]:
    """The table of one scheme on one implementation; none where it is not supported."""
    try:
        embeddings = encode(side.engine.arrays, assets, tokens, side.linear)
    except Unsupported:
        return
    yield _similarity(side.scheme.name, side.engine.name, embeddings)
