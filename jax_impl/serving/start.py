"""From a model's name to an engine that is ready, with progress for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jax

from checkpoints.checkpoint import Checkpoint
from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from jax_impl.layers.step import Options
from jax_impl.serving.engine import Engine, Settings
from jax_impl.serving.model import Model, load
from jax_impl.serving.programs import use_compilation_cache
from jax_impl.serving.scheduler import Limits
from specs.decoder.precision import precision_of

Told = Callable[[str], None]
_SHARE: Final = 0.9
"""Of the device's memory that weights, caches and a step's temporaries may take."""
_HOST_CACHE_BYTES: Final = 256 << 20
"""Of the caches on a CPU, which reports no memory of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a user may choose. pages: None for as many as the memory has room for."""

    limits: Limits
    page_size: int = 16
    pages: int | None = None
    invariant: bool = False
    prefix_cache: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """An engine, and the checkpoint that it serves."""

    engine: Engine
    checkpoint: Checkpoint


def prepare(model: str, sizes: Sizes, *, cache: Path | None = None, told: Told = print) -> Ready:
    """Opens a model and makes an engine for it; programs are not compiled yet.

    Args:
        model: a name or a path. cache: folder of compiled programs. told: is called with a line for every step.
    """
    if cache is not None:
        use_compilation_cache(cache)
    path = model_path(model)
    told(f"reading {path.name}")
    checkpoint = open_checkpoint(path)
    platform = jax.default_backend()
    chosen = precision_of(platform)
    options = Options(dtype=chosen.activations.numpy_dtype, invariant=sizes.invariant)
    loaded = load(checkpoint, options, cache_dtype=chosen.caches.numpy_dtype, decode=chosen.decode)
    weights = chosen.describe(checkpoint.quantisation)
    told(f"{checkpoint.name}: {loaded.config.layers} layers on {platform}, weights {weights}")
    limits = _limits(sizes.limits, loaded)
    pages = sizes.pages or _pages(loaded, sizes.page_size, limits)
    settings = Settings(
        pages=pages,
        page_size=sizes.page_size,
        limits=limits,
        prefix_cache=sizes.prefix_cache,
        layerwise=platform == "cpu",
    )
    told(f"caches: {pages} pages of {sizes.page_size} tokens, {pages * loaded.page_bytes(sizes.page_size) >> 20} MiB")
    return Ready(engine=Engine(loaded, checkpoint.tokenizer, settings), checkpoint=checkpoint)


def warm(engine: Engine, *, greedy: bool = False, threads: int = 2, told: Told = print) -> None:
    """Compiles every program; greedy: only those for temperature 0."""
    programs = engine.programs
    wanted = [bucket for bucket in programs.buckets.all() if not (greedy and bucket.general)]
    seconds = programs.warm(wanted, threads)
    told(f"compiled {len(wanted)} programs in {seconds:.1f} s")


def _limits(limits: Limits, model: Model) -> Limits:
    length = min(limits.length, model.config.max_positions)
    return Limits(tokens=limits.tokens, requests=limits.requests, waiting=limits.waiting, length=length)


def _pages(model: Model, page_size: int, limits: Limits) -> int:
    """Pages that fit beside the weights; at least enough for one request."""
    free = _free_bytes()
    least = -(-limits.length // page_size)
    most = limits.requests * least
    return max(least, min(most, free // model.page_bytes(page_size)))


def _free_bytes() -> int:
    stats: dict[str, Any] = jax.devices()[0].memory_stats() or {}
    limit = stats.get("bytes_limit")
    return _HOST_CACHE_BYTES if limit is None else max(0, int(limit * _SHARE) - int(stats.get("bytes_in_use", 0)))
