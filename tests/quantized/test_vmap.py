"""vmap over weights as well as activations, in both frameworks: the bytes of the products one by one.

Data is small integers and powers of two, so that any order of summation gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from specs.lang.errors import Unsupported
from torch_impl import ops as torch_ops
from torch_impl.formats import from_numpy, to_numpy

E4M3, BF16 = ml_dtypes.float8_e4m3fn, ml_dtypes.bfloat16
G, M, N, K = 3, 5, 24, 256
Arrays = dict[str, np.ndarray[Any, Any]]


def integers(shape: tuple[int, ...], dtype: Any, seed: int, top: int = 3) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(-top, top + 1, shape).astype(dtype)


def powers(shape: tuple[int, ...], seed: int, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    return np.ldexp(1.0, np.random.default_rng(seed).integers(-2, 2, shape)).astype(dtype)


def words(shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    nibbles = np.random.default_rng(seed).integers(0x11111111, 0x7FFFFFFF, shape)
    return (nibbles & 0x77777777).astype(np.int32)  # codes 0 .. 7: code - 8 is at most 8 in magnitude


def fp8(**more: Any) -> Arrays:
    return {"a": integers((G, M, K), E4M3, 1), "b": integers((G, N, K), E4M3, 2)} | more


BLOCK = fp8(a_scale=powers((G, M, 2), 3), b_scale=powers((G, 1, 2), 4))
BIAS = integers((G, N), np.float32, 5)
INT4 = {"a": integers((G, M, K), BF16, 1), "b": words((G, N, K // 8), 2), "b_scale": powers((G, 2, N), 4, BF16)}
CALLS: Mapping[str, tuple[str, Arrays, tuple[str, ...], Mapping[str, Any]]] = {
    "fp8 blocks": ("fp8_gemm", BLOCK, (), {"scale_mode": "block", "weight_order": "nk"}),
    "fp8 a bias each": ("fp8_gemm", BLOCK | {"bias": BIAS}, (), {"scale_mode": "block", "weight_order": "nk"}),
    "fp8 one bias": ("fp8_gemm", BLOCK | {"bias": BIAS[0]}, ("bias",), {"scale_mode": "block", "weight_order": "nk"}),
    "fp8 rows and columns": (
        "fp8_gemm",
        fp8(a_scale=powers((G, M), 3), b_scale=powers((N,), 4)),
        ("b_scale",),
        {"scale_mode": "token_channel", "weight_order": "nk", "out_dtype": "f32"},
    ),
    "bf16": ("gemm", {"a": integers((G, M, K), BF16, 1), "b": integers((G, K, N), BF16, 2)}, (), {}),
    "bf16 and a bias": (
        "gemm",
        {"a": integers((G, M, K), BF16, 1), "b": integers((G, N, K), BF16, 2), "bias": BIAS},
        (),
        {"weight_order": "nk"},
    ),
    "w8a16": (
        "fp8_gemm_w8a16",
        {"a": integers((G, M, K), BF16, 1), "b": integers((G, N, K), E4M3, 2), "b_scale": powers((G, 1, 2), 4)},
        (),
        {"scale_mode": "block", "weight_order": "nk"},
    ),
    "int4": ("int4_gemm_w4a16", INT4, (), {"group_size": 128, "weight_order": "nk"}),
    "int4 with zero points": (
        "int4_gemm_w4a16",
        INT4 | {"b": words((G, K // 8, N), 2), "b_zp": words((G, 2, N // 8), 6)},
        (),
        {"group_size": 128, "weight_order": "kn"},
    ),
}
COMPILED = ("fp8 blocks", "fp8 a bias each", "bf16", "int4 with zero points")


def dims(arrays: Arrays, shared: tuple[str, ...]) -> dict[str, int | None]:
    return {name: None if name in shared else 0 for name in arrays}


def one_by_one(op: str, arrays: Arrays, shared: tuple[str, ...], attributes: Mapping[str, Any]) -> torch.Tensor:
    tensors = {name: from_numpy(array) for name, array in arrays.items()}
    calls = [{n: t if n in shared else t[g] for n, t in tensors.items()} for g in range(G)]
    return torch.stack([torch_ops.function(op)(**call, **attributes) for call in calls])


@pytest.mark.parametrize("name", CALLS)
def test_torch(name: str) -> None:
    op, arrays, shared, attributes = CALLS[name]
    tensors = {n: from_numpy(array) for n, array in arrays.items()}
    own = dims(arrays, shared)
    names = tuple(tensors)

    def call(*given: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch_ops.function(op)(**dict(zip(names, given, strict=True)), **attributes)
        return result

    found = torch.vmap(call, in_dims=tuple(own.values()))(*tensors.values())
    assert torch.equal(found, one_by_one(op, arrays, shared, attributes))


@pytest.mark.parametrize("name", COMPILED)
def test_jax(name: str) -> None:
    op, arrays, shared, attributes = CALLS[name]
    given = {n: jnp.asarray(array) for n, array in arrays.items()}

    def call(given: dict[str, jax.Array]) -> jax.Array:
        result: jax.Array = jax_ops.function(op)(**given, **attributes)
        return result

    found = jax.vmap(call, in_axes=(dims(arrays, shared),))(given)
    expected = to_numpy(one_by_one(op, arrays, shared, attributes))
    assert found.dtype == expected.dtype
    assert np.asarray(found).tobytes() == expected.tobytes()


def test_rows_are_leading_dimensions_in_torch() -> None:
    x = torch.randn(2, 3, 5, 256, generator=torch.Generator().manual_seed(0))
    expected = torch_ops.per_token_group_quant_fp8(x, group=64)
    inner = torch.vmap(lambda x: torch_ops.per_token_group_quant_fp8(x, group=64), in_dims=1, out_dims=1)
    for found in (inner(x), torch.vmap(torch.vmap(lambda x: torch_ops.per_token_group_quant_fp8(x, group=64)))(x)):
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


REFUSED = {
    "int4 in one group": (INT4 | {"b_scale": powers((G, 1, N), 4, BF16)}, {"group_size": -1}),
    "act-order": (INT4 | {"g_idx": np.tile(np.arange(K, dtype=np.int32), (G, 1))}, {"group_size": 128}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_product_does_is_refused_in_both(name: str) -> None:
    arrays, attributes = REFUSED[name]
    names = tuple(arrays)
    words = "vmap of int4_gemm_w4a16.*'a' takes any number; 'b'.*grouped_gemm_int4, for stacked weights, not these"

    def product(ops: Any, *given: Any) -> Any:
        return ops.int4_gemm_w4a16(**dict(zip(names, given, strict=True)), weight_order="nk", **attributes)

    with pytest.raises(Unsupported, match=words):
        jax.eval_shape(jax.vmap(lambda *given: product(jax_ops, *given)), *map(jnp.asarray, arrays.values()))
    with pytest.raises(Unsupported, match=words):
        torch.vmap(lambda *given: product(torch_ops, *given))(*map(from_numpy, arrays.values()))
