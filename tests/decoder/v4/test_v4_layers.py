"""A tiny DeepSeek-V4 in JAX and in torch against transformers: all compression ratios, hash and learned routing.

One plan has a prompt in parts whose borders lie inside windows of 4 and of 128 tokens, a whole prompt in a step with a
decode, and a decode that completes an entry. Steps are padded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tests.decoder.v4.runs import Array, Run, jax_run, torch_run, transformers_run

PROMPTS = tuple(tuple(np.random.default_rng(n).integers(0, 96, n).tolist()) for n in (136, 42))
PLAN = (((0, 66),), ((0, 1), (1, 41)), ((0, 68),), ((0, 1), (1, 1)))
TOKENS = 70
FRAMEWORKS: dict[str, Callable[..., Run]] = {"jax": jax_run, "torch": torch_run}


@cache
def run(framework: str) -> Run:
    return FRAMEWORKS[framework](PROMPTS, PLAN, TOKENS)


def rms(x: Array) -> float:
    return float(np.sqrt(np.square(x).mean()))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_layers_are_as_near_to_float64_as_transformers(
    framework: str, record_property: Callable[[str, object], None]
) -> None:
    right, theirs, found = transformers_run(PROMPTS, exact=True), transformers_run(PROMPTS, exact=False), run(framework)
    for request in range(len(PROMPTS)):
        streams = zip(found.layers[request], theirs.layers[request], right.layers[request], strict=True)
        for layer, (own, same_format, exact) in enumerate(streams):
            error, bound = rms(own - exact), 2 * rms(same_format - exact)
            record_property(f"request {request}, streams after layer {layer}", (error, bound))
            assert error <= bound, f"request {request}, streams after layer {layer}: {error:.4f}, bound {bound:.4f}"
        error = rms(found.logits[request] - right.logits[request])
        bound = 2 * rms(theirs.logits[request] - right.logits[request])
        record_property(f"request {request}, logits", (error, bound))
        assert error <= bound, f"request {request}, logits: {error:.4f}, bound {bound:.4f}"


def test_both_frameworks_give_the_same() -> None:
    """Layer 0 caches the same bytes; later ones differ as far as sums in another order do, which rounding amplifies."""
    right, found, other = transformers_run(PROMPTS, exact=True), run("jax"), run("torch")
    np.testing.assert_array_equal(found.caches[0]["window"], other.caches[0]["window"])
    for request in range(len(PROMPTS)):
        streams = zip(found.layers[request], other.layers[request], right.layers[request], strict=True)
        for layer, (one, two, exact) in enumerate(streams):
            assert rms(one - two) <= rms(two - exact) / 4, f"request {request}, streams after layer {layer}"
