"""A DeepSeek-V4 layer between four residual streams, and the whole of a step from token ids to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import embed, linear
from jax_impl.layers.v4.attention import attention
from jax_impl.layers.v4.caches import LayerCache
from jax_impl.layers.v4.moe import experts
from jax_impl.layers.v4.step import Step
from specs.decoder.v4.config import STREAMS


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Residual streams bfloat16 [T, 4, hidden], and the output of a part of a layer that they do not have yet.

    x: [T, hidden], None where the streams are complete. post, comb: its gates, and the mixing matrix of the streams.
    """

    residual: Any
    x: Any = None
    post: Any = None
    comb: Any = None

    def complete(self, step: Step) -> jax.Array:
        """The streams with x in them, [T, 4, hidden]."""
        if self.x is None:
            found: jax.Array = self.residual
            return found
        return ops.mhc_post(self.x, self.residual, self.post, self.comb, implementation=step.options.implementation)


def block(
    step: Step, ratio: int, weights: Mapping[str, Any], streams: Streams, cache: LayerCache
) -> tuple[Streams, LayerCache]:
    """One layer, attention and then experts, and its caches with the tokens of the step."""
    streams, x = enter(step, weights, "attention", streams)
    x, cache = attention(step, ratio, weights, x, cache)
    streams, x = enter(step, weights, "ffn", replace(streams, x=x))
    return replace(streams, x=experts(step, weights, x)), cache


def enter(step: Step, weights: Mapping[str, Any], part: str, streams: Streams) -> tuple[Streams, jax.Array]:
    """The streams, complete, with the gates of a part of a layer; and its input, normed, [T, hidden]."""
    config = step.config
    settings: dict[str, Any] = {
        **{name: weights[f"{part}_hc_{name}"] for name in ("fn", "scale", "base")},
        "norm_weight": weights[f"{part}_norm"],
        "rms_eps": config.eps,
        "pre_eps": config.hc_eps,
        "sinkhorn_eps": config.hc_eps,
        "repeat": config.hc_iters,
        "norm_eps": config.eps,
        "implementation": step.options.implementation,
    }
    residual = streams.residual
    if streams.x is None:
        post, comb, x = ops.mhc_pre(residual, **settings)
    else:
        residual, post, comb, x = ops.mhc_fused_post_pre(streams.x, residual, streams.post, streams.comb, **settings)
    return Streams(residual=residual, post=post, comb=comb), x


def head(step: Step, weights: Mapping[str, Any], residual: jax.Array) -> jax.Array:
    """Four streams to the normed input of the output projection, [T, 4, hidden] -> [T, hidden]."""
    config, how = step.config, step.options.implementation
    gates = [weights[f"head_hc_{name}"] for name in ("fn", "scale", "base")]
    x = ops.hc_head(residual, *gates, rms_eps=config.eps, eps=config.hc_eps, implementation=how)
    found: jax.Array = ops.rms_norm(x, weights["norm"], eps=config.eps, implementation=how)
    return found


def residual_streams(
    step: Step, weights: DecoderWeights, caches: Sequence[LayerCache]
) -> tuple[jax.Array, tuple[LayerCache, ...]]:
    """The four streams after the last layer, [T, 4, hidden], and the caches with the tokens of the step."""
    x = embed(weights.model["embedding"], step.batch.token_ids, options=step.options)
    streams = Streams(residual=jnp.repeat(x[:, None], STREAMS, 1))
    updated = []
    for ratio, own, cache in zip(step.config.ratios, weights.layers, caches, strict=True):
        streams, written = block(step, ratio, own, streams, cache)
        updated.append(written)
    return streams.complete(step), tuple(updated)


def logits(step: Step, weights: Mapping[str, Any], hidden: jax.Array) -> jax.Array:
    """Logits float32 [B, vocab] of the last token of every request."""
    rows = hidden[step.batch.logits_indices]
    return linear(rows, weights["head"], options=step.options, out_dtype=jnp.float32)


def decode(
    step: Step, weights: DecoderWeights, caches: Sequence[LayerCache]
) -> tuple[jax.Array, tuple[LayerCache, ...]]:
    """Logits of the last token of every request, float32 [B, vocab], and the caches; jit it with `caches` donated."""
    residual, caches = residual_streams(step, weights, caches)
    return logits(step, weights.model, head(step, weights.model, residual)), tuple(caches)
