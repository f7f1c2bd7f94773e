"""A step of three programs: the embedding, one layer that runs for every layer, and the head.

XLA compiles a whole unrolled step layer by layer, though all are the same program. On a CPU, where a dispatch costs
little beside a layer, compiling one layer and calling it for each makes start-up as many times shorter. The results are
the whole step's: programs between operations only move results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.layers.attention import KVCache
from jax_impl.layers.decoder import DecoderWeights, decoder_layer, logits, norm
from jax_impl.layers.linear import embed
from jax_impl.layers.step import Step
from jax_impl.serving.sampler import Drawn, most_likely


def tokens_of(step: Step, previous: jax.Array, source: jax.Array) -> Step:
    """The step with the tokens that the step before drew in their places."""
    ids = jnp.where(source < 0, step.batch.token_ids, previous[jnp.maximum(source, 0)])
    return replace(step, batch=replace(step.batch, token_ids=ids))


def _embed(weights: Mapping[str, Any], previous: jax.Array, step: Step, source: jax.Array) -> jax.Array:
    return embed(weights["embedding"], tokens_of(step, previous, source).batch.token_ids, options=step.options)


def _layer(
    weights: Mapping[str, Any], x: jax.Array, residual: jax.Array, cache: KVCache, step: Step, *, layer: int
) -> tuple[jax.Array, jax.Array, KVCache]:
    return decoder_layer(step, layer, weights, x, residual, cache)


def _head(
    weights: DecoderWeights,
    x: jax.Array,
    residual: jax.Array,
    step: Step,
    *,
    rows: int,
    general: bool,
) -> Drawn | jax.Array:
    hidden, _ = norm(step, weights.model["norm"], x, residual)
    found = logits(step, weights, hidden)
    return found if general else most_likely(found, rows)


# Functions of the module, so that engines of the same sizes in one process share what is compiled.
_EMBED = jax.jit(_embed)
# The cache is donated: it is updated where it lies. So are the activations.
_LAYER = jax.jit(_layer, static_argnames=("layer",), donate_argnums=(1, 2, 3))
_HEAD = jax.jit(_head, static_argnames=("rows", "general"))


def workspace_of(program: Any) -> int:
    """Bytes of temporaries and results of a compiled program."""
    need = program.memory_analysis()
    return int(need.temp_size_in_bytes) + int(need.output_size_in_bytes) - int(need.alias_size_in_bytes)


class LayerwiseStep:
    """Called as the program of a whole step, `jax_impl.serving.programs.forward`."""

    def __init__(
        self,
        weights: DecoderWeights,
        caches: tuple[KVCache, ...],
        previous: Any,
        step: Step,
        source: Any,
        *,
        general: bool,
    ) -> None:
        """Compiles the programs. All arguments: shapes and dtypes."""
        self._embed = _EMBED.lower(weights.model, previous, step, source).compile()
        tokens = step.batch.token_ids.shape[0]
        x = jax.ShapeDtypeStruct((tokens, step.config.hidden), step.options.dtype)
        programs: dict[object, Any] = {}
        self._layers = []
        for layer, (own, cache) in enumerate(zip(weights.layers, caches, strict=True)):
            leaves, tree = jax.tree.flatten((own, cache))
            key = (step.config.window(layer), tree, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves))
            if key not in programs:
                programs[key] = _LAYER.lower(own, x, x, cache, step, layer=layer).compile()
            self._layers.append(programs[key])
        own_head = DecoderWeights(model=weights.model, layers=())
        self._head = _HEAD.lower(own_head, x, x, step, rows=previous.shape[0], general=general).compile()
        self._zeros = jnp.zeros(x.shape, x.dtype)

    @property
    def workspace(self) -> int:
        """Bytes of temporaries and results of the program that needs most: they are reused from layer to layer."""
        return max(map(workspace_of, self._programs()))

    def _programs(self) -> list[Any]:
        return [self._embed, *self._layers, self._head]

    def __call__(
        self,
        weights: DecoderWeights,
        caches: tuple[KVCache, ...],
        previous: Any,
        step: Step,
        source: Any,
    ) -> tuple[Any, tuple[KVCache, ...]]:
        """One step."""
        x = self._embed(weights.model, previous, step, source)
        # The sum of the embedding and zeros is the embedding: the first layer is no program of its own.
        residual, updated = jnp.copy(self._zeros), []
        for program, own, cache in zip(self._layers, weights.layers, caches, strict=True):
            x, residual, written = program(own, x, residual, cache, step)
            updated.append(written)
        drawn = self._head(DecoderWeights(model=weights.model, layers=()), x, residual, step)
        return drawn, tuple(updated)
