"""What the job needs of a framework: a checkpoint in some precision, a step with a look at every layer, draws.

torch and JAX are imported when one of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from checkpoints.checkpoint import Checkpoint
from parity.judge.frameworks import FRAMEWORKS, JAX_PLATFORMS
from parity.models.decoder.texts import PAGE, Schedule
from specs.decoder.batch import StepBatch
from specs.decoder.precision import Precision
from specs.lang.errors import Unsupported

Float32 = npt.NDArray[np.float32]
Watch = Callable[[str], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traced:
    """One step: hidden, the residual stream after the embedding and after every layer, float32 [layers + 1, T, hidden];
    logits of every row, float32 [T, vocab].
    """

    hidden: Float32
    logits: Float32


class Served(Protocol):
    """A checkpoint on a device, with its caches."""

    def step(self, batch: StepBatch, watch: Watch | None = None) -> Traced:
        """Runs a step; keys and values are written into the caches.

        watch: a context for every stage; with it JAX compiles nothing beyond operations.
        """
        ...


class TorchServed:
    """In torch."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision, pages: int, device: str) -> None:
        from torch_impl.formats import dtype_of
        from torch_impl.layers.step import Options
        from torch_impl.serving.model import load

        options = Options(dtype=dtype_of(precision.activations))
        stored = dtype_of(precision.caches)
        self.model = load(checkpoint, options, cache_dtype=stored, decode=precision.decode, device=device)
        self.caches = self.model.caches(pages, PAGE)

    def step(self, batch: StepBatch, watch: Watch | None = None) -> Traced:
        """As `Served.step`."""
        import torch

        from torch_impl.layers.decoder import decoder_layer, logits, norm
        from torch_impl.layers.linear import embed

        own, weights = self.model.step(_every_row(batch)), self.model.weights
        look: Watch = watch or (lambda _stage: nullcontext())
        with look("embedding"):
            x, residual = embed(weights.model["embedding"], own.batch.token_ids, options=own.options), None
        seen = [x.float().clone()]
        for index, (layer, cache) in enumerate(zip(weights.layers, self.caches, strict=True)):
            with look(f"layer {index}"):
                x, residual = decoder_layer(own, index, layer, x, residual, cache)
            seen.append(x.float() + residual.float())
        with look("logits"):
            found = logits(own, weights, norm(own, weights.model["norm"], x, residual)[0])
        return Traced(hidden=torch.stack(seen).cpu().numpy(), logits=found.cpu().numpy())


class JaxServed:
    """In JAX, one program per layer: they compile faster than a whole step."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision, pages: int, device: str) -> None:
        import jax

        from jax_impl.layers.decoder import decoder_layer, logits, norm
        from jax_impl.layers.linear import embed
        from jax_impl.layers.step import Options
        from jax_impl.serving.model import load

        def layer(own: Any, weights: Any, x: Any, residual: Any, cache: Any, *, index: int) -> Any:
            x, residual, cache = decoder_layer(own, index, weights, x, residual, cache)
            return x, residual, cache, x.astype("float32") + residual.astype("float32")

        def head(own: Any, weights: Any, x: Any, residual: Any) -> Any:
            return logits(own, weights, norm(own, weights.model["norm"], x, residual)[0])

        self.device = jax.devices(JAX_PLATFORMS[device])[0]
        self.embed = jax.jit(lambda own, table: embed(table, own.batch.token_ids, options=own.options))
        self.layer, self.head = jax.jit(layer, static_argnames="index", donate_argnums=4), jax.jit(head)
        options = Options(dtype=precision.activations.numpy_dtype)
        stored = precision.caches.numpy_dtype
        with jax.default_device(self.device):
            self.model = load(checkpoint, options, cache_dtype=stored, decode=precision.decode)
            self.caches = list(self.model.caches(pages, PAGE))

    def step(self, batch: StepBatch, watch: Watch | None = None) -> Traced:
        """As `Served.step`."""
        import jax
        import jax.numpy as jnp

        from jax_impl.layers.decoder import DecoderWeights
        from jax_impl.layers.step import Batch, Step

        with jax.default_device(self.device):
            model, weights = self.model, self.model.weights
            arrays = Batch.of(_every_row(batch))
            own = Step(batch=arrays, cos_sin=model.cos_sin, config=model.config, options=model.options)
            if watch is not None:
                return self._watched(replace(own, longest=batch.longest), watch)
            x = self.embed(own, weights.model["embedding"])
            # With zeros as residual the first layer is no program of its own.
            residual, seen = jnp.zeros_like(x), [x.astype("float32")]
            for index, layer in enumerate(weights.layers):
                alike = _first_alike(model.config.windows, index)
                x, residual, self.caches[index], after = self.layer(
                    own, layer, x, residual, self.caches[index], index=alike
                )
                seen.append(after)
            found = self.head(own, DecoderWeights(model=weights.model, layers=()), x, residual)
            return Traced(hidden=np.stack([np.asarray(one) for one in seen]), logits=np.asarray(found))

    def _watched(self, own: Any, look: Watch) -> Traced:
        """The same stage by stage, with the calls that torch makes."""
        import jax.numpy as jnp

        from jax_impl.layers.decoder import decoder_layer, logits, norm
        from jax_impl.layers.linear import embed

        weights = self.model.weights
        with look("embedding"):
            x, residual = embed(weights.model["embedding"], own.batch.token_ids, options=own.options), None
        seen = [x.astype(jnp.float32)]
        for index, layer in enumerate(weights.layers):
            with look(f"layer {index}"):
                x, residual, self.caches[index] = decoder_layer(own, index, layer, x, residual, self.caches[index])
            seen.append(x.astype(jnp.float32) + residual.astype(jnp.float32))
        with look("logits"):
            found = logits(own, weights, norm(own, weights.model["norm"], x, residual)[0])
        return Traced(hidden=np.stack([np.asarray(one) for one in seen]), logits=np.asarray(found))


SERVED: Final[Mapping[str, Callable[[Checkpoint, Precision, int, str], Served]]] = {
    "torch": TorchServed,
    "jax": JaxServed,
}


def served(framework: str, checkpoint: Checkpoint, precision: Precision, pages: int, device: str) -> Served:
    """A checkpoint in a framework on "cpu", "cuda" or "xpu".

    Raises:
        Unsupported: the framework is not installed, or sees no such device.
    """
    reason = FRAMEWORKS[framework].missing(device)
    if reason is not None:
        raise Unsupported(framework, reason)
    return SERVED[framework](checkpoint, precision, pages, device)


def collected(steps: list[Traced], plan: Schedule, texts: int) -> tuple[Traced, ...]:
    """The rows of all steps, put together by conversation."""
    found = []
    for text in range(texts):
        hidden, logits = list[Float32](), list[Float32]()
        for traced, rows in zip(steps, plan.rows, strict=True):
            own = [row for row, (index, _) in enumerate(rows) if index == text]
            hidden.append(traced.hidden[:, own])
            logits.append(traced.logits[own])
        found.append(Traced(hidden=np.concatenate(hidden, 1), logits=np.concatenate(logits)))
    return tuple(found)


def _every_row(batch: StepBatch) -> StepBatch:
    """The step with logits of all rows, not of the last one of every request alone."""
    return replace(batch, logits_indices=np.arange(len(batch.token_ids), dtype=np.int32))


def _first_alike(windows: tuple[int | None, ...], index: int) -> int:
    """The first layer with the same window: layers are one program where only their number differs."""
    return windows.index(windows[index]) if windows else 0
