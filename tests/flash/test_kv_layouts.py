"""Attention over the caches that kv_insert writes: layouts give the same bytes, codes what their values give."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from parity.judge.frameworks import from_jax, from_torch, to_jax
from parity.judge.inputs import Raw
from specs.lang.errors import ArgumentError
from specs.lang.formats.elements import BF16
from tests.cache.judging import verdicts
from tests.flash.problems import call
from torch_impl import ops

attention: Any = ops.flash_attn_varlen
kv_insert: Any = ops.kv_insert
jax_attention: Any = jax_ops.flash_attn_varlen
jax_insert: Any = jax_ops.kv_insert
HEADS, D, PAGES, PAGE, TOKENS = 2, 16, 3, 4, 9
BOUNDS = torch.tensor([0, 2], dtype=torch.int32)
CALL = {
    "seqused_k": torch.tensor([TOKENS], dtype=torch.int32),
    "block_table": torch.tensor([[2, 0, 1]], dtype=torch.int32),
}
SLOTS = torch.tensor([8, 9, 10, 11, 0, 1, 2, 3, 4], dtype=torch.int32)


def tokens() -> list[torch.Tensor]:
    """Queries, keys, values."""
    generator = torch.Generator().manual_seed(0)
    shapes = (2, 2 * HEADS, D), (TOKENS, HEADS, D), (TOKENS, HEADS, D)
    return [torch.randn(shape, generator=generator).to(torch.bfloat16) for shape in shapes]


def quantised(x: torch.Tensor, codes: torch.dtype) -> torch.Tensor:
    """Heads with the largest code in the first column, under scales that are powers of two."""
    largest = 127 if codes == torch.int8 else 448
    whole = (x.float() * 30).clamp(-largest, largest).round().to(codes).float()
    whole[..., 0] = largest
    return (whole * torch.exp2(-5.0 - torch.arange(TOKENS) % 3)[:, None, None]).to(torch.bfloat16)


def check(found: Raw, q: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **attributes: Any) -> None:
    """Compares with the oracle of dense keys."""
    arrays = {name: from_torch(x).raw for name, x in zip("qkv", (q, key, value), strict=True)}
    arrays |= {"cu_seqlens_q": BOUNDS.numpy(), "cu_seqlens_k": np.array([0, TOKENS], np.int32)}
    inputs = call(arrays, {**attributes, "return_softmax_lse": False})
    (verdict,) = verdicts(inputs, {"out": found}).values()
    assert verdict.passed, verdict.message


@pytest.mark.parametrize(("layout", "shape"), [("adjacent", (HEADS, 2 * D)), ("interleaved", (2 * HEADS, D))])
def test_layouts_are_views(layout: str, shape: tuple[int, int]) -> None:
    q, key, value = tokens()
    cache = torch.full((PAGES, PAGE, *shape), torch.nan, dtype=torch.bfloat16)
    kv_insert(key, value, cache, None, SLOTS, kv_layout=layout)
    views = cache.split(D, -1) if layout == "adjacent" else (cache[:, :, 0::2], cache[:, :, 1::2])
    declared = attention(q, cache, None, BOUNDS, **CALL, kv_layout=layout, causal=True)
    strided = attention(q, *views, BOUNDS, **CALL, causal=True)
    dense = attention(q, key, value, BOUNDS, torch.tensor([0, TOKENS], dtype=torch.int32), causal=True)
    assert torch.equal(declared, strided)
    assert torch.equal(declared, dense)


@pytest.mark.parametrize("layout", ["adjacent", "interleaved"])
def test_jax_reads_what_it_has_inserted(layout: str) -> None:
    q, key, value = tokens()
    shape = (HEADS, 2 * D) if layout == "adjacent" else (2 * HEADS, D)
    arrays = [to_jax(from_torch(x).raw, BF16) for x in (q, key, value)]
    cache = jnp.zeros((PAGES, PAGE, *shape), jnp.bfloat16)
    given = {name: jnp.asarray(x.numpy()) for name, x in CALL.items()}
    cache = jax_insert(arrays[1], arrays[2], cache, None, jnp.asarray(SLOTS.numpy()), kv_layout=layout)
    bounds = jnp.asarray(BOUNDS.numpy())
    found = jax_attention(arrays[0], cache, None, bounds, **given, kv_layout=layout, causal=True)
    check(from_jax(found).raw, q, key, value, causal=True)


@pytest.mark.parametrize("codes", [torch.int8, torch.float8_e4m3fn])
def test_scales_of_tokens_are_those_of_the_values(codes: torch.dtype) -> None:
    """Of keys and values that are codes times powers of two attention is as exact as without codes."""
    q, *others = tokens()
    key, value = (quantised(x, codes) for x in others)
    caches = [torch.zeros(PAGES, PAGE, HEADS, D, dtype=codes) for _ in range(2)]
    scales = [torch.full((PAGES, PAGE, HEADS), torch.nan) for _ in range(2)]
    kv_insert(key, value, *caches, SLOTS, k_scale_cache=scales[0], v_scale_cache=scales[1])
    given = {"k_scale_cache": scales[0], "v_scale_cache": scales[1]}
    found = attention(q, *caches, BOUNDS, **CALL, **given)
    check(from_torch(found).raw, q, key, value)
    assert not torch.equal(found, attention(q, *caches, BOUNDS, **CALL, **{n: 2 * s for n, s in given.items()}))


def test_heads_that_make_no_pairs_are_refused() -> None:
    q, *_ = tokens()
    with pytest.raises(ArgumentError, match="'k' has the wrong shape"):
        attention(q, torch.zeros(PAGES, PAGE, 3, D).to(q.dtype), None, BOUNDS, **CALL, kv_layout="interleaved")
