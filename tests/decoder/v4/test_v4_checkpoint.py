"""Quantised weights of the published checkpoint: codes and their scales become one weight, joined as arrays are."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

import jax_impl.layers.linear as jax_linear
import torch_impl.layers.linear as torch_linear
from specs.decoder.host import BlockWeight, RowParts, concatenate_rows
from specs.decoder.v4.checkpoint import with_scales
from specs.decoder.v4.weights import PUBLISHED, layer_weights
from specs.decoder.weights import CheckpointError
from specs.lang.formats.named import FP8_BLOCK_128, FP8_BLOCK_128_E8M0, MXFP4
from tests.decoder.v4.models import Kind, checkpoint

CODES = np.zeros((256, 128), ml_dtypes.float8_e4m3fn)
SCALES = np.full((2, 1), 127, np.uint8)


@pytest.mark.parametrize("kind", ["published", "fp8"])
def test_weights_of_the_checkpoint_stay_quantised_and_decode_to_the_model(kind: Kind) -> None:
    found = checkpoint(kind=kind)
    for layer in range(found.config.layers):
        for key, weight in layer_weights(found.config, layer).items():
            host = weight.assemble(found.tensors)
            assert host.shape == weight.shape, key
            assert isinstance(host, BlockWeight) == (key in PUBLISHED), key
            if isinstance(host, BlockWeight):
                assert host.form == (PUBLISHED[key] if kind == "published" else FP8_BLOCK_128), key
                np.testing.assert_array_equal(host.decode(), weight.assemble(found.dense))


def test_scales_without_their_type_are_bytes() -> None:
    for scale in (SCALES, SCALES.view(ml_dtypes.float8_e8m0fnu)):
        found = with_scales({"a.weight": CODES, "a.scale": scale})["a.weight"]
        assert isinstance(found, BlockWeight)
        assert found.form == FP8_BLOCK_128_E8M0
        np.testing.assert_array_equal(found.scale, SCALES)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a.scale": SCALES}, r"a\.scale: expected codes in a\.weight; there are none"),
        ({"a.weight": CODES}, r"a\.weight: expected scales in a\.scale; there are none"),
        ({"a.weight": CODES, "a.scale": SCALES.T}, r"a\.scale: expected \[2, 1\]; got \[1, 2\]"),
        ({"a.weight": np.zeros(4, np.int16), "a.scale": SCALES}, r"a\.weight: expected e4m3, or bytes .* got int16"),
    ],
)
def test_what_does_not_fit_is_named(tensors: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        with_scales(tensors)


def test_rows_that_end_inside_a_block_stay_apart() -> None:
    whole, part = (with_scales({"a.weight": CODES[:n], "a.scale": SCALES})["a.weight"] for n in (256, 130))
    joined = concatenate_rows([whole, whole])
    assert isinstance(joined, BlockWeight)
    assert joined.shape == (512, 128)
    assert isinstance(concatenate_rows([part, whole]), RowParts)


def test_experts_stay_bytes() -> None:
    encoded = MXFP4.encode(np.random.default_rng(3).standard_normal((2, 4, 64)))
    assert encoded.scale is not None
    weight = BlockWeight(form=MXFP4, data=encoded.data, scale=encoded.scale)
    one, two = jax_linear.put(weight, jnp.bfloat16), torch_linear.put(weight, torch.bfloat16)
    assert isinstance(one, jax_linear.Mxfp4)
    assert isinstance(two, torch_linear.Mxfp4)
    np.testing.assert_array_equal(np.asarray(one.codes), encoded.data)
    np.testing.assert_array_equal(two.codes.numpy(), encoded.data)
