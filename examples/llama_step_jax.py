"""A decoder step of the Llama family in JAX, from token ids to logits, as `parity xpu --step` compiles it.

    python -m parity xpu --step examples.llama_step_jax:dense      bfloat16 weights
    python -m parity xpu --step examples.llama_step_jax:gguf       Q4_1 and Q8_0 blocks, as SmolLM2's file has them
    python -m parity xpu --step examples.llama_step_jax:prompt     parts of prompts among the requests
    python -m parity xpu --step examples.llama_step_jax:experts    gpt-oss: experts, sinks, windows

No weight is needed: shapes are enough to compile. Sizes are SmolLM2-135M's, with as many layers as `LAYERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp

from jax_impl.layers.attention import KVCache
from jax_impl.layers.decoder import DecoderWeights, decode
from jax_impl.layers.linear import Dense, Packed
from jax_impl.layers.step import Batch, Implementation, Options
from jax_impl.layers.step import Step as Arguments
from parity.xpu.step import Step
from specs.decoder.config import DecoderConfig, MoeConfig, RopeConfig
from specs.decoder.weights import Weight, layer_weights, model_weights
from specs.lang.formats.ggml import Q4_1, Q8_0
from specs.lang.formats.packed import PackedBlock

LAYERS: Final = 2
PAGES, PAGE, TABLE = 512, 16, 32
SMOLLM2: Final = DecoderConfig(
    layers=LAYERS,
    hidden=576,
    heads=9,
    kv_heads=3,
    head_dim=64,
    ffn=1536,
    vocab=49152,
    max_positions=8192,
    rope=RopeConfig(rot=64, theta=100000.0),
    eps=1e-5,
    tied=True,
)
EXPERTS: Final = DecoderConfig(
    layers=LAYERS,
    hidden=512,
    heads=8,
    kv_heads=2,
    head_dim=64,
    ffn=512,
    vocab=1024,
    max_positions=4096,
    rope=RopeConfig(rot=64, theta=150000.0),
    norm_style="once",
    qkv_bias=True,
    out_bias=True,
    sinks=True,
    windows=(128, None),
    act="swigluoai",
    moe=MoeConfig(experts=32, top_k=4, ffn=512, score="topk_softmax", bias=True, interleaved=True),
)

of = jax.ShapeDtypeStruct


def dense(implementation: Implementation | None = None) -> Step:
    """16 requests that generate one token each; bfloat16 weights."""
    return _step(SMOLLM2, lambda _, weight: Dense(values=of(weight.shape, jnp.bfloat16)), implementation)


def gguf(implementation: Implementation | None = None) -> Step:
    """The same with quantised weights, multiplied as the file has them."""

    def packed(name: str, weight: Weight) -> Packed:
        form: PackedBlock = Q8_0 if name == "embedding" else Q4_1
        rows, columns = weight.shape
        return Packed(data=of((rows, form.row_bytes(columns)), jnp.uint8), form=form)

    return _step(SMOLLM2, packed, implementation)


def prompt(implementation: Implementation | None = None) -> Step:
    """256 tokens of 4 requests."""
    return _step(
        SMOLLM2, lambda _, weight: Dense(values=of(weight.shape, jnp.bfloat16)), implementation, tokens=256, requests=4
    )


def experts(implementation: Implementation | None = None) -> Step:
    """16 tokens of a mixture of experts with sinks and windows."""
    return _step(EXPERTS, lambda _, weight: Dense(values=of(weight.shape, jnp.bfloat16)), implementation)


def _step(
    config: DecoderConfig,
    linear: Callable[[str, Weight], Any],
    implementation: Implementation | None,
    *,
    tokens: int = 16,
    requests: int = 16,
) -> Step:
    def shapes(table: Mapping[str, Weight]) -> dict[str, Any]:
        return {
            name: linear(name, weight)
            if weight.linear
            else of(weight.shape, jnp.float32 if weight.wide else jnp.bfloat16)
            for name, weight in table.items()
        }

    weights = DecoderWeights(
        model=shapes(model_weights(config)),
        layers=tuple(shapes(layer_weights(config, layer)) for layer in range(config.layers)),
    )
    pool = of((PAGES, PAGE, config.kv_heads, config.head_dim), jnp.bfloat16)
    caches = tuple(KVCache(keys=pool, values=pool) for _ in range(config.layers))
    step = Arguments(
        batch=Batch.structs(tokens=tokens, requests=requests, pages=TABLE),
        cos_sin=of((config.max_positions, config.rope.rot), jnp.float32),
        config=config,
        options=Options(dtype=jnp.bfloat16, implementation=implementation),
    )
    return Step(function=jax.jit(decode, donate_argnums=2), arguments=(step, weights, caches), caches=(2,))
