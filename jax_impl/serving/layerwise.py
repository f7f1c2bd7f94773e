"""A step of three programs: what comes before the layers, one layer that runs for every layer, and the head.

XLA compiles a whole unrolled step layer by layer, though many are the same program. On a CPU, where a dispatch costs
little beside a layer, compiling one layer and calling it for each makes start-up as many times shorter. The results are
the whole step's: programs between operations only move results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.serving.family import Family
from jax_impl.serving.sampler import Drawn, most_likely


def tokens_of(step: Any, previous: jax.Array, source: jax.Array) -> Any:
    """The step with the tokens that the step before drew in their places."""
    ids = jnp.where(source < 0, step.batch.token_ids, previous[jnp.maximum(source, 0)])
    return replace(step, batch=replace(step.batch, token_ids=ids))


def _begin(
    weights: Mapping[str, Any], previous: jax.Array, step: Any, source: jax.Array, *, family: Family
) -> tuple[Any, Any]:
    return family.begin(tokens_of(step, previous, source), weights)


def _layer(
    weights: Mapping[str, Any], shared: Any, state: Any, cache: Any, step: Any, *, family: Family, layer: int
) -> tuple[Any, Any]:
    return family.layer(step, layer, weights, shared, state, cache)


def _end(
    weights: Mapping[str, Any], state: Any, step: Any, *, family: Family, rows: int, general: bool
) -> Drawn | jax.Array:
    found = family.end(step, weights, state)
    return found if general else most_likely(found, rows)


# Functions of the module, so that engines of the same sizes in one process share what is compiled.
_BEGIN = jax.jit(_begin, static_argnames=("family",))
# The cache is donated: it is updated where it lies. So is what the layer before gave.
_LAYER = jax.jit(_layer, static_argnames=("family", "layer"), donate_argnums=(2, 3))
_END = jax.jit(_end, static_argnames=("family", "rows", "general"))


def workspace_of(program: Any) -> int:
    """Bytes of temporaries and results of a compiled program."""
    need = program.memory_analysis()
    return int(need.temp_size_in_bytes) + int(need.output_size_in_bytes) - int(need.alias_size_in_bytes)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A step before its drafts.

    result: what it draws where it is greedy, else its logits. shared, state: of the family, after the last layer.
    """

    result: Any
    shared: Any
    state: Any


class LayerwiseStep:
    """Called as the program of a whole step, `jax_impl.serving.programs.forward`."""

    def __init__(
        self,
        weights: Any,
        caches: tuple[Any, ...],
        previous: Any,
        step: Any,
        source: Any,
        *,
        family: Family,
        general: bool,
        drafts: bool = False,
    ) -> None:
        """Compiles the programs. All arguments: shapes and dtypes. drafts: whether it is called for `Forwarded`."""
        begin = _BEGIN.lower(weights.model, previous, step, source, family=family)
        shared, state = jax.tree.map(_struct, begin.out_info)
        self._begin = begin.compile()
        programs: dict[object, tuple[Any, Any]] = {}
        self._layers = []
        for layer, (own, cache) in enumerate(zip(weights.layers, caches, strict=True)):
            leaves, tree = jax.tree.flatten((own, cache, state))
            key = (family.kind(step.config, layer), tree, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves))
            if key not in programs:
                lowered = _LAYER.lower(own, shared, state, cache, step, family=family, layer=layer)
                programs[key] = lowered.compile(), jax.tree.map(_struct, lowered.out_info[0])
            program, state = programs[key]
            self._layers.append(program)
        rows = previous.shape[0]
        end = _END.lower(weights.model, state, step, family=family, rows=rows, general=general)
        self._end = end.compile()
        self.forwarded = Forwarded(result=jax.tree.map(_struct, end.out_info), shared=shared, state=state)
        self._drafts = drafts

    @property
    def workspace(self) -> int:
        """Bytes of temporaries and results of the program that needs most: they are reused from layer to layer."""
        return max(map(workspace_of, [self._begin, *self._layers, self._end]))

    def __call__(
        self, weights: Any, caches: tuple[Any, ...], previous: Any, step: Any, source: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """One step."""
        shared, state = self._begin(weights.model, previous, step, source)
        updated = []
        for program, own, cache in zip(self._layers, weights.layers, caches, strict=True):
            state, written = program(own, shared, state, cache, step)
            updated.append(written)
        result = self._end(weights.model, state, step)
        if self._drafts:
            result = Forwarded(result=result, shared=shared, state=state)
        return result, tuple(updated)


def _struct(info: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(info.shape, info.dtype)
