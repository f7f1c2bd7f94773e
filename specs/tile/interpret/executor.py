"""Executes the IR with an array library, all grid points at once: the third implementation, which needs no Triton.

A tile of shape S becomes an array of shape (G, *S), G the number of grid points in a chunk, or (1, *S) when it is the
same for all of them. Loops whose bounds differ between grid points run to the longest, with the others masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from specs.lang.formats.elements import BOOL, INT32, INT64
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.interpret.known import KnownOps
from specs.tile.ir import Opcode, Operation, Program, Size, Value, walk

_CHUNK_ELEMENTS = 1 << 23  # largest tile array of one chunk, in elements
_SHORTEST_RUN = 8  # elements along the last dimension that are moved as one
_UNARY = frozenset(
    {Opcode.NEG, Opcode.ABS, Opcode.NOT, Opcode.EXP2, Opcode.LOG2, Opcode.SQRT, Opcode.FLOOR, Opcode.ROUND}
)
_ALONG_AXIS = frozenset({Opcode.SUM, Opcode.AMAX, Opcode.AMIN, Opcode.CUMSUM})


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array as 1-D memory plus strides (in elements) of the dimensions that the program indexes."""

    flat: Any
    strides: tuple[int, ...]


def execute(
    program: Program, ops: ArrayOps, buffers: Mapping[str, Buffer], sizes: Mapping[Size, int], grid: Sequence[int]
) -> dict[str, Any]:
    """Runs `program` over `grid`; returns the flat memory of every written array.

    With an in-place library the given buffers are written; with a functional one they are replaced.
    """
    state = {name: buffer.flat for name, buffer in buffers.items()}
    written = [param.name for param in program.arrays if param.written]
    total = prod(grid)
    if total:
        largest = max((v.type.size for op in walk(program.ops) for v in op.results), default=1)
        chunk = min(total, max(1, _CHUNK_ELEMENTS // largest))
        run = Run(program, ops, buffers, sizes, grid)
        if chunk == total:
            run.chunk(state, ops.arange(total), None)
        else:
            _in_chunks(run, ops, state, written, total, chunk)
    return {name: state[name] for name in written}


def _in_chunks(run: Run, ops: ArrayOps, state: dict[str, Any], written: list[str], total: int, chunk: int) -> None:
    def body(k: Any, carried: list[Any]) -> list[Any]:
        state.update(zip(written, carried, strict=True))
        first = ops.binary(Opcode.MUL)(k, ops.const(chunk, INT32))
        point = ops.binary(Opcode.ADD)(ops.arange(chunk), first)
        if total % chunk == 0:
            run.chunk(state, point, None)
        else:  # after the last grid point: the last one again, without its stores
            last = ops.const(total - 1, INT32)
            run.chunk(state, ops.binary(Opcode.MIN)(point, last), ops.binary(Opcode.LE)(point, last))
        return [state[name] for name in written]

    count = -(-total // chunk)
    out = ops.loop(ops.const(0, INT32), ops.const(count, INT32), body, [state[name] for name in written])
    state.update(zip(written, out, strict=True))


def runs(program: Program) -> frozenset[int]:
    """Identities of the values that count up by one along their last dimension and do not vary along others."""
    found: set[int] = set()
    for op in walk(program.ops):
        if op.code is Opcode.ARANGE:
            found.add(id(op.result))
        elif op.code is Opcode.EXPAND:
            (x,) = op.operands
            if id(x) in found and op.result.type.shape[-1:] == x.type.shape[-1:]:
                found.add(id(op.result))
        elif op.code is Opcode.ADD:
            counting = [x for x in op.operands if id(x) in found]
            scalar = [x for x in op.operands if not x.type.shape]
            if len(counting) == len(scalar) == 1:
                found.add(id(op.result))
    return frozenset(found)


class Run:
    """One execution: the program's environment for one chunk of grid points at a time."""

    def __init__(
        self,
        program: Program,
        ops: ArrayOps,
        buffers: Mapping[str, Buffer],
        sizes: Mapping[Size, int],
        grid: Sequence[int],
    ) -> None:
        self.program, self.ops, self.buffers, self.sizes, self.grid = program, ops, buffers, sizes, grid
        self.runs = runs(program)
        self.known = ops if isinstance(ops, KnownOps) else None
        self.written = frozenset(param.name for param in program.arrays if param.written)
        self.env: dict[int, Any] = {}
        self.memory: dict[str, Any] = {}
        self.points: Any = None
        self.active: Any = None  # which of them are grid points, where some are padding
        self.inside: Any = None  # which of them take the current iteration, in a loop where they differ

    def chunk(self, memory: dict[str, Any], points: Any, active: Any) -> None:
        """Runs grid points `points` (flat indices, i32 [G]); `active` masks padding points."""
        self.memory, self.points, self.active = memory, points, active
        self.env.clear()
        for op in self.program.ops:
            self.step(op)

    def of(self, value: Value, rank: int | None = None) -> Any:
        """The array of a value, scalars padded to `rank` dimensions after the grid dimension."""
        array = self.env[id(value)]
        if rank is not None and not value.type.shape and rank:
            array = self.ops.reshape(array, (array.shape[0], *([1] * rank)))
        return array

    def step(self, op: Operation) -> None:
        """Runs one operation."""
        code = op.code
        if code is Opcode.STORE:
            self.store(op)
        elif code is Opcode.FOR:
            self.loop(op)
        elif code is Opcode.WHEN:
            self.branch(op)
        elif code is Opcode.SPLIT:
            pairs = self.of(op.operands[0])
            for index, result in enumerate(op.results):
                self.env[id(result)] = pairs[..., index]
        elif code is Opcode.JOIN:
            self.env[id(op.result)] = self.join(op)
        else:
            self.env[id(op.result)] = self.compute(op)

    def compute(self, op: Operation) -> Any:
        ops, code, shape = self.ops, op.code, op.result.type.shape
        rank = len(shape)
        if code in _UNARY:
            return ops.unary(code)(self.of(op.operands[0]))
        if code in _ALONG_AXIS:
            return ops.reduce(code, self.of(op.operands[0]), int(op.attrs["axis"]) + 1)  # type: ignore[call-overload]
        match code:
            case Opcode.CONST:
                return ops.reshape(ops.const(op.attrs["value"], op.result.type.element), (1,))
            case Opcode.SIZE:
                return ops.reshape(ops.const(self.sizes[op.attrs["size"]], INT32), (1,))  # type: ignore[index]
            case Opcode.PROGRAM_ID:
                axis = int(op.attrs["axis"])  # type: ignore[call-overload]
                return self.program_id(axis)
            case Opcode.ARANGE:
                return ops.reshape(ops.arange(shape[0]), (1, shape[0]))
            case Opcode.LOAD:
                return self.load(op)
            case Opcode.SELECT:
                return ops.where(*(self.of(value, rank) for value in op.operands))
            case Opcode.CAST:
                return ops.cast(self.of(op.operands[0]), op.result.type.element)
            case Opcode.BITCAST:
                return ops.bitcast(self.of(op.operands[0]), op.result.type.element)
            case Opcode.DOT:
                return self.dot(op)
            case Opcode.RESHAPE | Opcode.EXPAND:
                x = self.of(op.operands[0])
                return ops.reshape(x, (x.shape[0], *shape))
            case Opcode.BROADCAST:
                x = self.of(op.operands[0], rank)
                return ops.broadcast(x, (x.shape[0], *shape))
            case Opcode.TRANSPOSE:
                order = op.attrs["permutation"]
                return ops.transpose(self.of(op.operands[0]), (0, *(i + 1 for i in order)))  # type: ignore[attr-defined]
        a, b = (self.of(value, rank) for value in op.operands)
        return ops.binary(code)(a, b)

    def program_id(self, axis: int) -> Any:
        if len(self.grid) == 1:
            return self.points
        ops, below = self.ops, self.ops.const(prod(self.grid[axis + 1 :]), INT32)
        return ops.binary(Opcode.IMOD)(ops.binary(Opcode.IDIV)(self.points, below), ops.const(self.grid[axis], INT32))

    def join(self, op: Operation) -> Any:
        ops, shape = self.ops, op.result.type.shape
        even, odd = (self.of(value) for value in op.operands)
        pair = [ops.reshape(x, (*x.shape, 1)) for x in (even, odd)]
        number = ops.reshape(ops.arange(2), (1,) * len(shape) + (2,))
        return ops.where(ops.binary(Opcode.EQ)(number, ops.const(0, INT32)), *pair)

    def dot(self, op: Operation) -> Any:
        a, b, *acc = (self.of(value) for value in op.operands)
        product = self.ops.matmul(a, b)
        return self.ops.binary(Opcode.ADD)(acc[0], product) if acc else product

    def offsets(self, name: str, indices: Sequence[Value], rank: int, *, run: int = 0) -> Any:
        """Offsets of a tile's elements; of runs, of their first elements."""
        ops, buffer = self.ops, self.buffers[name]
        total: Any = None
        for number, (index, stride) in enumerate(zip(indices, buffer.strides, strict=True), 1):
            part = self.of(index, rank)
            part = part[..., :1] if run and number == len(indices) else part
            if self.program.wide:
                part = ops.cast(part, INT64)
            if stride != 1:
                part = ops.binary(Opcode.MUL)(part, ops.const(stride, INT64 if self.program.wide else INT32))
            total = part if total is None else ops.binary(Opcode.ADD)(total, part)
        return total

    def run_length(self, op: Operation, shape: tuple[int, ...]) -> int:
        """Length of the runs of neighbours that a load or store moves, each masked as a whole if at all; 0 for none."""
        name, count = str(op.attrs["array"]), self.program.array(str(op.attrs["array"])).rank
        length = shape[-1] if shape else 0
        size = self.memory[name].shape[0]  # of a traced program it may be no number
        if length < _SHORTEST_RUN or self.buffers[name].strides[-1:] != (1,):
            return 0
        if not isinstance(size, int) or length > size:
            return 0
        *others, last = op.operands[:count]
        if op.attrs["masked"]:
            others.append(op.operands[count + (op.code is Opcode.STORE)])
        uniform = all(value.type.shape[-1:] in ((), (1,)) for value in others)
        return length if uniform and id(last) in self.runs and last.type.shape[-1] == length else 0

    def are_rows(self, name: str, indices: Sequence[Value], run: int) -> bool:
        """Whether runs are certain to be rows of the array's memory seen as [n, run]."""
        *others, _ = self.buffers[name].strides
        first = self.of(indices[-1])[..., :1]
        whole = self.memory[name].shape[0] % run == 0 and all(stride % run == 0 for stride in others)
        return whole and self.known is not None and self.known.known(first) and not (first % run).any()

    def load(self, op: Operation) -> Any:
        name, rank = str(op.attrs["array"]), len(op.result.type.shape)
        count = self.program.array(name).rank
        masked, empty = bool(op.attrs["masked"]), not self.memory[name].shape[0]
        if self.known is not None and not empty and self.known.known(*map(self.of, op.operands[:count])):
            mask, other = (self.of(value, rank) for value in op.operands[count:]) if masked else (None, None)
            offsets, stays = self.offsets(name, op.operands[:count], rank), name not in self.written
            found = self.known.take_known(self.memory[name], offsets, self.live(mask, rank), other, stays=stays)
            if found is not None:
                return found
        run = self.run_length(op, op.result.type.shape)
        if run:
            return self.load_runs(op, run)
        offsets = self.offsets(name, op.operands[:count], rank)
        if not masked and self.inside is None and not empty:
            return self.ops.take(self.memory[name], offsets)
        mask, other = (self.of(value, rank) for value in op.operands[count:]) if masked else (None, None)
        if empty:  # the mask is false throughout, or no grid point gets here
            nothing = other if masked else self.ops.const(0, op.result.type.element)
            return self.ops.broadcast(nothing, (offsets.shape[0], *op.result.type.shape))
        loaded = self.ops.take(self.memory[name], self.ops.where(self.live(mask, rank), offsets, self.nowhere))
        return self.ops.where(mask, loaded, other) if masked else loaded

    @property
    def nowhere(self) -> Any:
        """The offset of what is not read."""
        return self.ops.const(0, INT64 if self.program.wide else INT32)

    def load_runs(self, op: Operation, run: int) -> Any:
        """A load of runs, each masked as a whole if at all."""
        ops, name, rank = self.ops, str(op.attrs["array"]), len(op.result.type.shape)
        count = self.program.array(name).rank
        starts = self.offsets(name, op.operands[:count], rank, run=run)
        rows, memory = self.are_rows(name, op.operands[:count], run), self.memory[name]
        mask, other = (self.of(value, rank) for value in op.operands[count:]) if op.attrs["masked"] else (None, None)
        live = self.live(mask, rank)
        if live is None:
            return ops.take_runs(memory, starts[..., 0], run, rows=rows)
        starts = ops.where(live, starts, self.nowhere)[..., 0]
        if mask is not None and not op.operands[-1].type.shape:
            return ops.take_runs(memory, starts, run, rows=rows, mask=live[..., 0], other=other)
        loaded = ops.take_runs(memory, starts, run, rows=rows)
        return loaded if mask is None else ops.where(mask, loaded, other)

    def live(self, mask: Any, rank: int) -> Any:
        """A mask without iterations that a grid point does not have, which read nothing of their own."""
        if self.inside is None:
            return mask
        inside = self.ops.reshape(self.inside, (self.inside.shape[0], *([1] * rank)))
        return inside if mask is None else self.ops.binary(Opcode.AND)(mask, inside)

    def store(self, op: Operation) -> None:
        name = str(op.attrs["array"])
        shape: tuple[int, ...] = op.attrs["shape"]  # type: ignore[assignment]
        if not self.memory[name].shape[0]:
            return
        count, points = self.program.array(name).rank, self.points.shape[0]
        mask = self.of(op.operands[count + 1], len(shape)) if op.attrs["masked"] else None
        for active in (self.active, self.inside):
            if active is not None:
                live = self.ops.reshape(active, (active.shape[0], *([1] * len(shape))))
                mask = live if mask is None else self.ops.binary(Opcode.AND)(mask, live)
        value = self.ops.broadcast(self.of(op.operands[count], len(shape)), (points, *shape))
        if self.known is not None and self.known.known(*map(self.of, op.operands[:count])):
            offsets = self.ops.broadcast(self.offsets(name, op.operands[:count], len(shape)), (points, *shape))
            found = self.known.put_known(self.memory[name], offsets, value, mask)
            if found is not None:
                self.memory[name] = found
                return
        run = self.run_length(op, shape)
        each = (*shape[:-1], 1) if run else shape
        offsets = self.offsets(name, op.operands[:count], len(shape), run=run)
        offsets = self.ops.broadcast(offsets, (points, *each))
        if mask is not None:
            mask = self.ops.broadcast(mask, (points, *each))
        if run:
            mask = None if mask is None else mask[..., 0]
            rows = self.are_rows(name, op.operands[:count], run)
            self.memory[name] = self.ops.put_runs(self.memory[name], offsets[..., 0], value, mask, rows=rows)
            return
        self.memory[name] = self.ops.put(self.memory[name], offsets, value, mask)

    def branch(self, op: Operation) -> None:
        """Grid points that do not take the branch run it without storing anything."""
        assert op.region is not None
        outer, condition = self.inside, self.of(op.operands[0])
        self.inside = condition if outer is None else self.ops.binary(Opcode.AND)(outer, condition)
        if self.known is None or not self.known.known(self.inside) or self.inside.any():
            for inner in op.region.ops:
                self.step(inner)
        self.inside = outer

    def loop(self, op: Operation) -> None:
        ops, region, points = self.ops, op.region, self.points.shape[0]
        assert region is not None
        lower, upper = (self.of(value) for value in op.operands[:2])
        uniform = lower.shape[0] == 1 and upper.shape[0] == 1
        stored = sorted({str(o.attrs["array"]) for o in walk(region.ops) if o.code is Opcode.STORE})
        outer, both = self.inside, ops.binary(Opcode.AND)

        def body(k: Any, carried: list[Any]) -> list[Any]:
            self.memory.update(zip(stored, carried[: len(stored)], strict=True))
            before = carried[len(stored) :]
            inside = None if uniform else both(ops.binary(Opcode.LE)(lower, k), ops.binary(Opcode.LT)(k, upper))
            self.inside = inside if outer is None else (outer if inside is None else both(outer, inside))
            self.env[id(region.parameters[0])] = ops.reshape(k, (1,))
            for parameter, value in zip(region.parameters[1:], before, strict=True):
                self.env[id(parameter)] = value
            for inner in region.ops:
                self.step(inner)
            after = [self.of(value) for value in region.results]
            after = [ops.broadcast(new, (points, *new.shape[1:])) for new in after]
            if inside is not None:
                after = [self.keep(inside, new, old) for new, old in zip(after, before, strict=True)]
            return [self.memory[name] for name in stored] + after

        init = [self.of(value) for value in op.operands[2:]]
        init = [ops.broadcast(x, (points, *x.shape[1:])) for x in init]
        first = ops.reduce(Opcode.AMIN, lower, 0)
        # Grid points outside a branch have loop bounds of what they did not read.
        needed = upper if uniform or outer is None else ops.where(outer, upper, lower)
        last = ops.reduce(Opcode.AMAX, needed, 0)
        out = ops.loop(first, last, body, [self.memory[name] for name in stored] + init)
        self.inside = outer
        self.memory.update(zip(stored, out[: len(stored)], strict=True))
        for result, array in zip(op.results, out[len(stored) :], strict=True):
            self.env[id(result)] = array

    def keep(self, inside: Any, new: Any, old: Any) -> Any:
        mask = self.ops.reshape(inside, (inside.shape[0], *([1] * (len(new.shape) - 1))))
        return self.ops.where(mask, new, old)


__all__ = ["BOOL", "Buffer", "execute"]
