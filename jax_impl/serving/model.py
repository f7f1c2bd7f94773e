"""A checkpoint on the device, ready to be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from checkpoints.checkpoint import Checkpoint
from jax_impl.layers.attention import KVCache
from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import put
from jax_impl.layers.step import Options, rotations
from specs.decoder.config import DecoderConfig
from specs.decoder.host import HostWeight
from specs.decoder.weights import layer_weights, model_weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Weights on the default device, the table of rotations, and how layers compute.

    cache_dtype: of keys and values.
    """

    config: DecoderConfig
    options: Options
    weights: DecoderWeights
    cos_sin: Any
    cache_dtype: Any

    def caches(self, pages: int, page_size: int) -> tuple[KVCache, ...]:
        """Empty caches of every layer."""
        shape = (pages, page_size, self.config.kv_heads, self.config.head_dim)
        return tuple(
            KVCache(keys=jnp.zeros(shape, self.cache_dtype), values=jnp.zeros(shape, self.cache_dtype))
            for _ in range(self.config.layers)
        )

    def page_bytes(self, page_size: int) -> int:
        """Bytes of a page in the caches of all layers."""
        row = 2 * self.config.kv_heads * self.config.head_dim * jnp.dtype(self.cache_dtype).itemsize
        return self.config.layers * page_size * row


def load(checkpoint: Checkpoint, options: Options, *, cache_dtype: Any, decode: bool = False) -> Model:
    """Puts a checkpoint on the default device.

    Args:
        options: how layers compute; weights that are not quantised become arrays of `options.dtype`.
        cache_dtype: of keys and values, bfloat16 or float16.
        decode: whether quantised weights are decoded to `options.dtype`: more memory, and no decoding in every step.
    """
    config, tables = checkpoint.config, [model_weights(checkpoint.config)]
    tables += [layer_weights(config, layer) for layer in range(config.layers)]
    hosts = [checkpoint.model(), *(checkpoint.layer(layer) for layer in range(config.layers))]

    def on_device(name: str, host: HostWeight, linear: bool) -> Any:
        if linear:
            return put(host, options.dtype, decode=decode)
        # Norms, biases and sinks are small: float32 keeps what the checkpoint has.
        return jnp.asarray(host, jnp.float32 if name == "sinks" else options.dtype)

    trees = [
        {name: on_device(name, host[name], weight.linear) for name, weight in table.items()}
        for table, host in zip(tables, hosts, strict=True)
    ]
    return Model(
        config=config,
        options=options,
        weights=DecoderWeights(model=trees[0], layers=tuple(trees[1:])),
        cos_sin=rotations(config),
        cache_dtype=cache_dtype,
    )
