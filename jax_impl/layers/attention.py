"""Attention of a Llama-family layer: projections in one product, rotation, insert, attention over pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import linear
from jax_impl.layers.step import Step


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class KVCache:
    """Keys and values of a layer, [pages, page, kv_heads, head_dim] in bfloat16 or float16."""

    keys: Any
    values: Any


def attention(
    step: Step, layer: int, weights: Mapping[str, Any], x: jax.Array, cache: KVCache
) -> tuple[jax.Array, KVCache]:
    """Normed activations [T, hidden] -> [T, hidden], and the cache with the keys and values of the step.

    layer: its number, which decides the window.
    """
    config, batch, how = step.config, step.batch, step.options.implementation
    q, k, v = projections(step, weights, x)
    stored = cache.keys.dtype
    q, keys, values = inserted(step, q, k, v, cache)
    left, right = config.window(layer) or (-1, -1)
    attended = ops.flash_attn_varlen(
        q.astype(stored),
        keys,
        values,
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
    attended = attended.astype(x.dtype).reshape(x.shape[0], -1)
    out = linear(attended, weights["out"], weights.get("out_bias"), options=step.options)
    return step.options.total(out), KVCache(keys=keys, values=values)


def projections(step: Step, weights: Mapping[str, Any], x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Queries, keys and values [T, heads, head_dim], the first two normed where the model does."""
    config, how = step.config, step.options.implementation
    qkv = linear(x, weights["qkv"], weights.get("qkv_bias"), options=step.options)
    queries, keys, _ = config.qkv_rows
    q, k, v = (part.reshape(x.shape[0], -1, config.head_dim) for part in jnp.split(qkv, (queries, queries + keys), -1))
    if config.qk_norm:
        q, k = (
            ops.rms_norm(heads, weights[name], eps=config.eps, style=config.norm_style, implementation=how)
            for heads, name in ((q, "q_norm"), (k, "k_norm"))
        )
    return q, k, v


def inserted(
    step: Step, q: jax.Array, k: jax.Array, v: jax.Array, cache: KVCache
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Queries, rotated, and the cache's keys and values after the step's, of which keys are rotated, are written."""
    batch, neox, how = step.batch, step.config.rope.neox, step.options.implementation
    stored, slots = cache.keys.dtype, batch.slot_mapping
    if q.dtype == stored:
        q, keys, values = ops.rope_kv_insert(
            batch.positions, q, k, v, step.cos_sin, cache.keys, cache.values, slots, neox=neox, implementation=how
        )
        return q, keys, values
    q, k = ops.rotary_embedding(batch.positions, q, k, step.cos_sin, neox=neox, implementation=how)
    keys, values = ops.kv_insert(
        k.astype(stored), v.astype(stored), cache.keys, cache.values, slots, implementation=how
    )
    return q, keys, values
