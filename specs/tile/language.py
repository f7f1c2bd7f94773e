"""The vocabulary of tile programs: what a kernel body calls.

Names follow Triton and JAX (`program_id`, `load`, `dot`, `fori_loop`); operators are on `Tile` itself. A body reads
its arguments from one object `p`: arrays (None when absent), dynamic axes (scalar tiles), static axes, attributes,
tunables and static conditions (plain Python values).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

from specs.lang.declare.axes import Expr, ExprLike
from specs.lang.declare.axes import cdiv as cdiv_sizes
from specs.lang.formats.elements import BF16, BOOL, E2M1, F16, F32, INT32, INT64, UINT8, ElementFormat
from specs.tile.frontend.divisors import Divisors
from specs.tile.frontend.trace import (
    LoopBody,
    Number,
    Operand,
    Tile,
    binary,
    check_shape,
    constant,
    fail,
    tracer,
    unary,
)
from specs.tile.ir import ArrayParam, Lead, Opcode, Region, TileType, Value, broadcast_shapes


@dataclass(frozen=True, slots=True)
class ArrayHandle:
    """An array argument inside a body.

    lead: memory dimensions that the first index covers.
    scalar: declared without dimensions; lies in memory as one element and is indexed with ().
    sizes: declared size for every index.
    divisors: of these sizes.
    """

    param: ArrayParam
    lead: int
    scalar: bool
    sizes: tuple[Expr, ...]
    divisors: Divisors

    @property
    def element(self) -> ElementFormat:
        """Element format of the array."""
        return self.param.element

    @property
    def rank(self) -> int:
        """Number of indices a load or store takes."""
        return 0 if self.scalar else self.param.rank - self.lead + 1


Index = Tile | int


def program_id(axis: int) -> Tile:
    """Index of this grid point along `axis`, i32."""
    return tracer().emit(Opcode.PROGRAM_ID, (), (TileType(INT32),), {"axis": axis})[0]


def arange(n: int) -> Tile:
    """0, 1, .., n-1 as i32; n a power of two."""
    check_shape((n,))
    return tracer().emit(Opcode.ARANGE, (), (TileType(INT32, (n,)),), {"n": n})[0]


def full(shape: tuple[int, ...], value: Number, element: ElementFormat) -> Tile:
    """A tile of one value."""
    check_shape(shape)
    return constant(value, element).broadcast(*shape)


def zeros(shape: tuple[int, ...], element: ElementFormat = F32) -> Tile:
    """A tile of zeros."""
    return full(shape, 0 if element.is_integer else 0.0, element)


def load(array: ArrayHandle, indices: tuple[Index, ...], mask: Tile | None = None, other: Number = 0) -> Tile:
    """Elements at `indices` (one per dimension, broadcast against each other).

    Where `mask` is false nothing is read and the element is `other`.
    """
    where = _memory_indices(array, indices)
    shape = _common_shape([index.shape for index in where])
    operands = list(where)
    if mask is not None:
        operands += [_mask(mask, shape), _fill(other, array.element)]
    attrs: dict[str, object] = {"array": array.param.name, "masked": mask is not None}
    return tracer().emit(Opcode.LOAD, operands, (TileType(array.element, shape),), attrs)[0]


def store(array: ArrayHandle, indices: tuple[Index, ...], value: Tile, mask: Tile | None = None) -> None:
    """Writes `value` (already in the array's element format) at `indices`, where `mask` is true."""
    if not array.param.written:
        raise fail(f"store to '{array.param.name}', which is declared as an input")
    if value.element != array.element:
        raise fail(
            f"store of {value.element.name} into '{array.param.name}' of {array.element.name}",
            "cast or encode it first",
        )
    where = _memory_indices(array, indices)
    shape = _common_shape([*(index.shape for index in where), value.shape])
    operands = [*where, value] + ([_mask(mask, shape)] if mask is not None else [])
    attrs: dict[str, object] = {"array": array.param.name, "masked": mask is not None, "shape": shape}
    tracer().emit(Opcode.STORE, operands, (), attrs)


def load_view(
    array: ArrayHandle,
    page: Index,
    byte: Index,
    index: Index,
    element: ElementFormat,
    mask: Tile | None = None,
) -> Tile:
    """Elements of `element` in an array of bytes [pages, bytes]: number `index` from byte `byte` of page `page`.

    The byte is a multiple of the element's size. Where `mask` is false nothing is read and all bits are zero.
    """
    where = _view_indices(array, page, byte, index, element)
    shape = _common_shape([part.shape for part in where])
    operands = list(where)
    if mask is not None:
        operands += [_mask(mask, shape)]
    attrs: dict[str, object] = {"array": array.param.name, "masked": mask is not None, "view": element}
    return tracer().emit(Opcode.LOAD, operands, (TileType(element, shape),), attrs)[0]


def store_view(
    array: ArrayHandle, page: Index, byte: Index, index: Index, value: Tile, mask: Tile | None = None
) -> None:
    """Writes `value`, in its own format, where `load_view` would read it."""
    if not array.param.written:
        raise fail(f"store to '{array.param.name}', which is declared as an input")
    where = _view_indices(array, page, byte, index, value.element)
    shape = _common_shape([*(part.shape for part in where), value.shape])
    operands = [*where, value] + ([_mask(mask, shape)] if mask is not None else [])
    attrs: dict[str, object] = {"array": array.param.name, "masked": mask is not None}
    attrs |= {"shape": shape, "view": value.element}
    tracer().emit(Opcode.STORE, operands, (), attrs)


def _view_indices(
    array: ArrayHandle, page: Index, byte: Index, index: Index, element: ElementFormat
) -> tuple[Tile, Tile, Tile]:
    if array.param.element != UINT8 or array.rank != 2:
        raise fail(f"a view of '{array.param.name}', which is no array of bytes [pages, bytes]")
    if element.storage_bits not in (8, 16, 32) or element == BOOL:
        raise fail(f"a view of bytes as {element.name}: elements have 8, 16 or 32 bits")
    tiles = (_index(page), _index(byte), _index(index))
    for tile in tiles:
        if tile.element != INT32:
            raise fail(f"'{array.param.name}' is addressed with {tile.value.type}, not int32")
    return tiles


def when(condition: Tile, body: Callable[[], None]) -> None:
    """Runs `body`, which stores, where the scalar `condition` is true: a branch, taken by whole grid points."""
    if condition.element != BOOL or condition.shape:
        raise fail(f"when({condition.value.type}): the condition is a scalar bool", "use a mask for tiles")
    region = Region([])
    with tracer().block(region):
        body()
    tracer().emit(Opcode.WHEN, (condition,), (), region=region)


def where(condition: Tile, x: Operand, y: Operand) -> Tile:
    """x where `condition` is true, else y."""
    if not isinstance(x, Tile) and not isinstance(y, Tile):
        raise fail("where() of two numbers: one of them must be a tile")
    x = x if isinstance(x, Tile) else constant(x, y.element)  # type: ignore[union-attr]
    y = y if isinstance(y, Tile) else constant(y, x.element)
    if x.element != y.element or condition.element != BOOL:
        raise fail(f"where({condition.value.type}, {x.value.type}, {y.value.type}): formats differ")
    shape = _common_shape([condition.shape, x.shape, y.shape])
    return tracer().emit(Opcode.SELECT, (condition, x, y), (TileType(x.element, shape),))[0]


def minimum(x: Operand, y: Operand) -> Tile:
    """Elementwise minimum; on floats neither operand may be NaN."""
    return binary(Opcode.MIN, x, y)


def maximum(x: Operand, y: Operand) -> Tile:
    """Elementwise maximum; on floats neither operand may be NaN."""
    return binary(Opcode.MAX, x, y)


def absolute(x: Tile) -> Tile:
    """Magnitude; clears the sign bit of floats."""
    return unary(Opcode.ABS, x)


def exp2(x: Tile) -> Tile:
    """2**x, float32, hardware accuracy."""
    return unary(Opcode.EXP2, x)


def log2(x: Tile) -> Tile:
    """log2(x), float32, hardware accuracy."""
    return unary(Opcode.LOG2, x)


def sqrt(x: Tile) -> Tile:
    """Square root, float32, hardware accuracy."""
    return unary(Opcode.SQRT, x)


def floor(x: Tile) -> Tile:
    """Largest integer not above x, as float."""
    return unary(Opcode.FLOOR, x)


def round_even(x: Tile) -> Tile:
    """Nearest integer, ties to even, as float; |x| < 2**22."""
    return unary(Opcode.ROUND, x)


def reduce_sum(x: Tile, axis: int) -> Tile:
    """Sum along `axis`, which disappears."""
    return _reduce(Opcode.SUM, x, axis)


def reduce_max(x: Tile, axis: int) -> Tile:
    """Maximum along `axis`, which disappears; no NaN on floats (compare bit patterns instead)."""
    return _reduce(Opcode.AMAX, x, axis)


def reduce_min(x: Tile, axis: int) -> Tile:
    """Minimum along `axis`, which disappears."""
    return _reduce(Opcode.AMIN, x, axis)


def cumsum(x: Tile, axis: int) -> Tile:
    """Sums of all elements up to and including each, along `axis`; i32 or f32, float sums in any order."""
    if x.element.bits != 32:
        raise fail(f"cumsum of {x.value.type}: running sums are on 32-bit formats", "cast first")
    if not -len(x.shape) <= axis < len(x.shape):
        raise fail(f"cumsum of {x.value.type}: there is no axis {axis}")
    return tracer().emit(Opcode.CUMSUM, (x,), (x.value.type,), {"axis": axis % len(x.shape)})[0]


def dot(a: Tile, b: Tile, acc: Tile | None = None) -> Tile:
    """float32 [M, N] = acc + a [M, K] @ b [K, N]; products exact, accumulated in float32 in any order."""
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[1] != b.shape[0]:
        raise fail(f"dot of {a.value.type} and {b.value.type}: inner sizes differ")
    if a.element != b.element:
        raise fail(f"dot of {a.value.type} and {b.value.type}: element formats differ", "cast one of them")
    if not F32.holds(a.element) or not a.element.is_float:
        raise fail(f"dot of {a.value.type} and {b.value.type}: operands are floats", "cast with .to(BF16) or .to(F32)")
    new = TileType(F32, (a.shape[0], b.shape[1]))
    if acc is not None and acc.value.type != new:
        raise fail(f"dot accumulates into {new}, not {acc.value.type}")
    return tracer().emit(Opcode.DOT, (a, b) if acc is None else (a, b, acc), (new,))[0]


def split_pairs(x: Tile) -> tuple[Tile, Tile]:
    """Elements 0, 2, 4, .. and 1, 3, 5, .. of the last dimension."""
    *outer, size = x.shape
    if size % 2:
        raise fail(f"split_pairs of {x.value.type}: the last dimension is not even")
    pairs = x.reshape(*outer, size // 2, 2)
    half = TileType(x.element, (*outer, size // 2))
    even, odd = tracer().emit(Opcode.SPLIT, (pairs,), (half, half))
    return even, odd


def join_pairs(even: Tile, odd: Tile) -> Tile:
    """The inverse of `split_pairs`: elements of `even` and `odd` in turn, along the last dimension."""
    if even.value.type != odd.value.type or not even.shape:
        raise fail(f"join_pairs of {even.value.type} and {odd.value.type}: types differ, or there is no dimension")
    *outer, size = even.shape
    (pairs,) = tracer().emit(Opcode.JOIN, (even, odd), (TileType(even.element, (*even.shape, 2)),))
    return pairs.reshape(*outer, 2 * size)


def nibble(x: Tile, high: bool, element: ElementFormat, zero: Tile | None = None) -> Tile:
    """The high or low four bits of every byte minus `zero`, as `element` (BF16 or F16); exact.

    zero: integers 0 .. 15 as `element`, broadcastable to x; 8 when left out.
    """
    if x.element != UINT8 or element not in (BF16, F16):
        raise fail(f"nibble of {x.value.type} as {element.name}: bytes become bf16 or f16")
    if zero is not None and (zero.element != element or broadcast_shapes(x.shape, zero.shape) != x.shape):
        raise fail(f"nibble of {x.value.type} as {element.name} minus {zero.value.type}")
    operands = (x,) if zero is None else (x, zero)
    return tracer().emit(Opcode.NIBBLE, operands, (TileType(element, x.shape),), {"high": high})[0]


def scaled_nibble(x: Tile, high: bool, factor: Tile) -> Tile:
    """The values of the e2m1 codes in the high or low four bits of every byte, times `factor` / 4, as BF16.

    factor: BF16, broadcastable to x. Exact for every power of two that E8M0 has, as the quarter keeps 6 times 2**127
    in BF16's range.
    """
    if x.element != UINT8 or factor.element != BF16 or broadcast_shapes(x.shape, factor.shape) != x.shape:
        raise fail(f"scaled_nibble of {x.value.type} times {factor.value.type}: bytes times bf16")
    attrs: dict[str, object] = {"high": high, "codes": E2M1}
    return tracer().emit(Opcode.NIBBLE, (x, factor), (TileType(BF16, x.shape),), attrs)[0]


def fori_loop(lower: Index, upper: Index, body: LoopBody, *init: Tile, stages: int | None = None) -> Any:
    """Runs `carried = body(k, *carried)` for k in [lower, upper), the bounds i32 scalars known at run time.

    stages: number of pipeline stages for all loads of the body; without it, compilers pipeline only operands of dots.

    Returns the carried values: one tile, or a tuple unless there is exactly one.
    """
    bounds = [_index(lower), _index(upper)]
    parameters = [Value(type=TileType(INT32)), *(Value(type=tile.value.type) for tile in init)]
    region = Region(parameters)
    with tracer().block(region):
        results = body(*(Tile(value) for value in parameters))
    carried = results if isinstance(results, tuple) else () if results is None else (results,)
    if len(init) != len(carried):
        raise fail(f"the loop carries {len(init)} tile(s) in and {len(carried)} out")
    for before, after in zip(init, carried, strict=True):
        if before.value.type != after.value.type:
            raise fail(f"the loop carries {before.value.type} in and {after.value.type} out")
    region.results = [tile.value for tile in carried]
    types = [tile.value.type for tile in init]
    attrs: dict[str, object] = {} if stages is None or stages < 2 else {"stages": stages}
    out = tracer().emit(Opcode.FOR, [*bounds, *init], types, attrs, region)
    return out[0] if len(out) == 1 else out


@overload
def cdiv(a: Tile, b: int) -> Tile: ...
@overload
def cdiv(a: Expr, b: ExprLike) -> Expr: ...
def cdiv(a: Tile | Expr, b: ExprLike) -> Tile | Expr:
    """ceil(a / b) for a >= 0: of a scalar tile in a body, of a size in a declaration."""
    if isinstance(a, Tile):
        return (a + (b - 1)) // b  # type: ignore[operator]
    return cdiv_sizes(a, b)


def both(a: Tile | None, b: Tile | None) -> Tile | None:
    """The logical and of two masks, either of which may be None."""
    if a is None or b is None:
        return a if b is None else b
    return a & b


def _index(value: Index) -> Tile:
    return value if isinstance(value, Tile) else constant(value, INT32)


def _memory_indices(array: ArrayHandle, indices: tuple[Index, ...]) -> list[Tile]:
    """One index tile per memory dimension: the row index is split over leading dimensions that stay apart."""
    if len(indices) != array.rank:
        raise fail(f"'{array.param.name}' takes {array.rank} indices, got {len(indices)}")
    tiles = [_index(index) for index in ((0,) if array.scalar else indices)]
    for tile in tiles:
        if tile.element not in (INT32, INT64):
            raise fail(f"'{array.param.name}' is indexed with {tile.value.type}, not integers")
    rows, rest = tiles[0], tiles[1:]
    split: list[Tile] = []
    for dim in reversed(array.param.sizes[1 : array.lead]):
        assert isinstance(dim, Lead)
        size = tracer().size(dim)
        split.append(rows % size)
        rows = rows // size
    return [rows, *reversed(split), *rest]


def _common_shape(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    common: tuple[int, ...] = ()
    for shape in shapes:
        joined = broadcast_shapes(common, shape)
        if joined is None:
            raise fail(f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast")
        common = joined
    return common


def _mask(mask: Tile, shape: tuple[int, ...]) -> Tile:
    if mask.element != BOOL or broadcast_shapes(mask.shape, shape) != shape:
        raise fail(f"a mask of {mask.value.type} does not fit an access of shape {list(shape)}")
    return mask if mask.shape or not shape else mask.broadcast(*shape)


def _fill(other: Number, element: ElementFormat) -> Tile:
    return constant(other if element.is_integer else float(other), element)


def _reduce(code: Opcode, x: Tile, axis: int) -> Tile:
    if x.element.bits != 32:
        raise fail(f"{code.value} over {x.value.type}: reductions are on 32-bit formats", "cast first")
    if not x.shape:
        raise fail(f"{code.value} over {x.value.type}: a scalar has no axis")
    if not -len(x.shape) <= axis < len(x.shape):
        raise fail(f"{code.value} over {x.value.type}: there is no axis {axis}")
    axis %= len(x.shape)
    new = TileType(x.element, (*x.shape[:axis], *x.shape[axis + 1 :]))
    return tracer().emit(code, (x,), (new,), {"axis": axis})[0]


# Arithmetic whose operands or results may be subnormal numbers. Where a target keeps them it is the plain operation;
# elsewhere `specs.tile.passes.subnormals` spells it out.


def multiply(x: Tile, y: Tile, *, power_of_two: bool = False) -> Tile:
    """x * y of float32, rounded once; subnormal operands and products are kept on every target.

    power_of_two: y is a power of two or NaN, and x no subnormal number, which is less work.
    """
    return _gradual(binary(Opcode.MUL, x, y), "power" if power_of_two else "exact")


def divide(x: Tile, y: Tile) -> Tile:
    """x / y of float32, correctly rounded; subnormal operands and quotients are kept on every target."""
    return _gradual(binary(Opcode.DIV, x, y), "exact")


def rescale(x: Tile, scale: Tile) -> Tile:
    """x * scale of float32, right on every target wherever the product is a normal number, or one of several in a row.

    The scale may be subnormal, and a product (`multiply`) of two scales; x is no subnormal number.
    """
    return _gradual(binary(Opcode.MUL, x, scale), "rescale")


def _gradual(result: Tile, how: str) -> Tile:
    assert result.value.op is not None
    result.value.op.attrs["gradual"] = how
    return result
