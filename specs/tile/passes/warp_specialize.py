"""Gives warps roles of their own: a producer that copies ahead, consumers that multiply, each its rows.

Taken are programs with one loop that has one product, of blocks as they lie in memory: tensor descriptors copy them
into a ring of slots in shared memory, with the scales of the step where these are contiguous, and groups of 64 rows
multiply them there. All else is done by the consumers, as the program has it. What does not fit is refused, with the
reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from specs.tile.ir import (
    Opcode,
    Operation,
    Program,
    Region,
    Value,
    block_dims,
    block_shape,
    matrix_dims,
    walk,
    without_dead,
)
from specs.tile.passes.dimensions import Dimensions, dimensions, unshared
from specs.tile.passes.row_split import ROWS, Refusal
from specs.tile.passes.simplify import simplify

SHARED: Final = 227 << 10
"""Bytes of shared memory that a kernel can have on Hopper."""
_WIDEST, _NARROWEST = 256, 16  # columns of an instruction, as tiles have them
_LEAST_DEPTH = 32  # bytes of a row of an operand that one instruction takes
_MOST_GROUPS = 3
_NO_LAYOUT = frozenset(
    {Opcode.TRANSPOSE, Opcode.RESHAPE, Opcode.SPLIT, Opcode.JOIN, Opcode.NIBBLE, Opcode.CUMSUM, Opcode.WHEN}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copy:
    """A block that the producer copies into a slot, for one group of consumers each or for all of them.

    load: the access. operand: of the product, 0 or 1; None for what the consumers read into registers.
    shape: of the block as it lies in memory, contiguous along its last dimension.
    """

    load: Operation
    operand: int | None
    by_group: bool
    shape: tuple[int, ...]

    @property
    def array(self) -> str:
        """Name of the array."""
        return str(self.load.attrs["array"])

    @property
    def bits(self) -> int:
        """Of an element."""
        return self.load.result.type.element.storage_bits

    def bytes(self, groups: int) -> int:
        """What the producer copies in a step, for all groups."""
        size = self.bits // 8
        for count in self.shape:
            size *= int(count)
        return size * (groups if self.by_group else 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Specialized:
    """A program whose warps have roles.

    program: of the consumers, with rows of one group and the group as its last grid axis.
    producer: the part of it that copies; its loop carries nothing.
    loop, product: the loop that both run, and its product. copies: in the order of the program.
    stores: blocks that are stored by descriptors, through shared memory.
    rows, columns: classes of the dimensions of tiles. stages: slots of the ring.
    """

    program: Program
    producer: Program
    loop: Operation
    product: Operation
    copies: tuple[Copy, ...]
    stores: tuple[Operation, ...]
    found: Dimensions
    rows: int
    columns: int
    groups: int
    stages: int


def specialize(program: Program, stages: int) -> Specialized | Refusal:
    """The roles of the warps that run a program, whose rows are split, and which has descriptors of what can be copied.

    stages: slots of the ring at most; fewer where they do not fit into shared memory.
    """
    try:
        return _specialized(unshared(program), stages)
    except _Unfit as problem:
        return Refusal(str(problem))


class _Unfit(Exception):
    """Why a program cannot be specialized."""


def _specialized(program: Program, stages: int) -> Specialized:
    loop, product = _product(program)
    found = dimensions(program)
    rows, columns = found.of(product.result, 0), found.of(product.result, 1)
    groups = int(program.grid[-1].evaluate({}))
    if groups > _MOST_GROUPS:
        raise _Unfit(f"tiles have {groups * ROWS} rows, and registers do for {_MOST_GROUPS * ROWS}")
    _check_formats(product)
    copies = tuple(_copies(program, loop, product, found, rows))
    stores = tuple(op for op in walk(program.ops) if op.code is Opcode.STORE_BLOCK)
    _check_ends(program)
    _check_stores(program, stores, found, (rows, columns))
    _check_layouts(program, found, (rows, columns), {id(copy.load) for copy in copies if copy.operand is not None})
    slot = sum(copy.bytes(groups) for copy in copies)
    results = sum(_bytes(op) * groups for op in stores)
    fitting = min(stages, (SHARED - results - 1024) // slot)
    if fitting < 2:
        raise _Unfit(f"two steps of {slot} bytes do not fit into shared memory" if stages > 1 else "num_stages is 1")
    consumer = _consumer(loop, product, copies)
    producer = _Producer(program, loop, copies, groups).program()
    ops = [consumer if op is loop else op for op in program.ops]
    return Specialized(
        program=replace(program, ops=tuple(_without_descriptors(without_dead(ops)))),
        producer=replace(producer, ops=tuple(_without_descriptors(producer.ops))),
        loop=consumer,
        product=product,
        copies=copies,
        stores=stores,
        found=found,
        rows=rows,
        columns=columns,
        groups=groups,
        stages=fitting,
    )


def _product(program: Program) -> tuple[Operation, Operation]:
    """The only loop with a product, and the product."""
    products = [op for op in walk(program.ops) if op.code is Opcode.DOT]
    if len(products) != 1:
        raise _Unfit(f"it has {len(products)} products: one is understood so far")
    for loop in program.ops:
        if loop.code is Opcode.FOR and loop.region is not None and products[0] in loop.region.ops:
            return loop, products[0]
    raise _Unfit("its product is in no loop of its own")


def _check_formats(product: Operation) -> None:
    a, b = (value.type for value in product.operands[:2])
    if a.element.storage_bits > 16:
        raise _Unfit(f"matrix units would round {a.element.name} operands")
    if not _NARROWEST <= b.shape[1] <= _WIDEST:
        raise _Unfit(f"tiles have {b.shape[1]} columns, instructions take {_NARROWEST} to {_WIDEST}")
    if a.shape[1] * a.element.storage_bits < _LEAST_DEPTH * 8:
        raise _Unfit(f"a step has {a.shape[1]} of K, instructions take {_LEAST_DEPTH} bytes")


def _copies(program: Program, loop: Operation, product: Operation, found: Dimensions, rows: int) -> Iterator[Copy]:
    assert loop.region is not None
    operands = [value.op for value in product.operands[:2]]
    for name, op in zip("ab", operands, strict=True):
        if op is None or op.code is not Opcode.LOAD_BLOCK or op not in loop.region.ops:
            raise _Unfit(f"operand {name} of its product is {_how_read(op)}")
    for op in loop.region.ops:
        if op.code is not Opcode.LOAD_BLOCK:
            continue
        operand = next((place for place, load in enumerate(operands) if load is op), None)
        param = program.array(str(op.attrs["array"]))
        shape = block_shape(op)
        if len(shape) > 1:
            sizes = [dim.size for dim in block_dims(op)]
            order = matrix_dims(op, param)
            shape = tuple(size for size in (sizes[d] for d in order) if size is not None)
            depth_last = (order[0] < order[1]) == (operand == 0)
            if op.result.type.element.storage_bits == 8 and not depth_last:
                raise _Unfit(f"operand {'ab'[operand or 0]} has 8 bits and is not contiguous along K")
        by_group = found.place(op.result, rows) is not None
        yield Copy(load=op, operand=operand, by_group=by_group, shape=shape)


def _how_read(op: Operation | None) -> str:
    """What keeps an operand of a product from being copied as it lies."""
    if op is None or op.code is Opcode.LOAD_BLOCK:
        return "loaded outside of the loop"
    if op.code is Opcode.LOAD:
        return f"not in rows as tensor descriptors take them, or gathered ({op.where})"
    return f"converted on its way ({op.code.value}, {op.where})"


def _check_ends(program: Program) -> None:
    """Descriptors are made before the launch: matrices end where their arrays do."""
    for op in walk(program.ops):
        if op.code is not Opcode.DESCRIPTOR:
            continue
        dims, param = block_dims(op), program.array(str(op.attrs["array"]))
        ends = iter(op.operands[sum(dim.size is None for dim in dims) :])
        for d, dim in enumerate(dims):
            end = None if dim.in_bounds else next(ends).op
            if end is not None and (end.code is not Opcode.SIZE or end.attrs["size"] != param.sizes[d]):
                raise _Unfit(f"the end of '{param.name}' is known when it runs only ({op.where})")
        if len(block_shape(op)) > 1 and any(dim.size is None for dim in dims):
            raise _Unfit(f"'{param.name}' has further dimensions ({op.where})")


def _check_stores(program: Program, stores: tuple[Operation, ...], found: Dimensions, tile: tuple[int, int]) -> None:
    for op in stores:
        value, param = op.operands[-1], program.array(str(op.attrs["array"]))
        order = matrix_dims(op, param)
        if order[0] > order[1]:
            raise _Unfit(f"'{param.name}' is written along its columns ({op.where})")
        if tuple(found.of(value, dim) for dim in range(len(value.type.shape))) != tile:
            raise _Unfit(f"'{param.name}' is written by other tiles than the product's ({op.where})")


def _check_layouts(program: Program, found: Dimensions, tile: tuple[int, int], operands: set[int]) -> None:
    """All tiles in registers are the product's, its rows or its columns: no other layout is understood so far."""
    for op in walk(program.ops):
        if op.code in _NO_LAYOUT:
            raise _Unfit(f"no layout is derived for {op.code.value} ({op.where})")
        if id(op) in operands or op.code is Opcode.DESCRIPTOR:
            continue
        for value in op.results:
            if not fits_layout(value, found, tile):
                raise _Unfit(f"a tile {value.type} is neither the product's nor along it ({op.where})")


