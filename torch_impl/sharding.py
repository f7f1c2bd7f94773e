"""Operations of DTensors: every rank does the call for its part, and nothing is exchanged where rows or columns divide.

Which dimensions may be divided, `specs.lang.call.dividing` reads off the shapes. What is divided otherwise is gathered
first, unless it is written in place, which is refused. Rules are registered by `torch.library.register_torch_dispatch`
and not by DTensor's own `register_sharding`: its cache of strategies ignores attributes that are text, and it takes
neither results that a mode does not have nor arguments that are written.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

from specs.extras import hints

with hints("torch"):
    import torch

from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.call.dividing import Divisions, divisions
from specs.lang.call.placing import Placed, along, chosen, problem, refusal
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported, WrongType
from specs.registration import REGISTRY
from torch_impl.formats import format_of
from torch_impl.launch import resolve_attributes
from torch_impl.results import keyword
from torch_impl.schemas import out_name

NAMESPACE: Final = "twinkernels"
MODULE: Final = "torch.distributed.tensor"
_ADVICE = "call it inside of torch.distributed.tensor.experimental.local_map, or redistribute '{}' first"
_registered: list[Any] = []


def register() -> None:
    """Has operations take DTensors. Public functions do it themselves, once `torch.distributed.tensor` is imported.

    Needed only before operators are called as `torch.ops.twinkernels.NAME`, and before a program is compiled that
    imports `torch.distributed.tensor` after `torch_impl.ops`.
    """
    from torch.distributed.tensor import DTensor

    if not _registered:
        _registered.append(DTensor)
        REGISTRY.follow(_add)


def meet() -> None:
    """`register`, where a program can have made a DTensor. Compilers do not trace it."""
    if not _registered and not torch.compiler.is_compiling() and MODULE in sys.modules:
        register()


def _add(op: Op) -> None:
    def rule(_: type, operator: Any, __: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        return _call(op, operator, args, kwargs or {})

    for name in (op.name, *((out_name(op),) if op.outputs else ())):
        torch.library.register_torch_dispatch(f"{NAMESPACE}::{name}", _registered[0], rule)


@dataclass(frozen=True, slots=True)
class Given:
    """An argument or a given result on a mesh. placements: one per dimension of the mesh."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    placements: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Placements of arguments and results by name, and shapes of results."""

    placements: Mapping[str, tuple[Any, ...]]
    shapes: Mapping[str, tuple[int, ...]]


