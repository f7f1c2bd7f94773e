"""What the two MiniLM examples share: weights, tokens, and how embeddings are reported. numpy only.

The model is all-MiniLM-L6-v2, a BERT of 6 layers (`make model` installs it). Its linears are quantised here, once, to
FP8 in blocks of 128x128 with one scale each; activations are quantised by the examples, where they arise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parity.models.minilm import assets as checkpoint
from parity.models.minilm.assets import Assets, Linear, Tokens
from parity.models.minilm.drift import float32_model
from specs.lang.formats.named import FP8_BLOCK_128

NDArray = np.ndarray[Any, Any]

SENTENCES: Final = (
    "How do I bake bread without an oven?",
    "Flat loaves can be made in a covered pan on the stove.",
    "The train to the coast leaves at seven in the morning.",
    "Early departures towards the sea are on platform two.",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weight:
    """A linear's weight: codes uint8 [N, K] (FP8 e4m3), scale float32 [N / 128, K / 128], bias float32 [N]."""

    codes: NDArray
    scale: NDArray
    bias: NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The model, and sentences in one packed batch."""

    assets: Assets
    tokens: Tokens
    sentences: tuple[str, ...]


def problem(sentences: Sequence[str] = SENTENCES) -> Problem:
    """The installed model and some sentences.

    Raises:
        Unsupported: the model is not installed; the message says how to.
    """
    assets = checkpoint.load()
    return Problem(assets=assets, tokens=assets.tokenise(sentences), sentences=tuple(sentences))


def quantise(linear: Linear) -> Weight:
    """FP8 codes and scales of a weight."""
    made = FP8_BLOCK_128.encode(linear.weight)
    assert made.scale is not None, "the format has scales"
    return Weight(codes=made.data, scale=made.scale, bias=linear.bias)


def cosine(one: NDArray, other: NDArray) -> float:
    """Cosine of the angle between two vectors."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def report(given: Problem, outcomes: Mapping[str, NDArray]) -> str:
    """Similarities of the sentences, and how near each run is to the float32 model and to the others."""
    model = float32_model(given.assets, given.tokens).embeddings
    lines = [f"{len(given.sentences)} sentences, {given.tokens.ids.size} tokens"]
    lines += [f"  S{i}  {sentence}" for i, sentence in enumerate(given.sentences, start=1)]
    for name, found in {"float32 model": model, **outcomes}.items():
        lines.append(f"{name}: cosines between sentences")
        for i in range(1, len(found)):
            row = "  ".join(f"{cosine(found[i], found[j]):6.3f}" for j in range(i))
            lines.append(f"  S{i + 1}  {row}")
    names = list(outcomes)
    pairs = [(name, "float32 model", outcomes[name], model) for name in names]
    pairs += [(names[0], other, outcomes[names[0]], outcomes[other]) for other in names[1:]]
    for one, other, x, y in pairs:
        least = min(cosine(a, b) for a, b in zip(x, y, strict=True))
        lines.append(f"{one} and {other}: the same sentence has a cosine of at least {least:.5f}")
    return "\n".join(lines)
