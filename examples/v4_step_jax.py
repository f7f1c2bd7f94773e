"""A step of DeepSeek-V4 in JAX, from token ids to logits, as `parity xpu --step` compiles it.

    python -m parity xpu --step examples.v4_step_jax:dense        decodes and a part of a prompt; bfloat16 weights
    python -m parity xpu --step examples.v4_step_jax:quantised    the same, FP8 linears and MXFP4 experts as published
    python -m parity xpu --step examples.v4_step_jax:decodes      decodes alone, quantised

Three layers, one of every compression ratio: the window alone, 4, 128. Sizes are V4-Flash's on one of four devices, a
quarter of its heads, groups, experts and vocabulary. No weight is needed: shapes are enough to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp

from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import Dense, Fp8Block, Mxfp4
from jax_impl.layers.step import Implementation, Options
from jax_impl.layers.v4.block import decode
from jax_impl.layers.v4.caches import LayerCache
from jax_impl.layers.v4.step import Batch, metadata
from jax_impl.layers.v4.step import Step as Arguments
from parity.xpu.step import Step
from specs.decoder.config import RopeConfig
from specs.decoder.v4.batch import PAGE_TOKENS
from specs.decoder.v4.config import ROPE_DIM, V4Config
from specs.decoder.v4.weights import FORMATS, PUBLISHED, layer_weights, model_weights
from specs.decoder.weights import Weight
from specs.lang.formats.named import MXFP4

LONGEST: Final = 4096
"""Tokens of a request, at most."""
SIZES: Final = {"tokens": 48, "decodes": 16, "prefills": 1, "longest": LONGEST, "longest_chunk": 32}
DECODES: Final = {"tokens": 16, "decodes": 16, "prefills": 0, "longest": LONGEST, "longest_chunk": 0}
CONFIG: Final = V4Config(
    layers=3,
    hidden=4096,
    heads=16,
    vocab=32320,
    max_positions=LONGEST,
    ratios=(0, 4, 128),
    hashed=(True, False, False),
    q_lora=1024,
    out_groups=2,
    out_lora=1024,
    rope=RopeConfig(rot=ROPE_DIM, theta=10000.0, neox=False),
    compress_rope=RopeConfig(rot=ROPE_DIM, theta=160000.0, neox=False),
    experts=64,
)

of = jax.ShapeDtypeStruct


def dense(implementation: Implementation | None = None) -> Step:
    """Up to 16 requests that generate one token each, and up to 32 tokens of a prompt; bfloat16 weights."""
    return _step(_dense, SIZES, implementation)


def quantised(implementation: Implementation | None = None) -> Step:
    """The same with the weights in the formats of the checkpoint."""
    return _step(_published, SIZES, implementation)


def decodes(implementation: Implementation | None = None) -> Step:
    """Up to 16 requests that generate one token each; weights in the formats of the checkpoint."""
    return _step(_published, DECODES, implementation)


def _dense(_: str, weight: Weight) -> Dense:
    return Dense(values=of(weight.shape, jnp.bfloat16))


def _published(name: str, weight: Weight) -> Dense | Fp8Block | Mxfp4:
    form = PUBLISHED.get(name)
    if form is None:
        return _dense(name, weight)
    stored = form.storage_shape(weight.shape)
    scale = of(stored.scale, jnp.float8_e8m0fnu)
    if form == MXFP4:
        return Mxfp4(codes=of(stored.data, jnp.uint8), scale=scale)
    return Fp8Block(codes=of(stored.data, jnp.float8_e4m3fn), scale=scale)


def _step(
    linear: Callable[[str, Weight], Any], sizes: Mapping[str, int], implementation: Implementation | None
) -> Step:
    def shapes(table: Mapping[str, Weight]) -> dict[str, Any]:
        return {
            name: linear(name, weight) if weight.linear else of(weight.shape, FORMATS.get(name, jnp.bfloat16))
            for name, weight in table.items()
        }

    weights = DecoderWeights(
        model=shapes(model_weights(CONFIG)),
        layers=tuple(shapes(layer_weights(CONFIG, layer)) for layer in range(CONFIG.layers)),
    )
    options = Options(implementation=implementation)
    requests = sizes["decodes"] + sizes["prefills"]
    pages = {group: requests * -(-LONGEST // size) for group, size in PAGE_TOKENS.items()}
    caches = jax.eval_shape(lambda: tuple(LayerCache.empty(ratio, pages) for ratio in CONFIG.ratios))

    def run(batch: Batch, ropes: tuple[Any, Any], weights: DecoderWeights, caches: Any) -> Any:
        step = Arguments(
            batch=batch,
            metadata=metadata(CONFIG, batch, options),
            cos_sin=ropes[0],
            compress_cos_sin=ropes[1],
            config=CONFIG,
            options=options,
        )
        return decode(step, weights, caches)

    table = of((LONGEST, ROPE_DIM), jnp.float32)
    arguments = (Batch.structs(CONFIG.ratios, **sizes), (table, table), weights, caches)
    return Step(function=jax.jit(run, donate_argnums=3), arguments=arguments, caches=(3,))
