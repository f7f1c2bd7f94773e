"""Steps in JAX: the program that the server compiles, on one device or on several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.decode.load import PAGE, Load, Times, timed
from benchmarks.decode.weights import Precision, strip, tables
from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import put
from jax_impl.layers.step import Options, rotations
from jax_impl.serving.buckets import Bucket, Buckets
from jax_impl.serving.model import GROUP, Model
from jax_impl.serving.parallel import AXIS, everywhere
from jax_impl.serving.programs import Programs
from specs.decoder.config import DecoderConfig
from specs.decoder.groups import GroupedRequest
from specs.decoder.parallel import split_config
from specs.decoder.weights import Weight

COLLECTIVES: Final = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


@dataclass(slots=True, kw_only=True)
class JaxSteps:
    """A compiled step with its arrays.

    exchanges: collectives in it. bytes: of weights without the table of embeddings, and of keys and values, of one
        device.
    """

    program: Callable[..., Any]
    weights: Any
    caches: Any
    tokens: Any
    rest: tuple[Any, Any]
    exchanges: int
    bytes: int

    def times(self, steps: int) -> Times:
        """See `timed`."""
        return timed(self._queue, lambda: jax.block_until_ready(self.tokens), steps)

    def _queue(self) -> None:
        drawn, self.caches = self.program(self.weights, self.caches, self.tokens, *self.rest)
        self.tokens = drawn.tokens


def random_model(config: DecoderConfig, devices: list[jax.Device], precision: Precision = Precision.BFLOAT16) -> Model:
    """A model with random weights over the devices."""
    count = len(devices)
    mesh = Mesh(np.asarray(devices), (AXIS,)) if count > 1 else None
    config = split_config(config, count) if mesh else config
    made = [{name: _weight(name, w, precision, mesh) for name, w in table.items()} for table in tables(config)]
    cos_sin = rotations(config)
    return Model(
        config=config,
        options=Options(dtype=jnp.bfloat16, axis=AXIS if mesh else None),
        weights=DecoderWeights(model=made[0], layers=tuple(made[1:])),
        cos_sin=jax.device_put(cos_sin, everywhere(mesh)) if mesh else cos_sin,
        cache_dtype=jnp.bfloat16,
        mesh=mesh,
    )


def _weight(name: str, weight: Weight, precision: Precision, mesh: Mesh | None) -> Any:
    rows, times = strip(name, weight, precision)
    dtype = jnp.float32 if weight.wide else jnp.bfloat16
    part = put(rows, dtype) if weight.linear else jnp.asarray(rows, dtype)
    spread = None if mesh is None else NamedSharding(mesh, PartitionSpec(AXIS))
    return jax.tree.map(partial(_repeated, times=times, spread=spread), part)


def _repeated(part: jax.Array, times: int, spread: NamedSharding | None) -> jax.Array:
    """The rows `times` times, on every device of a mesh."""
    whole = (times, *(1 for _ in part.shape[1:]))

    def tiled(part: jax.Array) -> jax.Array:
        found = jnp.tile(part, whole)
        return found if spread is None else jnp.broadcast_to(found, (spread.mesh.size, *found.shape))

    return jax.jit(tiled, out_shardings=spread)(part)


def compiled(model: Model, load: Load, options: Mapping[str, Any] | None = None) -> JaxSteps:
    """The program of a load. options: of XLA's compiler."""
    groups = model.groups(PAGE)
    caches = model.pools(groups, {GROUP: load.requests * load.table})
    tokens = load.requests * load.tokens
    bucket = Bucket(tokens=tokens, requests=load.requests, pages=load.table, general=False)
    programs = Programs(model, groups, caches, Buckets(tokens=tokens, requests=load.requests, pages=load.table))
    program = programs.lower(bucket).compile(compiler_options=dict(options or {}))
    requests = [
        GroupedRequest(computed=one.computed, tokens=one.tokens, pages={GROUP: one.pages}) for one in load.step()
    ]
    step, _ = model.step(requests, groups, bucket)
    text, devices = program.as_text(), model.config.devices
    table = sum(x.nbytes for x in jax.tree.leaves(model.weights.model["embedding"]))
    read = sum(x.nbytes for x in jax.tree.leaves((model.weights, caches))) - table
    # Of decodes alone tokens are what the step before drew; of prompts they are the batch's own.
    source = np.arange(tokens) if bucket.longest else np.full(tokens, -1)
    place = everywhere(model.mesh) if model.mesh else None
    return JaxSteps(
        program=program,
        weights=model.weights,
        caches=caches,
        tokens=jax.device_put(np.arange(load.requests, dtype=np.int32), place),
        rest=(step, source.astype(np.int32)),
        exchanges=sum(text.count(f" {name}(") + text.count(f" {name}-start(") for name in COLLECTIVES),
        bytes=read // devices,
    )


def copy_speed() -> float:
    """Bytes per second of a copy on the first device, read and written."""
    # Beyond every cache of a GPU; on a CPU this is a try of the program, and memory is short.
    x = jnp.zeros(1 << (20 if jax.default_backend() == "cpu" else 28), jnp.int32)
    return 2 * x.nbytes / _seconds(jax.jit(lambda x: x + 1), x)


def product_speed() -> float:
    """Multiplications and additions per second of a square product in bfloat16."""
    size = 256 if jax.default_backend() == "cpu" else 8192
    x = jax.random.normal(jax.random.key(0), (size, size), jnp.bfloat16) * size**-0.5
    return 2 * size**3 / _seconds(jax.jit(lambda x: x @ x), x)


def _seconds(function: Callable[[jax.Array], jax.Array], x: jax.Array) -> float:
    """Median seconds of a call whose result is the next one's argument."""
    jax.block_until_ready(function(x))
    times = []
    for _ in range(7):
        start, y = perf_counter(), x
        for _ in range(10):
            y = function(y)
        jax.block_until_ready(y)
        times.append((perf_counter() - start) / 10)
    return median(times)