def fits_layout(value: Value, found: Dimensions, tile: tuple[int, int]) -> bool:
    """Whether the dimensions of a tile are some of the product's, in its order."""
    shape = value.type.shape
    kinds = [None if size == 1 else found.of(value, dim) for dim, size in enumerate(shape)]
    if len(shape) == 1:
        return kinds[0] in tile
    return not shape or (len(shape) == 2 and all(kind in (None, want) for kind, want in zip(kinds, tile, strict=True)))


def _bytes(store: Operation) -> int:
    kind = store.operands[-1].type
    return kind.size * kind.element.storage_bits // 8


def _ordered(loop: Operation, product: Operation, copies: tuple[Copy, ...]) -> list[Operation]:
    """The loop's body: what needs no slot, the product, what can be done while it runs, what needs its result."""
    assert loop.region is not None
    loads = {id(copy.load): copy for copy in copies}
    late: dict[int, int] = {}  # value -> 1: read from a slot, or computed from that; 2: from the product
    parts: tuple[list[Operation], ...] = ([], [], [])
    for op in loop.region.ops:
        if op is product or (id(op) in loads and loads[id(op)].operand is not None):
            late.update((id(value), 2) for value in op.results)
            continue
        place = max((late.get(id(value), 0) for value in op.operands), default=0)
        if op.region is not None or op.code in (Opcode.STORE, Opcode.STORE_BLOCK):
            raise _Unfit(f"its loop has more than loads and arithmetic ({op.where})")
        place = max(place, int(id(op) in loads))
        late.update((id(value), place) for value in op.results)
        parts[place].append(op)
    operands = [copy.load for copy in copies if copy.operand is not None]
    return [*parts[0], *operands, *parts[1], product, *parts[2]]


