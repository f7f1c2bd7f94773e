"""The tile IR: a small typed SSA form of what one grid point does.

Every value is a tile (or a scalar, rank 0) with an element format and a static shape. No operation promotes: operands
agree in element format, and a cast is an operation of its own, so emitters cannot differ in promotion rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import prod

from specs.lang.declare.axes import Expr, Ref
from specs.lang.formats.elements import ElementFormat


class Opcode(Enum):
    """All operations. The value is the name an emitter may print."""

    # Members are looked up for every operation of a program; Enum would hash their names, in Python.
    __hash__ = object.__hash__

    # leaves
    CONST = "const"  # attr value: Python number
    SIZE = "size"  # attr size: a `Size`, an i32 scalar
    PROGRAM_ID = "program_id"  # attr axis
    ARANGE = "arange"  # attr n: 0 .. n-1, i32
    # memory: operands are the index tiles, then the mask and the fill where present. Attr view: an element format, for
    # arrays of bytes; one more index then counts elements of that format from the byte that the others address
    LOAD = "load"
    STORE = "store"
    # affine blocks: operands are a start per array dimension, the end of every dimension that is not in bounds, then
    # the value of a store. Attr block: a BlockDim per dimension
    LOAD_BLOCK = "load_block"
    STORE_BLOCK = "store_block"
    # for targets with tensor descriptors: operands are the indices of dimensions of which blocks take one, then ends as
    # above; the type is the block's, the attr the same. Accesses then have it and the two starts as operands
    DESCRIPTOR = "descriptor"
    # elementwise, one operand
    NEG = "neg"
    ABS = "abs"
    NOT = "not"
    EXP2 = "exp2"
    LOG2 = "log2"
    SQRT = "sqrt"
    FLOOR = "floor"
    ROUND = "round"  # nearest integer, ties to even, |x| < 2**22
    # elementwise, two operands
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"  # float32, correctly rounded
    IDIV = "idiv"  # operands >= 0
    IMOD = "imod"  # operands >= 0
    MIN = "min"
    MAX = "max"
    AND = "and"
    OR = "or"
    XOR = "xor"
    SHL = "shl"
    SHR = "shr"  # arithmetic
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    SELECT = "select"
    # format changes
    # Value-preserving where representable, else to nearest even; overflow as the format says. Float to integers of 32
    # bits or more takes integers in range only, as machines differ in the rest: `codec.saturate` first, where that
    # is not certain. Narrower integers saturate, NaN becomes 0. Integers to narrower integers keep the low
    # bits (formats of less than a byte saturate); to floats of less than 32 bits they are rounded to float32 first.
    CAST = "cast"
    BITCAST = "bitcast"
    # attr high: low or high bits of each byte, minus the second operand or 8, as a 16-bit float; or with attr codes, a
    # format of four bits, its value times a quarter of the second operand
    NIBBLE = "nibble"
    # along an axis (attr axis)
    SUM = "sum"
    AMAX = "amax"
    AMIN = "amin"
    CUMSUM = "cumsum"  # inclusive, the shape is kept
    # contraction: [M, K] x [K, N] -> f32 [M, N], accumulated in float32 from the third operand or from zero
    DOT = "dot"
    # shape
    RESHAPE = "reshape"
    EXPAND = "expand"  # attr axis: new dimension of size 1
    BROADCAST = "broadcast"
    TRANSPOSE = "transpose"  # attr permutation
    SPLIT = "split"  # [.., 2] -> two results: the elements with last index 0, and those with last index 1
    JOIN = "join"  # the inverse of SPLIT
    # control: operand condition, a scalar; region without parameters or results
    WHEN = "when"
    # control: operands lower, upper, initial values; region with parameters (index, carried values)
    FOR = "for"  # attr stages where given: of the pipeline that fetches what the body loads


COMPARISONS = frozenset({Opcode.EQ, Opcode.NE, Opcode.LT, Opcode.LE, Opcode.GT, Opcode.GE})


class Padding(Enum):
    """What a block load gives out of bounds."""

    ZERO = "zero"
    UNDEFINED = "undefined"  # any value: what is computed from it is not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDim:
    """What a block takes of one dimension of its array.

    size: number of indices from the start on; None for the start alone, a dimension that the tile does not have.
    in_bounds: all indices exist, so that nothing is checked.
    padding: of loads, from the end on.
    """

    size: int | None = None
    in_bounds: bool = True
    padding: Padding = Padding.ZERO


@dataclass(frozen=True, slots=True)
class TileType:
    """Element format and static shape; rank 0 is a scalar."""

    element: ElementFormat
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.element.name}[{', '.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(map(int, self.shape))


@dataclass(frozen=True, slots=True)
class Location:
    """Where the author wrote it: in which function of which file."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True, eq=False, repr=False)
