"""Linears of both frameworks: what an invariant step refuses, and weights in parts of their own formats."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_step
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_step
from specs.decoder.host import HostWeight, PackedWeight, RowParts
from specs.lang.formats.ggml import Q4_1, Q8_0
from specs.lang.formats.packed import PackedBlock
from specs.lang.formats.packed_encode import encode

RNG = np.random.default_rng(0)


def packed(form: PackedBlock, rows: int, columns: int) -> PackedWeight:
    return PackedWeight(form=form, data=encode(form, RNG.standard_normal((rows, columns)).astype(np.float32)))


def product(framework: str, x: Any, weight: HostWeight, **options: Any) -> Any:
    if framework == "jax":
        settings = jax_step.Options(dtype=jnp.float32, **options)
        return np.asarray(jax_linear.linear(jnp.asarray(x), jax_linear.put(weight, jnp.float32), options=settings))
    chosen = torch_step.Options(dtype=torch.float32, **options)
    return torch_linear.linear(torch.from_numpy(x), torch_linear.put(weight, torch.float32), options=chosen).numpy()


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_an_invariant_step_refuses_quantised_weights(framework: str) -> None:
    x = RNG.standard_normal((2, 64)).astype(np.float32)
    with pytest.raises(ValueError, match=r"weight: expected dense weights with invariant=True.*; got Packed"):
        product(framework, x, packed(Q8_0, 4, 64), invariant=True)


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_parts_of_several_formats_are_one_product(framework: str) -> None:
    x = RNG.integers(-4, 5, (3, 64)).astype(np.float32)
    parts = (packed(Q4_1, 5, 64), packed(Q8_0, 7, 64))
    expected = np.concatenate([product(framework, x, part) for part in parts], -1)
    assert np.array_equal(product(framework, x, RowParts(parts=parts)), expected)
