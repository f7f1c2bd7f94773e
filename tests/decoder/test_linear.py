"""Linears and experts of both frameworks: quantised weights, parts of their own formats, and what is refused."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

import jax_impl.layers.linear as jax_linear
import jax_impl.layers.moe as jax_moe
import jax_impl.layers.step as jax_step
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.moe as torch_moe
import torch_impl.layers.step as torch_step
from specs.decoder.host import BlockWeight, HostWeight, PackedWeight, RowParts
from specs.decoder.int4 import Int4Groups, stacked
from specs.decoder.precision import PACKED_ROWS
from specs.gemm.repack import Int4Weight
from specs.lang.formats.ggml import Q4_1, Q8_0
from specs.lang.formats.named import MXFP4
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
def test_parts_of_several_formats_are_one_product(framework: str) -> None:
    x = RNG.integers(-4, 5, (3, 64)).astype(np.float32)
    parts = (packed(Q4_1, 5, 64), packed(Q8_0, 7, 64))
    expected = np.concatenate([product(framework, x, part) for part in parts], -1)
    assert np.array_equal(product(framework, x, RowParts(parts=parts)), expected)


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_many_rows_multiply_packed_weights_rounded_to_their_format(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr({"jax": jax_linear, "torch": torch_linear}[framework], "DECODED_ROWS", 4)
    codes = RNG.integers(-126, 127, (10, 64))
    codes[:, ::32] = 127  # so that scales are 17 / 16: values that bfloat16 rounds, and sums that are exact
    weight = PackedWeight(form=Q8_0, data=encode(Q8_0, codes * (17 / 16)))
    x, bias = RNG.integers(-4, 5, (PACKED_ROWS + 1, 64)).astype(np.float32), np.arange(10, dtype=np.float32)
    for rows, values in ((len(x), rounded(weight.decode())), (PACKED_ROWS, weight.decode())):
        found = with_bias(framework, x[:rows], weight, bias)
        assert np.array_equal(found, x[:rows] @ values.T + bias), rows


def with_bias(framework: str, x: Any, weight: HostWeight, bias: Any) -> Any:
    """Activations in bfloat16, and a float32 result."""
    if framework == "jax":
        given, on_device = jnp.asarray(x, jnp.bfloat16), jax_linear.put(weight, jnp.bfloat16)
        options = jax_step.Options()
        return np.asarray(
            jax_linear.linear(given, on_device, jnp.asarray(bias), options=options, out_dtype=jnp.float32)
        )
    tensor, held = torch.from_numpy(x).to(torch.bfloat16), torch_linear.put(weight, torch.bfloat16)
    chosen = torch_step.Options()
    return torch_linear.linear(tensor, held, torch.from_numpy(bias), options=chosen, out_dtype=torch.float32).numpy()


def int4(rows: int, columns: int, *, act_order: bool) -> Int4Groups:
    """Random codes and zero points, scales of 1."""
    words = RNG.integers(-(1 << 31), 1 << 31, (rows, columns // 8)).astype(np.int32)
    zero = RNG.integers(-(1 << 31), 1 << 31, (columns // 32, rows // 8)).astype(np.int32)
    order = RNG.permutation(columns).astype(np.int32) if act_order else None
    scale = np.ones((columns // 32, rows), np.float16)
    return Int4Groups(weight=Int4Weight(b=words, b_scale=scale, b_zp=zero, g_idx=order, group_size=32))


def mxfp4(rows: int, columns: int) -> BlockWeight:
    codes = RNG.integers(0, 256, (2, rows, columns // 2)).astype(np.uint8)
    return BlockWeight(form=MXFP4, data=codes, scale=RNG.integers(126, 130, (2, rows, columns // 32)).astype(np.uint8))


def rounded(exact: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return exact.astype(ml_dtypes.bfloat16).astype(np.float32)


@pytest.mark.parametrize("framework", ["jax", "torch"])
@pytest.mark.parametrize("act_order", [False, True])
def test_int4_weights_multiply_as_their_values(framework: str, act_order: bool) -> None:
    x, weight = RNG.integers(-2, 3, (3, 64)).astype(np.float32), int4(24, 64, act_order=act_order)
    expected = rounded(x @ weight.decode().T)  # sums of integers: exact, and rounded once
    if framework == "jax":
        settings = jax_step.Options(dtype=jnp.bfloat16)
        device = jax_linear.put(weight, jnp.bfloat16)
        found = np.asarray(jax_linear.linear(jnp.asarray(x, jnp.bfloat16), device, options=settings), np.float32)
    else:
        options = torch_step.Options(dtype=torch.bfloat16)
        own = torch_linear.put(weight, torch.bfloat16)
        found = torch_linear.linear(torch.from_numpy(x).bfloat16(), own, options=options).float().numpy()
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("framework", ["jax", "torch"])
@pytest.mark.parametrize("form", ["int4", "mxfp4"])
def test_experts_multiply_as_their_values(framework: str, form: str) -> None:
    x, offsets = RNG.integers(-2, 3, (5, 64)).astype(np.float32), np.array([0, 3, 5], np.int32)
    weight = mxfp4(24, 64) if form == "mxfp4" else stacked([int4(24, 64, act_order=False) for _ in range(2)])
    assert weight is not None
    values = weight.decode()
    expected = rounded(np.concatenate([x[:3] @ values[0].T, x[3:] @ values[1].T]))
    if framework == "jax":
        settings = jax_step.Options(dtype=jnp.bfloat16)
        device = jax_linear.put(weight, jnp.bfloat16)
        rows = jnp.asarray(x, jnp.bfloat16)
        result = jax_moe.grouped(rows, device, jnp.asarray(offsets), None, None, topk=1, options=settings)
        found = np.asarray(result, np.float32)
    else:
        options = torch_step.Options(dtype=torch.bfloat16)
        own, at = torch_linear.put(weight, torch.bfloat16), torch.from_numpy(offsets)
        rows16 = torch.from_numpy(x).bfloat16()
        found = torch_moe.grouped(rows16, own, at, None, None, topk=1, options=options).float().numpy()
    assert np.array_equal(found, expected)
