"""The operators of vLLM's XPU platform that its plugin provides: bits of the operation, and nothing overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from torch_impl import ops
from torch_impl.vllm_plugin import xpu_ops

NAMESPACE = "twinkernels_test_xpu_C"
M, N, K = 5, 256, 256


@pytest.fixture(scope="module")
def provided() -> Any:
    """A namespace in which one operator exists already."""
    library = torch.library.Library(NAMESPACE, "DEF")
    library.define("mhc_post(Tensor x) -> Tensor")
    library.impl("mhc_post", lambda x: x + 1, "CompositeExplicitAutograd")
    names = xpu_ops.register(NAMESPACE)
    assert "mhc_post" not in names
    assert set(names) == {operator.name for operator in xpu_ops.OPERATORS} - {"mhc_post"}
    yield getattr(torch.ops, NAMESPACE)
    library._destroy()


def test_an_operator_that_exists_is_left_alone(provided: Any) -> None:
    assert provided.mhc_post(torch.zeros(2)).tolist() == [1.0, 1.0]


def codes(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(torch.float8_e4m3fn)


def scales(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) + 0.5


def e8m0(*shape: int) -> Tensor:
    exponents = torch.randint(120, 134, shape, generator=torch.Generator().manual_seed(2))
    return exponents.to(torch.uint8).view(torch.float8_e8m0fnu)


@pytest.mark.parametrize(
    ("mode", "a_scale", "b_scale", "straight"),
    [
        ("tensor", scales(1), scales(1), lambda s: s),
        ("token_channel", scales(M, 1), scales(N), lambda s: s.reshape(-1)),
        ("token_tensor", scales(M, 1), scales(1), lambda s: s.reshape(-1)),
        ("tensor_channel", scales(1), scales(1, N), lambda s: s.reshape(-1)),
        ("block", scales(M, K // 128), scales(K // 128, N // 128), lambda s: s),
        ("mx", e8m0(M, K // 32), e8m0(K // 32, N), lambda s: s),
    ],
)
def test_the_scales_say_the_mode(
    provided: Any, mode: Any, a_scale: Tensor, b_scale: Tensor, straight: Callable[[Tensor], Tensor]
) -> None:
    a, b = codes(M, K), codes(N, K).t()
    # vLLM passes an empty tensor for no bias.
    result = provided.fp8_gemm(a, b, torch.bfloat16, a_scale, b_scale, torch.Tensor())
    same = ops.fp8_gemm(a, b, straight(a_scale), straight(b_scale), scale_mode=mode, out_dtype=torch.bfloat16)
    assert torch.equal(result, same)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_tokens_have_scales_of_their_own_too(provided: Any, rows: int) -> None:
    a, b = codes(M, K), codes(K, N)
    arguments = (b, torch.bfloat16, scales(M, 1)[:rows], scales(N), None)
    alone = provided.fp8_gemm(a[:rows], *arguments)
    same = ops.fp8_gemm(a[:rows], b, scales(M)[:rows], scales(N), scale_mode="token_channel", out_dtype=torch.bfloat16)
    assert alone.shape == (rows, N)
    assert torch.equal(alone, same)


def test_eight_columns_have_one_word_of_zero_points(provided: Any) -> None:
    words = torch.randint(-(2**31), 2**31 - 1, (K // 8, 8), dtype=torch.int32)
    a, scale, zeros = (
        torch.randn(M, K).bfloat16(),
        scales(1, 8).bfloat16(),
        torch.tensor([[0x1234567]], dtype=torch.int32),
    )
    result = provided.int4_gemm_w4a16(a, words, None, scale, zeros, -1, None)
    assert torch.equal(result, ops.int4_gemm_w4a16(a, words, scale, zeros, group_size=-1))
    assert not torch.equal(result, ops.int4_gemm_w4a16(a, words, scale, group_size=-1))


def test_blocks_of_64(provided: Any) -> None:
    a, b, a_scale, b_scale = codes(M, K), codes(K, N), scales(M, K // 64), scales(K // 64, N // 64)
    result = provided.fp8_gemm(a, b, torch.float16, a_scale, b_scale, None)
    same = ops.fp8_gemm(a, b, a_scale, b_scale, scale_mode="block", group=64, out_dtype=torch.float16)
    assert torch.equal(result, same)


def test_grouped_blocks(provided: Any) -> None:
    a, b, a_scale, b_scale = codes(3, M, K), codes(3, K, N), scales(3, M, 2), scales(3, 2, 2)
    result = provided.fp8_bmm(a, b, torch.bfloat16, a_scale, b_scale, None)
    assert torch.equal(result, ops.fp8_bmm(a, b, a_scale, b_scale, scale_mode="block", out_dtype=torch.bfloat16))


def test_weights_alone_in_fp8(provided: Any) -> None:
    a, b, bias = torch.randn(M, K).bfloat16(), codes(N, K).t(), torch.randn(N).bfloat16()
    result = provided.fp8_gemm_w8a16(a, b, scales(1, N), bias)
    assert torch.equal(result, ops.fp8_gemm_w8a16(a, b, scales(1, N).reshape(-1), bias, scale_mode="channel"))


@pytest.mark.parametrize("symmetric", [True, False])
def test_int4(provided: Any, symmetric: bool) -> None:
    words = torch.randint(-(2**31), 2**31 - 1, (N, K // 8), dtype=torch.int32).t()
    zeros = torch.randint(-(2**31), 2**31 - 1, (K // 128, N // 8), dtype=torch.int32)
    passed = torch.tensor([8], dtype=torch.int8) if symmetric else zeros
    own = None if symmetric else zeros
    a, scale = torch.randn(M, K).bfloat16(), scales(K // 128, N).bfloat16()
    result = provided.int4_gemm_w4a16(a, words, None, scale, passed, 128, None)
    assert torch.equal(result, ops.int4_gemm_w4a16(a, words, scale, own, group_size=128))
    whole = torch.randint(-127, 128, (M, K), dtype=torch.int8)
    a_zp = torch.zeros((M, 1), dtype=torch.int32)
    mixed = provided.int4_gemm_w4a8(whole, scales(M, 1), a_zp, words, scale, passed, 128, None, None)
    same = ops.int4_gemm_w4a8(whole, words, scales(M, 1), scale, a_zp, own, group_size=128, out_dtype=torch.float16)
    assert mixed.dtype == torch.float16
    assert torch.equal(mixed, same)


def test_mxfp4(provided: Any) -> None:
    a, b = (torch.randint(0, 256, (rows, K // 2), dtype=torch.uint8) for rows in (M, N))
    a_scale, b_scale = e8m0(M, K // 32), e8m0(N, K // 32)
    nibbles = torch.float4_e2m1fn_x2
    result = provided.fp4_gemm(a.view(nibbles), b.view(nibbles).t(), a_scale, b_scale.t(), torch.bfloat16, None)
    same = ops.fp4_gemm(a, b, a_scale, b_scale, weight_order="nk", out_dtype=torch.bfloat16)
    assert torch.equal(result, same)


def test_paged_scores_of_the_indexer(provided: Any) -> None:
    pages, rows, heads = 4, 64, 8
    keys = torch.randn(pages * rows, 128).bfloat16()
    cache = torch.zeros((pages, rows, 132), dtype=torch.uint8)
    ops.indexer_k_insert(keys, cache, torch.arange(pages * rows))
    q, weights = codes(2, 1, heads, 128), scales(2, heads)
    lens, table = torch.tensor([[70], [9]], dtype=torch.int32), torch.tensor([[2, 0], [1, 3]], dtype=torch.int32)
    schedule = torch.zeros(1, dtype=torch.int32)
    result = provided.fp8_paged_mqa_logits(q, cache[:, :, None], weights, lens, table, schedule, 128)
    same = ops.paged_mqa_logits(q, cache, weights, lens, table, max_model_len=128)
    assert torch.equal(result, same)
    assert torch.isfinite(result).sum(1).tolist() == [70, 9]


def test_hyper_connections(provided: Any) -> None:
    hidden, fn = torch.randn(M, 4, 64).bfloat16(), torch.randn(24, 256) / 16
    scale, base = scales(3), torch.randn(24)
    numbers = (1e-6, 1e-5, 1e-4, 2.0, 20)
    post, comb, layer = provided.mhc_pre(hidden, fn, scale, base, *numbers)
    names = ("rms_eps", "pre_eps", "sinkhorn_eps", "post_mult", "repeat")
    named: dict[str, Any] = dict(zip(names, numbers, strict=True))
    for result, same in zip((post, comb, layer), ops.mhc_pre(hidden, fn, scale, base, **named), strict=True):
        assert torch.equal(result, same)
    fused = provided.mhc_fused_post_pre(layer, hidden, post, comb, fn, scale, base, *numbers)
    own = ops.mhc_fused_post_pre(layer, hidden, post, comb, fn, scale, base, **named)
    assert all(torch.equal(result, same) for result, same in zip(fused, own, strict=True))
    out = torch.full((M, 64), 7.0, dtype=torch.bfloat16)
    provided.hc_head_fused(hidden, fn[:4].contiguous(), scale[:1], base[:4], out, 1e-6, 1e-5)
    assert torch.equal(out, ops.hc_head(hidden, fn[:4].contiguous(), scale[:1], base[:4], rms_eps=1e-6, eps=1e-5))


def test_compiled_calls_reach_the_operation(provided: Any) -> None:
    a, b = codes(M, K), codes(K, N)
    with torch._subclasses.FakeTensorMode() as mode:
        fake = provided.fp8_gemm(mode.from_tensor(a), mode.from_tensor(b), torch.bfloat16, None, None, None)
    assert (fake.shape, fake.dtype) == ((M, N), torch.bfloat16)
