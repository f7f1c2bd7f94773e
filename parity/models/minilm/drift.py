"""Drift of whole runs from the float32 model, each run continuing with its own results.

Nothing is judged here. Between frameworks nothing is promised for a whole model: a last bit that differs grows from
layer to layer, as every rounding does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from parity.models.minilm.arrays import HostArray, numpy_arrays
from parity.models.minilm.assets import Assets, Tokens
from parity.models.minilm.encoder import cosines, encode
from parity.models.minilm.whole import Trace
from parity.record.records import Drift, SentenceCosines, Similarity

FLOAT32 = "float32"


def float32_model(assets: Assets, tokens: Tokens) -> Trace:
    """The model as its checkpoint means it, in numpy."""
    hidden: list[HostArray] = []
    embeddings = encode(numpy_arrays(), assets, tokens, hidden=hidden)
    return Trace(hidden=tuple(hidden), embeddings=embeddings)


def drifts(scheme: str, runs: Mapping[str, Trace], model: Trace) -> Iterator[Drift]:
    """Every implementation against the model, then implementations against each other; runs: by implementation."""
    for name, trace in runs.items():
        yield Drift(scheme=scheme, pair=f"{name} vs {FLOAT32}", errors=_errors(trace, model))
    for one, other in combinations(runs, 2):
        yield Drift(scheme=scheme, pair=f"{one} vs {other}", errors=_errors(runs[one], runs[other]))


def sentence_cosines(scheme: str, implementation: str, trace: Trace, model: Trace) -> SentenceCosines:
    """Of each sentence, with the model's embedding of it."""
    x, y = (np.asarray(found.embeddings, np.float64) for found in (trace, model))
    values = (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
    return SentenceCosines(scheme=scheme, implementation=implementation, values=tuple(map(float, values)))


def similarity(scheme: str, implementation: str, trace: Trace) -> Similarity:
    """Cosines between all sentences of a run."""
    table = tuple(tuple(float(value) for value in row) for row in cosines(trace.embeddings))
    return Similarity(scheme=scheme, implementation=implementation, values=table)


def _errors(one: Trace, other: Trace) -> tuple[float, ...]:
    pairs = zip((*one.hidden, one.embeddings), (*other.hidden, other.embeddings), strict=True)
    return tuple(_relative(x, y) for x, y in pairs)


def _relative(x: HostArray, y: HostArray) -> float:
    wide = np.asarray(y, np.float64)
    return float(np.linalg.norm(np.asarray(x, np.float64) - wide) / np.linalg.norm(wide))
