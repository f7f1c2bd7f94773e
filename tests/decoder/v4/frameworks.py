"""The tiny DeepSeek-V4 in JAX and in torch: a model with caches that takes steps, and says what every layer gave."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
import torch

import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_options
import jax_impl.layers.v4.block as jax_block
import jax_impl.layers.v4.caches as jax_caches
import jax_impl.layers.v4.step as jax_step
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_options
import torch_impl.layers.v4.block as torch_block
import torch_impl.layers.v4.caches as torch_caches
import torch_impl.layers.v4.step as torch_step
from specs.decoder.v4.batch import V4StepBatch
from specs.decoder.v4.config import STREAMS
from specs.decoder.v4.weights import FORMATS, layer_weights, model_weights
from specs.decoder.weights import Weights
from tests.decoder.v4.models import Checkpoint

Array = np.ndarray[Any, Any]


class Model(Protocol):
    """A model whose caches have the tokens of the steps that it took."""

    def step(self, arrays: V4StepBatch) -> list[Array]:
        """Streams after the embedding and after every layer, [T, 4, hidden], then logits [T, vocab]; float64."""

    def caches(self) -> list[dict[str, Array]]:
        """Caches of every layer, by name."""

    def fork(self) -> Model:
        """The same model with caches of its own."""


def tables(found: Checkpoint, *, quantised: bool) -> list[tuple[Weights, dict[str, Any]]]:
    """(declarations, host arrays) of the model's weights and of every layer's."""
    tensors = found.tensors if quantised else found.dense
    declared = [model_weights(found.config), *(layer_weights(found.config, i) for i in range(found.config.layers))]
    return [(table, {key: weight.assemble(tensors) for key, weight in table.items()}) for table in declared]


def jax_weights(table: Weights, host: dict[str, Any]) -> dict[str, Any]:
    """Weights as the layers of JAX have them."""
    return {
        key: jax_linear.put(host[key], jnp.bfloat16)
        if weight.linear
        else jnp.asarray(host[key], FORMATS.get(key, jnp.bfloat16))
        for key, weight in table.items()
    }


def torch_weights(table: Weights, host: dict[str, Any]) -> dict[str, Any]:
    """Weights as the layers of torch have them."""
    kinds = {np.float32: torch.float32, np.int32: torch.int32, None: torch.bfloat16}
    return {
        key: torch_linear.put(host[key], torch.bfloat16)
        if weight.linear
        else torch.from_numpy(np.array(host[key])).to(kinds[FORMATS.get(key)])  # type: ignore[index]
        for key, weight in table.items()
    }


class JaxModel:
    """The layers of JAX; operation by operation, which compiles what layers have in common once."""

    def __init__(self, found: Checkpoint, pages: Mapping[str, int], *, quantised: bool) -> None:
        self._config, self._options = found.config, jax_options.Options()
        self._weights = [jax_weights(*one) for one in tables(found, quantised=quantised)]
        self._caches = [jax_caches.LayerCache.empty(ratio, pages) for ratio in found.config.ratios]
        ropes = (found.config.rope, found.config.compress_rope)
        self._ropes = [jax_step.rotations(rope, found.config.max_positions) for rope in ropes]

    def step(self, arrays: V4StepBatch) -> list[Array]:
        """See `Model`."""
        config, options, (model, *layers) = self._config, self._options, self._weights
        batch = jax_step.Batch.of(arrays)
        step = jax_step.Step(
            batch=batch,
            metadata=jax_step.metadata(config, batch, options),
            cos_sin=self._ropes[0],
            compress_cos_sin=self._ropes[1],
            config=config,
            options=options,
        )
        x = jax_linear.embed(model["embedding"], batch.token_ids, options=options)
        streams, updated = jax_block.Streams(residual=jnp.repeat(x[:, None], STREAMS, 1)), []
        seen = [streams.residual]
        for own, ratio, cache in zip(layers, config.ratios, self._caches, strict=True):
            streams, written = jax_block.block(step, ratio, own, streams, cache)
            updated.append(written)
            seen.append(streams.complete(step))
        hidden = jax_block.head(step, model, seen[-1])
        seen.append(jax_linear.linear(hidden, model["head"], options=options, out_dtype=jnp.float32))
        self._caches = updated
        return [np.asarray(one, np.float64) for one in seen]

    def caches(self) -> list[dict[str, Array]]:
        """See `Model`."""
        return [_present(one) for one in self._caches]

    def fork(self) -> JaxModel:
        """See `Model`; caches are values."""
        return copy.copy(self)


class TorchModel:
    """The layers of torch."""

    def __init__(self, found: Checkpoint, pages: Mapping[str, int], *, quantised: bool) -> None:
        self._config, self._options = found.config, torch_options.Options()
        self._weights = [torch_weights(*one) for one in tables(found, quantised=quantised)]
        self._caches = [torch_caches.LayerCache.empty(ratio, pages) for ratio in found.config.ratios]
        ropes = (found.config.rope, found.config.compress_rope)
        self._ropes = [torch_step.rotations(rope, found.config.max_positions) for rope in ropes]

    def fork(self) -> TorchModel:
        """See `Model`."""
        other = copy.copy(self)
        other._caches = copy.deepcopy(self._caches)
        return other

    def step(self, arrays: V4StepBatch) -> list[Array]:
        """See `Model`."""
        config, options, (model, *layers) = self._config, self._options, self._weights
        batch = torch_step.Batch.of(arrays)
        step = torch_step.Step(
            batch=batch,
            metadata=torch_step.metadata(config, batch, options),
            cos_sin=self._ropes[0],
            compress_cos_sin=self._ropes[1],
            config=config,
            options=options,
        )
        x = torch_linear.embed(model["embedding"], batch.token_ids, options=options)
        streams = torch_block.Streams(residual=x[:, None].repeat(1, STREAMS, 1))
        seen = [streams.residual.clone()]
        for own, ratio, cache in zip(layers, config.ratios, self._caches, strict=True):
            streams = torch_block.block(step, ratio, own, streams, cache)
            seen.append(streams.complete(step))
        hidden = torch_block.head(step, model, seen[-1])
        seen.append(torch_linear.linear(hidden, model["head"], options=options, out_dtype=torch.float32))
        return [one.double().numpy() for one in seen]

    def caches(self) -> list[dict[str, Array]]:
        """See `Model`."""
        return [_present(one) for one in self._caches]


def _present(cache: Any) -> dict[str, Array]:
    named = {field.name: getattr(cache, field.name) for field in fields(cache)}
    return {name: np.asarray(one) for name, one in named.items() if one is not None}
