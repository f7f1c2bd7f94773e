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
from specs.decoder.weights import Weight as Declared


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
        shape = self.config.cache_shape(pages, page_size)
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

    def on_device(declared: Declared, host: HostWeight) -> Any:
        if declared.linear:
            return put(host, options.dtype, decode=decode)
        return jnp.asarray(declared.array(host), jnp.float32 if declared.wide else options.dtype)

    model, layers = checkpoint.placed(on_device)
    return Model(
        config=checkpoint.config,
        options=options,
        weights=DecoderWeights(model=model, layers=layers),
        cos_sin=rotations(checkpoint.config),
        cache_dtype=cache_dtype,
    )
