"""A DeepSeek-V4 layer between four residual streams, and the whole of a step from token ids to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from specs.decoder.v4.config import STREAMS
from torch_impl import ops
from torch_impl.layers.decoder import DecoderWeights
from torch_impl.layers.linear import embed, linear
from torch_impl.layers.v4.attention import attention
from torch_impl.layers.v4.caches import LayerCache
from torch_impl.layers.v4.moe import experts
from torch_impl.layers.v4.step import Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streams:
    """Residual streams bfloat16 [T, 4, hidden], and the output of a part of a layer that they do not have yet.

    x: [T, hidden], None where the streams are complete. post, comb: its gates, and the mixing matrix of the streams.
    """

    residual: torch.Tensor
    x: Any = None
    post: Any = None
    comb: Any = None

    def complete(self, step: Step) -> torch.Tensor:
        """The streams with x in them, [T, 4, hidden]."""
        if self.x is None:
            return self.residual
        return ops.mhc_post(self.x, self.residual, self.post, self.comb, implementation=step.options.implementation)


def block(step: Step, ratio: int, weights: Mapping[str, Any], streams: Streams, cache: LayerCache) -> Streams:
    """One layer, attention and then experts; the tokens of the step are written into its caches."""
    streams, x = enter(step, weights, "attention", streams)
    x = attention(step, ratio, weights, x, cache)
    streams, x = enter(step, weights, "ffn", replace(streams, x=x))
    return replace(streams, x=experts(step, weights, x))


def enter(step: Step, weights: Mapping[str, Any], part: str, streams: Streams) -> tuple[Streams, torch.Tensor]:
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


def head(step: Step, weights: Mapping[str, Any], residual: torch.Tensor) -> torch.Tensor:
    """Four streams to the normed input of the output projection, [T, 4, hidden] -> [T, hidden]."""
    config, how = step.config, step.options.implementation
    gates = [weights[f"head_hc_{name}"] for name in ("fn", "scale", "base")]
    x = ops.hc_head(residual, *gates, rms_eps=config.eps, eps=config.hc_eps, implementation=how)
    found: torch.Tensor = ops.rms_norm(x, weights["norm"], eps=config.eps, implementation=how)
    return found


def residual_streams(step: Step, weights: DecoderWeights, caches: Sequence[LayerCache]) -> torch.Tensor:
    """The four streams after the last layer, [T, 4, hidden]; the tokens of the step are written into the caches."""
    x = embed(weights.model["embedding"], step.batch.token_ids, options=step.options)
    streams = Streams(residual=x[:, None].repeat(1, STREAMS, 1))
    for ratio, own, cache in zip(step.config.ratios, weights.layers, caches, strict=True):
        streams = block(step, ratio, own, streams, cache)
    return streams.complete(step)


def logits(step: Step, weights: Mapping[str, Any], hidden: torch.Tensor) -> torch.Tensor:
    """Logits float32 [B, vocab] of the last token of every request."""
    rows = hidden[step.batch.logits_indices]
    return linear(rows, weights["head"], options=step.options, out_dtype=torch.float32)


def decode(step: Step, weights: DecoderWeights, caches: Sequence[LayerCache]) -> torch.Tensor:
    """Logits of the last token of every request, float32 [B, vocab]; the step is written into the caches."""
    residual = residual_streams(step, weights, caches)
    return logits(step, weights.model, head(step, weights.model, residual))
