"""The compiled step: one program per bucket of sizes, compiled before the first request and never after it.

XLA's persistent cache keeps programs from one start to the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.serving.buckets import Bucket, Buckets
from jax_impl.serving.family import Family, ServedModel
from jax_impl.serving.layerwise import Forwarded, LayerwiseStep, tokens_of, workspace_of
from jax_impl.serving.parallel import everywhere, on_every_device
from jax_impl.serving.penalties import PenaltyArrays, penalised
from jax_impl.serving.sampler import Drawn, SamplingArrays, draw, most_likely
from jax_impl.serving.speculative import DraftArrays, SpeculativeStep, verify_and_draft
from specs.decoder.groups import CacheGroup


def forward(
    weights: Any,
    caches: tuple[Any, ...],
    previous: jax.Array,
    step: Any,
    source: jax.Array,
    *,
    family: Family,
    general: bool,
) -> tuple[Any, tuple[Any, ...]]:
    """One step of the engine: what it draws where it is greedy, else its logits, from which `GeneralStep` draws.

    Args:
        previous: tokens that the step before drew, int32 [requests of the largest bucket].
        source: for every token the row of `previous` that it is, or -1 where `step.batch` has it, int32 [T].
    """
    logits, caches = family.decode(tokens_of(step, previous, source), weights, caches)
    return (logits if general else most_likely(logits, previous.shape[0])), caches


def forward_for_drafts(
    weights: Any,
    caches: tuple[Any, ...],
    previous: jax.Array,
    step: Any,
    source: jax.Array,
    *,
    family: Family,
    general: bool,
) -> tuple[Forwarded, tuple[Any, ...]]:
    """The same, and what a drafter goes on with."""
    shared, state = family.begin(tokens_of(step, previous, source), weights.model)
    updated = []
    for layer, (own, cache) in enumerate(zip(weights.layers, caches, strict=True)):
        state, written = family.layer(step, layer, own, shared, state, cache)
        updated.append(written)
    logits = family.end(step, weights.model, state)
    result = logits if general else most_likely(logits, previous.shape[0])
    return Forwarded(result=result, shared=shared, state=state), tuple(updated)


_FORWARD = jax.jit(forward, static_argnames=("family", "general"), donate_argnums=1)
_FORWARD_FOR_DRAFTS = jax.jit(forward_for_drafts, static_argnames=("family", "general"), donate_argnums=1)
_DRAFT = jax.jit(verify_and_draft, static_argnames=("drafter",), donate_argnums=1)
_DRAW = jax.jit(draw, static_argnames=("rows",))
_PENALISE = jax.jit(penalised)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralStep:
    """A step that draws: three programs, of which buckets of the same batch share the last two.

    forward: to logits. penalise: logits under penalties, in steps that have any. draw: tokens and logprobs.
    """

    forward: Callable[..., Any]
    penalise: Callable[..., Any]
    draw: Callable[..., Any]

    def __call__(
        self,
        weights: Any,
        caches: tuple[Any, ...],
        previous: Any,
        step: Any,
        source: Any,
        sampling: SamplingArrays,
        penalties: PenaltyArrays | None,
    ) -> tuple[Drawn, tuple[Any, ...]]:
        """One step."""
        logits, caches = self.forward(weights, caches, previous, step, source)
        return self.drawn(logits, previous, sampling, penalties), caches

    def drawn(
        self, logits: jax.Array, previous: Any, sampling: SamplingArrays, penalties: PenaltyArrays | None
    ) -> Drawn:
        """What it draws from logits."""
        changed = logits if penalties is None else self.penalise(logits, previous, penalties)
        found: Drawn = self.draw(logits, changed, sampling)
        return found


class CompiledTooLate(RuntimeError):
    """A step of a size that no program exists for, after warm-up."""


class Programs:
    """Compiled steps by bucket."""

    def __init__(
        self,
        model: ServedModel,
        groups: Sequence[CacheGroup],
        caches: tuple[Any, ...],
        buckets: Buckets,
        *,
        layerwise: bool = False,
    ) -> None:
        """Programs for a model and its caches; none is compiled yet.

        layerwise: whether a step is one program per layer, see `LayerwiseStep`.
        """
        self._layerwise = layerwise
        self._groups = groups
        self._model = model
        self._caches = jax.tree.map(_struct, caches)
        self.buckets = buckets
        self._compiled: dict[Bucket, Callable[..., Any]] = {}
        self._shared: dict[tuple[int, ...], Callable[..., Any]] = {}
        self._lock = threading.Lock()
        self.late = 0
        self._forbidden = False

    def warm(self, wanted: Iterable[Bucket], threads: int = 2, told: Callable[[int, int], None] | None = None) -> float:
        """Compiles programs, several at a time; seconds that it took. told: is called with (done, all)."""
        start, all_of_them = time.perf_counter(), list(wanted)
        with ThreadPoolExecutor(threads) as pool:
            for done, _ in enumerate(pool.map(self._compile, all_of_them), 1):
                if told is not None:
                    told(done, len(all_of_them))
        return time.perf_counter() - start

    @contextmanager
    def forbid_compiles(self) -> Iterator[None]:
        """Within it a step without a program raises `CompiledTooLate`: tests find sizes that warm-up forgot."""
        self._forbidden = True
        try:
            yield
        finally:
            self._forbidden = False

    def get(self, bucket: Bucket) -> Callable[..., Any]:
        """The program of a bucket. One that is compiled now is counted in `late`."""
        found = self._compiled.get(bucket)
        if found is None:
            if self._forbidden:
                raise CompiledTooLate(f"no program for {bucket}")
            self.late += 1
            found = self._compile(bucket)
        return found

    def _compile(self, bucket: Bucket) -> Callable[..., Any]:
        with self._lock:
            if bucket in self._compiled:
                return self._compiled[bucket]
        if self._layerwise:
            layers = self._by_layers(bucket)
            compiled, found = layers, layers.forwarded
        else:
            lowered = self.lower(bucket)
            compiled, found = lowered.compile(), lowered.out_info[0]
        step: Callable[..., Any] = compiled
        if bucket.general:
            step = GeneralStep(forward=compiled, penalise=self._penalise(bucket), draw=self._draw(bucket))
        if self._model.drafter is not None:
            draw = step.drawn if isinstance(step, GeneralStep) else None
            step = SpeculativeStep(forward=compiled, draw=draw, draft=self._draft(bucket, found))
        with self._lock:
            return self._compiled.setdefault(bucket, step)

    def workspace(self) -> int:
        """Bytes that a step of the largest size needs beside weights and caches on one device, as XLA compiles it."""
        *_, largest = self.buckets.all()
        if self._model.mesh is None:
            layers = self._by_layers(largest)
            step = layers.workspace
            if self._model.drafter is not None:
                step = max(step, workspace_of(self._draft(largest, layers.forwarded)))
        else:  # of a step on several devices there is only the whole
            step = workspace_of(self.lower(largest).compile())
        return max(step, workspace_of(self._draw(largest)), workspace_of(self._penalise(largest)))

    def _draw(self, bucket: Bucket) -> Callable[..., Any]:
        logits, sampling = self._logits(bucket), SamplingArrays.structs(bucket.requests)
        lowered = partial(_DRAW.lower, logits, logits, sampling, rows=self.buckets.requests)
        return self._once((bucket.requests,), lowered)

    def _draft(self, bucket: Bucket, found: Forwarded) -> Callable[..., Any]:
        """Verification and draft; general and greedy steps share them. found: shapes and dtypes."""
        weights, _, _, step, source = self._arguments(bucket)
        sizes = {"requests": bucket.requests, "length": self._model.drafts}
        lowered = partial(
            _DRAFT.lower,
            weights.model,
            self._caches[-1],
            step,
            *jax.tree.map(_struct, (found.shared, found.state)),
            jax.ShapeDtypeStruct((self.buckets.requests,), jnp.int32),
            DraftArrays.structs(tokens=source.shape[0], **sizes),
            drafter=self._model.drafter,
        )
        return self._once((bucket.tokens, bucket.requests, bucket.pages), lowered)

    def _penalise(self, bucket: Bucket) -> Callable[..., Any]:
        previous = jax.ShapeDtypeStruct((self.buckets.requests,), jnp.int32)
        given = PenaltyArrays.structs(bucket.requests, self.length(bucket))
        lowered = partial(_PENALISE.lower, self._logits(bucket), previous, given)
        return self._once((bucket.requests, bucket.pages), lowered)

    def _once(self, key: tuple[int, ...], lowered: Callable[[], Any]) -> Callable[..., Any]:
        """A program that several buckets share."""
        with self._lock:
            found = self._shared.get(key)
        if found is None:
            found = lowered().compile()
        with self._lock:
            return self._shared.setdefault(key, found)

    def _logits(self, bucket: Bucket) -> jax.ShapeDtypeStruct:
        mesh = self._model.mesh
        sharding = None if mesh is None else everywhere(mesh)
        return jax.ShapeDtypeStruct((bucket.requests, self._model.vocab), jnp.float32, sharding=sharding)

    def length(self, bucket: Bucket) -> int:
        """Tokens that the pages of a request have room for."""
        return bucket.pages * self._groups[0].page_tokens

    def function(self, bucket: Bucket) -> tuple[Any, tuple[Any, ...]]:
        """What `lower` lowers, and the shapes of its arguments; the second, the caches, are donated."""
        return jax.jit(self._forward(bucket), donate_argnums=1), self._arguments(bucket)

    def lower(self, bucket: Bucket) -> Any:
        """The lowered program of a whole step, or of one to its logits."""
        arguments, mesh = self._arguments(bucket), self._model.mesh
        if mesh is None:
            jitted = _FORWARD if self._model.drafter is None else _FORWARD_FOR_DRAFTS
            return jitted.lower(*arguments, family=self._model.family, general=bucket.general)
        step = on_every_device(self._forward(bucket), mesh)
        return jax.jit(step, donate_argnums=1).lower(*arguments)

    def _arguments(self, bucket: Bucket) -> tuple[Any, ...]:
        """Shapes and dtypes of the arguments of a step."""
        model, ints = self._model, partial(jax.ShapeDtypeStruct, dtype=jnp.int32)
        step = model.structs(self._groups, bucket)
        return (
            jax.tree.map(_struct, model.weights),
            self._caches[: len(model.weights.layers)],
            ints((self.buckets.requests,)),
            jax.tree.map(_struct, step),
            ints(step.batch.token_ids.shape),
        )

    def _forward(self, bucket: Bucket) -> Callable[..., Any]:
        function = forward if self._model.drafter is None else forward_for_drafts
        return partial(function, family=self._model.family, general=bucket.general)

    def _by_layers(self, bucket: Bucket) -> LayerwiseStep:
        drafts = self._model.drafter is not None
        return LayerwiseStep(*self._arguments(bucket), family=self._model.family, general=bucket.general, drafts=drafts)


def _struct(array: Any) -> jax.ShapeDtypeStruct:
    # Arrays of one device take no sharding: a program is compiled for whichever device its arguments are on.
    spread = isinstance(array, jax.Array) and isinstance(array.sharding, jax.NamedSharding)
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding if spread else None)
