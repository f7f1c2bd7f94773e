"""Checks memory accesses of a call: runs its programs on the executor and inspects every load and store.

Reports out-of-bounds accesses, result elements written by no program or by several, and results that depend on
uninitialised temporaries or on undefined padding of blocks (calls with either run twice, with different garbage).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from specs.lang.call.bind import Call
from specs.lang.declare.kernel import Access
from specs.tile.interpret.arrayops import NUMPY, NUMPY_DTYPES
from specs.tile.interpret.executor import Buffer, Run
from specs.tile.ir import Opcode, Operation, Padding, block_dims, walk
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch, Memory
from specs.tile.targets import EXECUTOR, EXECUTOR_POISONED, Target

NDArray = np.ndarray[Any, Any]
_GARBAGE = (0xA5, 0xFF)
"""Fill bytes of uninitialised memory: small numbers, and NaN or -1."""


def misuses(call: Call, arrays: Mapping[str, NDArray]) -> list[str]:
    """Problems with the accesses of a call, one line per statement or result.

    Args:
        arrays: raw arguments by name; they are not changed.
    """
    found: dict[str, None] = {}  # in order, each once
    results = _run(call, arrays, _GARBAGE[0], found)
    if any(array.name in call.shapes for array in call.op.temporaries) or _has_undefined(call):
        for name, other in _run(call, arrays, _GARBAGE[1], found, EXECUTOR_POISONED).items():
            if differ := int((results[name] != other).sum()):
                found[f"'{name}': {differ} bytes depend on uninitialised memory or undefined padding"] = None
    return list(found)


def _has_undefined(call: Call) -> bool:
    """Whether a block that a call loads may have undefined elements."""
    return any(
        not dim.in_bounds and dim.padding is Padding.UNDEFINED
        for launch in launches(call, EXECUTOR.config, strides={array.name: None for array in call.op.inputs})
        for op in walk(launch.program.ops)
        if op.code is Opcode.LOAD_BLOCK
        for dim in block_dims(op)
    )


def _run(
    call: Call, given: Mapping[str, NDArray], garbage: int, found: dict[str, None], target: Target = EXECUTOR
) -> dict[str, NDArray]:
    """The bytes of all results."""
    memory: dict[str, NDArray] = {name: np.array(array).reshape(-1).view(np.uint8) for name, array in given.items()}
    fresh = {array.name: array for array in (*call.op.outputs, *call.op.temporaries) if array.name in call.shapes}
    for name in fresh:
        memory[name] = np.full(prod(call.shapes[name]) * call.formats[name].storage_bits // 8, garbage, np.uint8)
    stores = {
        array.name: np.zeros(len(memory[array.name]), np.int32) for array in call.op.outputs if array.name in fresh
    }
    for launch in launches(call, target, strides={array.name: None for array in call.op.inputs}):
        _run_step(launch, memory, stores, found)
    for name, count in stores.items():
        for wrong, what in (((count == 0), "not written by any program"), ((count > 1), "written more than once")):
            if wrong.any():
                found[f"'{name}': {int(wrong.sum())} of {len(count)} bytes are {what}"] = None
    return {
        array.name: memory[array.name]
        for array in call.op.arrays
        if array.access is not Access.IN and array.name in memory
    }


def _run_step(
    launch: Launch, memory: Mapping[str, NDArray], stores: Mapping[str, NDArray], found: dict[str, None]
) -> None:
    program = launch.program
    buffers: dict[str, Buffer] = {}
    counts: dict[str, NDArray] = {}
    for param in program.arrays:
        name, place = launch.arrays[param.name]
        flat, strides = memory[name].view(NUMPY_DTYPES[param.element]), place.strides
        if param.swapped:
            assert not param.written
            flat, strides = swapped(flat, place)
        buffers[param.name] = Buffer(flat, strides)
        if param.written and name in stores:
            counts[param.name] = stores[name].reshape(-1, flat.itemsize)
    if prod(launch.grid):
        sizes = {param.name: launch.arrays[param.name][1].sizes for param in program.arrays}
        run = _Watched(program, NUMPY, buffers, launch.sizes, launch.grid)
        run.watch(sizes, counts, found)
        with np.errstate(all="ignore"):
            run.chunk(
                {name: buffer.flat for name, buffer in buffers.items()},
                np.arange(prod(launch.grid), dtype=np.int32),
                None,
            )


def swapped(flat: NDArray, place: Memory) -> tuple[NDArray, tuple[int, ...]]:
    """An argument with its last two dimensions swapped, and its strides."""
    *outer, rows, columns = place.sizes
    packed = np.ascontiguousarray(flat.reshape(*outer, columns, rows).swapaxes(-1, -2))
    return packed.reshape(-1), tuple(prod(place.sizes[i + 1 :]) for i in range(len(place.sizes)))


class _Watched(Run):
    """A run that checks every index before it is used; elements out of bounds are not accessed."""

    extents: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, NDArray]
    found: dict[str, None]

    def watch(
        self, extents: Mapping[str, tuple[int, ...]], counts: Mapping[str, NDArray], found: dict[str, None]
    ) -> None:
        """extents: sizes of every array. counts: of stores to elements, as bytes. found: receives the problems."""
        self.extents, self.counts, self.found = extents, counts, found

    def load(self, op: Operation) -> Any:
        shape = op.result.type.shape
        live = self._live(op, self._rank(op), shape)
        if self._outside(op, "reads", live, shape):
            return np.zeros(live.shape, NUMPY_DTYPES[op.result.type.element])
        return super().load(op)

    def store(self, op: Operation) -> None:
        shape: tuple[int, ...] = op.attrs["shape"]  # type: ignore[assignment]
        name, rank = str(op.attrs["array"]), self._rank(op)
        live = self._live(op, rank + 1, shape)
        if self._outside(op, "writes", live, shape):
            return
        if name in self.counts:
            offsets = np.broadcast_to(self.offsets(name, op.operands[:rank], len(shape)), live.shape)
            np.add.at(self.counts[name], offsets[live], 1)
        super().store(op)

    def _rank(self, op: Operation) -> int:
        return self.program.array(str(op.attrs["array"])).rank

    def _live(self, op: Operation, mask: int, shape: tuple[int, ...]) -> NDArray:
        """Which elements are accessed; mask: number of that operand."""
        live: NDArray = np.ones((self.points.shape[0], *shape), bool)
        if op.attrs["masked"]:
            live = live & self.of(op.operands[mask], len(shape))
        if self.inside is not None:
            live = live & np.reshape(self.inside, (-1, *([1] * len(shape))))
        return live

    def _outside(self, op: Operation, what: str, live: NDArray, shape: tuple[int, ...]) -> bool:
        """Whether some index is out of bounds."""
        name = str(op.attrs["array"])
        found = False
        for dim, size in enumerate(self.extents[name]):
            index = np.broadcast_to(self.of(op.operands[dim], len(shape)), live.shape)
            wrong = index[live & ((index < 0) | (index >= size))]
            if wrong.size:
                where = f"dimension {dim} of size {size}: {int(wrong.min())} .. {int(wrong.max())}"
                self.found[f"{op.where}: {what} '{name}' outside {where}"] = None
                found = True
        return found
