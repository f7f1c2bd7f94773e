"""The encoder in floating point, written once for numpy, torch and JAX: what quantised runs are measured by.

Sentences are packed: the tokens of all of them in one array [T, hidden], attention limited to a token's own
sentence by a block-diagonal mask. Layers as in BERT (Devlin et al., 2018): attention and feed-forward with exact
GELU, each followed by the addition of its input and a layer norm; then the mean over the tokens of a sentence,
scaled to length 1.

Linears are not computed here but by a callable, so that a caller can quantise them or look at what goes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from parity.models.minilm.arrays import ArrayNamespace, HostArray
from parity.models.minilm.assets import Assets, Layer, Linear, Norm, Tokens

LinearFunction = Callable[[str, Any, HostArray, HostArray], Any]
"""(name in the checkpoint, x [T, K], weight [N, K], bias [N]) -> y [T, N]; x and y are the framework's arrays,
weight and bias float32 numpy arrays.
"""


def float_linear(xp: ArrayNamespace) -> LinearFunction:
    """Linears as they are: x @ weight.T + bias in the float type of `xp`."""

    def linear(_name: str, x: Any, weight: HostArray, bias: HostArray) -> Any:
        return xp.matmul(x, xp.array(weight).swapaxes(0, 1)) + xp.array(bias)

    return linear


def capturing(xp: ArrayNamespace, linear: LinearFunction, into: dict[str, HostArray]) -> LinearFunction:
    """The same linears; a float32 copy of the input [T, K] of each is left in `into` under its name."""

    def captured(name: str, x: Any, weight: HostArray, bias: HostArray) -> Any:
        into[name] = np.array(xp.host(x), np.float32)
        return linear(name, x, weight, bias)

    return captured


def encode(
    xp: ArrayNamespace,
    assets: Assets,
    tokens: Tokens,
    linear: LinearFunction | None = None,
    *,
    capture: dict[str, HostArray] | None = None,
    hidden: list[HostArray] | None = None,
) -> HostArray:
    """Embeddings of the sentences, [sentences, hidden], each of length 1.

    linear: computes the linears; None: in the float type of `xp`.
    capture: where to leave the input of every linear (see `capturing`).
    hidden: where to leave the hidden states [T, hidden] after the embeddings and after every layer.
    """
    linear = float_linear(xp) if linear is None else linear
    if capture is not None:
        linear = capturing(xp, linear, capture)
    # 0 within a sentence, -inf across: added to scores before the softmax.
    same = tokens.sentence[:, None] == tokens.sentence[None, :]
    mask = xp.array(np.where(same, 0.0, -np.inf))
    x = embed(xp, assets, tokens)
    states = [x]
    for layer in assets.layers:
        x = transform(xp, assets, layer, x, mask, linear)
        states.append(x)
    if hidden is not None:
        hidden += [np.array(xp.host(state)) for state in states]
    return xp.host(pool(xp, x, tokens))


def embed(xp: ArrayNamespace, assets: Assets, tokens: Tokens) -> Any:
    """Normalised sums of word, position and segment rows, [T, hidden]. There is one segment."""
    table = assets.embeddings
    rows = xp.array(table.word[tokens.ids]) + xp.array(table.token_type[0])
    rows = rows + xp.array(table.position[tokens.positions])
    return layer_norm(xp, rows, table.norm, assets.config.layer_norm_eps)


def transform(xp: ArrayNamespace, assets: Assets, layer: Layer, x: Any, mask: Any, linear: LinearFunction) -> Any:
    """One layer, [T, hidden] -> [T, hidden]."""
    eps = assets.config.layer_norm_eps

    def through(which: Linear, inputs: Any) -> Any:
        return linear(which.name, inputs, which.weight, which.bias)

    q, k, v = (through(which, x) for which in (layer.query, layer.key, layer.value))
    mixed = attention(xp, q, k, v, mask, assets.config.heads)
    x = layer_norm(xp, through(layer.attention_output, mixed) + x, layer.attention_norm, eps)
    widened = gelu(xp, through(layer.up, x))
    return layer_norm(xp, through(layer.down, widened) + x, layer.output_norm, eps)


def attention(xp: ArrayNamespace, q: Any, k: Any, v: Any, mask: Any, heads: int) -> Any:
    """softmax(q k^T / sqrt(head size) + mask) v for every head; q, k, v and the result [T, hidden], mask [T, T]."""
    tokens, hidden = q.shape
    q, k, v = (x.reshape(tokens, heads, hidden // heads).swapaxes(0, 1) for x in (q, k, v))
    scores = xp.matmul(q, k.swapaxes(1, 2)) * (hidden // heads) ** -0.5 + mask
    weights = xp.exp(scores - xp.largest(scores))
    mixed = xp.matmul(weights, v) / weights.sum(-1, keepdims=True)
    return mixed.swapaxes(0, 1).reshape(tokens, hidden)


def layer_norm(xp: ArrayNamespace, x: Any, norm: Norm, eps: float) -> Any:
    """(x - mean) / sqrt(variance + eps) * weight + bias along the last axis."""
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred / xp.sqrt(variance + eps) * xp.array(norm.weight) + xp.array(norm.bias)


def gelu(xp: ArrayNamespace, x: Any) -> Any:
    """x * Phi(x), Phi the normal distribution function."""
    return 0.5 * x * (1.0 + xp.erf(x * math.sqrt(0.5)))


def pool(xp: ArrayNamespace, x: Any, tokens: Tokens) -> Any:
    """Mean over the tokens of each sentence, scaled to length 1: [T, hidden] -> [sentences, hidden]."""
    members = np.arange(tokens.sentences)[:, None] == tokens.sentence[None, :]
    mean = xp.matmul(xp.array(members / members.sum(1, keepdims=True)), x)
    return mean / xp.sqrt((mean * mean).sum(-1, keepdims=True))


def cosines(embeddings: HostArray) -> HostArray:
    """Cosine of the angle between every two embeddings, float64 [sentences, sentences]."""
    wide = np.asarray(embeddings, np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)
