"""Quantised tensors hold the bytes of their formats, in both frameworks, and go where weights and scales go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from jax_impl import quantized as jax_quantized
from specs.lang.errors import ArgumentError, NotAChoice, Surplus, Unsupported, WrongFormat, WrongRank, WrongType
from specs.lang.formats import named
from specs.quantized.arrays import ARRAYS, Form, encode
from specs.quantized.products import product_of
from tests.quantized.weights import FORMS, K, N, values
from torch_impl import ops as torch_ops
from torch_impl import quantized as torch_quantized
from torch_impl.formats import from_numpy, to_numpy

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


def x_of(rows: int = 3) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).standard_normal((rows, K)).astype(ml_dtypes.bfloat16)


@each_form
@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "stacked"])
def test_the_same_bytes_in_both(form: Form, lead: tuple[int, ...]) -> None:
    w = values(*lead, dtype=ml_dtypes.bfloat16)
    one, other = jax_quantized.quantize(jnp.asarray(w), form), torch_quantized.quantize(from_numpy(w), form)
    expected = encode(w, form)
    assert set(one.arrays()) == set(other.arrays()) == set(expected)
    for name, array in expected.items():
        assert np.asarray(one.arrays()[name]).tobytes() == to_numpy(other.arrays()[name]).tobytes() == array.tobytes()
    assert one.shape == tuple(other.shape) == (*lead, N, K)
    assert (one.dtype, other.dtype) == (jnp.bfloat16, torch.bfloat16)
    assert one.ndim == other.ndim == 2 + len(lead)
    assert np.asarray(one.dequantize()).tobytes() == to_numpy(other.dequantize()).tobytes()
    error = np.abs(np.asarray(one.dequantize(), np.float32) - w.astype(np.float32)).max()
    assert error < 0.51 * np.abs(w.astype(np.float32)).max(), "values, in their places"


def test_blocks_along_k_are_the_formats_own() -> None:
    """INT4 is declared for [K, N]; a tensor is [N, K]."""
    w, form = values(), named.INT4_GROUP_128_ASYMMETRIC
    own = form.decode(form.encode(w.T)).T.astype(np.float32)
    assert np.array_equal(np.asarray(jax_quantized.quantize(jnp.asarray(w), form).dequantize()), own)


@each_form
def test_linear_is_the_product_of_the_format_in_torch(form: Form) -> None:
    x, bias = from_numpy(x_of()), torch.arange(float(N))
    w = torch_quantized.quantize(from_numpy(values()), form)
    found = torch_quantized.linear(x, w, bias)
    exact = x.double() @ w.dequantize().double().T + bias
    assert found.dtype == torch.bfloat16
    name = product_of(form, 2).op
    bits = 1 if name == "fp4_gemm" else 4 if name == "fp8_gemm" else 8  # of the codes of activations
    size = x.double().abs() @ w.dequantize().double().abs().T + bias.abs()
    assert ((found.double() - exact).abs() <= 2.0**-bits * size).all()


BY_HAND: dict[Form, Callable[..., Any]] = {
    named.FP8_BLOCK_128: lambda ops, x, w, bias: ops.fp8_gemm(
        *_quantised(ops, x, w), bias, scale_mode="block", weight_order="nk"
    ),
    named.INT4_GROUP_128_ASYMMETRIC: lambda ops, x, w, bias: ops.int4_gemm_w4a16(
        x, w.codes, w.scale, w.zero_point, None, bias, group_size=128, weight_order="nk"
    ),
}


def _quantised(ops: Any, x: Any, w: Any) -> tuple[Any, ...]:
    codes, scale = ops.per_token_group_quant_fp8(x)
    return codes, w.codes, scale, w.scale


@pytest.mark.parametrize("form", BY_HAND, ids=lambda form: form.name)
def test_the_call_written_out_gives_the_same_bytes(form: Form) -> None:
    x, bias, weight = x_of(), np.arange(N, dtype=np.float32), values()
    w = jax_quantized.quantize(jnp.asarray(weight), form)
    found = jax_quantized.linear(jnp.asarray(x), w, jnp.asarray(bias))
    by_hand = BY_HAND[form](jax_ops, jnp.asarray(x), w, bias)
    assert np.asarray(found).tobytes() == np.asarray(by_hand).tobytes()
    t = torch_quantized.quantize(from_numpy(weight), form)
    given = from_numpy(x), t, torch.from_numpy(bias)
    assert torch.equal(torch_quantized.linear(*given), BY_HAND[form](torch_ops, *given))


def test_activations_may_be_quantised_tensors_too() -> None:
    x, w = from_numpy(x_of()), torch_quantized.quantize(from_numpy(values()), named.FP8_BLOCK_128)
    codes, scale = torch_ops.per_token_group_quant_fp8(x)
    a = torch_quantized.QuantizedTensor({"codes": codes, "scale": scale}, named.TOKEN_GROUP_128)
    expected = torch_quantized.linear(x, w)
    assert torch.equal(torch_ops.fp8_gemm(a, w), expected)
    assert torch.equal(torch_quantized.linear(a, w), expected)
    assert torch.equal(torch_ops.fp8_gemm(codes, w, scale, scale_mode="block"), expected)
    assert torch.equal(torch_ops.fp8_gemm(codes, a_scale=scale, b=w, weight_order="nk"), expected)


def test_an_embedding_takes_blocks_of_gguf() -> None:
    table = jax_quantized.quantize(jnp.asarray(values()), FORMS[-1])
    rows = jax_ops.gguf_embedding(jnp.asarray([3, 0], jnp.int32), table, out_dtype="f32")
    assert np.array_equal(np.asarray(rows), np.asarray(table.dequantize())[[3, 0]])


def test_stacked_weights_go_to_grouped_products() -> None:
    """Layouts differ there: INT4 in bytes, scales in the order of the weight."""
    x, offsets = from_numpy(x_of(5)), torch.tensor([0, 2, 5], dtype=torch.int32)
    for form, name in ((named.INT4_GROUP_128_ASYMMETRIC, "grouped_gemm_int4"), (named.MXFP4, "grouped_gemm_mxfp4")):
        w = torch_quantized.quantize(from_numpy(values(2)), form)
        found = torch_ops.function(name)(x, w, offsets=offsets)
        parts = zip((x[:2].double(), x[2:].double()), (each.dequantize().double().T for each in w), strict=True)
        exact, size = (torch.cat(each) for each in zip(*((a @ b, a.abs() @ b.abs()) for a, b in parts), strict=True))
        assert ((found.double() - exact).abs() <= 2.0**-8 * size).all()


W = torch_quantized.quantize(from_numpy(values()), named.FP8_BLOCK_128)
CODES = torch.zeros(3, K).to(torch.float8_e4m3fn)
WRONG: dict[str, tuple[type[ArgumentError], str, Any]] = {
    "scales besides": (
        Surplus,
        r"'b_scale' must be left out: expected left out, 'b' has its own",
        lambda: torch_ops.fp8_gemm(CODES, W, None, torch.ones(1, 2)),
    ),
    "another mode": (
        NotAChoice,
        r"'scale_mode' must be one of 'block', as the tensor has it, got 'mx'",
        lambda: torch_ops.fp8_gemm(CODES, W, torch.ones(3, 2), scale_mode="mx"),
    ),
    "another order": (
        NotAChoice,
        r"'weight_order' must be one of 'nk'",
        lambda: torch_ops.fp8_gemm(CODES, W, torch.ones(3, 2), weight_order="kn"),
    ),
    "operands that do not go together": (
        NotAChoice,
        r"'scale_mode' must be one of 'mx', got 'block'",
        lambda: torch_ops.fp8_gemm(b=W, a=torch_quantized.quantize(torch.ones(3, K), named.MXFP8), bias=None),
    ),
    "another format": (WrongFormat, "fp4_gemm.*'b'.*got fp8_block_128", lambda: torch_ops.fp4_gemm(CODES, W, None)),
    "another argument": (
        WrongType,
        r"fp8_gemm: argument 'bias' must be an array \(a quantised tensor may be 'b' or 'a'\)",
        lambda: torch_ops.fp8_gemm(CODES, CODES, None, None, W, scale_mode="tensor"),
    ),
    "stacked": (
        WrongRank,
        r"expected 2 dimensions \(stacked weights go to fp8_bmm or grouped_gemm_fp8\), got \[2, 16, 256\]",
        lambda: torch_ops.fp8_gemm(CODES, torch_quantized.quantize(torch.ones(2, N, K), named.FP8_BLOCK_128)),
    ),
    "a vector": (WrongRank, "'w'", lambda: torch_quantized.quantize(torch.ones(K), named.MXFP4)),
    "integers": (
        WrongType,
        "'w' must be bfloat16",
        lambda: torch_quantized.quantize(torch.ones(2, 2).int(), named.MXFP4),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_refused(name: str) -> None:
    kind, words, call = WRONG[name]
    with pytest.raises(kind, match=words):
        call()


def test_positional_mistakes_are_pythons_own() -> None:
    with pytest.raises(TypeError, match="multiple values for argument 'a'"):
        torch_ops.fp8_gemm(CODES, W, a=CODES)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes 5 positional arguments but 6 were given"):
        torch_ops.fp8_gemm(CODES, W, None, None, None, None)  # type: ignore[call-overload]


def test_formats_without_a_product_are_refused() -> None:
    for form in (named.PER_CHANNEL_E4M3, named.nvfp4(2.0)):
        with pytest.raises(Unsupported, match=f"linear with a weight in {form.name}.*dequantize it"):
            product_of(form, 2)


def test_every_array_has_a_field() -> None:
    w = jax_quantized.quantize(jnp.asarray(values()), named.NVFP4)
    assert all(hasattr(w, name) for name in ARRAYS)
    assert w.nbytes == N * K // 2 + N * K // 16 + 4
