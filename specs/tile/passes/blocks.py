"""Blocks as gathers: index tiles, and masks where a range may leave its array. Tensor descriptors stay blocks.

Indices, bounds and masks are computed where the start of their range is, so outside of the loops that it does not
depend on, and once for all blocks that share the range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from specs.lang.declare.axes import Ref
from specs.lang.formats.elements import E8M0, INT32
from specs.tile.frontend.trace import Tile, constant, tracing
from specs.tile.ir import (
    ArrayParam,
    Lead,
    Opcode,
    Operation,
    Padding,
    Program,
    Region,
    TileType,
    Value,
    block_dims,
    block_shape,
    walk,
)
from specs.tile.language import arange, both, minimum
from specs.tile.language import where as select
from specs.tile.passes.rewriter import Replay, Rewriter
from specs.tile.passes.simplify import simplify
from specs.tile.targets import Target, TensorDescriptors

_BLOCKS = frozenset({Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK})
_KNOWN = frozenset({Opcode.SIZE, Opcode.CONST, Opcode.ADD, Opcode.SUB, Opcode.MUL, Opcode.IDIV, Opcode.IMOD})


def lower_blocks(program: Program, target: Target) -> Program:
    """The program with accesses by tiles of indices in place of blocks."""
    if not any(op.code in _BLOCKS for op in walk(program.ops)):
        return program
    lowering = _Lowering(target, program)
    with tracing(lowering.tracer):
        lowering.block(list(program.ops))
    return replace(program, ops=tuple(simplify(lowering.tracer.ops)))


def is_descriptor(op: Operation, param: ArrayParam, rules: TensorDescriptors) -> bool:
    """Whether a block can be accessed by a tensor descriptor: 2-D, contiguous along one dimension, aligned rows."""
    dims = block_dims(op)
    unit = param.rank - 1 if param.packed else param.unit
    if unit is None or len(dims) != param.rank or len(block_shape(op)) != 2:
        return False
    row, bits = dims[unit].size, param.element.storage_bits
    if not dims[unit].in_bounds and not _is_known(_end(op, unit)):  # rows may have any number of bytes
        return False
    rows = next(d for d, dim in enumerate(dims) if dim.size is not None and d != unit)
    # Zeros are written as zero bits, which e8m0 reads as 2**-127.
    return row is not None and row * bits >= rules.least_row * 8 and rows in param.pitches and param.element != E8M0


def is_vector(op: Operation, param: ArrayParam) -> bool:
    """Whether a block is 1-D, contiguous, and may be read past the end of its dimension: a piece of flat memory."""
    dims = block_dims(op)
    unit = param.rank - 1 if param.packed else param.unit
    if unit is None or len(dims) != param.rank or len(block_shape(op)) != 1 or param.element == E8M0:
        return False
    dim = dims[unit]
    return dim.size is not None and (dim.in_bounds or dim.padding is Padding.UNDEFINED)


def _loaded_ahead(program: Program) -> set[int]:
    """Loads, by identity, of loops with a product that are its operands as they lie, or 1-D."""
    users: dict[int, list[Opcode]] = {}
    for op in walk(program.ops):
        for value in op.operands:
            users.setdefault(id(value), []).append(op.code)
    found: set[int] = set()
    for loop in walk(program.ops):
        if loop.region is None or not any(op.code is Opcode.DOT for op in loop.region.ops):
            continue
        for op in loop.region.ops:
            if op.code is Opcode.LOAD_BLOCK:
                vector = len(block_shape(op)) == 1
                if vector or all(code is Opcode.DOT for code in users.get(id(op.result), ())):
                    found.add(id(op))
    return found


def _end(op: Operation, dim: int) -> Value:
    """The first index of a dimension that does not exist: an operand where the block may leave its array."""
    dims = block_dims(op)
    return op.operands[len(dims) + sum(not before.in_bounds for before in dims[:dim])]


def _is_known(value: Value) -> bool:
    """Whether a value follows from declared sizes alone."""
    op = value.op
    return op is not None and op.code in _KNOWN and all(map(_is_known, op.operands))


class _Placing(Replay):
    """Can record an operation further out than the one that is replayed. depths: in loops, of every value."""

    def __init__(self) -> None:
        super().__init__()
        self.depths: dict[int, int] = {}
        self._placed: dict[tuple[object, ...], tuple[list[Operation], Tile]] = {}

    def emit(self, *args: object, **fields: object) -> tuple[Tile, ...]:
        """Records one operation and how deep in loops it is."""
        results = super().emit(*args, **fields)  # type: ignore[arg-type]
        depth = next(depth for depth, ops in enumerate(self._blocks) if ops is self._blocks[-1])
        self.depths.update((id(tile.value), depth) for tile in results)
        return results

    @contextmanager
    def block(self, region: Region) -> Iterator[None]:
        """Records into `region` while open."""
        with super().block(region):
            self.depths.update((id(value), len(self._blocks) - 1) for value in region.parameters)
            yield

    def once(self, inputs: Sequence[Tile], kind: object, make: Callable[[], Tile]) -> Tile:
        """What `make` computes from `inputs` alone, recorded as far out as these are; the same tile each time."""
        home = self._blocks[max((self.depths.get(id(tile.value), 0) for tile in inputs), default=0)]
        key = (kind, *(id(tile.value) for tile in inputs))
        if key not in self._placed or self._placed[key][0] is not home:
            self._blocks.append(home)
            self._placed[key] = (home, make())
            self._blocks.pop()
        return self._placed[key][1]


@dataclass(frozen=True, slots=True)
class _Range:
    """One dimension of a block: indices to access, which of them exist (None: all), axis of the tile that has them.

    poisoned: those that do not exist give no zeros, but values that no result may depend on.
    """

    indices: Tile
    exists: Tile | None
    axis: int | None
    poisoned: bool = False


class _Lowering(Rewriter):
    tracer: _Placing

    def __init__(self, target: Target, program: Program) -> None:
        super().__init__(target, _Placing())
        self.program = program
        rules = None if program.wide else target.descriptors
        dots = any(op.code is Opcode.DOT for op in walk(program.ops))
        self.descriptors = rules if rules is None or dots or not rules.dots_only else None
        self.ahead = _loaded_ahead(program) if rules is not None and rules.ahead_only else None

    def type_of(self, old: TileType) -> TileType:
        """The same: formats are legalised after this."""
        return old

    def rewrite(self, op: Operation) -> None:
        """Replays one operation; blocks become gathers."""
        if op.code not in _BLOCKS:
            super().rewrite(op)
            return
        param = self.program.array(str(op.attrs["array"]))
        if self.descriptors is not None and self.has_descriptor(op, param, self.descriptors):
            self.by_descriptor(op)
            return
        shape = block_shape(op)
        ranges, rest = self.ranges(op, param)
        indices = self.split(param, ranges)
        mask = poisoned = None
        for part in ranges:
            exists = None if part.exists is None else _along(part.exists, part.axis, len(shape))
            mask = both(mask, exists)
            poisoned = both(poisoned, exists if part.poisoned else None)
        attrs: dict[str, object] = {"array": param.name, "masked": mask is not None}
        where = [_along(index, axis, len(shape)) for index, axis in indices]
        masks = [] if mask is None else [mask]
        if op.code is Opcode.STORE_BLOCK:
            self.tracer.emit(Opcode.STORE, [*where, *rest, *masks], (), attrs | {"shape": shape})
            return
        fill = [constant(0 if param.element.is_integer else 0.0, param.element)] if masks else []
        (tile,) = self.tracer.emit(Opcode.LOAD, [*where, *masks, *fill], (TileType(param.element, shape),), attrs)
        if poisoned is not None:
            tile = select(poisoned, tile, float("nan") if param.element.is_float else 127)
        self.bind(op.result, tile)

    def has_descriptor(self, op: Operation, param: ArrayParam, rules: TensorDescriptors) -> bool:
        """Whether a block is accessed by a descriptor."""
        if self.ahead is None or op.code is Opcode.STORE_BLOCK:
            return is_descriptor(op, param, rules)
        return id(op) in self.ahead and (is_descriptor(op, param, rules) or is_vector(op, param))

    def by_descriptor(self, op: Operation) -> None:
        """Replays a block access through a descriptor, which is made as early as its operands allow."""
        dims = block_dims(op)
        picked = [value for dim, value in zip(dims, op.operands, strict=False) if dim.size is None]
        starts = [value for dim, value in zip(dims, op.operands, strict=False) if dim.size is not None]
        count = len(dims) + sum(not dim.in_bounds for dim in dims)
        ends = [self.of(value) for value in op.operands[len(dims) : count]]
        literals = tuple(_literal(value) for value in picked)
        inputs = [self.of(value) for value in picked if _literal(value) is None]

        def make() -> Tile:
            given = iter(inputs)
            indices = [next(given) if literal is None else constant(literal, INT32) for literal in literals]
            new = TileType(param.element, block_shape(op))
            return self.tracer.emit(Opcode.DESCRIPTOR, [*indices, *ends], (new,), dict(op.attrs))[0]

        param = self.program.array(str(op.attrs["array"]))
        descriptor = self.tracer.once([*inputs, *ends], (param.name, dims, literals), make)
        operands = [descriptor, *(self.of(value) for value in starts), *(self.of(v) for v in op.operands[count:])]
        results = self.tracer.emit(op.code, operands, [value.type for value in op.results], dict(op.attrs))
        for old, new in zip(op.results, results, strict=True):
            self.bind(old, new)

    def ranges(self, op: Operation, param: ArrayParam) -> tuple[list[_Range], list[Tile]]:
        """The dimensions of a block, and its operands after starts and ends."""
        dims = block_dims(op)
        rest = [self.of(value) for value in op.operands[len(dims) :]]
        names = (param.sizes[0], *param.sizes[len(param.sizes) - len(dims) + 1 :])
        found: list[_Range] = []
        axis = 0
        for dim, start, size in zip(dims, op.operands, names, strict=False):
            if dim.size is None:
                found.append(_Range(self.of(start), None, None))
                continue
            name = size.name.lower() if isinstance(size, Ref) else f"{param.name}{len(found)}"
            indices = self.indices(start, dim.size, name)
            undefined = op.code is Opcode.LOAD_BLOCK and dim.padding is Padding.UNDEFINED
            poisoned = undefined and self.target.poisons_padding
            if dim.in_bounds:
                found.append(_Range(indices, None, axis))
            elif undefined and not poisoned:
                found.append(_Range(self.clamped(indices, rest.pop(0), name), None, axis))
            else:
                found.append(_Range(indices, self.exists(indices, rest.pop(0), name), axis, poisoned))
            axis += 1
        return found, rest

    def indices(self, start: Value, size: int, name: str) -> Tile:
        """Indices start, start + 1, .. of a range."""
        numbers = self.tracer.once((), ("arange", size), lambda: arange(size))
        first = _literal(start)
        if first is not None:
            return self.tracer.once((numbers,), first, lambda: numbers + first) if first else numbers
        tile = self.of(start)
        return self.tracer.once((tile, numbers), "offs", lambda: _named(f"offs_{name}", tile + numbers))

    def clamped(self, indices: Tile, end: Tile, name: str) -> Tile:
        """Indices with the last one that exists in place of those that do not."""
        return self.tracer.once((indices, end), "clamp", lambda: _named(f"clamped_{name}", minimum(indices, end - 1)))

    def exists(self, indices: Tile, end: Tile, name: str) -> Tile:
        """Which indices exist."""
        return self.tracer.once((indices, end), "mask", lambda: _named(f"mask_{name}", indices < end))

    def split(self, param: ArrayParam, ranges: list[_Range]) -> list[tuple[Tile, int | None]]:
        """One index per memory dimension: rows are split over leading dimensions that stay apart."""
        rows, *rest = ranges
        index, lead = rows.indices, param.rank - len(rest)
        parts: list[Tile] = []
        for dim in reversed(param.sizes[1:lead]):
            assert isinstance(dim, Lead)
            size = self.tracer.size(dim)
            parts.append(index % size)
            index = index // size
        return [(part, rows.axis) for part in (index, *reversed(parts))] + [(r.indices, r.axis) for r in rest]


def _literal(index: Value) -> int | None:
    """The number that an index is, None where it is computed."""
    if index.op is None or index.op.code is not Opcode.CONST:
        return None
    return int(index.op.attrs["value"])  # type: ignore[call-overload, no-any-return]


def _named(name: str, tile: Tile) -> Tile:
    """The tile, with a name for generated source if it has none."""
    tile.value.name = tile.value.name or name
    return tile


def _along(tile: Tile, axis: int | None, rank: int) -> Tile:
    """A tile of one dimension as that dimension of an access."""
    if axis is None or rank == 1:
        return tile
    return tile[tuple(slice(None) if d == axis else None for d in range(rank))]
