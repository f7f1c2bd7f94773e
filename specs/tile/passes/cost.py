"""Bytes moved and operations done by a launch, read off the IR and the sizes; no hardware is modelled.

    once        all elements of every array that is read or written, once: the least that must move
    traffic     what the programs of the grid load and store together, before any cache
    dot flops   2 M N K per dot
    other flops one per element of every float32 or float64 arithmetic operation and reduction

Masked accesses count as if the mask were true everywhere, so ragged edges are counted as whole tiles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from specs.lang.formats.elements import ElementFormat
from specs.tile.ir import COMPARISONS, ArrayParam, Opcode, Operation, Value, block_shape
from specs.tile.launch.plan import Launch

_FLOAT_WORK = COMPARISONS | {
    Opcode.NEG,
    Opcode.ABS,
    Opcode.EXP2,
    Opcode.LOG2,
    Opcode.SQRT,
    Opcode.FLOOR,
    Opcode.ADD,
    Opcode.SUB,
    Opcode.MUL,
    Opcode.DIV,
    Opcode.MIN,
    Opcode.MAX,
    Opcode.SUM,
    Opcode.AMAX,
    Opcode.AMIN,
    Opcode.CUMSUM,
}


_INTEGER: dict[Opcode, Callable[[int, int], int]] = {
    Opcode.ADD: operator.add,
    Opcode.SUB: operator.sub,
    Opcode.MUL: operator.mul,
    Opcode.IDIV: operator.floordiv,
    Opcode.IMOD: operator.mod,
    Opcode.MIN: min,
    Opcode.MAX: max,
    Opcode.SHL: operator.lshift,
    Opcode.SHR: operator.rshift,
    Opcode.EQ: operator.eq,
    Opcode.NE: operator.ne,
    Opcode.LT: operator.lt,
    Opcode.LE: operator.le,
    Opcode.GT: operator.gt,
    Opcode.GE: operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one launch does, over its whole grid.

    bytes_read, bytes_written: every array once.
    traffic_read, traffic_written: bytes of all loads and stores.
    dot_flops, other_flops: see the module.
    unresolved: loops (file:line) whose number of trips does not follow from the sizes, counted as one trip.
    """

    bytes_read: int
    bytes_written: int
    traffic_read: int
    traffic_written: int
    dot_flops: int
    other_flops: int
    unresolved: tuple[str, ...] = ()

    @property
    def bytes_once(self) -> int:
        """Bytes read and written, every array once."""
        return self.bytes_read + self.bytes_written

    @property
    def flops(self) -> int:
        """All floating-point operations."""
        return self.dot_flops + self.other_flops

    @property
    def intensity(self) -> float:
        """Flops per byte if every array moves once; 0 where nothing moves."""
        return self.flops / self.bytes_once if self.bytes_once else 0.0


def cost(launch: Launch) -> Cost:
    """The cost of a launch."""
    counter = _Counter(launch)
    programs = prod(launch.grid)
    if programs:
        counter.block(list(launch.program.ops), programs)
    return Cost(
        bytes_read=sum(counter.size_of(name) for name in counter.read),
        bytes_written=sum(counter.size_of(name) for name in counter.written),
        traffic_read=sum(counter.read.values()),
        traffic_written=sum(counter.written.values()),
        dot_flops=counter.dot_flops,
        other_flops=counter.other_flops,
        unresolved=tuple(counter.unresolved),
    )


class _Counter:
    """Adds up the operations of a program. `known`: scalars that follow from the sizes."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.params = {param.name: param for param in launch.program.arrays}
        self.known: dict[int, int] = {}
        self.read: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.dot_flops = self.other_flops = 0
        self.unresolved: dict[str, None] = {}

    def size_of(self, name: str) -> int:
        """Bytes of a whole array."""
        return prod(self.launch.arrays[name][1].sizes) * _bytes(self.params[name])

    def block(self, ops: list[Operation], times: int) -> None:
        """Counts operations that are executed `times` times."""
        for op in ops:
            match op.code:
                case Opcode.LOAD | Opcode.LOAD_BLOCK:
                    self.move(self.read, op, op.result.type.size, times)
                case Opcode.STORE:
                    self.move(self.written, op, prod(op.attrs["shape"]), times)  # type: ignore[call-overload]
                case Opcode.STORE_BLOCK:
                    self.move(self.written, op, prod(block_shape(op)), times)
                case Opcode.DOT:
                    inner = op.operands[0].type.shape[-1]
                    self.dot_flops += 2 * inner * op.result.type.size * times
                case Opcode.FOR:
                    assert op.region is not None
                    self.block(op.region.ops, self.runs(op, times))
                case Opcode.WHEN:
                    assert op.region is not None
                    self.block(op.region.ops, self.taken(op, times))
                case _:
                    self.plain(op, times)

    def move(self, into: dict[str, int], op: Operation, elements: int, times: int) -> None:
        name, view = str(op.attrs["array"]), op.attrs.get("view")
        size = view.storage_bits // 8 if isinstance(view, ElementFormat) else _bytes(self.params[name])
        into[name] = into.get(name, 0) + elements * size * times

    def plain(self, op: Operation, times: int) -> None:
        value = self.evaluate(op)
        if value is not None:
            self.known[id(op.result)] = value
        elif op.code in _FLOAT_WORK and op.operands[0].type.element.is_float:
            wide = max((*op.operands, op.result), key=lambda v: v.type.size)
            self.other_flops += wide.type.size * times

    def taken(self, op: Operation, times: int) -> int:
        """How often a branch's body runs, over all programs, if the branch is met `times` times."""
        for axis, count in enumerate(self.launch.grid):
            chosen = 0
            for index in range(count):
                value = self.at(op.operands[0], axis, index)
                if value is None:
                    break
                chosen += bool(value)
            else:
                return times * chosen // count
        self.unresolved[str(op.where)] = None
        return times

    def runs(self, op: Operation, times: int) -> int:
        """How often a loop's body runs if the loop runs `times` times, over all programs."""
        for axis, count in enumerate(self.launch.grid):
            trips = 0
            for index in range(count):
                lower, upper = (self.at(value, axis, index) for value in op.operands[:2])
                if lower is None or upper is None:
                    break
                trips += max(0, upper - lower)
            else:
                return times * trips // count
        self.unresolved[str(op.where)] = None
        return times

    def at(self, value: Value, axis: int, index: int) -> int | None:
        """A scalar in programs with this index along one axis of the grid, None where it depends on anything else."""
        if id(value) in self.known or value.op is None:
            return self.known.get(id(value))
        if value.op.code is Opcode.PROGRAM_ID and value.op.attrs["axis"] == axis:
            return index
        if value.op.code not in _INTEGER or value.type.shape:
            return None
        values = [self.at(operand, axis, index) for operand in value.op.operands]
        known = [number for number in values if number is not None]
        if len(known) < len(values):
            return None
        return _INTEGER[value.op.code](*known)

    def evaluate(self, op: Operation) -> int | None:
        """The value of a scalar integer that follows from sizes and constants, else None."""
        if op.result.type.shape or not op.result.type.element.is_integer:
            return None
        if op.code is Opcode.CONST:
            return int(op.attrs["value"])  # type: ignore[call-overload, no-any-return]
        if op.code is Opcode.SIZE:
            return self.launch.sizes[op.attrs["size"]]  # type: ignore[index]
        values = [self.known[id(value)] for value in op.operands if id(value) in self.known]
        if op.code not in _INTEGER or len(values) < len(op.operands):
            return None
        return _INTEGER[op.code](*values)


def _bytes(param: ArrayParam) -> int:
    return param.element.storage_bits // 8
