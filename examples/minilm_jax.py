"""Sentence embeddings in JAX: a whole encoder with FP8 linears and attention over packed sentences, under one jit.

    python -m examples.minilm_jax       run it here, and its torch counterpart (minilm_torch.py), and compare

Three operations of the library do the work; everything else is ordinary JAX.

    per_token_group_quant_fp8   activations -> FP8 codes, and one scale for 128 columns of a token
    fp8_gemm                    codes times FP8 weights, scales and bias included, in bfloat16
    flash_attn_varlen           attention of sentences of different lengths, one after the other, without padding
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from examples.minilm_problem import NDArray, Problem, problem, quantise, report
from jax_impl import ops
from parity.models.minilm.assets import Layer, Linear, Norm


class Weight(NamedTuple):
    """FP8 weight [N, K], its scales float32 [N / 128, K / 128], bias float32 [N]."""

    codes: jax.Array
    scale: jax.Array
    bias: jax.Array


class Batch(NamedTuple):
    """Packed sentences: ids and positions int32 [T]; sentence b is rows starts[b] .. starts[b + 1]."""

    ids: jax.Array
    positions: jax.Array
    starts: jax.Array


Parameters = dict[str, Any]
"""Weights and norms by name: a tree, as JAX likes its parameters."""


def load(given: Problem) -> Parameters:
    """The model's parameters."""
    table = given.assets.embeddings
    return {
        "word": jnp.asarray(table.word),
        "position": jnp.asarray(table.position + table.token_type[0]),
        "norm": _norm(table.norm),
        "layers": [_layer(layer) for layer in given.assets.layers],
    }


def _layer(layer: Layer) -> Parameters:
    linears = {name: _weight(linear) for name, linear in layer.linears}
    return {**linears, "attention_norm": _norm(layer.attention_norm), "output_norm": _norm(layer.output_norm)}


def _weight(linear: Linear) -> Weight:
    made = quantise(linear)
    # Codes are bytes; JAX has the same format under its own name.
    return Weight(*(jnp.asarray(x) for x in (made.codes.view(jnp.float8_e4m3fn), made.scale, made.bias)))


def _norm(norm: Norm) -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(norm.weight), jnp.asarray(norm.bias)


def linear(x: jax.Array, weight: Weight) -> jax.Array:
    """x @ weight.T + bias, both operands in FP8: bf16 [T, K] -> bf16 [T, N]. Any leading dimensions would do."""
    codes, scale = ops.per_token_group_quant_fp8(x)
    # "nk": the weight lies as checkpoints have it, [N, K], and is read that way.
    out: jax.Array = ops.fp8_gemm(
        codes, weight.codes, scale, weight.scale, weight.bias, scale_mode="block", weight_order="nk"
    )
    return out


def add_norm(x: jax.Array, y: jax.Array, norm: tuple[jax.Array, jax.Array], eps: float) -> jax.Array:
    """Layer norm of a sum, in float32: any float [T, hidden] -> bf16 [T, hidden]."""
    total = x.astype(jnp.float32) + y.astype(jnp.float32)
    centred = total - total.mean(-1, keepdims=True)
    weight, bias = norm
    normed = centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias
    return normed.astype(jnp.bfloat16)


def layer(x: jax.Array, own: Parameters, starts: jax.Array, longest: int, heads: int, eps: float) -> jax.Array:
    """Attention and feed-forward, each followed by a residual addition and a layer norm: bf16 [T, hidden]."""
    q, k, v = (linear(x, own[name]).reshape(len(x), heads, -1) for name in ("query", "key", "value"))
    # Nothing is padded, no mask is made.
    mixed = ops.flash_attn_varlen(q, k, v, starts, starts, max_seqlen_q=longest, max_seqlen_k=longest)
    x = add_norm(linear(mixed.reshape(x.shape), own["attention_output"]), x, own["attention_norm"], eps)
    widened = jax.nn.gelu(linear(x, own["up"]).astype(jnp.float32), approximate=False).astype(jnp.bfloat16)
    return add_norm(linear(widened, own["down"]), x, own["output_norm"], eps)


@partial(jax.jit, static_argnames=("longest", "heads", "eps"))
def encode(parameters: Parameters, batch: Batch, *, longest: int, heads: int, eps: float) -> jax.Array:
    """The whole model: one vector of length 1 per sentence, float32 [sentences, hidden]."""
    x = add_norm(parameters["word"][batch.ids], parameters["position"][batch.positions], parameters["norm"], eps)
    for own in parameters["layers"]:
        x = layer(x, own, batch.starts, longest, heads, eps)
    lengths = jnp.diff(batch.starts)
    sentence = jnp.repeat(jnp.arange(len(lengths)), lengths, total_repeat_length=len(x))
    total = jax.ops.segment_sum(x.astype(jnp.float32), sentence, num_segments=len(lengths))
    means = total / lengths[:, None]
    return means / jnp.linalg.norm(means, axis=1, keepdims=True)


def run(given: Problem) -> NDArray:
    """Embeddings of the sentences, float32 [sentences, hidden]."""
    tokens, config = given.tokens, given.assets.config
    batch = Batch(*(jnp.asarray(x) for x in (tokens.ids, tokens.positions, tokens.starts)))
    embeddings = encode(load(given), batch, longest=tokens.longest, heads=config.heads, eps=config.layer_norm_eps)
    return np.asarray(embeddings)


if __name__ == "__main__":
    from examples import minilm_torch

    inputs = problem()
    print(report(inputs, {"jax": run(inputs), "torch": minilm_torch.run(inputs)}))
