"""Attention of a Llama-family layer: projections in one product, rotation, insert, attention over pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from torch_impl import ops
from torch_impl.layers.linear import linear
from torch_impl.layers.step import Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KVCache:
    """Keys and values of a layer, [pages, page, kv_heads, head_dim] in bfloat16 or float16."""

    keys: torch.Tensor
    values: torch.Tensor


def attention(step: Step, layer: int, weights: Mapping[str, Any], x: torch.Tensor, cache: KVCache) -> torch.Tensor:
    """Normed activations [T, hidden] -> [T, hidden]; the keys and values of the step are written into the cache.

    layer: its number, which decides the window.
    """
    config, batch, how = step.config, step.batch, step.options.implementation
    q, k, v = projections(step, weights, x)
    stored = cache.keys.dtype
    q = inserted(step, q, k, v, cache)
    left, right = config.window(layer) or (-1, -1)
    attended = ops.flash_attn_varlen(
        q.to(stored),
        cache.keys,
        cache.values,
        batch.query_start_loc,
        seqused_k=batch.seq_lens,
        block_table=batch.block_table,
        s_aux=weights.get("sinks"),
        softmax_scale=config.scale,
        causal=True,
        max_seqlen_q=step.longest,
        window_left=left,
        window_right=right,
        invariant=step.options.invariant,
        implementation=how,
    )
    attended = attended.to(x.dtype).reshape(x.shape[0], -1)
    return linear(attended, weights["out"], weights.get("out_bias"), options=step.options)


def projections(
    step: Step, weights: Mapping[str, Any], x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values [T, heads, head_dim], the first two normed where the model does."""
    config, how = step.config, step.options.implementation
    qkv = linear(x, weights["qkv"], weights.get("qkv_bias"), options=step.options)
    q, k, v = (part.unflatten(-1, (-1, config.head_dim)) for part in qkv.split(config.qkv_rows, -1))
    if config.qk_norm:
        q, k = (
            ops.rms_norm(heads, weights[name], eps=config.eps, style=config.norm_style, implementation=how)
            for heads, name in ((q, "q_norm"), (k, "k_norm"))
        )
    return q, k, v


def inserted(step: Step, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cache: KVCache) -> torch.Tensor:
    """Queries, rotated; keys, rotated, and values are written into the cache."""
    batch, neox, how = step.batch, step.config.rope.neox, step.options.implementation
    stored, slots = cache.keys.dtype, batch.slot_mapping
    if q.dtype == stored:
        ops.rope_kv_insert(
            batch.positions, q, k, v, step.cos_sin, cache.keys, cache.values, slots, neox=neox, implementation=how
        )
    else:
        ops.rotary_embedding(batch.positions, q, k, step.cos_sin, neox=neox, implementation=how)
        ops.kv_insert(k.to(stored), v.to(stored), cache.keys, cache.values, slots, implementation=how)
    return q
