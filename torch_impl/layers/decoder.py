"""Decoders of the Llama family: layers, and the whole of a step from token ids to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from torch_impl import ops
from torch_impl.layers.attention import KVCache, attention
from torch_impl.layers.linear import embed, linear
from torch_impl.layers.mlp import mlp
from torch_impl.layers.moe import experts
from torch_impl.layers.step import Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    x: torch.Tensor,
    residual: torch.Tensor | None,
    cache: KVCache,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One layer. The sum of what it returns is its result, which the next norm adds up in the same kernel.

    Args:
        x, residual: [T, hidden], whose sum is the residual stream; residual None where x is all of it. A residual is
            overwritten.

    Returns:
        x, residual: as the next layer takes them.
    """
    x, residual = norm(step, weights["attention_norm"], x, residual)
    x = attention(step, layer, weights, x, cache)
    x, residual = norm(step, weights["ffn_norm"], x, residual)
    block = mlp if step.config.moe is None else experts
    return block(step, weights, x), residual


def norm(
    step: Step, weight: torch.Tensor, x: torch.Tensor, residual: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(the norm of x + residual, x + residual); the sum is written into `residual` where there is one."""
    normed = ops.rms_norm(
        x,
        weight,
        residual,
        eps=step.config.eps,
        style=step.config.norm_style,
        implementation=step.options.implementation,
    )
    return normed, x if residual is None else residual


def hidden_states(step: Step, weights: DecoderWeights, caches: Sequence[KVCache]) -> torch.Tensor:
    """The residual stream after the last norm, [T, hidden]; the step's keys and values are written into the caches."""
    x, residual = embed(weights.model["embedding"], step.batch.token_ids, options=step.options), None
    for layer, (own, cache) in enumerate(zip(weights.layers, caches, strict=True)):
        x, residual = decoder_layer(step, layer, own, x, residual, cache)
    return norm(step, weights.model["norm"], x, residual)[0]


def logits(step: Step, weights: DecoderWeights, hidden: torch.Tensor) -> torch.Tensor:
    """Logits float32 [B, vocab] of the last token of every request: bfloat16 ones would make ties of near ties."""
    head = weights.model["embedding" if step.config.tied else "head"]
    return linear(hidden[step.batch.logits_indices], head, options=step.options, out_dtype=torch.float32)


def decode(step: Step, weights: DecoderWeights, caches: Sequence[KVCache]) -> torch.Tensor:
    """Logits of the last token of every request, float32 [B, vocab]; keys and values are written into the caches."""
    return logits(step, weights, hidden_states(step, weights, caches))
