"""Configurations and weights of checkpoints that transformers wrote."""

from __future__ import annotations

import numpy as np
import pytest

from specs.decoder.config import DecoderConfig
from specs.decoder.weights import CheckpointError, check_tensors, layer_weights, model_weights
from tests.decoder.models import MODELS, checkpoint


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_of_a_checkpoint_is_used_once_and_fits(name: str) -> None:
    found = checkpoint(name)
    check_tensors(found.config, found.tensors)
    for table in (model_weights(found.config), *(layer_weights(found.config, i) for i in range(found.config.layers))):
        for label, weight in table.items():
            assert weight.assemble(found.tensors).shape == weight.shape, label


def test_tensors_that_do_not_fit_are_listed() -> None:
    found = checkpoint("llama")
    tensors = dict(found.tensors)
    tensors["model.layers.0.mlp.up.weight"] = tensors.pop("model.layers.0.mlp.up_proj.weight")
    tensors["model.norm.weight"] = np.ones(63, np.float32)
    with pytest.raises(CheckpointError) as error:
        check_tensors(found.config, tensors)
    assert str(error.value).splitlines()[1:] == [
        "  missing: model.layers.0.mlp.up_proj.weight [128, 64], float32, float16, bfloat16",
        "  shape: model.norm.weight, expected [64]; got float32 [63]",
        "  unknown: model.layers.0.mlp.up.weight, float32 [128, 64]",
    ]


def test_features_follow_the_model_type() -> None:
    llama, qwen3, oss = (checkpoint(name).config for name in ("llama3", "qwen3", "gpt_oss"))
    assert (llama.norm_style, qwen3.norm_style, oss.norm_style) == ("twice", "twice", "once")
    assert (llama.qk_norm, qwen3.qk_norm, oss.qk_norm) == (False, True, False)
    assert oss.sinks
    assert oss.window(0) == (7, 0)
    assert oss.window(1) is None
    assert llama.rope.scaling is not None
    assert llama.rope.scaling["factor"] == 8.0
    assert checkpoint("llama").config.tied
    assert not llama.tied
    assert oss.rope.scaling is not None
    assert oss.rope.scaling["rope_type"] == "yarn"


def test_a_model_type_that_is_not_supported_is_named() -> None:
    with pytest.raises(ValueError, match=r"model_type: expected one of llama, .*; got 'mamba'"):
        DecoderConfig.from_hf({"model_type": "mamba"})
