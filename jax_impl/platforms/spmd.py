"""Types and contexts of programs for several devices, in the versions of JAX that have them.

JAX 0.5 (of intel-extension-for-openxla) has neither types with meshes nor `jax.shard_map`: nothing is done there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import jax
from jax._src import config, xla_bridge
from jax._src import core as internals
from jax._src import mesh as meshes


class _NOWHERE:
    """In place of a mesh where there is none."""

    empty = True


def varying(aval: Any) -> frozenset[str]:
    """Manual mesh axes over which an array may differ: inside of `shard_map`."""
    kind = getattr(aval, "manual_axis_type", None)
    found = getattr(aval, "vma", None) if kind is None else kind.varying
    return frozenset(found or ())


def all_manual() -> bool:
    """Whether every axis of the mesh is manual here: inside of `jax.shard_map` over all of them."""
    mesh: Any = jax.sharding.get_abstract_mesh() if hasattr(jax.sharding, "get_abstract_mesh") else _NOWHERE
    return not mesh.empty and set(mesh.manual_axes) == set(mesh.axis_names)


def typed(result: jax.ShapeDtypeStruct, operands: Sequence[Any], sources: Sequence[Any]) -> Any:
    """The type of a result: on one device its part, whole as the operands are, which differs where its sources do."""
    like = next((o for o in operands if not getattr(getattr(o, "sharding", None), "mesh", _NOWHERE).empty), None)
    if like is None:
        return internals.ShapedArray(result.shape, result.dtype)
    whole = jax.sharding.PartitionSpec(*[None] * len(result.shape))
    axes: frozenset[str] = frozenset().union(*map(varying, sources))
    kind = getattr(internals, "ManualAxisType", None)
    manual = {"vma": axes} if kind is None else {"manual_axis_type": kind(varying=axes)}
    placed = like.sharding.update(spec=whole)
    return like.update(shape=result.shape, dtype=result.dtype, weak_type=False, sharding=placed, **manual)


def partitioned(context: Any) -> bool:
    """Whether the module being lowered is partitioned by XLA across several devices."""
    axes = context.axis_context
    devices = getattr(axes, "device_assignment", None)
    mesh = getattr(axes, "abstract_mesh", None)
    if devices is None or len(devices) < 2 or mesh is None or context.lowering_parameters.for_export:
        return False
    return len(context.platforms) == 1


@contextmanager
def no_mesh() -> Iterator[None]:
    """Tracing as if there were one device."""
    with ExitStack() as settings:
        if hasattr(config, "_check_vma"):
            settings.enter_context(config._check_vma(False))
        if hasattr(jax.sharding, "use_abstract_mesh"):
            settings.enter_context(jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), ())))
        yield


def on_a_gpu(platform: str) -> AbstractContextManager[Any]:
    """Pallas kernels traced inside are for `platform`; since JAX 0.11 it lowers none for CUDA without a device.

    Where no such device is here, it gets one that has all element formats, as Triton's front end is
    (`jax_impl.triton.source.compute_capability`).
    """
    described = getattr(meshes, "AbstractDevice", None)
    if platform != "cuda" or described is None or "cuda" in xla_bridge.backends():
        return nullcontext()
    device = described(device_kind="NVIDIA H100", num_cores=None, platform="gpu")
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), (), abstract_device=device))
