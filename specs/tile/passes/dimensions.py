"""Which dimensions of a program's tiles run along each other: the rows and columns of its products.

Dimensions of two tiles are one where element i of one meets element i of the other: operands of elementwise operations,
a product's rows and the rows of its first operand, what a loop carries and what it starts from. A tile of indices or of
one value is made anew for each use (`unshared`), so that one which serves rows and columns does not tie them together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from specs.tile.ir import Opcode, Operation, Program, Region, Value, walk

Dim = tuple[int, int]
"""A value, by identity, and a dimension of it."""

_ALONG_AXIS = frozenset({Opcode.SUM, Opcode.AMAX, Opcode.AMIN, Opcode.CUMSUM})
_APART = frozenset({Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK, Opcode.DESCRIPTOR, Opcode.ARANGE, Opcode.WHEN})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimensions:
    """Dimensions of all tiles of a program, by class.

    classes: the class of a dimension.
    crossed: class -> operation that adds up, orders or rearranges along it.
    """

    classes: dict[Dim, int]
    crossed: dict[int, Operation]

    def of(self, value: Value, dim: int) -> int:
        """The class of one dimension of a value; dimensions of size 1 have classes of their own."""
        return self.classes[id(value), dim]

    def place(self, value: Value, wanted: int) -> int | None:
        """Which dimension of a value is of a class, None if none is."""
        return next((dim for dim in range(len(value.type.shape)) if self.of(value, dim) == wanted), None)


def dimensions(program: Program) -> Dimensions:
    """The classes of a program's dimensions."""
    ties = _Ties()
    for op in walk(program.ops):
        _tie(op, ties)
    crossed: dict[int, Operation] = {}
    for dim, op in ties.crossings:
        crossed.setdefault(ties.find(dim), op)
    return Dimensions(classes={dim: ties.find(dim) for dim in ties.known()}, crossed=crossed)


