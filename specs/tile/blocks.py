"""Affine blocks of arrays: what a tile program loads and stores without indices and masks of its own.

A block takes a range of indices (`ds`) of some dimensions of an array and one index of the others. Its bounds are the
declared sizes: outside of them loads give zeros and stores write nothing. Where tiles divide the sizes, nothing is
checked: a range is in bounds if a static condition of the kernel says that its size divides the declared one, and the
start is a multiple of the size too, as such a range starts inside of the array in every program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specs.lang.declare.axes import BinaryExpr, Expr, Ref
from specs.lang.formats.elements import INT32, INT64
from specs.tile.frontend.divisors import divisor_of
from specs.tile.frontend.trace import Tile, check_shape, constant, fail, tracer
from specs.tile.ir import BlockDim, Opcode, Padding, TileType
from specs.tile.language import ArrayHandle, Index, arange

ZERO, UNDEFINED = Padding.ZERO, Padding.UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A range of indices of one dimension: see `ds`."""

    start: Tile
    size: int
    end: Tile | None
    in_bounds: bool | None
    padding: Padding

    def indices(self) -> Tile:
        """The indices, i32 [size]."""
        return self.start + arange(self.size)


def ds(
    start: Index,
    size: int,
    *,
    end: Tile | None = None,
    in_bounds: bool | None = None,
    padding: Padding = ZERO,
) -> Slice:
    """`size` indices (a power of two) of one dimension from the scalar `start` on, as `pl.ds` of Pallas.

    Args:
        end: first index that does not exist, at most the declared size, which it is when left out.
        in_bounds: True where all indices exist, so that nothing is checked; None: see the module.
        padding: of loads, past the end: zeros, or anything. UNDEFINED is for rows and columns of a product whose
            results are not stored: targets may read the last one again, which, unlike a mask, does not keep loads from
            being asynchronous copies.
    """
    check_shape((size,))
    start = start if isinstance(start, Tile) else constant(start, INT32)
    if start.shape or start.element not in (INT32, INT64):
        raise fail(f"a range that starts at {start.value.type}: starts are integer scalars", "use load() for gathers")
    return Slice(start=start, size=size, end=end, in_bounds=in_bounds, padding=padding)


def load_block(array: ArrayHandle, indices: tuple[Slice | Index, ...]) -> Tile:
    """The block of `array` at `indices`: a range (`ds`) or one index for each dimension.

    The tile has one dimension for each range, so that it is a scalar where there is none.
    """
    operands, dims = _access(array, indices)
    attrs: dict[str, object] = {"array": array.param.name, "block": dims}
    new = TileType(array.element, _shape(dims))
    return tracer().emit(Opcode.LOAD_BLOCK, operands, (new,), attrs)[0]


def store_block(array: ArrayHandle, indices: tuple[Slice | Index, ...], value: Tile) -> None:
    """Writes `value`, in the array's element format, where `load_block` would read it; nothing out of bounds."""
    if not array.param.written:
        raise fail(f"store to '{array.param.name}', which is declared as an input")
    operands, dims = _access(array, indices)
    new = TileType(array.element, _shape(dims))
    if value.value.type != new:
        raise fail(f"store of {value.value.type} to a block {new} of '{array.param.name}'", "cast or encode it first")
    attrs: dict[str, object] = {"array": array.param.name, "block": dims}
    tracer().emit(Opcode.STORE_BLOCK, (*operands, value), (), attrs)


def _access(array: ArrayHandle, indices: tuple[Slice | Index, ...]) -> tuple[list[Tile], tuple[BlockDim, ...]]:
    """Starts of all dimensions and ends of those that are checked; and the block's part of each dimension."""
    if len(indices) != array.rank:
        raise fail(f"'{array.param.name}' takes {array.rank} indices, got {len(indices)}")
    if array.scalar:
        return [constant(0, INT32)], (BlockDim(),)
    starts: list[Tile] = []
    ends: list[Tile] = []
    dims: list[BlockDim] = []
    for index, size in zip(indices, array.sizes, strict=True):
        if not isinstance(index, Slice):
            start = index if isinstance(index, Tile) else constant(index, INT32)
            if start.shape:
                raise fail(f"'{array.param.name}' has a tile for an index of a block", "use ds() for ranges, or load()")
            starts.append(start)
            dims.append(BlockDim())
            continue
        in_bounds = _in_bounds(array, index, size) if index.in_bounds is None else index.in_bounds
        starts.append(index.start)
        dims.append(BlockDim(size=index.size, in_bounds=in_bounds, padding=index.padding))
        if not in_bounds:
            ends.append(_tile_of(size) if index.end is None else index.end)
    return [*starts, *ends], tuple(dims)


def _shape(dims: Sequence[BlockDim]) -> tuple[int, ...]:
    return tuple(dim.size for dim in dims if dim.size is not None)


def _in_bounds(array: ArrayHandle, index: Slice, size: Expr) -> bool:
    """Whether a range is in bounds by what is known of its start and of the size."""
    if index.end is not None:
        return False
    start = index.start.value.op
    if not size.names() and start is not None and start.code is Opcode.CONST:
        return int(start.attrs["value"]) + index.size <= size.evaluate({})  # type: ignore[call-overload, no-any-return]
    divisor = array.divisors.of(size)
    return divisor is not None and divisor % index.size == 0 and divisor_of(index.start.value) % index.size == 0


def _tile_of(size: Expr) -> Tile:
    """A declared size as a scalar."""
    with tracer().outermost():
        return _computed(size)


def _computed(size: Expr) -> Tile:
    if not size.names():
        return constant(size.evaluate({}), INT32)
    if isinstance(size, Ref):
        return tracer().size(size)
    assert isinstance(size, BinaryExpr)
    left, right = _computed(size.left), _computed(size.right)
    match size.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//":
            return left // right
        case "%":
            return left % right
        case "cdiv":
            return (left + (right - 1)) // right
    raise fail(f"the size {size} cannot bound a block", "state the end")
