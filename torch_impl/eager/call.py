"""Launches as eager array operations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch

from specs.tile.interpret.executor import Buffer, execute
from specs.tile.interpret.known import KnownOps
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from torch_impl.ambient import settled_runner
from torch_impl.backend import Request, Runner, Tensors
from torch_impl.eager.arrayops import TorchOps
from torch_impl.eager.tape import BUDGET, Tape, TapeOps, TooLarge
from torch_impl.formats import dtype_of, raw_view

_DENSE = (1,)


def executed(request: Request) -> list[Runner]:
    """Every launch of a call."""
    assert request.target is not None
    planned = launches(request.call, request.target, strides=request.strides, place=request.place)
    return [settled_runner(_eager(launch, request), request.device) for launch in planned if prod(launch.grid)]


def _eager(launch: Launch, request: Request) -> Runner:
    ops = TorchOps(request.device)
    taken = [(request.slots[launch.arrays[p.name][0]], dtype_of(p.element)) for p in launch.program.arrays]
    # Of the first call, which knows how long the arrays' memory is: that is the same in all others.
    spans: list[list[tuple[int]]] = []
    tapes: list[Tape | None] = []

    def runner(arrays: Tensors) -> None:
        own = [raw_view(arrays[slot], dtype) for slot, dtype in taken]
        if not spans:
            spans.append([_span(tensor) for tensor in own])
        flat = [tensor.as_strided(span, _DENSE) for tensor, span in zip(own, spans[0], strict=True)]
        if not tapes:
            tapes.append(_recorded(launch, ops, flat))
        if tapes[0] is None:
            _execute(launch, ops, flat)
        else:
            tapes[0].play(flat)

    return runner


def _recorded(launch: Launch, ops: TorchOps, flat: Sequence[torch.Tensor]) -> Tape | None:
    """The launch as a tape; None for a program whose constants are too large, or too many beside other tapes'."""
    recorder = TapeOps(ops)
    try:
        given = zip(launch.program.arrays, flat, strict=True)
        buffers = [recorder.buffer(held.shape[0], held.dtype, written=param.written) for param, held in given]
        _execute(launch, recorder, buffers)
    except TooLarge:
        return None
    return recorder.tape if BUDGET.admits(recorder.tape, recorder.elements()) else None


def _execute(launch: Launch, ops: Any, flat: Sequence[Any]) -> None:
    """Runs a launch on memory in the order of its arrays; offsets of 64 bits are not looked at beforehand."""
    arrays = zip(launch.program.arrays, flat, strict=True)
    buffers = {param.name: Buffer(held, launch.arrays[param.name][1].strides) for param, held in arrays}
    own = ops if launch.program.wide else KnownOps(ops, launch.grid)
    execute(launch.program, own, buffers, launch.sizes, launch.grid)


def _span(tensor: torch.Tensor) -> tuple[int]:
    """The shape of the memory that a tensor spans, as 1-D."""
    span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return (span if tensor.numel() else 0,)
