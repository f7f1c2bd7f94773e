"""Decoders of the Llama family: layers, and the whole of a step from token ids to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.attention import KVCache, attention
from jax_impl.layers.linear import embed, linear
from jax_impl.layers.mlp import mlp
from jax_impl.layers.moe import experts
from jax_impl.layers.step import Step


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderWeights:
    """Weights by the names of `specs.decoder.weights`.

    model: outside the layers. layers: one mapping per layer.
    """

    model: Mapping[str, Any]
    layers: tuple[Mapping[str, Any], ...]


def decoder_layer(
    step: Step,
    layer: int,
    weights: Mapping[str, Any],
    x: jax.Array,
    residual: jax.Array | None,
    cache: KVCache,
) -> tuple[jax.Array, jax.Array, KVCache]:
    """One layer. The sum of what it returns is its result, which the next norm adds up in the same kernel.

    Args:
        x, residual: [T, hidden], whose sum is the residual stream; residual None where x is all of it.

    Returns:
        x, residual: as the next layer takes them. cache: with the keys and values of the step.
    """
    x, residual = norm(step, weights["attention_norm"], x, residual)
    x, cache = attention(step, layer, weights, x, cache)
    x, residual = norm(step, weights["ffn_norm"], x, residual)
    block = mlp if step.config.moe is None else experts
    return block(step, weights, x), residual, cache


def norm(step: Step, weight: jax.Array, x: jax.Array, residual: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """(the norm of x + residual, x + residual)."""
    settings: dict[str, Any] = {
        "eps": step.config.eps,
        "style": step.config.norm_style,
        "implementation": step.options.implementation,
    }
    if residual is None:
        return ops.rms_norm(x, weight, **settings), x
    residual, normed = ops.rms_norm(x, weight, residual, **settings)
    return normed, residual


def hidden_states(
    step: Step, weights: DecoderWeights, caches: Sequence[KVCache]
) -> tuple[jax.Array, tuple[KVCache, ...]]:
    """The residual stream after the last norm, [T, hidden], and the caches with the step's keys and values."""
    x, residual = embed(weights.model["embedding"], step.batch.token_ids, options=step.options), None
    updated = []
    # Unrolled: a scan over stacked layers copies every layer's weights in every step.
    for layer, (own, cache) in enumerate(zip(weights.layers, caches, strict=True)):
        x, residual, written = decoder_layer(step, layer, own, x, residual, cache)
        updated.append(written)
    return norm(step, weights.model["norm"], x, residual)[0], tuple(updated)


def logits(step: Step, weights: DecoderWeights, hidden: jax.Array) -> jax.Array:
    """Logits float32 [B, vocab] of the last token of every request: bfloat16 ones would make ties of near ties."""
    axis, tied = step.options.axis, step.config.tied
    head = weights.model["embedding" if tied else "head"]
    own = linear(hidden[step.batch.logits_indices], head, options=step.options, out_dtype=jnp.float32)
    # The table of embeddings is on every device, another head's rows are spread.
    return own if axis is None or tied else jax.lax.all_gather(own, axis, axis=1, tiled=True)


def decode(step: Step, weights: DecoderWeights, caches: Sequence[KVCache]) -> tuple[jax.Array, tuple[KVCache, ...]]:
    """Logits of the last token of every request, float32 [B, vocab], and the caches; jit it with `caches` donated."""
    hidden, caches = hidden_states(step, weights, caches)
    return logits(step, weights, hidden), caches
