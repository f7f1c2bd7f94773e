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
from torch_impl.eager.arrayops import TorchOps, as_tensor, padded, window_of

Values = list[Any]
"""Arrays of a call, by slot."""
Instruction = Callable[[Values], None]
_KEPT = 1 << 18  # elements of constants that a tape keeps
_ALL = 1 << 26  # elements that all tapes of a process keep: at most 512 MiB
_SMALL = 1 << 13  # elements of integers that are numpy's


class TooLarge(Exception):
    """A program with more constants than are kept; its calls take so long that walking through it does not matter."""


@dataclass(slots=True, weakref_slot=True)
class Tape:
    """A recorded launch.

    host: of every buffer, whether it is numpy's. constants: by slot. code: what a call does, in order.
    """

    host: list[bool] = field(default_factory=list)
    constants: dict[int, Any] = field(default_factory=dict)
    code: list[Instruction] = field(default_factory=list)
    slots: int = 0

    def play(self, buffers: Sequence[torch.Tensor]) -> None:
        """Makes a call. buffers: flat memory, in the order in which `TapeOps.buffer` made them."""
        values: Values = [None] * self.slots
        for slot, (buffer, host) in enumerate(zip(buffers, self.host, strict=True)):
            values[slot] = buffer.numpy() if host else buffer
        for slot, constant in self.constants.items():
            values[slot] = constant
        for instruction in self.code:
            instruction(values)


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
    """An array of a recorded program: a slot, the shape that it will have, and whether it will be numpy's."""

    __slots__ = ("host", "ops", "shape", "slot")

    def __init__(self, ops: TapeOps, slot: int, shape: Sequence[int], host: bool) -> None:
        self.ops, self.slot, self.shape, self.host = ops, slot, tuple(shape), host

    def __getitem__(self, key: Any) -> Recorded:
        shape = np.broadcast_to(np.zeros((), np.uint8), self.shape)[key].shape
        item = partial(_item, key)
        return self.ops.once(("item", str(key)), item, self, shape=shape, host=item)


class TapeOps:
    """ArrayOps that record calls of a device's `TorchOps`."""

    functional = False

    def __init__(self, ops: TorchOps) -> None:
        self.ops, self.tape = ops, Tape()
        self._code = self.tape.code
        self.kept = 0
        self._done: ChainMap[Hashable, Recorded] = ChainMap()  # of a loop's body those before it as well

    def buffer(self, length: int, dtype: torch.dtype) -> Recorded:
        """The flat memory of the next array."""
        host = self.ops.device.type == "cpu" and not dtype.is_floating_point
        self.tape.host.append(host)
        return self._slot((length,), host)

    def call(
        self, function: Callable[..., Any], *operands: Recorded, shape: Sequence[int], host: Any = None
    ) -> Recorded:
        """Records a call of a function of tensors, whose result has a shape.

        host: the function of numpy's arrays, which is called where all operands are such and the result is small.
        """
        own = host is not None and prod(shape) <= _SMALL and all(operand.host for operand in operands)
        given = operands if own else [self.tensor(operand) for operand in operands]
        result = self._slot(shape, own)
        self._code.append(_instruction(host if own else function, [operand.slot for operand in given], result.slot))
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
            found = done["tensor", x.slot] = self._slot(x.shape, host=False)
            if constant is None:
                self._code.append(_instruction(as_tensor, [x.slot], found.slot))
            else:
                self.tape.constants[found.slot] = as_tensor(constant)
        return found

    def array(self, x: np.ndarray[Any, Any]) -> Recorded:
        """An array that the tape keeps."""
        self.kept += x.size
        if self.kept > _KEPT:
            raise TooLarge
        host = self.ops.device.type == "cpu" and x.dtype.kind in "iub"
        result = self._slot(x.shape, host)
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
        """Selection with broadcasting."""
        shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
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
        return self.call(lambda x: self.ops.pad(x, margins, value), x, shape=shape, host=host)

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
        function = partial(_runs, self.ops, count, rows)
        return self.call(function, flat, starts, *given, shape=(*starts.shape, count))

    def put_runs(
        self, flat: Recorded, starts: Recorded, values: Recorded, mask: Recorded | None, *, rows: bool
    ) -> Recorded:
        """Writes runs in place."""
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
        return self.call(lambda x: self.ops.take_window(x, window, stays=stays), flat, shape=window.sizes, host=host)

    def put_window(self, flat: Recorded, window: Window, values: Recorded) -> Recorded | None:
        """Writes in place."""
        if min(window.strides, default=0) < 0:
            return None
        self.call(lambda x, y: self.ops.put_window(x, window, y), flat, values, shape=flat.shape)
        return flat

    def seen(self, conditions: Recorded) -> bool:
        """Never: there are no values yet."""
        del conditions
        return False

    def loop(self, lower: Recorded, upper: Recorded, body: LoopBody, carried: list[Recorded]) -> list[Recorded]:
        """A loop on the tape."""
        carried = [self.tensor(value) for value in carried]
        outer, self._code = self._code, []
        self._done = self._done.new_child()
        k = self._slot((), host=self.ops.device.type == "cpu")
        before = [self._slot(value.shape, host=False) for value in carried]
        after = [self.tensor(value) for value in body(k, before)]
        code, self._code = self._code, outer
        self._done = self._done.parents
        results = [self._slot(value.shape, host=False) for value in carried]
        first, own, new, out = ([value.slot for value in values] for values in (carried, before, after, results))
        count = NUMPY.const if k.host else self.ops.const

        def run(values: Values) -> None:
            state = [values[slot] for slot in first]
            for number in range(int(values[lower.slot]), int(values[upper.slot])):
                values[k.slot] = count(number, INT32)
                for slot, value in zip(own, state, strict=True):
                    values[slot] = value
                for instruction in code:
                    instruction(values)
                state = [values[slot] for slot in new]
            for slot, value in zip(out, state, strict=True):
                values[slot] = value

        self._code.append(run)
        return results

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """No program has it."""
        raise NotImplementedError

    def _slot(self, shape: Sequence[int], host: bool) -> Recorded:
        self.tape.slots += 1
        return Recorded(self, self.tape.slots - 1, shape, host)


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


def _instruction(function: Callable[..., Any], operands: list[int], result: int) -> Instruction:
    """values[result] = function(values[operands])."""
    match operands:
        case [a]:

            def of_one(values: Values) -> None:
                values[result] = function(values[a])

            return of_one
        case [a, b]:

            def of_two(values: Values) -> None:
                values[result] = function(values[a], values[b])

            return of_two

    def of_several(values: Values) -> None:
        values[result] = function(*[values[slot] for slot in operands])

    return of_several
