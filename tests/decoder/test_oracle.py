"""The float64 decoder against transformers in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from specs.decoder.oracle import Text, Trace, decoder_oracle
from specs.decoder.precision import DEVICE
from specs.decoder.weights import layer_weights, model_weights
from tests.decoder.models import checkpoint
from tests.decoder.runs import transformers_run

IDS = tuple(map(int, np.random.default_rng(3).integers(0, 96, 44)))


def oracle(name: str, text: Text, **fault: Any) -> Trace:
    found = checkpoint(name)
    config = replace(found.config, **fault)
    model = {key: weight.assemble(found.tensors) for key, weight in model_weights(config).items()}

    def layer(index: int) -> dict[str, Any]:
        return {key: weight.assemble(found.tensors) for key, weight in layer_weights(config, index).items()}

    return decoder_oracle(config, model, layer, [text])[0]


def distance(found: Trace, name: str) -> float:
    """Largest error of a stage, in thousandths of transformers' own in bfloat16."""
    exact, same_format = (transformers_run(name, IDS, dtype) for dtype in (torch.float64, torch.bfloat16))
    stages = zip((*found.hidden, found.logits), (*exact.layers, exact.logits), strict=True)
    own = zip((*same_format.layers, same_format.logits), (*exact.layers, exact.logits), strict=True)
    return 1000 * max(
        float(np.abs(x - y).max() / np.abs(z - w).max()) for (x, y), (z, w) in zip(stages, own, strict=True)
    )


@pytest.mark.parametrize("name", ["llama", "llama3", "qwen3"])
def test_the_oracle_is_the_model(name: str) -> None:
    assert distance(oracle(name, Text(ids=IDS)), name) < 1


def test_a_wrong_definition_is_noticed() -> None:
    config = checkpoint("llama").config
    assert distance(oracle("llama", Text(ids=IDS), rope=replace(config.rope, neox=False)), "llama") > 1000


def test_rounded_results_are_in_their_format_and_cost_what_it_costs() -> None:
    found = oracle("llama", Text(ids=IDS, precision=DEVICE))
    assert all(np.array_equal(x, x.astype(DEVICE.activations.numpy_dtype).astype(np.float64)) for x in found.hidden)
    assert 100 < distance(found, "llama") < 2000


def test_experts_are_refused() -> None:
    with pytest.raises(ValueError, match="experts are not part of this oracle"):
        oracle("qwen3_moe", Text(ids=IDS))
