"""Launches of kernels whose warps have roles; the backend "triton" launches what cannot be given roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Any, Final

import torch

from specs.tile.emit.gluon import Descriptor, descriptors, emit_gluon, numbers, pointers
from specs.tile.ir import matrix_dims
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.launch.warp_roles import specialized
from specs.tile.passes.row_split import Refusal
from specs.tile.passes.warp_specialize import Specialized
from specs.tile.targets import TRITON_HOPPER
from torch_impl.backend import Request, Runner, Tensors
from torch_impl.formats import dtype_of, raw_view
from torch_impl.platforms import gluon
from torch_impl.triton.launch import runner_of
from torch_impl.triton.load import load_kernel

ALIGNMENT: Final = 16
"""Bytes at whose multiples arrays of tensor descriptors begin."""
WARPS: Final = 4
"""Of the kernel itself, which are the first group of consumers."""


def compiled(request: Request) -> list[Runner]:
    """Every launch of a call."""
    target = request.target
    assert target is not None
    own = launches(request.call, target.config, strides=request.strides, place=request.place)
    as_triton = replace(request.place, implementation="torch:triton")
    today = launches(request.call, TRITON_HOPPER, strides=request.strides, place=as_triton)
    found: list[Runner] = []
    for launch, other in zip(own, today, strict=True):
        if not prod(launch.grid):
            continue
        roles = specialized(launch, target)
        if isinstance(roles, Refusal):
            found.append(runner_of(other, TRITON_HOPPER, request.slots))
        else:
            found.append(_runner(launch, roles, request, _late(other, request.slots)))
    return found


def _late(launch: Launch, slots: Mapping[str, int]) -> Callable[[], Runner]:
    """The runner of today's kernel, which is compiled when it is needed first."""
    return cache(lambda: runner_of(launch, TRITON_HOPPER, slots))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A descriptor that a kernel takes, of the tensor in a slot."""

    slot: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    block: tuple[int, ...]
    swizzle: int


def described(launch: Launch, roles: Specialized, descriptor: Descriptor, slots: Mapping[str, int]) -> Described:
    """A descriptor with the sizes and strides of a launch."""
    name, place = launch.arrays[descriptor.array]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    if len(descriptor.shape) == 1:  # a piece of flat memory
        shape, strides = (1 + sum((n - 1) * step for n, step in zip(place.sizes, place.strides, strict=True)),), (1,)
    else:
        order = matrix_dims(descriptor.load, roles.program.array(descriptor.array))
        shape, strides = tuple(place.sizes[d] for d in order), tuple(place.strides[d] for d in order)
    return Described(
        slot=slots[name],
        shape=shape,
        strides=(*strides[:-1], 1),
        block=tuple(int(size) for size in descriptor.shape),
        swizzle=descriptor.swizzle,
    )


def _runner(launch: Launch, roles: Specialized, request: Request, today: Callable[[], Runner]) -> Runner:
    """Launches the generated kernel; today's where an array begins between multiples of 16 bytes."""
    matrices = [described(launch, roles, descriptor, request.slots) for descriptor in descriptors(roles)]
    taken = [
        (request.slots[launch.arrays[name][0]], dtype_of(roles.program.array(name).element)) for name in pointers(roles)
    ]
    scalars = [launch.number(integer) for integer in numbers(roles)]
    programs = min(torch.cuda.get_device_properties(request.device).multi_processor_count, prod(launch.grid))
    start: Any = load_kernel(emit_gluon(roles, gluon.dialect()), roles.program.name)[(programs,)]

    def runner(arrays: Tensors) -> None:
        if any(arrays[matrix.slot].data_ptr() % ALIGNMENT for matrix in matrices):
            today()(arrays)
            return
        given = [gluon.descriptor(arrays[m.slot], m.shape, m.strides, m.block, m.swizzle) for m in matrices]
        start(*given, *(raw_view(arrays[slot], dtype) for slot, dtype in taken), *scalars, num_warps=WARPS)

    return runner
