"""Splits the rows of a program's tiles between groups of warps: each runs the program on its share of the rows.

The split program has one more grid axis, the group; its tiles have the rows of a group where they had the rows of all,
its blocks begin at the group's first row, and indices along rows count from there. It is a program like any other, so
what it computes can be compared with what the program computed before, on any target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from specs.lang.declare.axes import Literal
from specs.lang.formats.elements import INT32
from specs.tile.ir import BlockDim, Opcode, Operation, Program, Region, TileType, Value, block_dims, index_count, walk
from specs.tile.passes.dimensions import Dimensions, dimensions, unshared

GROUP_NAME: Final = "warp_group"
ROWS: Final = 64
"""Rows of a tile that a group of four warps multiplies with one instruction of Hopper."""
_BLOCKS = frozenset({Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a program cannot be given to warps with roles of their own."""

    reason: str


def split_rows(program: Program, rows: int = ROWS) -> Program | Refusal:
    """The program with its rows in groups of `rows`, and the group as the last grid axis.

    Rows are the ones of its products, which all have the same.
    """
    program = unshared(program)
    products = [op.result for op in walk(program.ops) if op.code is Opcode.DOT]
    if not products:
        return Refusal("it has no product")
    found = dimensions(program)
    classes = {found.of(product, 0) for product in products}
    sizes = {int(product.type.shape[0]) for product in products}
    if len(classes) > 1:
        return Refusal("its products do not have the same rows")
    size, wanted = sizes.pop(), classes.pop()
    if size % rows:
        return Refusal(f"tiles have {size} rows, and a warp group takes {rows}")
    if wanted in {found.of(product, 1) for product in products}:
        return Refusal("rows and columns of products meet")
    if wanted in found.crossed:
        crossing = found.crossed[wanted]
        return Refusal(f"rows meet in {crossing.code.value} ({crossing.where})")
    return _Splitting(program, found, wanted, size // rows).program()


class _Splitting:
    """Copies a program, with tiles of fewer rows."""

    def __init__(self, program: Program, found: Dimensions, wanted: int, groups: int) -> None:
        self.old, self.found, self.wanted, self.groups = program, found, wanted, groups
        self.made: dict[int, Value] = {}
        self.shifts: dict[int, object] = {}  # start of rows of blocks -> rows of a group
        self.shifted: dict[int, Value] = {}
        for op in walk(program.ops):
            if op.code in _BLOCKS:
                for start, dim, row in zip(op.operands, block_dims(op), self.row_dims(op), strict=False):
                    if row and dim.size is not None:
                        self.shifts[id(start)] = dim.size // groups
        self.group = Value(type=TileType(INT32), name=GROUP_NAME)
        self.group.op = Operation(Opcode.PROGRAM_ID, (), (self.group,), {"axis": len(program.grid)}, None)

    def program(self) -> Program:
        assert self.group.op is not None
        ops = [self.group.op, *self.block(self.old.ops)]
        return replace(self.old, grid=(*self.old.grid, Literal(self.groups)), ops=tuple(ops))

    def row_dims(self, op: Operation) -> list[bool]:
        """For each dimension of an array that a block access takes: whether the tile's is of rows."""
        tile = op.result if op.code is Opcode.LOAD_BLOCK else op.operands[-1]
        axes = iter(range(len(tile.type.shape)))
        return [dim.size is not None and self.found.of(tile, next(axes)) == self.wanted for dim in block_dims(op)]

    def type_of(self, value: Value) -> TileType:
        place = self.found.place(value, self.wanted) if value.type.shape else None
        shape = tuple(size // self.groups if dim == place else size for dim, size in enumerate(value.type.shape))
        return TileType(value.type.element, shape)

    def copy(self, value: Value) -> Value:
        new = Value(type=self.type_of(value), name=value.name, hint=value.hint)
        self.made[id(value)] = new
        return new

    def block(self, ops: tuple[Operation, ...] | list[Operation]) -> list[Operation]:
        found: list[Operation] = []
        for op in ops:
            region = op.region
            if region is not None:
                inner = Region([self.copy(value) for value in region.parameters])
                for value in region.parameters:
                    self.shift(value, inner.ops)
                inner.ops += self.block(region.ops)
                inner.results = [self.made[id(value)] for value in region.results]
                region = inner
            new = self.emit(op.code, self.operands(op), self.attrs(op), found, op, region)
            if op.code is Opcode.ARANGE and self.found.place(op.result, self.wanted) == 0:
                self.made[id(op.result)] = self.after(new.result, new.result.type.shape[0], found)
            for value in op.results:
                self.shift(value, found)
        return found

    def operands(self, op: Operation) -> list[Value]:
        operands = [self.made[id(value)] for value in op.operands]
        if op.code in _BLOCKS:
            for place, row in enumerate(self.row_dims(op)):
                if row:
                    operands[place] = self.shifted[id(op.operands[place])]
        return operands

    def attrs(self, op: Operation) -> dict[str, object]:
        if op.code is Opcode.ARANGE:
            return {"n": self.type_of(op.result).shape[0]}
        if op.code is Opcode.STORE:
            return op.attrs | {
                "shape": self.type_of(op.operands[index_count(op, self.old.array(str(op.attrs["array"])))]).shape
            }
        if op.code not in _BLOCKS:
            return op.attrs
        dims: list[BlockDim] = []
        for dim, row in zip(block_dims(op), self.row_dims(op), strict=True):
            dims.append(replace(dim, size=dim.size // self.groups) if row and dim.size is not None else dim)
        return op.attrs | {"block": tuple(dims)}

    def emit(
        self,
        code: Opcode,
        operands: list[Value],
        attrs: dict[str, object],
        into: list[Operation],
        old: Operation,
        region: Region | None,
    ) -> Operation:
        new = Operation(
            code, tuple(operands), tuple(self.copy(value) for value in old.results), attrs, old.where, region
        )
        for value in new.results:
            value.op = new
        into.append(new)
        return new

    def shift(self, value: Value, into: list[Operation]) -> None:
        """Computes the first row of a group's block right after the first row of all."""
        if id(value) in self.shifts:
            self.shifted[id(value)] = self.after(self.made[id(value)], self.shifts[id(value)], into)

    def after(self, start: Value, rows: object, into: list[Operation]) -> Value:
        """start + warp_group * rows."""
        where = start.op.where if start.op is not None else None
        count = _op(Opcode.CONST, (), TileType(INT32), {"value": rows}, where, into)
        skipped = _op(Opcode.MUL, (self.group, count), TileType(INT32), {}, where, into)
        return _op(Opcode.ADD, (start, skipped), start.type, {}, where, into)


def _op(
    code: Opcode,
    operands: tuple[Value, ...],
    new: TileType,
    attrs: dict[str, object],
    where: object,
    into: list[Operation],
) -> Value:
    result = Value(type=new)
    result.op = Operation(code, operands, (result,), attrs, where)  # type: ignore[arg-type]
    into.append(result.op)
    return result