class _Ties:
    """Classes of dimensions while they are found."""

    def __init__(self) -> None:
        self._numbers: dict[Dim, int] = {}
        self._parents: list[int] = []
        self.crossings: list[tuple[Dim, Operation]] = []

    def known(self) -> list[Dim]:
        return list(self._numbers)

    def add(self, value: Value) -> None:
        for dim in range(len(value.type.shape)):
            self._number((id(value), dim))

    def find(self, dim: Dim) -> int:
        return self._root(self._number(dim))

    def tie(self, a: Value, a_dim: int, b: Value, b_dim: int) -> None:
        """Says that two dimensions are one; a size of 1 goes with any."""
        if a.type.shape[a_dim] != 1 and b.type.shape[b_dim] != 1:
            self._parents[self.find((id(a), a_dim))] = self.find((id(b), b_dim))

    def same(self, a: Value, b: Value) -> None:
        """Says that two tiles of one rank lie on each other; a scalar goes with any."""
        if a.type.shape and b.type.shape:
            for dim in range(len(a.type.shape)):
                self.tie(a, dim, b, dim)

    def cross(self, value: Value, dim: int, op: Operation) -> None:
        self.crossings.append(((id(value), dim), op))

    def _number(self, dim: Dim) -> int:
        number = self._numbers.setdefault(dim, len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
        return number

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = number = self._parents[self._parents[number]]
        return number


def _tie(op: Operation, ties: _Ties) -> None:
    """Ties the dimensions of an operation's operands and results."""
    for value in (*op.operands, *op.results, *(op.region.parameters if op.region is not None else ())):
        ties.add(value)
    first = op.operands[0] if op.operands else None
    if op.code is Opcode.FOR:
        _tie_loop(op, ties)
    elif op.code is Opcode.DOT:
        a, b, *acc = op.operands
        ties.tie(op.result, 0, a, 0)
        ties.tie(op.result, 1, b, 1)
        ties.tie(a, 1, b, 0)
        ties.cross(a, 1, op)
        for value in acc:
            ties.same(op.result, value)
    elif op.code in _APART or first is None:
        return
    elif op.code in _ALONG_AXIS or op.code is Opcode.EXPAND:
        _tie_along_axis(op, first, ties)
    elif op.code is Opcode.TRANSPOSE:
        for new, old in enumerate(op.attrs["permutation"]):  # type: ignore[var-annotated,arg-type]
            ties.tie(op.result, new, first, old)
    elif op.code in (Opcode.RESHAPE, Opcode.SPLIT, Opcode.JOIN):
        _tie_rearranged(op, ties)
    else:  # elementwise, broadcasts, gathers and scatters
        tiles = [value for value in (*op.operands, *op.results) if value.type.shape]
        for value in tiles[:-1]:
            if len(value.type.shape) == len(tiles[-1].type.shape):
                ties.same(value, tiles[-1])


def _tie_loop(op: Operation, ties: _Ties) -> None:
    assert op.region is not None
    carried = zip(op.operands[2:], op.region.parameters[1:], op.region.results, op.results, strict=True)
    for init, parameter, end, result in carried:
        ties.add(end)
        for value in (init, end, result):
            ties.same(parameter, value)


def _tie_along_axis(op: Operation, first: Value, ties: _Ties) -> None:
    axis = int(op.attrs["axis"])  # type: ignore[call-overload]
    if op.code is Opcode.EXPAND:
        for dim in range(len(first.type.shape)):
            ties.tie(op.result, dim + (dim >= axis), first, dim)
        return
    ties.cross(first, axis, op)
    kept = [dim for dim in range(len(first.type.shape)) if op.code is Opcode.CUMSUM or dim != axis]
    for new, old in enumerate(kept):
        ties.tie(op.result, new, first, old)


def _tie_rearranged(op: Operation, ties: _Ties) -> None:
    """Leading dimensions that stay as they are; all others are rearranged."""
    for new in op.results:
        for old in op.operands:
            kept = 0
            for a, b in zip(old.type.shape, new.type.shape, strict=False):
                if a != b:
                    break
                ties.tie(new, kept, old, kept)
                kept += 1
            for value in (old, new):
                for dim in range(kept, len(value.type.shape)):
                    ties.cross(value, dim, op)


def unshared(program: Program) -> Program:
    """The program with a tile of indices, or of one value, made for each use of it. Programs are not changed."""
    return replace(program, ops=tuple(_Unsharing().block(program.ops)))


class _Unsharing:
    """Copies a program; `made` are the new values by the old ones' identity."""

    def __init__(self) -> None:
        self.made: dict[int, Value] = {}
        self.leaves: dict[int, Operation] = {}  # by the old result's identity

    def block(self, ops: tuple[Operation, ...] | list[Operation]) -> list[Operation]:
        found: list[Operation] = []
        for op in ops:
            if op.code is Opcode.ARANGE or (op.code is Opcode.BROADCAST and not op.operands[0].type.shape):
                self.leaves[id(op.result)] = op
                continue
            operands = [self.of(value, found) for value in op.operands]
            region = op.region
            if region is not None:
                inner = Region([self.copy(value) for value in region.parameters])
                inner.ops = self.block(region.ops)
                inner.results = [self.of(value, inner.ops) for value in region.results]
                region = inner
            found.append(self.operation(op, operands, region))
        return found

    def of(self, value: Value, into: list[Operation]) -> Value:
        leaf = self.leaves.get(id(value))
        if leaf is None:
            return self.made[id(value)]
        new = self.operation(leaf, [self.of(operand, into) for operand in leaf.operands], None)
        into.append(new)
        return new.result

    def operation(self, op: Operation, operands: list[Value], region: Region | None) -> Operation:
        results = tuple(self.copy(value) for value in op.results)
        new = Operation(op.code, tuple(operands), results, op.attrs, op.where, region)
        for value in results:
            value.op = new
        return new

    def copy(self, value: Value) -> Value:
        new = Value(type=value.type, name=value.name, hint=value.hint)
        self.made[id(value)] = new
        return new
