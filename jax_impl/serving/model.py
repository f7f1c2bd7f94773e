"""A checkpoint of the Llama family on the device, ready to be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from checkpoints.checkpoint import Checkpoint
from jax_impl.layers.attention import KVCache
from jax_impl.layers.decoder import DecoderWeights, decode, decoder_layer, logits, norm
from jax_impl.layers.linear import embed, put
from jax_impl.layers.step import Batch, Options, Step, rotations
from jax_impl.serving.buckets import Bucket
from specs.decoder.batch import Request, step_batch
from specs.decoder.config import DecoderConfig
from specs.decoder.groups import CacheGroup, GroupedRequest
from specs.decoder.host import HostWeight
from specs.decoder.weights import Weight as Declared

GROUP: Final = "kv"
"""The one group of caches: keys and values of all layers."""
_State = tuple[jax.Array, jax.Array]
"""The output of a layer, and the residual stream, which the next layer adds up."""


class LlamaFamily:
    """See `jax_impl.serving.family.Family`."""

    def decode(
        self, step: Step, weights: DecoderWeights, caches: tuple[KVCache, ...]
    ) -> tuple[jax.Array, tuple[KVCache, ...]]:
        """Logits and caches."""
        return decode(step, weights, caches)

    def begin(self, step: Step, weights: Mapping[str, Any]) -> tuple[None, _State]:
        """Layers share nothing beside the step."""
        x = embed(weights["embedding"], step.batch.token_ids, options=step.options)
        # The sum of the embedding and zeros is the embedding: the first layer is no program of its own.
        return None, (x, jnp.zeros_like(x))

    def layer(
        self, step: Step, layer: int, weights: Mapping[str, Any], shared: None, state: _State, cache: KVCache
    ) -> tuple[_State, KVCache]:
        """One layer."""
        x, residual, cache = decoder_layer(step, layer, weights, *state, cache)
        return (x, residual), cache

    def kind(self, config: DecoderConfig, layer: int) -> tuple[int, int] | None:
        """Layers differ in their windows."""
        return config.window(layer)

    def end(self, step: Step, weights: Mapping[str, Any], state: _State) -> jax.Array:
        """Logits."""
        hidden, _ = norm(step, weights["norm"], *state)
        return logits(step, DecoderWeights(model=weights, layers=()), hidden)


LLAMA: Final = LlamaFamily()


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

    @property
    def family(self) -> LlamaFamily:
        """What its steps compute."""
        return LLAMA

    @property
    def drafts(self) -> int:
        """No checkpoint of this family has layers that draft."""
        return 0

    @property
    def drafter(self) -> None:
        """None."""
        return None

    @property
    def vocab(self) -> int:
        """Tokens that the model knows."""
        return self.config.vocab

    @property
    def table_bytes(self) -> int:
        """Bytes of the table of rotations."""
        return int(self.cos_sin.nbytes)

    def groups(self, page_size: int) -> tuple[CacheGroup, ...]:
        """Keys and values, in pages of any size; a sliding window frees no page, because other layers have none."""
        return (CacheGroup(name=GROUP, page_tokens=page_size, page_bytes=self.page_bytes(page_size)),)

    def pools(self, groups: Sequence[CacheGroup], pages: Mapping[str, int]) -> tuple[KVCache, ...]:
        """Empty caches of every layer."""
        (group,) = groups
        return self.caches(pages[group.name], group.page_tokens)

    def step(
        self, requests: Sequence[GroupedRequest], groups: Sequence[CacheGroup], bucket: Bucket
    ) -> tuple[Step, list[int]]:
        """The arrays of a step on the host, and where the tokens of each request begin."""
        (group,) = groups
        found = step_batch(
            [Request(computed=one.computed, tokens=one.tokens, pages=one.pages[group.name]) for one in requests],
            page_size=group.page_tokens,
            tokens=bucket.tokens,
            batch=bucket.requests,
            table=bucket.pages,
        )
        arrays = {name: getattr(found, name) for name in Batch.__dataclass_fields__}
        starts = found.query_start_loc[: len(requests)].tolist()
        return self._step(Batch(**arrays), bucket), starts

    def structs(self, groups: Sequence[CacheGroup], bucket: Bucket) -> Step:
        """The same with shapes and dtypes, and the table of rotations."""
        batch = Batch.structs(tokens=bucket.tokens, requests=bucket.requests, pages=bucket.pages)
        return self._step(batch, bucket)

    def _step(self, batch: Batch, bucket: Bucket) -> Step:
        return Step(batch=batch, cos_sin=self.cos_sin, config=self.config, options=self.options, longest=bucket.longest)

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
