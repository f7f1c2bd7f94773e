"""Launches recorded once, as the functions that they call, and played for every call of the same signature.

What a program does is walked through, decided and looked up when a call is first made. A call is a list of functions
on a list of tensors. On a CPU, small integers and bools are numpy's arrays of the same memory: torch takes several
times as long for them.
"""

from __future__ import annotations

import weakref
from collections import ChainMap
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch

from specs.lang.formats.elements import INT32, ElementFormat
from specs.tile.interpret.arrayops import NUMPY, ArrayOps, LoopBody, RowFunction
from specs.tile.interpret.windows import Window
from specs.tile.ir import Opcode
from torch_impl.eager import moving
from torch_impl.eager.arrayops import TorchOps, as_tensor, padded, window_of
from torch_impl.eager.fixed import MOST, Block, Loop, Values
from torch_impl.eager.rows import places_of, put_rows, take_rows

_KEPT = 1 << 18  # elements of constants that a tape keeps
_ALL = 1 << 26  # elements that all tapes of a process keep: at most 512 MiB
_SMALL = 1 << 13  # elements of integers that are numpy's
_INDICES = frozenset({torch.int32, torch.int64})


class TooLarge(Exception):
    """A program with more constants than are kept; its calls take so long that walking through it does not matter."""


@dataclass(slots=True, weakref_slot=True)
class Tape:
    """A recorded launch.

    buffers: of every buffer, whether it is numpy's. compared: those whose values `block.fixed` follows from.
    constants: by slot. slots: how many there are.
    """

    buffers: list[bool] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)
    constants: dict[int, Any] = field(default_factory=dict)
    block: Block = field(default_factory=Block)
    slots: int = 0
    _known: tuple[tuple[bytes, ...], Values] | None = None

    def play(self, buffers: Sequence[torch.Tensor]) -> None:
        """Makes a call. buffers: flat memory, in the order in which `TapeOps.buffer` made them."""
        key = tuple([buffers[slot].numpy().tobytes() for slot in self.compared])
        known = self._known
        if known is None or known[0] != key:
            known = self._known = key, self._fixed(buffers)  # at once: other threads play the tape as well
        values = known[1].copy()
        for slot, host in enumerate(self.buffers):
            if values[slot] is None:
                values[slot] = buffers[slot].numpy() if host else buffers[slot]
        for instruction in self.block.code:
            instruction(values)

    def _fixed(self, buffers: Sequence[torch.Tensor]) -> Values:
        """Values by slot of what all calls with the same integers share, None for the rest."""
        values: Values = [None] * self.slots
        for slot in self.compared:
            values[slot] = buffers[slot].numpy().copy()
        for slot, constant in self.constants.items():
            values[slot] = constant
        for instruction in self.block.fixed:
            instruction(values)
        for slot in self.block.made.keys() - self.block.read:
            values[slot] = None
        return values