def _call(op: Op, operator: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """An operator's call of tensors of which some are DTensors."""
    tensors = dict(zip((array.name for array in op.inputs), args, strict=False))
    written = {array.name: kwargs[keyword(array)] for array in op.outputs if keyword(array) in kwargs}
    mesh, given = _given(op, {**tensors, **written})
    attributes = tuple(_number(kwargs.get(attribute.name)) for attribute in op.attributes)
    plan = _plan(op, attributes, mesh, given)

    def local(name: str, tensor: Any) -> Any:
        return _local(tensor, mesh, plan.placements[name]) if isinstance(tensor, _registered[0]) else tensor

    changed = {keyword(op.array(name)): local(name, tensor) for name, tensor in written.items()}
    found = operator(*(local(name, tensor) for name, tensor in tensors.items()), **{**kwargs, **changed})

    def whole(name: str, result: Any) -> Any:
        return None if result is None else _whole(result, mesh, plan.placements[name], plan.shapes[name])

    if isinstance(found, torch.Tensor):
        return whole(op.outputs[0].name, found)
    return found and tuple(whole(array.name, result) for array, result in zip(op.outputs, found, strict=True))


def _number(value: Any) -> Any:
    """A number that a compiler left open is what it is now."""
    return int(value) if isinstance(value, torch.SymInt) else value


def _given(op: Op, tensors: Mapping[str, Any]) -> tuple[Any, tuple[Given, ...]]:
    """The mesh, and how every tensor lies on it.

    Raises:
        ArgumentError: tensors lie on several meshes, or one that has more than an element on none.
    """
    from torch.distributed.tensor import Replicate

    mesh = next(t.device_mesh for t in tensors.values() if isinstance(t, _registered[0]))
    found = []
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        own = tensor.device_mesh if isinstance(tensor, _registered[0]) else None
        if own is None and tensor.numel() != 1:
            expected = "a DTensor, as others of the call are (distribute_tensor(x, mesh) has one whole on every rank)"
            raise WrongType(op=op.name, argument=name, expected=expected, actual=f"a {type(tensor).__name__}")
        if own is not None and own != mesh:
            raise WrongType(op=op.name, argument=name, expected=f"a DTensor on {mesh}", actual=f"one on {own}")
        placements = tuple(tensor.placements) if own is not None else (Replicate(),) * mesh.ndim
        found.append(Given(name, tuple(map(int, tensor.shape)), tensor.dtype, placements))
    return mesh, tuple(found)


@lru_cache(maxsize=8192)
def _plan(op: Op, attributes: tuple[Any, ...], mesh: Any, given: tuple[Given, ...]) -> Plan:
    """Where arguments have to be and results will be.

    Raises:
        ArgumentError: the call is wrong.
        Unsupported: what is written lies otherwise than the call needs.
    """
    names = {array.name for array in op.inputs}
    infos = {g.name: ArrayInfo(g.shape, format_of(op.name, g.name, g.dtype), None, "torch") for g in given}
    call = bind(op, {n: info for n, info in infos.items() if n in names}, resolve_attributes(op, attributes))
    division = divisions(call)
    axes = mesh.mesh_dim_names or tuple(f"mesh dimension {number}" for number in range(mesh.ndim))
    sizes = dict(zip(axes, mesh.shape, strict=True))
    placed = {g.name: _divided(g, axes) for g in given}
    writes = {array.name for array in op.mutated} | {g.name for g in given if g.name not in names}
    # What is written stays where it is; of the others the largest, so that least is moved.
    order = sorted(given, key=lambda g: (g.name not in writes, -prod(g.shape) * g.dtype.itemsize))
    whole = {
        label
        for name in writes & placed.keys()
        for label, own in zip(division.dims[name], placed[name], strict=True)
        if not own
    }
    found = chosen(division, {g.name: placed[g.name] for g in order}, sizes, whole, uneven=True)
    for g in given:
        if g.name in writes:
            _check_written(op, g, placed[g.name], along(division, g.name, found), division, found, sizes)
    arrays = [*(g.name for g in given), *(a.name for a in op.outputs if a.name in call.shapes)]
    placements = {name: _placements(along(division, name, found), axes) for name in arrays}
    return Plan(placements, {name: call.shapes[name] for name in arrays})


def _check_written(
    op: Op, given: Given, placed: Placed, goal: Placed, division: Divisions, found: Any, sizes: Mapping[str, int]
) -> None:
    """Refuses what is written and does not lie as it has to, because values in another place would be lost."""
    for number, (own, wanted, label) in enumerate(zip(placed, goal, division.dims[given.name], strict=True)):
        if own != wanted:
            wrong = problem(division, label, own, {k: v for k, v in found.items() if k != label}, sizes, uneven=True)
            wrong = f"it is written in place, and {wrong or 'another array that is written lies otherwise'}"
            raise refusal(op.name, given.name, number, own, wrong, _ADVICE.format(given.name))
    if any(not (p.is_replicate() or _is_shard(p)) for p in given.placements):
        raise Unsupported(f"{op.name} with '{given.name}' as {list(given.placements)}", "it is written in place")


def _is_shard(placement: Any) -> bool:
    """Whether ranks have consecutive parts; subclasses have them in another order."""
    from torch.distributed.tensor import Shard

    return type(placement) is Shard


def _divided(given: Given, axes: Sequence[str]) -> Placed:
    """Of every dimension, the axes of the mesh that divide it."""
    pairs = [(axis, p) for axis, p in zip(axes, given.placements, strict=True) if _is_shard(p)]
    return [tuple(axis for axis, p in pairs if p.dim == number) for number in range(len(given.shape))]


def _placements(dims: Placed, axes: Sequence[str]) -> tuple[Any, ...]:
    from torch.distributed.tensor import Replicate, Shard

    where = {axis: Shard(number) for number, own in enumerate(dims) for axis in own}
    return tuple(where.get(axis, Replicate()) for axis in axes)


def _local(tensor: Any, mesh: Any, placements: tuple[Any, ...]) -> torch.Tensor:
    """This rank's part of a DTensor, once it lies as told."""
    with torch.no_grad():  # of calls there is none
        part: torch.Tensor = tensor.to_local()
        if tuple(tensor.placements) == placements:
            return part
        narrow = part.dtype.itemsize == 1 and part.dtype.is_floating_point  # gloo moves no such dtypes
        if narrow:
            tensor = _whole(part.view(torch.uint8), mesh, tensor.placements, tuple(tensor.shape))
        moved: torch.Tensor = tensor.redistribute(mesh, placements).to_local()
        return moved.view(part.dtype) if narrow else moved


def _whole(part: torch.Tensor, mesh: Any, placements: Any, shape: tuple[int, ...]) -> Any:
    """The DTensor of which every rank has a part."""
    strides = tuple(prod(shape[number + 1 :]) for number in range(len(shape)))
    place = _registered[0].from_local
    return place(part, mesh, placements, run_check=False, shape=torch.Size(shape), stride=strides)