class Value:
    """An SSA value. `name` is the author's variable name once the tracer has seen it.

    hint: name of the field, or of the element of a tuple, in which the author keeps it: for printers, where a value
        needs a name and no variable has given one.
    """

    type: TileType
    name: str | None = None
    op: Operation | None = None
    hint: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class Region:
    """The body of a loop."""

    parameters: list[Value]
    ops: list[Operation] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Operation:
    """One operation. `attrs`: static arguments, see `Opcode`."""

    code: Opcode
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    attrs: dict[str, object]
    where: Location | None
    region: Region | None = None

    @property
    def result(self) -> Value:
        """The only result."""
        return self.results[0]


@dataclass(frozen=True, slots=True)
class Lead(Expr):
    """Size of memory dimension `index` of an array whose leading dimensions are not collapsed into one."""

    array: str
    index: int

    def names(self) -> frozenset[str]:
        return frozenset()

    def __str__(self) -> str:
        return f"{self.array}_lead{self.index}"


Size = Ref | Lead
"""An integer that a program reads when it runs: a dynamic axis or attribute by name, or a leading dimension."""


@dataclass(frozen=True, slots=True)
class Stride:
    """Stride in elements of memory dimension `dim` of an array."""

    array: str
    dim: int

    def __str__(self) -> str:
        return f"stride_{self.array}{self.dim}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayParam:
    """An array as the program addresses it.

    rank: number of index tiles a load or store takes (leading dimensions that do not collapse count one by one).
    unit: index of the dimension with stride 1, or None.
    packed: strides follow from the sizes (row-major over `sizes`), none is passed at run time.
    sizes: size of every dimension, over `Size`s.
    swapped: the array is passed with its last two dimensions in the other order (frameworks without strides).
    pitches: dimensions along which the rows of a tensor descriptor may lie; stated for targets that have them.
    """

    name: str
    element: ElementFormat
    rank: int
    unit: int | None
    packed: bool
    sizes: tuple[Expr, ...]
    written: bool
    swapped: bool = False
    pitches: frozenset[int] = frozenset()


def block_dims(op: Operation) -> tuple[BlockDim, ...]:
    """What a block access takes of each dimension of its array."""
    dims: tuple[BlockDim, ...] = op.attrs["block"]  # type: ignore[assignment]
    return dims


def block_shape(op: Operation) -> tuple[int, ...]:
    """Shape of the tile that a block access moves."""
    return tuple(dim.size for dim in block_dims(op) if dim.size is not None)


def matrix_dims(op: Operation, param: ArrayParam) -> tuple[int, int]:
    """The two dimensions of a block in the order of its descriptor: the contiguous one is the last."""
    rows, columns = (d for d, dim in enumerate(block_dims(op)) if dim.size is not None)
    return (columns, rows) if param.unit == rows and not param.packed else (rows, columns)


def index_count(op: Operation, param: ArrayParam) -> int:
    """Number of index operands of a load or store."""
    return param.rank + ("view" in op.attrs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A traced kernel specialisation.

    sizes: integers that are known when it runs, in the kernel's order; not all of them are read.
    constants: integers that are known now, by name (see `specs.tile.constants`).
    """

    name: str
    doc: str
    arrays: tuple[ArrayParam, ...]
    sizes: tuple[Size, ...]
    grid: tuple[Expr, ...]
    ops: tuple[Operation, ...]
    constants: tuple[tuple[str, int], ...]
    tunables: tuple[tuple[str, int], ...]
    specialisation: tuple[tuple[str, str], ...]
    wide: bool

    def array(self, name: str) -> ArrayParam:
        """The parameter called `name`."""
        return next(array for array in self.arrays if array.name == name)

    @property
    def sizes_read(self) -> tuple[Size, ...]:
        """Sizes that operations read. Strides of packed arrays may read others (`ArrayParam.sizes`)."""
        read = {op.attrs["size"] for op in self.ops if op.code is Opcode.SIZE}
        return tuple(size for size in self.sizes if size in read)


def without_dead(ops: list[Operation]) -> list[Operation]:
    """The operations that a store, a loop or a branch depends on; regions are changed in place."""
    used: set[int] = set()

    def kept(block: list[Operation]) -> list[Operation]:
        found: list[Operation] = []
        for op in reversed(block):
            if op.region is None:
                for result in op.results:
                    if id(result) in used:
                        break
                else:
                    if op.results:
                        continue
            else:
                used.update(map(id, op.region.results))
                op.region.ops = kept(op.region.ops)
            found.append(op)
            for value in op.operands:
                used.add(id(value))
        found.reverse()
        return found

    return kept(ops)


def walk(ops: tuple[Operation, ...] | list[Operation]) -> list[Operation]:
    """All operations, including nested regions, in program order."""
    found: list[Operation] = []
    for op in ops:
        found.append(op)
        if op.region is not None:
            found.extend(walk(op.region.ops))
    return found


def broadcast_shapes(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The common shape of two operands of equal rank (or a scalar and anything), else None."""
    if a == b or not b:
        return a
    if not a:
        return b
    if len(a) != len(b):
        return None
    common: list[int] = []
    for x, y in zip(a, b, strict=True):
        if x != y and 1 not in (x, y):
            return None
        common.append(y if x == 1 else x)
    return tuple(common)
