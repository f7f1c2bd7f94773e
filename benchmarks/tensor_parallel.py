"""Decode steps of a Llama-shaped model with random weights in JAX, on one device and on several: what serving runs.

    python -m benchmarks.tensor_parallel --devices 1,2 --batches 1,32,256 --layers 8

One program per batch and number of devices, as the server compiles it. Every request has `--context` keys in its pages
and gets one token; steps follow each other as in the server: the tokens of one go into the next on the device, and the
host does not wait. Weights are made where they are used. Printed per case, over rounds in which all cases take turns:

    step       milliseconds per step, the median and the range of the rounds
    floor      milliseconds that reading the weights and the keys of one device takes at the speed of a copy there
    host       milliseconds until a step is queued
    exchanges  collectives in the compiled step
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.memory_plan import LLAMA
from jax_impl.layers.decoder import DecoderWeights
from jax_impl.layers.linear import Dense
from jax_impl.layers.step import Options, rotations
from jax_impl.serving.buckets import Bucket, Buckets
from jax_impl.serving.model import GROUP, Model
from jax_impl.serving.parallel import AXIS, everywhere
from jax_impl.serving.programs import Programs
from specs.decoder.config import DecoderConfig
from specs.decoder.groups import GroupedRequest
from specs.decoder.parallel import split_config
from specs.decoder.weights import Weight, layer_weights, model_weights

PAGE: Final = 16
STEPS: Final = 20
COLLECTIVES: Final = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


@dataclass(slots=True, kw_only=True)
class Case:
    """A compiled step with its arrays."""

    batch: int
    devices: int
    program: Callable[..., Any]
    weights: Any
    caches: Any
    tokens: Any
    rest: tuple[Any, Any]
    exchanges: int
    bytes: int

    def steps(self, count: int) -> tuple[float, float]:
        """Seconds until some steps have run, and until they were queued, of one."""
        start = time.perf_counter()
        for _ in range(count):
            drawn, self.caches = self.program(self.weights, self.caches, self.tokens, *self.rest)
            self.tokens = drawn.tokens
        queued = time.perf_counter() - start
        jax.block_until_ready(self.tokens)
        return (time.perf_counter() - start) / count, queued / count


def random_model(config: DecoderConfig, devices: list[jax.Device], seed: int = 0) -> Model:
    """A model of bfloat16 weights with deviation 1 / sqrt(K), over the devices."""
    count = len(devices)
    mesh = Mesh(np.asarray(devices), (AXIS,)) if count > 1 else None
    config = split_config(config, count) if mesh else config
    options = Options(dtype=jnp.bfloat16, axis=AXIS if mesh else None)
    tables = [model_weights(config), *(layer_weights(config, layer) for layer in range(config.layers))]
    model, *layers = (_weights(table, (seed, index), mesh) for index, table in enumerate(tables))
    cos_sin = rotations(config)
    return Model(
        config=config,
        options=options,
        weights=DecoderWeights(model=model, layers=tuple(layers)),
        cos_sin=jax.device_put(cos_sin, everywhere(mesh)) if mesh else cos_sin,
        cache_dtype=jnp.bfloat16,
        mesh=mesh,
    )


def _weights(table: Mapping[str, Weight], seed: tuple[int, int], mesh: Mesh | None) -> dict[str, Any]:
    found = {}
    for number, (name, weight) in enumerate(table.items()):
        shape = weight.shape if mesh is None else (mesh.size, *weight.shape)
        dtype = jnp.float32 if weight.wide else jnp.bfloat16
        spread = None if mesh is None else NamedSharding(mesh, PartitionSpec(AXIS))

        def made(key: Any, shape: Any = shape, dtype: Any = dtype, linear: bool = weight.linear) -> jax.Array:
            return jax.random.normal(key, shape, dtype) * shape[-1] ** -0.5 if linear else jnp.ones(shape, dtype)

        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed[0]), seed[1]), number)
        array = jax.jit(made, out_shardings=spread)(key)
        found[name] = Dense(values=array) if weight.linear else array
    return found


def case(model: Model, batch: int, context: int) -> Case:
    """The step of `batch` requests with `context` keys each."""
    groups = model.groups(PAGE)
    table = groups[0].pages(context + 1)
    caches = model.pools(groups, {GROUP: batch * table})
    bucket = Bucket(tokens=batch, requests=batch, pages=table, general=False)
    programs = Programs(model, groups, caches, Buckets(tokens=batch, requests=batch, pages=table))
    compiled = programs.lower(bucket).compile()
    requests = [
        GroupedRequest(computed=context, tokens=(index,), pages={GROUP: range(index * table, (index + 1) * table)})
        for index in range(batch)
    ]
    step, _ = model.step(requests, groups, bucket)
    text = compiled.as_text()
    devices = model.config.devices
    keys = sum(x.nbytes for x in jax.tree.leaves(caches)) // devices
    table_of_tokens = model.weights.model["embedding"].values.nbytes
    weights = sum(x.nbytes for x in jax.tree.leaves(model.weights)) - table_of_tokens
    return Case(
        batch=batch,
        devices=devices,
        program=compiled,
        weights=model.weights,
        caches=caches,
        tokens=jax.device_put(np.arange(batch, dtype=np.int32), everywhere(model.mesh) if model.mesh else None),
        rest=(step, np.arange(batch, dtype=np.int32)),
        exchanges=sum(text.count(f" {name}(") + text.count(f" {name}-start(") for name in COLLECTIVES),
        bytes=weights // devices + keys,
    )


def copy_speed() -> float:
    """Bytes per second of a copy on the first device, read and written."""
    # Beyond every cache of a GPU; on a CPU this is a try of the program, and memory is short.
    x = jnp.zeros(1 << (20 if jax.default_backend() == "cpu" else 28), jnp.int32)
    copy = jax.jit(lambda x: x + 1)
    jax.block_until_ready(copy(x))
    times = []
    for _ in range(7):
        start, y = time.perf_counter(), x
        for _ in range(10):
            y = copy(y)
        jax.block_until_ready(y)
        times.append((time.perf_counter() - start) / 10)
    return 2 * x.nbytes / median(times)


def measured(cases: list[Case], rounds: int) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """(seconds, seconds on the host) of every case, round by round."""
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for one in cases:
        one.steps(STEPS)
    for _ in range(rounds):
        for one in cases:
            found.setdefault((one.batch, one.devices), []).append(one.steps(STEPS))
    return found


def report(cases: list[Case], times: Mapping[tuple[int, int], list[tuple[float, float]]], speed: float) -> list[str]:
    """A table in Markdown."""
    lines = ["| batch | devices | step, ms | floor, ms | host, ms | exchanges | to the first |", "|" + "---|" * 7]
    first = {one.batch: one for one in reversed(cases)}
    for one in cases:
        rows = times[one.batch, one.devices]
        steps = [step * 1e3 for step, _ in rows]
        base = [step * 1e3 for step, _ in times[one.batch, first[one.batch].devices]]
        ratios = sorted(a / b for a, b in zip(base, steps, strict=True))
        lines.append(
            f"| {one.batch} | {one.devices} | {median(steps):.3f} ({min(steps):.3f} to {max(steps):.3f}) | "
            f"{one.bytes / (speed / 1e3):.3f} | {median(host for _, host in rows) * 1e3:.3f} | {one.exchanges} | "
            f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) times as fast |"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", default="1,2", help="numbers of devices, separated by commas")
    parser.add_argument("--batches", default="1,32,256", help="numbers of requests")
    parser.add_argument("--layers", type=int, default=8, help="of the 32; the time to compile grows with them")
    parser.add_argument("--hidden", type=int, default=4096, help="hidden size, for a try on a small machine")
    parser.add_argument("--context", type=int, default=1023, help="keys of every request before the step")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    shapes = {"num_hidden_layers": given.layers, "hidden_size": given.hidden, "max_position_embeddings": 8192}
    if given.hidden != LLAMA["hidden_size"]:
        shapes |= {"intermediate_size": 2 * given.hidden, "vocab_size": 256, "head_dim": 64}
    config = DecoderConfig.from_hf({**LLAMA, **shapes})
    cases = []
    for count in map(int, given.devices.split(",")):
        model = random_model(config, jax.devices()[:count])
        for batch in map(int, given.batches.split(",")):
            start = time.perf_counter()
            cases.append(case(model, batch, given.context))
            print(f"{count} devices, batch {batch}: compiled in {time.perf_counter() - start:.1f} s", flush=True)
    speed = copy_speed()
    kind = jax.devices()[0].device_kind
    print(f"JAX {jax.__version__}, {kind}, copy {speed / 1e12:.2f} TB/s, {given.layers} layers, bfloat16")
    print("\n".join(report(cases, measured(cases, given.rounds), speed)))


if __name__ == "__main__":
    main()