def _consumer(loop: Operation, product: Operation, copies: tuple[Copy, ...]) -> Operation:
    """The loop with its body in the order in which consumers run it."""
    assert loop.region is not None
    if len(product.operands) > 2 and product.operands[2] not in loop.region.parameters:
        raise _Unfit(f"its product is added to more than what the loop carries ({product.where})")
    region = Region(loop.region.parameters, _ordered(loop, product, copies), loop.region.results)
    return Operation(loop.code, loop.operands, loop.results, loop.attrs, loop.where, region)


class _Producer:
    """Copies what a producer runs: copies to slots, for each group of consumers its own, and what these follow from."""

    def __init__(self, program: Program, loop: Operation, copies: tuple[Copy, ...], groups: int) -> None:
        assert loop.region is not None
        self.old, self.loop, self.groups = program, loop, groups
        self.copies = {id(copy.load): number for number, copy in enumerate(copies)}
        self.needed = _needed([value for copy in copies for value in copy.load.operands], loop)
        self.made: dict[int, list[Value]] = {}  # one, or one per group
        axis = len(program.grid) - 1
        self.group = next(
            (op.result for op in program.ops if op.code is Opcode.PROGRAM_ID and op.attrs["axis"] == axis), None
        )

    def program(self) -> Program:
        ops: list[Operation] = []
        for op in self.old.ops:
            if op is self.loop:
                ops.append(self.copying(op))
            elif id(op) in self.needed:
                self.copy(op, ops)
        return replace(self.old, ops=tuple(simplify(without_dead(ops))))

    def copying(self, loop: Operation) -> Operation:
        assert loop.region is not None
        index = loop.region.parameters[0]
        region = Region([Value(type=index.type, name=index.name, hint=index.hint)])
        self.made[id(index)] = region.parameters
        for op in loop.region.ops:
            if id(op) in self.needed or id(op) in self.copies:
                self.copy(op, region.ops)
        bounds = tuple(self.made[id(value)][0] for value in loop.operands[:2])
        return Operation(Opcode.FOR, bounds, (), {}, loop.where, region)

    def copy(self, op: Operation, into: list[Operation]) -> None:
        """Copies an operation, once for each group where it depends on the group."""
        if self.group is not None and self.group in op.results:
            return
        by_group = any(value is self.group or len(self.made[id(value)]) > 1 for value in op.operands)
        for group in range(self.groups if by_group else 1):
            self.copy_for(op, group, into)

    def copy_for(self, op: Operation, group: int, into: list[Operation]) -> None:
        code, attrs, operands = op.code, op.attrs, []
        if self.group is not None and self.group in op.operands:  # rows of a group times its number
            count = next(value.op for value in op.operands if value is not self.group)
            assert code is Opcode.MUL
            assert count is not None
            code, attrs = Opcode.CONST, {"value": count.attrs["value"] * group}  # type: ignore[operator]
        else:
            operands = [self.made[id(v)][group if len(self.made[id(v)]) > 1 else 0] for v in op.operands]
        results = tuple(Value(type=value.type, name=value.name if not group else None) for value in op.results)
        if id(op) in self.copies:
            attrs = attrs | {"copy": self.copies[id(op)], "group": group}
        new = Operation(code, tuple(operands), () if id(op) in self.copies else results, attrs, op.where)
        for old, value in zip(op.results, results, strict=True):
            value.op = new
            self.made.setdefault(id(old), []).append(value)
        into.append(new)


