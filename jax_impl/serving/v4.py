"""A checkpoint of DeepSeek-V4 on the device, ready to be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from checkpoints.deepseek_v4 import V4Checkpoint
from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import embed, put
from jax_impl.layers.step import Options
from jax_impl.layers.v4.block import Streams, block, decode, head, logits
from jax_impl.layers.v4.caches import LayerCache
from jax_impl.layers.v4.mtp import draft
from jax_impl.layers.v4.step import Batch, Metadata, Step, metadata, rotations
from jax_impl.serving.buckets import Bucket
from specs.decoder.groups import CacheGroup, GroupedRequest
from specs.decoder.host import HostWeight
from specs.decoder.v4.batch import engine_batch
from specs.decoder.v4.caches import cache_groups
from specs.decoder.v4.config import STREAMS, V4Config
from specs.decoder.v4.weights import FORMATS
from specs.decoder.weights import Weight

_Shared = tuple[jax.Array, Metadata]
"""Ids of the tokens, of which some are known to the device alone, and the index lists of the step."""


class V4Family:
    """See `jax_impl.serving.family.Family`."""

    def decode(
        self, step: Step, weights: DecoderWeights, caches: tuple[LayerCache, ...]
    ) -> tuple[jax.Array, tuple[LayerCache, ...]]:
        """Logits and caches."""
        found = metadata(step.config, step.batch, step.options)
        return decode(replace(step, metadata=found), weights, caches)

    def begin(self, step: Step, weights: Mapping[str, Any]) -> tuple[_Shared, Streams]:
        """Four equal streams."""
        x = embed(weights["embedding"], step.batch.token_ids, options=step.options)
        shared = step.batch.token_ids, metadata(step.config, step.batch, step.options)
        return shared, Streams(residual=jnp.repeat(x[:, None], STREAMS, 1))

    def layer(
        self, step: Step, layer: int, weights: Mapping[str, Any], shared: _Shared, state: Streams, cache: LayerCache
    ) -> tuple[Streams, LayerCache]:
        """One layer."""
        ids, found = shared
        step = replace(step, batch=replace(step.batch, token_ids=ids), metadata=found)
        return block(step, step.config.ratios[layer], weights, state, cache)

    def kind(self, config: V4Config, layer: int) -> int:
        """Layers differ in their ratios; the weights say how a layer chooses its experts."""
        return config.ratios[layer]

    def end(self, step: Step, weights: Mapping[str, Any], state: Streams) -> jax.Array:
        """Logits."""
        return logits(step, weights, head(step, weights, state.complete(step)))


V4: Final = V4Family()


class MultiTokenPrediction:
    """See `jax_impl.serving.family.Drafter`: the block of the checkpoint, weights `mtp`."""

    def draft(
        self,
        step: Step,
        weights: Mapping[str, Any],
        shared: _Shared,
        state: Streams,
        next_ids: jax.Array,
        last: jax.Array,
        cache: LayerCache,
    ) -> tuple[jax.Array, LayerCache]:
        """Logits, and the cache of the block."""
        step = replace(step, batch=replace(step.batch, logits_indices=last), metadata=shared[1])
        hidden, _, cache = draft(step, weights["embedding"], weights["mtp"], next_ids, state.complete(step), cache)
        return logits(step, weights, hidden), cache


MTP: Final = MultiTokenPrediction()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V4Model:
    """Weights on the default device, the tables of rotations, and how layers compute.

    cos_sin, compress_cos_sin: see `jax_impl.layers.v4.step.Step`.
    drafts: tokens that are drafted after each step; 1: weights outside the layers have the block `mtp`.
    """

    config: V4Config
    options: Options
    weights: DecoderWeights
    cos_sin: Any
    compress_cos_sin: Any
    drafts: int = 0
    mesh: Mesh | None = None

    @property
    def family(self) -> V4Family:
        """What its steps compute."""
        return V4

    @property
    def drafter(self) -> MultiTokenPrediction | None:
        """The block for multi-token prediction."""
        return MTP if self.drafts else None

    @property
    def _ratios(self) -> tuple[int, ...]:
        """Of all that has caches: the layers, and the block that drafts."""
        return (*self.config.ratios, *(0,) * self.drafts)

    @property
    def vocab(self) -> int:
        """Tokens that the model knows."""
        return self.config.vocab

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables of rotations."""
        return int(self.cos_sin.nbytes) + int(self.compress_cos_sin.nbytes)

    def groups(self, page_size: int) -> tuple[CacheGroup, ...]:
        """The groups that the layers have; kernels fix the sizes of their pages, so `page_size` changes nothing."""
        return cache_groups(self._ratios, self.config.window)

    def pools(self, groups: Sequence[CacheGroup], pages: Mapping[str, int]) -> tuple[LayerCache, ...]:
        """Empty caches of every layer, and of the block that drafts."""
        return tuple(LayerCache.empty(ratio, pages) for ratio in self._ratios)

    def step(
        self, requests: Sequence[GroupedRequest], groups: Sequence[CacheGroup], bucket: Bucket
    ) -> tuple[Step, list[int]]:
        """The arrays of a step on the host, and where the tokens of each request begin."""
        found, starts = engine_batch(requests, self.config.ratios, **self._sizes(groups, bucket))
        return self._step(Batch(**{name: getattr(found, name) for name in Batch.__dataclass_fields__})), starts

    def structs(self, groups: Sequence[CacheGroup], bucket: Bucket) -> Step:
        """The same with arrays of padding."""
        return self.step((), groups, bucket)[0]

    def _sizes(self, groups: Sequence[CacheGroup], bucket: Bucket) -> dict[str, int]:
        return {
            "requests_bound": bucket.requests,
            "chunk": 0 if bucket.longest == 1 else bucket.tokens,
            "longest": bucket.pages * groups[0].page_tokens,
        }

    def _step(self, batch: Batch) -> Step:
        return Step(
            batch=batch,
            metadata=None,
            cos_sin=self.cos_sin,
            compress_cos_sin=self.compress_cos_sin,
            config=self.config,
            options=self.options,
        )


def load_v4(checkpoint: V4Checkpoint, options: Options, *, drafts: int = 0) -> V4Model:
    """Puts a checkpoint on the default device: streams are bfloat16, quantised weights stay as they are.

    Args:
        options: how layers compute; their dtype is bfloat16. drafts: tokens to draft after each step, 0 or 1.

    Raises:
        ValueError: the checkpoint has no block for as many.
    """
    config = checkpoint.config
    most = min(config.mtp, 1)
    if not 0 <= drafts <= most:
        raise ValueError(f"speculative tokens: expected 0 to {most} for this checkpoint; got {drafts}")

    def on_device(name: str, declared: Weight, host: HostWeight) -> Any:
        if declared.linear:
            return put(host, options.dtype)
        return jnp.asarray(declared.array(host), FORMATS.get(name, options.dtype))

    model, layers = checkpoint.placed(on_device)
    block = {"mtp": checkpoint.placed_mtp(on_device)[0]} if drafts else {}
    return V4Model(
        config=config,
        options=options,
        drafts=drafts,
        weights=DecoderWeights(model={**model, **block}, layers=layers),
        cos_sin=rotations(config.rope, config.max_positions),
        compress_cos_sin=rotations(config.compress_rope, config.max_positions),
    )
