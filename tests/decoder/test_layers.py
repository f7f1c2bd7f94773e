"""Whole tiny decoders in JAX and in torch against transformers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.decoder.models import MODELS
from tests.decoder.runs import Array, Run, jax_run, torch_run, transformers_run

IDS = tuple(np.random.default_rng(3).integers(0, 96, 44).tolist())
CHUNKS = {
    "whole": (44,),
    "chunks": (1, 7, 4, 5, 9, 18),  # borders in the middle of a page, at its end, and inside of a window
    "decode": (12, *(1,) * 32),
}
CASES = [(name, "whole") for name in MODELS]
CASES += [("gpt_oss", "chunks"), ("qwen3", "chunks"), ("gpt_oss", "decode"), ("llama3", "decode")]
RUNS: dict[str, Callable[..., Run]] = {"jax": jax_run, "torch": torch_run}


def worst(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("framework", RUNS)
@pytest.mark.parametrize(("name", "chunks"), CASES)
def test_a_decoder_is_as_near_to_float64_as_transformers(
    framework: str, name: str, chunks: str, record_property: Callable[[str, object], None]
) -> None:
    exact, same_format = (transformers_run(name, IDS, dtype) for dtype in (torch.float64, torch.bfloat16))
    found = RUNS[framework](name, IDS, CHUNKS[chunks])
    for index, (own, theirs, right) in enumerate(zip(found.layers, same_format.layers, exact.layers, strict=True)):
        assert worst(own, right) <= 2 * worst(theirs, right), f"residual stream after layer {index}"
    error, bound = worst(found.logits, exact.logits), 2 * worst(same_format.logits, exact.logits)
    record_property("worst logit from float64, and bound", (error, bound))
    assert error <= bound, f"worst logit {error:.4f} from float64, bound {bound:.4f}"
