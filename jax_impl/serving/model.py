"""A checkpoint on the device, ready to be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

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

    cache_dtype: of keys and values. mesh: the devices over which it is spread, see `jax_impl.serving.parallel`; then
        config is of what one device computes, and weights and caches have an axis of devices in front.
    """

    config: DecoderConfig
    options: Options
    weights: DecoderWeights
    cos_sin: Any
    cache_dtype: Any
    mesh: Mesh | None = None

    def caches(self, pages: int, page_size: int) -> tuple[KVCache, ...]:
        """Empty caches of every layer."""
        shape = self.config.cache_shape(pages, page_size)

        def zeros() -> jax.Array:
            if self.mesh is None:
                return jnp.zeros(shape, self.cache_dtype)
            (axis,) = self.mesh.axis_names
            spread = NamedSharding(self.mesh, PartitionSpec(axis))
            return jnp.zeros((self.mesh.size, *shape), self.cache_dtype, device=spread)

        return tuple(KVCache(keys=zeros(), values=zeros()) for _ in range(self.config.layers))

    def page_bytes(self, page_size: int) -> int:
        """Bytes of a page in the caches of all layers, on one device."""
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