class Budget:
    """Elements of constants that tapes keep together, as long as they live."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0

    def admits(self, tape: Tape, elements: int) -> bool:
        """Whether there is room for a tape, which then takes it."""
        if self.held + elements > self.most:
            return False
        self.held += elements
        weakref.finalize(tape, self._release, elements)
        return True

    def _release(self, elements: int) -> None:
        self.held -= elements


BUDGET = Budget(_ALL)


class Recorded:
    """An array of a recorded program: a slot, the shape that it will have, and whether it will be numpy's.

    fixed: whether it follows from constants and small arrays of integers (`torch_impl.eager.fixed`).
    """

    __slots__ = ("fixed", "host", "ops", "shape", "slot")

    def __init__(self, ops: TapeOps, slot: int, shape: Sequence[int], host: bool, fixed: bool) -> None:
        self.ops, self.slot, self.shape, self.host, self.fixed = ops, slot, tuple(shape), host, fixed

    def __getitem__(self, key: Any) -> Recorded:
        shape = np.broadcast_to(np.zeros((), np.uint8), self.shape)[key].shape
        function, host = moving.item(key, self.shape), partial(_item, key)
        return self.ops.once(("item", str(key)), function, self, shape=shape, host=host)


class TapeOps:
    """ArrayOps that record calls of a device's `TorchOps`."""

    functional = False

    def __init__(self, ops: TorchOps) -> None:
        self.ops, self.tape = ops, Tape()
        self._block, self._on_host = self.tape.block, ops.device.type == "cpu"
        self.kept = self.kept_by_loops = 0
        self._done: ChainMap[Hashable, Recorded] = ChainMap()  # of a loop's body those before it as well

    def buffer(self, length: int, dtype: torch.dtype, *, written: bool = True) -> Recorded:
        """The flat memory of the next array. written: whether the program writes to it."""
        host = self._on_host and not dtype.is_floating_point
        fixed = host and not written and dtype in _INDICES and length <= MOST
        if fixed:
            self.tape.compared.append(len(self.tape.buffers))
        self.tape.buffers.append(host)
        return self._slot((length,), host, fixed)

    def call(
        self, function: Callable[..., Any], *operands: Recorded, shape: Sequence[int], host: Any = None
    ) -> Recorded:
        """Records a call of a function of tensors, whose result has a shape.

        host: the function of numpy's arrays, which is called where all operands are such and the result is small.
        """
        own = host is not None and prod(shape) <= _SMALL and all(operand.host for operand in operands)
        given = operands if own else [self.tensor(operand) for operand in operands]
        fixed = prod(shape) <= _SMALL and all(operand.fixed for operand in given)
        result = self._slot(shape, own, fixed)
        self._append(host if own else function, [operand.slot for operand in given], result)
        return result

    def _append(self, function: Callable[..., Any], operands: list[int], result: Recorded) -> None:
        self._block.append(function, operands, result.slot, prod(result.shape) if result.fixed else None)

    def _from_fixed(self, function: Callable[..., Any], *operands: Recorded, elements: int = 1) -> Recorded:
        """What a function makes of fixed arrays that is no array itself."""
        result = self._slot((elements,), host=False, fixed=True)
        self._append(function, [operand.slot for operand in operands], result)
        return result

    def once(
        self, key: Hashable, function: Callable[..., Any], *operands: Recorded, shape: Sequence[int], host: Any = None
    ) -> Recorded:
        """`call` of a function of the operands alone, under a key; the same one again gives the same result."""
        own = (key, *(operand.slot for operand in operands))
        found = self._done.get(own)
        if found is None:
            found = self._done[own] = self.call(function, *operands, shape=shape, host=host)
        return found

    def tensor(self, x: Recorded) -> Recorded:
        """torch's array of the same memory."""
        if not x.host:
            return x
        constant = self.tape.constants.get(x.slot)
        done = self._done if constant is None else self._done.maps[-1]  # constants are there in every loop
        found = done.get(("tensor", x.slot))
        if found is None:
            found = done["tensor", x.slot] = self._slot(x.shape, host=False, fixed=x.fixed)
            if constant is None:
                self._append(as_tensor, [x.slot], found)
            else:
                self.tape.constants[found.slot] = as_tensor(constant)
        return found

    def array(self, x: np.ndarray[Any, Any]) -> Recorded:
        """An array that the tape keeps."""
        self.kept += x.size
        if self.kept > _KEPT:
            raise TooLarge
        host = self._on_host and x.dtype.kind in "iub"
        result = self._slot(x.shape, host, fixed=self._on_host)
        self.tape.constants[result.slot] = np.array(x) if host else self.ops.array(x)
        return result

    def const(self, value: Any, element: ElementFormat) -> Recorded:
        """A 0-d array."""
        return self.array(NUMPY.const(value, element))

    def arange(self, n: int) -> Recorded:
        """0 .. n-1, i32."""
        return self.array(NUMPY.arange(n))

    def cast(self, x: Recorded, element: ElementFormat) -> Recorded:
        """Conversion; nearest even."""
        function = partial(self.ops.cast, element=element)
        host = None if element.is_float else partial(NUMPY.cast, element=element)
        return self.once(("cast", element), function, x, shape=x.shape, host=host)

    def bitcast(self, x: Recorded, element: ElementFormat) -> Recorded:
        """The same bits as another format."""
        return self.once(("bitcast", element), partial(self.ops.bitcast, element=element), x, shape=x.shape)

    def unary(self, code: Opcode) -> Callable[[Any], Any]:
        """An elementwise function."""
        return lambda x: self.once(code, self.ops.unary(code), x, shape=x.shape, host=NUMPY.unary(code))

    def binary(self, code: Opcode) -> Callable[[Any, Any], Any]:
        """An elementwise function of two arrays."""
        function, host = self.ops.binary(code), NUMPY.binary(code)
        return lambda a, b: self.once(code, function, a, b, shape=np.broadcast_shapes(a.shape, b.shape), host=host)

    def where(self, condition: Recorded, x: Recorded, y: Recorded) -> Recorded:
        """Selection with broadcasting; nothing is done where a fixed condition is true throughout."""
        shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
        if condition.fixed and not (x.fixed and y.fixed) and x.shape == shape:
            every = self._from_fixed(_every, condition)
            return self.call(partial(_chosen, self.ops.where), every, condition, x, y, shape=shape)
        return self.once("where", self.ops.where, condition, x, y, shape=shape, host=np.where)

    def reduce(self, code: Opcode, x: Recorded, axis: int) -> Recorded:
        """Sum, maximum, minimum or running sum along an axis."""
        shape = x.shape if code is Opcode.CUMSUM else (*x.shape[:axis], *x.shape[axis + 1 :])
        function, host = (partial(_reduced, ops, code, axis) for ops in (self.ops, NUMPY))
        return self.once((code, axis), function, x, shape=shape, host=host)

    def matmul(self, a: Recorded, b: Recorded) -> Recorded:
        """Batched float32 product."""
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return self.call(self.ops.matmul, a, b, shape=(*lead, a.shape[-2], b.shape[-1]))

    def reshape(self, x: Recorded, shape: tuple[int, ...]) -> Recorded:
        """Row-major reshape."""
        if x.shape == tuple(shape):
            return x
        if -1 in shape:
            rest = prod(size for size in shape if size != -1)
            shape = tuple(prod(x.shape) // rest if size == -1 else size for size in shape)
        function = partial(_reshaped, shape)
        return self.once(("reshape", *shape), function, x, shape=shape, host=function)

    def broadcast(self, x: Recorded, shape: tuple[int, ...]) -> Recorded:
        """Broadcast to a shape."""
        if x.shape == tuple(shape):
            return x
        host = partial(_broadcast, shape)
        return self.once(("expand", *shape), lambda x: x.expand(shape), x, shape=shape, host=host)

    def transpose(self, x: Recorded, permutation: tuple[int, ...]) -> Recorded:
        """Permuted dimensions."""
        shape = [x.shape[axis] for axis in permutation]
        host = partial(np.transpose, axes=permutation)
        return self.call(lambda x: x.permute(permutation), x, shape=shape, host=host)

    def pad(self, x: Recorded, margins: tuple[tuple[int, int], ...], value: Any | None) -> Recorded:
        """Elements around an array."""
        shape = [low + size + high for size, (low, high) in zip(x.shape, margins, strict=True)]
        host = partial(padded, margins=margins, value=value)
        return self.call(moving.pad(margins, value), x, shape=shape, host=host)

    def take(self, flat: Recorded, offsets: Recorded) -> Recorded:
        """Elements of a 1-D buffer."""
        return self.call(self.ops.take, flat, offsets, shape=offsets.shape, host=NUMPY.take)

    def put(self, flat: Recorded, offsets: Recorded, values: Recorded, mask: Recorded | None) -> Recorded:
        """Writes in place."""
        return self._written(self.ops.put, flat, offsets, values, mask)

    def take_runs(
        self,
        flat: Recorded,
        starts: Recorded,
        count: int,
        *,
        rows: bool,
        mask: Recorded | None = None,
        other: Recorded | None = None,
    ) -> Recorded:
        """Elements from each start on."""
        given = [operand for operand in (mask, other) if operand is not None]
        if rows and starts.fixed and len(given) != 1 and all(operand.fixed for operand in given):
            places = self._from_fixed(partial(places_of, count), starts, *given[:1], elements=prod(starts.shape))
            return self.call(take_rows, flat, places, *given[1:], shape=(*starts.shape, count))
        function = partial(_runs, self.ops, count, rows)
        return self.call(function, flat, starts, *given, shape=(*starts.shape, count))

    def put_runs(
        self, flat: Recorded, starts: Recorded, values: Recorded, mask: Recorded | None, *, rows: bool
    ) -> Recorded:
        """Writes runs in place."""
        if rows and starts.fixed and (mask is None or mask.fixed):
            masks = [] if mask is None else [mask]
            places = partial(places_of, values.shape[-1])
            where = self._from_fixed(places, starts, *masks, elements=prod(starts.shape))
            return self._written(put_rows, flat, where, values)
        return self._written(partial(self.ops.put_runs, rows=rows), flat, starts, values, mask)

    def _written(self, function: Any, flat: Recorded, *operands: Recorded | None) -> Recorded:
        given = [operand for operand in operands if operand is not None]
        if len(given) < len(operands):
            function = partial(function, mask=None)
        self.call(function, flat, *given, shape=flat.shape)
        return flat

    def take_window(self, flat: Recorded, window: Window, *, stays: bool) -> Recorded | None:
        """A view, or a copy where the buffer may change."""
        if min(window.strides, default=0) < 0:
            return None
        host = partial(window_of, window=window, stays=stays)
        return self.call(moving.take_window(window, stays=stays), flat, shape=window.sizes, host=host)

    def put_window(self, flat: Recorded, window: Window, values: Recorded) -> Recorded | None:
        """Writes in place."""
        if min(window.strides, default=0) < 0:
            return None
        self.call(moving.put_window(window), flat, values, shape=flat.shape)
        return flat

    def seen(self, conditions: Recorded) -> bool:
        """Never: there are no values yet."""
        del conditions
        return False

    def loop(self, lower: Recorded, upper: Recorded, body: LoopBody, carried: list[Recorded]) -> list[Recorded]:
        """A loop on the tape."""
        carried = [self.tensor(value) for value in carried]
        past = self._from_fixed(dict)
        outer, self._block = self._block, Block()
        self._done = self._done.new_child()
        number = self._slot((), self._on_host, fixed=self._on_host)
        self._block.made[number.slot] = 1
        before = [self._slot(value.shape, host=False) for value in carried]
        after = [self.tensor(value) for value in body(number, before)]
        own, self._block = self._block, outer
        self._done = self._done.parents
        results = [self._slot(value.shape, host=False) for value in carried]
        own.read |= {value.slot for value in after}
        loop = Loop(
            body=own,
            bounds=(lower.slot, upper.slot),
            number=number.slot,
            past=past.slot,
            first=[value.slot for value in carried],
            before=[value.slot for value in before],
            after=[value.slot for value in after],
            out=[value.slot for value in results],
            count=partial((NUMPY if self._on_host else self.ops).const, element=INT32),
            keep=self._on_host,
        )
        outer.code.append(loop.instruction())
        outer.read |= loop.reads()
        self.kept_by_loops += loop.iterations() * own.elements()
        return results

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """No program has it."""
        raise NotImplementedError

    def elements(self) -> int:
        """Elements that the tape keeps: constants, and what follows from integers."""
        return self.kept + self.kept_by_loops + self.tape.block.elements()

    def _slot(self, shape: Sequence[int], host: bool, fixed: bool = False) -> Recorded:
        self.tape.slots += 1
        return Recorded(self, self.tape.slots - 1, shape, host, fixed)


def _every(condition: Any) -> bool:
    return bool(condition.all())


def _chosen(where: Callable[..., Any], every: bool, condition: Any, x: Any, y: Any) -> Any:
    return x if every else where(condition, x, y)


def _item(key: Any, x: Any) -> Any:
    return x[key]


def _reduced(ops: ArrayOps, code: Opcode, axis: int, x: Any) -> Any:
    return ops.reduce(code, x, axis)


def _runs(ops: TorchOps, count: int, rows: bool, flat: Any, starts: Any, mask: Any = None, other: Any = None) -> Any:
    return ops.take_runs(flat, starts, count, rows=rows, mask=mask, other=other)


def _reshaped(shape: tuple[int, ...], x: Any) -> Any:
    return x.reshape(shape)


def _broadcast(shape: tuple[int, ...], x: Any) -> Any:
    return np.broadcast_to(x, shape)
