"""Whole tiny decoders in JAX and in torch against transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.decoder.models import MODELS, checkpoint
from tests.decoder.runs import Run, jax_run, torch_run, transformers_run

IDS = tuple(np.random.default_rng(3).integers(0, 96, 44).tolist())
CHUNKS = {
    "whole": (44,),
    "chunks": (7, 5, 9, 23),  # borders in the middle of a page, at its end, and inside of a window
    "decode": (28, *(1,) * 16),
}
CASES = [(name, "whole") for name in MODELS]
CASES += [("gpt_oss", "chunks"), ("qwen3", "chunks"), ("gpt_oss", "decode"), ("llama3", "decode")]
RUNS: dict[str, Callable[..., Run]] = {"jax": jax_run, "torch": torch_run}


def shares(found: Run, name: str) -> dict[str, float]:
    """Worst errors from float64, of every layer and of the logits, over twice transformers' own in bfloat16."""
    exact, same_format = (transformers_run(name, IDS, dtype) for dtype in (torch.float64, torch.bfloat16))
    layers = zip(found.layers, same_format.layers, exact.layers, strict=True)
    named = {f"residual stream after layer {i}": one for i, one in enumerate(layers)}
    named["logits"] = (found.logits, same_format.logits, exact.logits)
    return {
        part: float(np.abs(own - right).max() / (2 * np.abs(theirs - right).max()))
        for part, (own, theirs, right) in named.items()
    }


@pytest.mark.parametrize("framework", RUNS)
@pytest.mark.parametrize(("name", "chunks"), CASES)
def test_a_decoder_is_as_near_to_float64_as_transformers(
    framework: str, name: str, chunks: str, record_property: Callable[[str, object], None]
) -> None:
    found = shares(RUNS[framework](name, IDS, CHUNKS[chunks]), name)
    record_property("worst errors, of the bound", found)
    assert max(found.values()) <= 1, found


def fault(name: str) -> dict[str, Any]:
    """A wrong configuration of a model."""
    config = checkpoint(name.partition(" ")[0]).config
    moe = config.moe
    wrong: dict[str, dict[str, Any]] = {
        "gpt_oss window": {"windows": (9, None)},
        "gpt_oss no window": {"windows": ()},
        "gpt_oss activation": {"act_limit": 0.5},
        "qwen3 no norm of heads": {"qk_norm": False},
        "llama pairs": {"rope": replace(config.rope, neox=False)},
        "llama3 frequencies": {"rope": replace(config.rope, scaling=None)},
        "qwen3_moe weights": {"moe": moe and replace(moe, renormalize=False)},
    }
    return wrong[name]


FAULTS = (
    "gpt_oss window", "gpt_oss no window", "gpt_oss activation", "qwen3 no norm of heads",
    "llama pairs", "llama3 frequencies", "qwen3_moe weights",
)  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_the_bound_notices_a_wrong_layer(name: str) -> None:
    model = name.partition(" ")[0]
    found = shares(torch_run(model, IDS, CHUNKS["whole"], **fault(name)), model)
    assert max(found.values()) > 1, found
