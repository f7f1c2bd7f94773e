"""From a model's name to an engine that is ready, with progress for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from specs.extras import hints

with hints("jax"):
    import jax


from checkpoints.checkpoint import Checkpoint
from checkpoints.deepseek_v4 import V4Checkpoint
from checkpoints.names import model_path
from checkpoints.opening import open_model
from jax_impl.layers.step import Options
from jax_impl.serving.engine import Engine, Settings
from jax_impl.serving.family import ServedModel
from jax_impl.serving.memory import memory_of, plan
from jax_impl.serving.model import load
from jax_impl.serving.parallel import first_devices, load_parallel
from jax_impl.serving.program_cache import ProgramCache
from jax_impl.serving.scheduler import Limits
from jax_impl.serving.v4 import load_v4
from specs.decoder.precision import DEVICE as V4_PRECISION
from specs.decoder.precision import precision_of

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a user may choose.

    pages: None for as many as the memory has room for. memory: the share of it that may be used, None for the default.
    devices: how many the model is spread over. speculative_tokens: that are drafted for a request after each step.
    """

    limits: Limits
    page_size: int = 16
    pages: int | None = None
    memory: float | None = None
    invariant: bool = False
    prefix_cache: bool = True
    devices: int = 1
    speculative_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """An engine, the checkpoint that it serves, and the folder of its programs, if there is one."""

    engine: Engine
    checkpoint: Checkpoint | V4Checkpoint
    cache: ProgramCache | None = None


def prepare(model: str, sizes: Sizes, *, cache: Path | None = None, told: Told = print) -> Ready:
    """Opens a model and makes an engine for it; programs are not compiled yet.

    Args:
        model: a name or a path. cache: folder of compiled programs. told: is called with a line for every step.

    Raises:
        ValueError: the memory has no room for one request, or the devices cannot share the model evenly.
    """
    kept = None if cache is None else ProgramCache(cache, told)
    if kept is not None:
        kept.open()
    path = model_path(model)
    told(f"reading {path.name}")
    checkpoint = open_model(path)
    platform = jax.default_backend()
    devices = first_devices(sizes.devices)
    loaded, weights = _placed(checkpoint, devices, platform, sizes)
    where = f"{len(devices)} x {platform}" if devices else platform
    told(f"{checkpoint.name}: {checkpoint.config.layers} layers on {where}, weights {weights}")
    limits = replace(sizes.limits, length=min(sizes.limits.length, checkpoint.config.max_positions))
    planned = plan(loaded, limits, sizes.page_size, memory_of(jax.devices()[0], sizes.memory), sizes.pages)
    for line in planned.lines():
        told(line)
    settings = Settings(
        pages=planned.first,
        page_size=sizes.page_size,
        limits=limits,
        prefix_cache=sizes.prefix_cache,
        layerwise=platform == "cpu" and not devices,
    )
    return Ready(engine=Engine(loaded, checkpoint.tokenizer, settings), checkpoint=checkpoint, cache=kept)


def _placed(
    checkpoint: Checkpoint | V4Checkpoint, devices: Sequence[jax.Device], platform: str, sizes: Sizes
) -> tuple[ServedModel, str]:
    """A checkpoint on the device or devices, and its weights for people."""
    if isinstance(checkpoint, V4Checkpoint):
        if devices:
            raise ValueError(f"devices: expected 1 for DeepSeek-V4; got {len(devices)}")
        options = Options(dtype=V4_PRECISION.activations.numpy_dtype, invariant=sizes.invariant)
        model = load_v4(checkpoint, options, drafts=sizes.speculative_tokens)
        return model, V4_PRECISION.describe(checkpoint.quantisation)
    if sizes.speculative_tokens:
        raise ValueError(f"speculative tokens: expected 0 for this model; got {sizes.speculative_tokens}")
    chosen = precision_of(platform)
    options = Options(dtype=chosen.activations.numpy_dtype, invariant=sizes.invariant)
    place = partial(load_parallel, devices=devices) if devices else load
    loaded = place(checkpoint, options, cache_dtype=chosen.caches.numpy_dtype, decode=chosen.decode)
    return loaded, chosen.describe(checkpoint.quantisation)


def warm(ready: Ready, *, greedy: bool = False, threads: int = 2, told: Told = print) -> None:
    """Compiles every program; greedy: only those for temperature 0."""
    programs = ready.engine.programs
    wanted = [bucket for bucket in programs.buckets.all() if not (greedy and bucket.general)]
    kept = ready.cache
    with nullcontext() if kept is None else kept.compiling():
        seconds = programs.warm(wanted, threads, None if kept is None else kept.progress)
    told(f"compiled {len(wanted)} programs in {seconds:.1f} s")