def _needed(values: list[Value], loop: Operation) -> set[int]:
    """Operations, by identity, that values and the loop's bounds follow from.

    Raises:
        _Unfit: these are computed from tiles, or carried by the loop.
    """
    assert loop.region is not None
    carried = {id(value) for value in (*loop.region.parameters[1:], *loop.results)}
    waiting, seen = [*values, *loop.operands[:2]], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in carried:
            raise _Unfit("where a block begins depends on what the loop carries")
        op = value.op
        if op is None or id(op) in seen:
            continue
        if op.region is not None or (value.type.shape and op.code is not Opcode.DESCRIPTOR):
            raise _Unfit(f"where a block begins is computed from tiles or by a loop ({op.where})")
        seen.add(id(op))
        waiting += op.operands
    return seen


def _without_descriptors(ops: list[Operation] | tuple[Operation, ...]) -> list[Operation]:
    """Blocks with an index or a start per dimension of the array as operands, in place of a descriptor and its own."""
    found: list[Operation] = []
    for op in ops:
        if op.code is Opcode.DESCRIPTOR:
            continue
        if op.code in (Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK):
            descriptor = op.operands[0].op
            assert descriptor is not None
            picked, starts = iter(descriptor.operands), iter(op.operands[1:])
            indices = [next(picked if dim.size is None else starts) for dim in block_dims(op)]
            op.operands = (*indices, *starts)
        if op.region is not None:
            op.region.ops = _without_descriptors(op.region.ops)
        found.append(op)
    return found


__all__ = ["Copy", "Refusal", "Specialized", "specialize"]
