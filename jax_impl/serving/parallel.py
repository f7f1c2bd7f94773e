"""A model over several devices: tensor and expert parallelism on a mesh of one axis, in one process or in several.

Weights and caches are arrays [devices, ..] of which every device holds one row, so all kinds of weights are spread in
the same way, quantised ones too. A step runs on every device under `jax.shard_map`: the operations see what a single
device would have, and `Options.total` and the output head exchange what they have to.

Several processes (`jax.distributed.initialize`) run the same engine on the same requests: its decisions depend on
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from checkpoints.checkpoint import Checkpoint
from jax_impl.layers.step import Options
from jax_impl.serving.model import Model, load
from specs.decoder.parallel import Rank, split_config, split_tensors

AXIS: Final = "tensor"


def load_parallel(
    checkpoint: Checkpoint, options: Options, devices: Sequence[jax.Device], *, cache_dtype: Any, decode: bool = False
) -> Model:
    """Puts a checkpoint on several devices, each of which gets its part.

    Args:
        devices: of all processes, the same in each. The others: see `load`.

    Raises:
        ValueError: heads, columns, rows or experts that this many devices cannot share evenly.
        CheckpointError: blocks of a quantised tensor that they cannot share.
    """
    mesh, count = Mesh(np.asarray(devices), (AXIS,)), len(devices)
    config, options = split_config(checkpoint.config, count), replace(options, axis=AXIS)
    local = [(index, device) for index, device in enumerate(devices) if device.process_index == jax.process_index()]
    loaded = []
    for index, device in local:
        tensors = split_tensors(checkpoint.config, checkpoint.tensors, Rank(index, count))
        own = replace(checkpoint, config=config, tensors=tensors)
        with jax.default_device(device):
            loaded.append(load(own, options, cache_dtype=cache_dtype, decode=decode))
    spread = NamedSharding(mesh, PartitionSpec(AXIS))

    def joined(*parts: jax.Array) -> jax.Array:
        rows = [jax.device_put(part, device)[None] for part, (_, device) in zip(parts, local, strict=True)]
        return jax.make_array_from_single_device_arrays((count, *parts[0].shape), spread, rows)

    weights = jax.tree.map(joined, *(one.weights for one in loaded))
    cos_sin = jax.device_put(np.asarray(loaded[0].cos_sin), everywhere(mesh))
    return replace(loaded[0], weights=weights, cos_sin=cos_sin, mesh=mesh)


def everywhere(mesh: Mesh) -> NamedSharding:
    """Of an array that every device has."""
    return NamedSharding(mesh, PartitionSpec())


def first_devices(count: int) -> list[jax.Device]:
    """The first devices to spread a model over; none for one device, which needs no mesh.

    Raises:
        ValueError: there are fewer.
    """
    found = jax.devices()
    if not 1 <= count <= len(found):
        raise ValueError(f"devices: expected 1 to {len(found)}, as JAX sees; got {count}")
    return found[:count] if count > 1 else []


def on_every_device(step: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    """A step of (weights, caches, *rest) on arrays that are spread; rest and what it draws are the same everywhere."""
    (axis,) = mesh.axis_names

    def local(weights: Any, caches: Any, *rest: Any) -> tuple[Any, Any]:
        drawn, caches = step(*jax.tree.map(lambda x: x[0], (weights, caches)), *rest)
        return drawn, jax.tree.map(lambda x: x[None], caches)

    def call(weights: Any, caches: Any, *rest: Any) -> tuple[Any, Any]:
        parts, same = PartitionSpec(axis), PartitionSpec()
        function = jax.shard_map(
            local,
            mesh=mesh,
            in_specs=(parts, parts, *[same] * len(rest)),
            out_specs=(same, parts),
            # Every device draws from the same logits, which JAX cannot know.
            check_vma=False,
        )
        return function(weights, caches, *rest)

    return call
