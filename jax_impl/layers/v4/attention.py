"""Attention of a DeepSeek-V4 layer: one key per token that is also the value, a window, and compressed entries.

Queries come from a latent, and are normed and rotated; the output is rotated back, because values are rotated keys,
and projected group by group of heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import Dense, Fp8Block, linear
from jax_impl.layers.v4.caches import LayerCache
from jax_impl.layers.v4.compression import choose, compress
from jax_impl.layers.v4.step import Step
from specs.decoder.v4.batch import PAGE_TOKENS
from specs.decoder.v4.caches import GROUP_OF
from specs.decoder.v4.config import HEAD_DIM, ROPE_DIM


def attention(
    step: Step, ratio: int, weights: Mapping[str, Any], x: jax.Array, cache: LayerCache
) -> tuple[jax.Array, LayerCache]:
    """Normed activations [T, hidden] -> [T, hidden], and the caches with the tokens of the step.

    ratio: compression ratio of the layer. Without metadata nothing is cached, and heads give zeros.
    """
    config, how = step.config, step.options.implementation
    latent, kv = jnp.split(linear(x, weights["qkv_a"], options=step.options), (config.q_lora,), -1)
    latent = ops.rms_norm(latent, weights["q_norm"], eps=config.eps, implementation=how)
    kv = ops.rms_norm(kv, weights["kv_norm"], eps=config.eps, implementation=how)
    q = linear(latent, weights["q_b"], options=step.options).reshape(x.shape[0], -1, HEAD_DIM)
    if step.metadata is None:
        return output(step, ratio, weights, jnp.zeros_like(q)), cache
    q, window = ops.qnorm_rope_kv_insert(
        q,
        kv,
        cache.window,
        step.batch.slot_mapping,
        step.batch.positions,
        step.rotations(ratio),
        eps=config.eps,
        block_size=PAGE_TOKENS["window"],
        implementation=how,
    )
    cache, chosen = replace(cache, window=window), None
    if ratio:
        group = GROUP_OF["compressed"][ratio]
        pages, state = compress(step, group, ratio, weights, x, cache.compressed, cache.state)
        cache = replace(cache, compressed=pages, state=state)
    if ratio == 4:
        chosen, pages, state = choose(step, weights, x, latent, cache.indexer, cache.index_state)
        cache = replace(cache, indexer=pages, index_state=state)
    d, requests = step.batch.decodes, step.batch.seq_lens.shape[0]
    parts = [decode(step, ratio, weights, q[:d], cache, chosen)] if d else []
    parts += [prefill(step, ratio, weights, q[d:], cache, chosen)] if requests > d else []
    attended = jnp.concatenate([*parts, jnp.zeros_like(q[:0])])
    return output(step, ratio, weights, _padded(attended, q)), cache


def decode(
    step: Step, ratio: int, weights: Mapping[str, Any], q: jax.Array, cache: LayerCache, chosen: jax.Array | None
) -> jax.Array:
    """Attention of decodes [D, heads, 512], over listed rows of the caches."""
    batch, meta, how = step.batch, step.metadata, step.options.implementation
    assert meta is not None
    d, indices, lens = batch.decodes, meta.c128_indices, meta.c128_lens
    if chosen is not None:
        indices, lens = ops.global_topk(
            chosen[:d],
            meta.token_to_req[:d],
            batch.block_tables["c4"],
            meta.is_valid[:d],
            block_size=PAGE_TOKENS["c4"] // 4,
            implementation=how,
        )
    found: jax.Array = ops.sparse_mla_decode_fp8(
        q,
        cache.window,
        meta.window_indices,
        meta.window_lens,
        cache.compressed,
        indices if ratio else None,
        lens if ratio else None,
        weights["sinks"],
        sm_scale=step.config.scale,
        block_size=PAGE_TOKENS["window"],
        comp_block_size=PAGE_TOKENS["c4"] // ratio if ratio else None,
        splits=1 if step.options.invariant else 0,
        implementation=how,
    )
    return found


def prefill(
    step: Step, ratio: int, weights: Mapping[str, Any], q: jax.Array, cache: LayerCache, chosen: jax.Array | None
) -> jax.Array:
    """Attention of parts of prompts [T - D, heads, 512], over rows that are gathered in bfloat16 first.

    A request has the rows of its compressed entries, then its window.
    """
    config, batch, meta, how = step.config, step.batch, step.metadata, step.options.implementation
    assert meta is not None
    d, lens = batch.decodes, batch.seq_lens[batch.decodes :]
    entries = batch.longest_prefill // ratio if ratio else 0
    rows = entries + batch.longest_chunk + config.window - 1
    workspace = jnp.zeros((lens.shape[0], rows, HEAD_DIM), jnp.bfloat16)
    tables = batch.block_tables
    if ratio:
        workspace = ops.dequant_gather_k(
            workspace,
            cache.compressed,
            lens // ratio,
            None,
            tables[GROUP_OF["compressed"][ratio]][d:],
            block_size=PAGE_TOKENS["c4"] // ratio,
            implementation=how,
        )
    workspace = ops.dequant_gather_k(
        workspace,
        cache.window,
        lens,
        meta.gather_lens,
        tables["window"][d:],
        offset=entries,
        block_size=PAGE_TOKENS["window"],
        implementation=how,
    )
    listed = chosen[d:] if chosen is not None else meta.c128_entries
    if not ratio:
        listed = jnp.zeros((q.shape[0], 1), jnp.int32)
    indices, counts = ops.combine_topk_swa(
        listed,
        batch.query_start_loc[d:],
        lens,
        meta.gather_lens,
        window=config.window,
        ratio=max(ratio, 1),
        topk=listed.shape[1] if ratio else 0,
        workspace_rows=rows,
        compressed_rows=entries,
        implementation=how,
    )
    found: jax.Array = ops.sparse_mla_prefill(
        q.astype(jnp.bfloat16),
        workspace.reshape(-1, HEAD_DIM),
        indices,
        weights["sinks"],
        counts,
        sm_scale=config.scale,
        implementation=how,
    )
    return found.astype(q.dtype)


def output(step: Step, ratio: int, weights: Mapping[str, Any], attended: jax.Array) -> jax.Array:
    """[T, heads, 512] -> [T, hidden]: rotated back, projected per group of heads, then all groups together."""
    match weights["out_a"]:
        case Fp8Block() as weight:
            latent = _quantised_groups(step, ratio, weight, attended)
        case weight:
            latent = _groups(step, ratio, weight, attended)
    return linear(latent, weights["out_b"], options=step.options)


def _groups(step: Step, ratio: int, weight: Dense, attended: jax.Array) -> jax.Array:
    """Latents of all groups of heads, [T, groups * out_lora]."""
    config, how = step.config, step.options.implementation
    unrotated = ops.rotary_embedding(
        step.batch.positions,
        attended,
        None,
        step.rotations(ratio),
        neox=False,
        offset=HEAD_DIM - ROPE_DIM,
        inverse=True,
        implementation=how,
    )
    rows, groups = unrotated.reshape(attended.shape[0], config.out_groups, -1), (config.out_groups, config.out_lora, -1)
    found = ops.bmm(
        rows, weight.values.reshape(groups), weight_order="nk", invariant=step.options.invariant, implementation=how
    )
    return found.reshape(attended.shape[0], -1)


def _quantised_groups(step: Step, ratio: int, weight: Fp8Block, attended: jax.Array) -> jax.Array:
    """The same with a weight in FP8; a group has whole blocks of 128 rows."""
    config, how = step.config, step.options.implementation
    codes, scale = ops.inv_rope_fp8_quant(
        attended, step.batch.positions, step.rotations(ratio), n_groups=config.out_groups, implementation=how
    )
    found = ops.fp8_bmm(
        codes,
        weight.codes.reshape(config.out_groups, config.out_lora, -1),
        scale,
        weight.scale.reshape(config.out_groups, -1, weight.scale.shape[-1]),
        scale_mode="block",
        weight_order="nk",
        invariant=step.options.invariant,
        implementation=how,
    )
    return found.swapaxes(0, 1).reshape(attended.shape[0], -1)


def _padded(attended: jax.Array, like: jax.Array) -> jax.Array:
    """Zeros for the padding of a step without parts of prompts."""
    missing = like.shape[0] - attended.shape[0]
    return attended if missing == 0 else jnp.pad(attended, ((0, missing), (0, 0), (0, 0)))
