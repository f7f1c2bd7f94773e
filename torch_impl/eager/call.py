"""Launches as eager array operations."""

from __future__ import annotations

from math import prod

import torch

from specs.tile.interpret.executor import Buffer, execute
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from torch_impl.ambient import settled_runner
from torch_impl.backend import Request, Runner, Tensors
from torch_impl.eager.arrayops import TorchOps
from torch_impl.formats import dtype_of, raw_view


def executed(request: Request) -> list[Runner]:
    """Every launch of a call."""
    assert request.target is not None
    planned = launches(request.call, request.target, strides=request.strides)
    return [settled_runner(_eager(launch, request), request.device) for launch in planned if prod(launch.grid)]


def _eager(launch: Launch, request: Request) -> Runner:
    program, ops = launch.program, TorchOps(request.device)
    taken = []
    for param in program.arrays:
        name, memory = launch.arrays[param.name]
        taken.append((param.name, request.slots[name], dtype_of(param.element), memory))

    def runner(arrays: Tensors) -> None:
        buffers = {}
        for name, slot, dtype, memory in taken:
            buffers[name] = Buffer(_flat(raw_view(arrays[slot], dtype)), memory.strides)
        execute(program, ops, buffers, launch.sizes, launch.grid)

    return runner


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """The memory a tensor spans, as 1-D."""
    span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((span if tensor.numel() else 0,), (1,))
