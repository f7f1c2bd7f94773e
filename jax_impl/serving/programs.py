"""The compiled step: one program per bucket of sizes, compiled before the first request and never after it.

A step is padded to the smallest bucket that has room for it. Buckets double, so padding costs at most half of a step,
and there are few programs. XLA's persistent cache keeps them from one start to the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.layers.attention import KVCache
from jax_impl.layers.decoder import DecoderWeights, decode
from jax_impl.layers.step import Batch, Step
from jax_impl.serving.layerwise import LayerwiseStep, tokens_of
from jax_impl.serving.model import Model
from jax_impl.serving.sampler import Drawn, SamplingArrays, draw


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Bucket:
    """Sizes of a program.

    tokens, requests, pages: T, B, and the width of the block table. general: whether rows may be sampled and ask for
    logprobs; otherwise all are greedy.
    """

    tokens: int
    requests: int
    pages: int
    general: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The sizes that programs are compiled for.

    tokens, requests, pages: the largest step, batch and table.
    """

    tokens: int
    requests: int
    pages: int

    def smallest(self, tokens: int, requests: int, pages: int, general: bool) -> Bucket:
        """The bucket of a step. Steps of decodes alone have one token per request."""
        batch = min(_power(requests), self.requests)
        if tokens == requests:
            size = batch
        else:
            # With parts of prompts the batch is the largest: such steps are long, and few programs matter more.
            size, batch = min(max(_power(tokens), _LEAST_TOKENS), self.tokens), self.requests
            size = max(size, batch)
        width = min(max(_power(pages, 4), _LEAST_PAGES), self.pages)
        return Bucket(tokens=size, requests=batch, pages=width, general=general)

    def all(self) -> Iterator[Bucket]:
        """Every bucket, short contexts first."""
        widths = _steps(_LEAST_PAGES, self.pages, 4)
        for general in (False, True):
            for pages in widths:
                for requests in _steps(1, self.requests, 2):
                    yield Bucket(tokens=requests, requests=requests, pages=pages, general=general)
                sizes = {max(size, self.requests) for size in _steps(_LEAST_TOKENS, self.tokens, 2)}
                for tokens in sorted(sizes):
                    yield Bucket(tokens=tokens, requests=self.requests, pages=pages, general=general)


_LEAST_TOKENS, _LEAST_PAGES = 32, 16


def _power(size: int, base: int = 2) -> int:
    """The least power of `base` that is not less."""
    found = 1
    while found < size:
        found *= base
    return found


def _steps(first: int, last: int, factor: int) -> list[int]:
    found = [min(first, last)]
    while found[-1] < last:
        found.append(min(found[-1] * factor, last))
    return found


def serve_step(
    weights: DecoderWeights,
    caches: tuple[KVCache, ...],
    previous: jax.Array,
    step: Step,
    source: jax.Array,
    sampling: SamplingArrays,
    *,
    general: bool,
) -> tuple[Drawn, tuple[KVCache, ...]]:
    """One step of the engine.

    Args:
        previous: tokens that the step before drew, int32 [requests of the largest bucket].
        source: for every token the row of `previous` that it is, or -1 where `step.batch` has it, int32 [T].
    """
    step = tokens_of(step, previous, source)
    logits, caches = decode(step, weights, caches)
    return draw(logits, sampling, previous.shape[0], general=general), caches


class CompiledTooLate(RuntimeError):
    """A step of a size that no program exists for, after warm-up."""


class Programs:
    """Compiled steps by bucket."""

    def __init__(self, model: Model, caches: tuple[KVCache, ...], buckets: Buckets, *, layerwise: bool = False) -> None:
        """Programs for a model and its caches; none is compiled yet.

        layerwise: whether a step is one program per layer, see `LayerwiseStep`.
        """
        self._layerwise = layerwise
        self._model = model
        self._caches = jax.tree.map(_struct, caches)
        self.buckets = buckets
        self._compiled: dict[Bucket, Callable[..., Any]] = {}
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
        arguments = self._arguments(bucket)
        if self._layerwise:
            compiled: Callable[..., Any] = LayerwiseStep(*arguments, general=bucket.general)
        else:
            compiled = self.lower(bucket).compile()
        with self._lock:
            return self._compiled.setdefault(bucket, compiled)

    def workspace(self) -> int:
        """Bytes that a step of the largest size needs beside weights and caches, as XLA compiles its parts."""
        *_, largest = self.buckets.all()
        return LayerwiseStep(*self._arguments(largest), general=largest.general).workspace

    def lower(self, bucket: Bucket) -> Any:
        """The lowered program of a whole step."""
        function = jax.jit(partial(serve_step, general=bucket.general), donate_argnums=1)
        return function.lower(*self._arguments(bucket))

    def _arguments(self, bucket: Bucket) -> tuple[Any, ...]:
        """Shapes and dtypes of the arguments of a step."""
        model = self._model
        ints = partial(jax.ShapeDtypeStruct, dtype=jnp.int32)
        batch = Batch.structs(tokens=bucket.tokens, requests=bucket.requests, pages=bucket.pages)
        step = Step(batch=batch, cos_sin=_struct(model.cos_sin), config=model.config, options=model.options)
        return (
            jax.tree.map(_struct, model.weights),
            self._caches,
            ints((self.buckets.requests,)),
            step,
            ints((bucket.tokens,)),
            SamplingArrays.structs(bucket.requests),
        )


def _struct(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
