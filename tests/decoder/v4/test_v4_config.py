"""Configuration and weights of DeepSeek-V4 against transformers."""

from __future__ import annotations

import pytest

from specs.decoder.v4.config import V4Config
from specs.decoder.v4.weights import layer_weights, model_weights
from tests.decoder.v4.models import FIELDS, checkpoint


def test_every_tensor_is_used_once_and_fits() -> None:
    found = checkpoint()
    tables = [model_weights(found.config), *(layer_weights(found.config, i) for i in range(found.config.layers))]
    used = [source for table in tables for weight in table.values() for source in weight.sources]
    assert sorted(source.name for source in used) == sorted(found.dense)
    assert {source.name: source.shape for source in used} == {k: v.shape for k, v in found.dense.items()}
    for table in tables:
        for label, weight in table.items():
            assert weight.assemble(found.dense).shape == weight.shape, label


def test_the_published_configuration_reads_as_that_of_transformers() -> None:
    published = {
        **FIELDS,
        "model_type": "deepseek_v4",
        "head_dim": 512,
        "qk_rope_head_dim": 64,
        "compress_ratios": [0, 4, 128, 0],
        "num_hash_layers": 1,
        "rope_theta": 10000.0,
        "compress_rope_theta": 160000.0,
        "rope_scaling": {**FIELDS["rope_parameters"], "type": "yarn"},
        "sliding_window": 128,
        "routed_scaling_factor": 1.5,
        "swiglu_limit": 10.0,
        "hc_sinkhorn_iters": 4,
        "hc_eps": 1e-6,
        "num_nextn_predict_layers": 1,
    }
    for name in ("layer_types", "mlp_layer_types", "rope_parameters"):
        del published[name]
    found, expected = V4Config.from_hf(published), checkpoint().config
    assert found.ratios == expected.ratios == (0, 4, 128)
    assert found.hashed == expected.hashed == (True, False, False)
    assert found == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "llama"}, "model_type: expected 'deepseek_v4'; got 'llama'"),
        ({"head_dim": 256}, "head_dim: expected 512; got 256"),
        ({"hc_mult": 2}, "hc_mult: expected 4; got 2"),
    ],
)
def test_what_layouts_and_operations_do_not_have_is_named(fields: dict[str, object], message: str) -> None:
    valid = {"model_type": "deepseek_v4", "head_dim": 512, "qk_rope_head_dim": 64, "num_hidden_layers": 1}
    with pytest.raises(ValueError, match=message):
        V4Config.from_hf({**valid, **fields})
