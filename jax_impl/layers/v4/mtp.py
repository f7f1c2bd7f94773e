"""Multi-token prediction: a layer of ratio 0 that drafts the token after the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import Weight, embed, linear
from jax_impl.layers.v4.block import Streams, block, head
from jax_impl.layers.v4.caches import LayerCache
from jax_impl.layers.v4.step import Step


def draft(
    step: Step,
    embedding: Weight,
    weights: Mapping[str, Any],
    next_ids: jax.Array,
    residual: jax.Array,
    cache: LayerCache,
) -> tuple[jax.Array, jax.Array, LayerCache]:
    """What the block makes of the streams of a step, and of the tokens after its own.

        e = e_proj(norm(embedding[next_ids]))      g = h_proj(norm(residual)), stream by stream
        streams = layer(g + e)

    Args:
        embedding: of the model. next_ids: [T], the token after every one of the step.
        residual: streams of the model after its last layer, or what this function returned, [T, 4, hidden].
        cache: of the block, in pages of the group "window".

    Returns:
        hidden: [T, hidden], input of the model's output projection; its logits are of the token after `next_ids`.
        residual: streams of the block, from which it drafts one token more. cache: with the tokens of the step.
    """
    config, how = step.config, step.options.implementation
    rows = embed(embedding, next_ids, options=step.options)
    rows = ops.rms_norm(rows, weights["embedding_norm"], eps=config.eps, implementation=how)
    normed = ops.rms_norm(residual, weights["hidden_norm"], eps=config.eps, implementation=how)
    e = linear(rows, weights["embedding_proj"], options=step.options, out_dtype=jnp.float32)
    # Products with quantised weights take rows: one per token and stream.
    g = linear(
        normed.reshape(-1, normed.shape[-1]), weights["hidden_proj"], options=step.options, out_dtype=jnp.float32
    )
    entered = Streams(residual=(g.reshape(residual.shape) + e[:, None]).astype(residual.dtype))
    streams, cache = block(step, 0, weights, entered, cache)
    complete = streams.complete(step)
    return head(step, weights, complete), complete, cache
