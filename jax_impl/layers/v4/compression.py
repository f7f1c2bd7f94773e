"""Compression of keys: windows of tokens become entries of the caches, and the indexer chooses among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import linear
from jax_impl.layers.v4.step import Step
from specs.cache.layouts import V4
from specs.decoder.v4.batch import PAGE_TOKENS
from specs.decoder.v4.config import INDEX_DIM
from specs.indexer.layouts import INDEXER_FP8
from specs.lang.formats.paged import Paged


def compress(
    step: Step,
    group: str,
    ratio: int,
    weights: Mapping[str, Any],
    x: jax.Array,
    pages: jax.Array,
    state: jax.Array,
    *,
    layout: Paged = V4,
    name: str = "",
) -> tuple[jax.Array, jax.Array]:
    """The pages with the entries that tokens complete, and the state with keys and scores of the step.

    group: of the caches that the entries are for. name: prefix of the compressor's weights.
    """
    batch, meta, how = step.batch, step.metadata, step.options.implementation
    assert meta is not None
    both = linear(x, weights[f"{name}compress"], options=step.options, out_dtype=jnp.float32)
    kv, score = jnp.split(both, 2, -1)
    state = ops.save_partial_states(
        kv,
        score,
        weights[f"{name}ape"],
        batch.positions,
        state,
        batch.state_slots[f"{group}_state"],
        implementation=how,
    )
    pages = ops.compress_norm_rope_insert(
        state,
        batch.positions,
        meta.token_to_req,
        batch.block_tables[f"{group}_state"],
        meta.compressed_slots[group],
        weights[f"{name}compress_norm"],
        step.compress_cos_sin,
        pages,
        ratio=ratio,
        overlap=ratio == 4,
        eps=step.config.eps,
        layout=layout,
        block_size=PAGE_TOKENS[group] // ratio,
        implementation=how,
    )
    return pages, state


def choose(
    step: Step, weights: Mapping[str, Any], x: jax.Array, latent: jax.Array, pages: jax.Array, state: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Numbers of the entries that tokens attend to, int32 [T, topk], and the indexer's pages and state.

    latent: [T, q_lora], what queries are made of.
    """
    config, batch, meta, how = step.config, step.batch, step.metadata, step.options.implementation
    assert meta is not None
    pages, state = compress(step, "indexer", 4, weights, x, pages, state, layout=INDEXER_FP8, name="index_")
    q = linear(latent, weights["index_q_b"], options=step.options).reshape(x.shape[0], -1, INDEX_DIM)
    q, head_weights = ops.indexer_q_fp8(
        batch.positions,
        q.astype(jnp.bfloat16),
        step.compress_cos_sin,
        linear(x, weights["index_weights"], options=step.options, out_dtype=jnp.float32),
        softmax_scale=INDEX_DIM**-0.5,
        head_scale=config.index_heads**-0.5,
        implementation=how,
    )
    d, table = batch.decodes, batch.block_tables["indexer"]
    prefills = batch.seq_lens.shape[0] - d
    chosen, pages = ops.sparse_attn_indexer(
        jnp.full((x.shape[0], config.index_topk), -1, jnp.int32),
        pages,
        q,
        head_weights,
        batch.index_lens if d else None,
        table[:d] if d else None,
        batch.index_first if prefills else None,
        batch.index_end if prefills else None,
        table[d:] if prefills else None,
        batch.index_starts if prefills else None,
        topk=config.index_topk,
        max_model_len=batch.longest_decode // 4,
        gathered_rows=prefills * (batch.longest_prefill // 4),
        block_size=PAGE_TOKENS["indexer"] // 4,
        implementation=how,
    )
    return chosen, pages, state
