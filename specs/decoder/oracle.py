"""A decoder of the Llama family in float64, written from its definition: what both frameworks are measured by.

    x = embedding[ids];  per layer  x += W_o attention(rope(W_q y), rope(W_k y), W_v y),  y = norm(x)
                                    x += W_down (act(W_gate y) * W_up y),                 y = norm(x)
    logits = W_head norm(x)

The same with every result rounded to a model's formats shows what these formats cost, whoever computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specs.activation.gated import definition as gated
from specs.decoder.config import DecoderConfig
from specs.decoder.host import HostWeight, values
from specs.decoder.precision import Precision
from specs.lang.formats.elements import ElementFormat
from specs.rope.rotation import rotated
from specs.rope.tables import rope_table

Float64 = npt.NDArray[np.float64]
HostWeights = Mapping[str, HostWeight]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Token ids of one request from its first position on.

    precision: the formats that results are rounded to; None: float64 throughout.
    """

    ids: tuple[int, ...]
    precision: Precision | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Of every token of a request: hidden, the residual stream after the embedding and after every layer, [T, hidden]
    each, and the logits of the token that follows, [T, vocab].
    """

    hidden: tuple[Float64, ...]
    logits: Float64


def decoder_oracle(
    config: DecoderConfig, model: HostWeights, layer: Callable[[int], HostWeights], texts: Sequence[Text]
) -> tuple[Trace, ...]:
    """One trace per text; several at once, because decoding weights takes as long as a short text.

    Args:
        model: weights outside the layers. layer: weights of a layer; both by the names of `specs.decoder.weights`.

    Raises:
        ValueError: a model with experts.
    """
    if config.moe is not None:
        raise ValueError("config.moe: expected None; experts are not part of this oracle")
    outside = _wide(model)
    table = rope_table(config.max_positions, config.rope.rot, theta=config.rope.theta, scaling=config.rope.scaling)
    wide_table = table.astype(np.float64)
    runs = [_Run(config, text, wide_table, outside["embedding"]) for text in texts]
    for index in range(config.layers):
        weights = _wide(layer(index))
        for run in runs:
            run.layer(index, weights)
    head = outside["embedding" if config.tied else "head"]
    return tuple(run.finish(outside["norm"], head) for run in runs)


def _wide(weights: HostWeights) -> dict[str, Float64]:
    return {name: np.asarray(values(weight), np.float64) for name, weight in weights.items()}


class _Run:
    """One text on its way through the layers."""

    def __init__(self, config: DecoderConfig, text: Text, table: Float64, embedding: Float64) -> None:
        self.config, self.table = config, table
        self.activations = None if text.precision is None else text.precision.activations
        self.stored = None if text.precision is None else text.precision.caches
        self.at = np.arange(len(text.ids))
        self.x = self.rounded(embedding[np.asarray(text.ids, np.int64)])
        self.hidden = [self.x]

    def rounded(self, x: Float64) -> Float64:
        """In the format of activations."""
        return _rounded(x, self.activations)

    def layer(self, index: int, weights: Mapping[str, Float64]) -> None:
        """Attention and MLP, each added to the residual stream."""
        mixed = self.attention(index, weights, self.norm(self.x, weights["attention_norm"]))
        x = self.rounded(self.x + mixed)
        both = self.linear(self.norm(x, weights["ffn_norm"]), weights["gate_up"])
        self.x = self.rounded(x + self.linear(self.activation(both), weights["down"]))
        self.hidden.append(self.x)

    def finish(self, norm: Float64, head: Float64) -> Trace:
        """The trace; logits are not rounded."""
        return Trace(hidden=tuple(self.hidden), logits=self.norm(self.x, norm) @ head.T)

    def norm(self, x: Float64, weight: Float64) -> Float64:
        """RMS norm along the last axis; the style "twice" rounds before the weight as well."""
        normed = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config.eps)
        if self.config.norm_style == "twice":
            normed = self.rounded(normed)
        return self.rounded(normed * (weight + 1.0 if self.config.norm_style == "gemma" else weight))

    def linear(self, x: Float64, weight: Float64, bias: Float64 | None = None) -> Float64:
        """x W^T + bias."""
        product = x @ weight.T
        return self.rounded(product if bias is None else product + bias)

    def activation(self, gate_up: Float64) -> Float64:
        """The gate's activation times the other half."""
        config = self.config
        given: dict[str, Any] = {"x": gate_up, "kind": config.act, "limit": config.act_limit, "beta": 1.0}
        return self.rounded(gated({**given, "alpha": config.act_alpha, "linear_beta": 0.0})[0])

    def attention(self, index: int, weights: Mapping[str, Float64], x: Float64) -> Float64:
        """Every token to itself and those before it, as far as the window of the layer reaches."""
        config = self.config
        qkv = self.linear(x, weights["qkv"], weights.get("qkv_bias"))
        cuts = np.cumsum(config.qkv_rows)[:2]
        q, k, v = (part.reshape(len(x), -1, config.head_dim) for part in np.split(qkv, cuts, -1))
        if config.qk_norm:
            q, k = self.norm(q, weights["q_norm"]), self.norm(k, weights["k_norm"])
        q, k = (self.rounded(rotated(heads, self.table, self.at, neox=config.rope.neox)[0]) for heads in (q, k))
        q, k, v = (_rounded(heads, self.stored).swapaxes(0, 1) for heads in (q, k, v))
        group = config.heads // config.kv_heads
        k, v = np.repeat(k, group, 0), np.repeat(v, group, 0)
        mixed = _softmax(q @ k.swapaxes(1, 2) * config.scale, self.unseen(index), weights.get("sinks")) @ v
        out = _rounded(mixed, self.stored).swapaxes(0, 1).reshape(len(x), -1)
        return self.linear(self.rounded(out), weights["out"], weights.get("out_bias"))

    def unseen(self, index: int) -> npt.NDArray[np.bool_]:
        """Keys that a query does not see, [queries, keys]."""
        distance = self.at[:, None] - self.at[None, :]
        window = self.config.window(index)
        return (distance < 0) if window is None else (distance < 0) | (distance > window[0])


def _softmax(scores: Float64, unseen: npt.NDArray[np.bool_], sinks: Float64 | None) -> Float64:
    """Weights [heads, queries, keys]; a sink takes its share and has no value."""
    scores = np.where(unseen, -np.inf, scores)
    top = scores.max(-1, keepdims=True)
    if sinks is not None:
        top = np.maximum(top, sinks[:, None, None])
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    return np.asarray(weights / (total if sinks is None else total + np.exp(sinks[:, None, None] - top)))


def _rounded(x: Float64, form: ElementFormat | None) -> Float64:
    return x if form is None else x.astype(form.numpy_dtype).astype(np.float64)
