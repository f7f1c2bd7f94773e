"""What the engine asks of a model: its groups of caches, the arrays of a step, and what a step computes.

`jax_impl.serving.model` has the Llama family, `jax_impl.serving.v4` DeepSeek-V4.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import jax
from jax.sharding import Mesh

from jax_impl.serving.buckets import Bucket
from specs.decoder.groups import CacheGroup, GroupedRequest


class Family(Protocol):
    """What a step computes, in one function and layer by layer; hashable, and the same object for all its models.

    A step has `batch.token_ids`, a configuration `config` and `options`. What layers share beside it, and what one
    layer passes to the next, are pytrees of the family's own.
    """

    def decode(self, step: Any, weights: Any, caches: tuple[Any, ...]) -> tuple[jax.Array, tuple[Any, ...]]:
        """Logits float32 [requests, vocab] of the last token of every request, and the caches with the step."""

    def begin(self, step: Any, weights: Mapping[str, Any]) -> tuple[Any, Any]:
        """What all layers share, and what the first one takes. weights: outside the layers."""

    def layer(
        self, step: Any, layer: int, weights: Mapping[str, Any], shared: Any, state: Any, cache: Any
    ) -> tuple[Any, Any]:
        """What the next layer takes, and the layer's cache with the step."""

    def kind(self, config: Any, layer: int) -> Hashable:
        """Equal for layers that are the same program, given weights and states of the same shapes."""

    def end(self, step: Any, weights: Mapping[str, Any], state: Any) -> jax.Array:
        """Logits float32 [requests, vocab], of what the last layer gives."""


class Drafter(Protocol):
    """What guesses the token after the next one; hashable, and the same object for all models of a family."""

    def draft(
        self,
        step: Any,
        weights: Mapping[str, Any],
        shared: Any,
        state: Any,
        next_ids: jax.Array,
        last: jax.Array,
        cache: Any,
    ) -> tuple[jax.Array, Any]:
        """Logits of the token after the next one, float32 [requests, vocab], and the drafter's cache with the step.

        Args:
            weights: outside the layers. shared, state: of the family, after the last layer.
            next_ids: [T], the token after every one of the step. last: [requests], tokens of the step.
        """


class ServedModel(Protocol):
    """A model on the device."""

    @property
    def family(self) -> Family:
        """What its steps compute."""

    @property
    def drafts(self) -> int:
        """Tokens that are drafted for a request after each step: 1 where it has a drafter, else 0."""

    @property
    def drafter(self) -> Drafter | None:
        """What drafts them; its cache is the last one of `pools`."""

    @property
    def weights(self) -> Any:
        """Its weights: `model`, outside the layers, and `layers`, a mapping of each."""

    @property
    def mesh(self) -> Mesh | None:
        """The devices over which it is spread."""

    @property
    def vocab(self) -> int:
        """Tokens that it knows."""

    @property
    def table_bytes(self) -> int:
        """Bytes of its tables of rotations."""

    def groups(self, page_size: int) -> tuple[CacheGroup, ...]:
        """Groups of its caches. page_size: tokens of a page, where its caches leave the choice."""

    def pools(self, groups: Sequence[CacheGroup], pages: Mapping[str, int]) -> tuple[Any, ...]:
        """Empty caches of every layer, and of the drafter. pages: how many every group has."""

    def step(
        self, requests: Sequence[GroupedRequest], groups: Sequence[CacheGroup], bucket: Bucket
    ) -> tuple[Any, list[int]]:
        """The arrays of a step on the host, and where the tokens of each request begin in them."""

    def structs(self, groups: Sequence[CacheGroup], bucket: Bucket) -> Any:
        """The same with shapes and dtypes; arrays that are the same in every step may be themselves."""
