"""Tracing: runs a tile program once with symbolic tiles and records the IR.

Python control flow over static values is unrolled. Every recorded operation keeps the author's file and line, and
values take the author's variable names: whenever an operation is recorded, the local variables of the author's frame
that hold a tile are looked at, and a tile that has no name yet takes the variable's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import local
from types import FrameType, FunctionType

from specs.lang.errors import SpecError
from specs.lang.formats.elements import BOOL, F32, INT32, ElementFormat
from specs.tile.constants import NamedInt, called
from specs.tile.ir import (
    COMPARISONS,
    Location,
    Opcode,
    Operation,
    Region,
    Size,
    TileType,
    Value,
    broadcast_shapes,
    walk,
)

_MACHINERY = str(Path(__file__).parents[1])
_ROOT = str(Path(__file__).parents[3])
_DECLARATIONS = f"{_ROOT}/specs/lang/"
_PLAIN = frozenset({int, float, bool, str, type(None), FunctionType})

Number = int | float | bool


class Tracer:
    """Collects operations; one instance per trace."""

    def __init__(self) -> None:
        self.ops: list[Operation] = []
        self._blocks: list[list[Operation]] = [self.ops]
        self._sizes: dict[Size, Tile] = {}
        self._constants: dict[tuple[int, type, object], Tile] = {}
        self._inner: set[int] = set()  # values of blocks that are complete: nothing outside of them sees those
        self._numbered: dict[int, tuple[Value, str]] = {}  # names by place in a tuple
        self._looked_into: dict[int, object] = {}  # tuples, and objects with slots: looked at once
        self._frames: list[FrameType] = []  # where the last operation was recorded, callers first
        self._where: Location | None = None
        self._step = 0  # how far into its function that is
        self._places: dict[tuple[int, int], Location] = {}  # by function and step
        self._lines: dict[Location, Location] = {}  # equal ones are one object

    def emit(
        self,
        code: Opcode,
        operands: Sequence[Tile],
        types: Sequence[TileType],
        attrs: dict[str, object] | None = None,
        region: Region | None = None,
    ) -> tuple[Tile, ...]:
        """Records one operation and returns its results."""
        where = self.here()
        values: list[Value] = []
        for operand in operands:
            if id(operand.value) in self._inner:
                raise fail(
                    f"{operand!r} belongs to a loop or a branch, and is used outside of it",
                    "let the loop carry it, or store it inside",
                )
            values.append(operand.value)
        # One result, or tuples of lists: this runs for every operation, and generators would take a tenth of a trace.
        if len(types) == 1:
            value = Value(types[0])
            value.op = Operation(code, tuple(values), (value,), attrs or {}, where, region)
            self._blocks[-1].append(value.op)
            return (Tile(value),)
        results = tuple([Value(kind) for kind in types])
        op = Operation(code, tuple(values), results, attrs or {}, where, region)
        for result in results:
            result.op = op
        self._blocks[-1].append(op)
        return tuple([Tile(result) for result in results])

    def constant(self, value: Number, element: ElementFormat) -> Tile:
        """A scalar constant, one value per program. No statement is made of it, so it has no line."""
        # 0.0 and -0.0 are equal, and so are constants of one value and different names.
        key = (id(element), type(value), called(value) if type(value) is NamedInt else value or str(value))
        found = self._constants.get(key)
        if found is None:
            result = Value(TileType(element))
            result.op = Operation(Opcode.CONST, (), (result,), {"value": value}, None)
            self.ops.insert(0, result.op)
            found = self._constants[key] = Tile(result)
        return found

    def here(self) -> Location | None:
        """Where the author's current statement is; the tiles that its variables hold take their names."""
        frame = author_frame()
        if frame is None:
            return None
        step = frame.f_lasti
        place = (id(frame.f_code), step)
        where = self._places.get(place)
        if where is None:
            found = location_of(frame)
            where = self._places[place] = self._lines.setdefault(found, found)
        # Further on in the same statement nothing has been assigned.
        if not self._frames or frame is not self._frames[-1] or where is not self._where or step <= self._step:
            self.name_locals(frame)
        self._where, self._step = where, step
        return where

    def name_locals(self, frame: FrameType) -> None:
        """Gives the author's variable names to the tiles they hold, a caller's name before a helper's."""
        entered: list[FrameType] = []
        walker: FrameType | None = frame
        while walker is not None and walker not in self._frames and walker.f_code.co_name != "trace":
            entered.append(walker)
            walker = walker.f_back
        entered.reverse()
        while self._frames and self._frames[-1] is not walker:
            self._frames.pop()
        # A caller that is still in the same call has assigned nothing since the last operation.
        changed = [*self._frames[-1:], *entered]
        self._frames += entered
        for author in changed:
            if _is_machinery(author.f_code.co_filename):
                continue
            for name, held in author.f_locals.items():
                kind: type = type(held)
                if kind is Tile:
                    if held.value.name is None:
                        held.value.name = name
                elif kind in _PLAIN or id(held) in self._looked_into:
                    continue
                elif kind is tuple or kind is list:
                    self._number(name, held)
                elif (slots := _slots(kind)) is not None:
                    _hint_fields(held, slots)
                    if slots:
                        self._looked_into[id(held)] = held

    def _number(self, name: str, held: Sequence[object]) -> None:
        """Remembers numbered names for the tiles of a tuple or list, which count where nothing else names them."""
        for number, item in enumerate(held):
            if type(item) is Tile and item.value.name is None:
                self._numbered.setdefault(id(item.value), (item.value, f"{name}_{number}"))
        if type(held) is tuple:
            self._looked_into[id(held)] = held

    def name_the_rest(self) -> None:
        """Hints for values that neither a variable nor a field has named, when everything is recorded."""
        for op in walk(self.ops):
            if op.code is Opcode.FOR and op.region is not None:
                inside, turn = op.region.parameters[1:], op.region.results
                for carried in zip(inside, op.results, op.operands[2:], turn, strict=True):
                    _name_carried(carried)
        for value, name in self._numbered.values():
            if value.hint is None and value.op is not None and value.op.code is not Opcode.EXPAND:
                value.hint = name

    def size(self, size: Size) -> Tile:
        """A size that is known when the program runs, one value per program."""
        if size not in self._sizes:
            value = Value(type=TileType(INT32), name=str(size))
            op = Operation(code=Opcode.SIZE, operands=(), results=(value,), attrs={"size": size}, where=None)
            value.op = op
            self.ops.insert(0, op)
            self._sizes[size] = Tile(value)
        return self._sizes[size]

    @contextmanager
    def outermost(self) -> Iterator[None]:
        """Records before the loops and branches that are open: what depends on sizes alone."""
        self._blocks.append(self.ops)
        try:
            yield
        finally:
            self._blocks.pop()

    @contextmanager
    def block(self, region: Region) -> Iterator[None]:
        """Records into `region` while open."""
        self._blocks.append(region.ops)
        try:
            yield
        finally:
            self._blocks.pop()
        values = [*region.parameters, *(result for op in region.ops for result in op.results)]
        self._inner |= {id(value) for value in values}


def _name_carried(values: tuple[Value, Value, Value, Value]) -> None:
    """Gives one name to the values of a loop-carried variable: (parameter, result, initial value, yielded value)."""
    label = next((name for value in values if (name := value.hint or value.name)), None)
    if label is None:
        return
    for value in values:
        value.hint = label
    for value in values[:2]:
        value.name = label


def _hint_fields(held: object, slots: tuple[str, ...]) -> None:
    """Names of an object's fields for the tiles that they hold."""
    fields = [(name, getattr(held, name, None)) for name in slots] if slots else list(vars(held).items())
    for name, item in fields:
        if isinstance(item, Tile):
            if item.value.name is None:
                item.value.hint = name
        elif isinstance(item, (tuple, list)):
            for number, element in enumerate(item):
                if type(element) is Tile and element.value.name is None:
                    element.value.hint = f"{name}_{number}"


class _Active(local):
    """The tracers of one thread, innermost last: kernels are traced when they are first called, from any thread."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []


_active = _Active()


@contextmanager
def tracing(tracer: Tracer) -> Iterator[Tracer]:
    """Makes `tracer` the one that tiles record into."""
    _active.tracers.append(tracer)
    try:
        yield tracer
    finally:
        _active.tracers.pop()


def tracer() -> Tracer:
    """The active tracer."""
    if not _active.tracers:
        raise SpecError("tile operations only exist while a kernel body is traced", where=author_location())
    return _active.tracers[-1]


@cache
def _is_machinery(filename: str) -> bool:
    """Whether a file belongs to the tracer. The tile library does not: it is written like a kernel body."""
    return filename.startswith(_MACHINERY) and "/library/" not in filename


@cache
def _slots(kind: type) -> tuple[str, ...] | None:
    """Slots of an author's class, () where its objects have a `__dict__`, None for classes of others."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None or _is_machinery(file) or file.startswith(_DECLARATIONS):
        return None
    if kind.__dictoffset__:
        return ()
    return tuple(name for base in kind.__mro__ for name in getattr(base, "__slots__", ())) or None


def author_frame() -> FrameType | None:
    """The innermost frame outside this package's machinery."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def location_of(frame: FrameType) -> Location:
    """File (relative to the project where it lies inside), line and function of a frame."""
    code = frame.f_code
    # A function of its own before Python 3.12 (PEP 709): sources must not depend on the version.
    function = re.sub(r"(\.<locals>)?\.<(list|set|dict)comp>", "", code.co_qualname)
    return Location(code.co_filename.removeprefix(_ROOT + "/"), frame.f_lineno, function)


def author_location() -> str | None:
    """`file:line` of the author's statement."""
    frame = author_frame()
    return None if frame is None else str(location_of(frame))


def fail(message: str, hint: str | None = None) -> SpecError:
    """The error for the author's current statement."""
    return SpecError(message, where=author_location(), hint=hint)


class Tile:
    """A symbolic tile (or scalar) of a tile program, with operators.

    Operators work on tiles of one element format and broadcastable shapes of equal rank; Python numbers take the
    other operand's format. `//` and `%` are for non-negative integers. `x[:, None]` adds a dimension of size 1.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        """Static shape; () for a scalar."""
        return self.value.type.shape

    @property
    def element(self) -> ElementFormat:
        """Element format."""
        return self.value.type.element

    def __repr__(self) -> str:
        return f"<{self.value.name or 'tile'}: {self.value.type}>"

    def __bool__(self) -> bool:
        raise fail("the bool of a tile is unknown while tracing", "use where(), a mask, or a declared fact")

    def __index__(self) -> int:
        raise fail("a tile is no Python integer while it is traced", "loop over a run-time size with fori_loop")

    def __float__(self) -> float:
        raise fail("a tile is no Python number while it is traced", "use the functions of specs.tile.language")

    def __pow__(self, exponent: object) -> Tile:
        raise fail(f"** is not defined on {self.value.type}", "multiply, or use exp2(y * log2(x))")

    __int__ = __index__
    __rpow__ = __pow__

    def __matmul__(self, other: object) -> Tile:
        raise fail(f"@ is not defined on {self.value.type}", "use dot(a, b)")

    def __array_ufunc__(self, function: object, *_args: object, **_settings: object) -> Tile:
        name = getattr(function, "__name__", str(function))
        raise fail(f"numpy's {name} does not know tiles", "use the functions of specs.tile.language")

    def __iter__(self) -> Iterator[Tile]:
        raise fail(f"{self.value.type} is not iterated over while it is traced", "tiles are computed with as a whole")

    def __abs__(self) -> Tile:
        return unary(Opcode.ABS, self)

    def __pos__(self) -> Tile:
        return self

    def __getitem__(self, key: object) -> Tile:
        keys = key if isinstance(key, tuple) else (key,)
        asked = sum(item is not None for item in keys)
        if asked > len(self.shape):
            raise fail(f"{self.value.type} has {len(self.shape)} dimension(s), the subscript asks for {asked}")
        result = self
        for axis, item in enumerate(keys):
            if item is None:
                shape = result.shape
                new = TileType(self.element, (*shape[:axis], 1, *shape[axis:]))
                (result,) = tracer().emit(Opcode.EXPAND, (result,), (new,), {"axis": axis})
            elif not isinstance(item, slice) or item != slice(None):
                raise fail(f"tiles are indexed with ':' and None only, not {item!r}")
        return result

    def to(self, element: ElementFormat) -> Tile:
        """The tile cast to `element`; nearest even where values are not representable."""
        if element == self.element:
            return self
        return tracer().emit(Opcode.CAST, (self,), (TileType(element, self.shape),))[0]

    def bitcast(self, element: ElementFormat) -> Tile:
        """The same bits read as `element`, of the same width."""
        if element.storage_bits != self.element.storage_bits:
            raise fail(f"bitcast from {self.element.name} to {element.name}: widths differ")
        return tracer().emit(Opcode.BITCAST, (self,), (TileType(element, self.shape),))[0]

    def reshape(self, *shape: int) -> Tile:
        """Row-major reshape to a static shape of the same size."""
        new = TileType(self.element, shape)
        if new.size != self.value.type.size:
            raise fail(f"reshape of {self.value.type} to {list(shape)}: sizes differ")
        return tracer().emit(Opcode.RESHAPE, (self,), (new,))[0]

    def broadcast(self, *shape: int) -> Tile:
        """The tile repeated along dimensions of size 1 (or a scalar filling `shape`)."""
        if self.shape == shape:
            return self
        if broadcast_shapes(self.shape, shape) != shape:
            raise fail(f"{self.value.type} does not broadcast to {list(shape)}")
        check_shape(shape)
        return tracer().emit(Opcode.BROADCAST, (self,), (TileType(self.element, shape),))[0]

    def transpose(self, *permutation: int) -> Tile:
        """Dimensions permuted; no arguments = reversed."""
        order = permutation or tuple(reversed(range(len(self.shape))))
        if sorted(order) != list(range(len(self.shape))):
            raise fail(f"transpose of {self.value.type} by {list(order)}: not an order of its dimensions")
        new = TileType(self.element, tuple(self.shape[i] for i in order))
        return tracer().emit(Opcode.TRANSPOSE, (self,), (new,), {"permutation": order})[0]

    def __neg__(self) -> Tile:
        return unary(Opcode.NEG, self)

    def __invert__(self) -> Tile:
        return unary(Opcode.NOT, self)

    def __add__(self, other: Operand) -> Tile:
        return binary(Opcode.ADD, self, other)

    def __radd__(self, other: Operand) -> Tile:
        return binary(Opcode.ADD, other, self)

    def __sub__(self, other: Operand) -> Tile:
        return binary(Opcode.SUB, self, other)

    def __rsub__(self, other: Operand) -> Tile:
        return binary(Opcode.SUB, other, self)

    def __mul__(self, other: Operand) -> Tile:
        return binary(Opcode.MUL, self, other)

    def __rmul__(self, other: Operand) -> Tile:
        return binary(Opcode.MUL, other, self)

    def __truediv__(self, other: Operand) -> Tile:
        return binary(Opcode.DIV, self, other)

    def __rtruediv__(self, other: Operand) -> Tile:
        return binary(Opcode.DIV, other, self)

    def __floordiv__(self, other: Operand) -> Tile:
        return binary(Opcode.IDIV, self, other)

    def __mod__(self, other: Operand) -> Tile:
        return binary(Opcode.IMOD, self, other)

    def __and__(self, other: Operand) -> Tile:
        return binary(Opcode.AND, self, other)

    def __or__(self, other: Operand) -> Tile:
        return binary(Opcode.OR, self, other)

    def __xor__(self, other: Operand) -> Tile:
        return binary(Opcode.XOR, self, other)

    def __lshift__(self, other: Operand) -> Tile:
        return binary(Opcode.SHL, self, other)

    def __rlshift__(self, other: Operand) -> Tile:
        return binary(Opcode.SHL, other, self)

    def __rshift__(self, other: Operand) -> Tile:
        return binary(Opcode.SHR, self, other)

    def __lt__(self, other: Operand) -> Tile:
        return binary(Opcode.LT, self, other)

    def __le__(self, other: Operand) -> Tile:
        return binary(Opcode.LE, self, other)

    def __gt__(self, other: Operand) -> Tile:
        return binary(Opcode.GT, self, other)

    def __ge__(self, other: Operand) -> Tile:
        return binary(Opcode.GE, self, other)

    def __eq__(self, other: object) -> Tile:  # type: ignore[override]
        return binary(Opcode.EQ, self, other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> Tile:  # type: ignore[override]
        return binary(Opcode.NE, self, other)  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]


Operand = Tile | int | float | bool

_INTEGER_ONLY = frozenset({Opcode.IDIV, Opcode.IMOD, Opcode.AND, Opcode.OR, Opcode.XOR, Opcode.SHL, Opcode.SHR})
_FLOAT_ONLY = frozenset({Opcode.DIV, Opcode.EXP2, Opcode.LOG2, Opcode.SQRT, Opcode.FLOOR, Opcode.ROUND})


def constant(value: Number, element: ElementFormat) -> Tile:
    """A scalar constant of `element`."""
    if not isinstance(value, (int, float)):
        raise fail(f"{value!r} is no tile and no number", "a body reads axes, attributes and tunables as p.NAME")
    if element.is_integer and not isinstance(value, int):
        raise fail(f"{value!r} is not a value of {element.name}", "cast the tile to a float format first")
    return tracer().constant(value, element)


def check_shape(shape: Sequence[int]) -> None:
    """Tile sizes are powers of two."""
    for n in shape:
        if n < 1 or n.bit_count() != 1:
            raise fail(f"tile shape {list(shape)}: sizes are powers of two", "pad the tile and mask")


def check_operand(code: Opcode, tile: Tile) -> None:
    """Arithmetic is defined on i32/i64, f32 and bool; narrower formats are cast first."""
    element = tile.element
    if element is F32 and code not in _INTEGER_ONLY and code is not Opcode.NOT:
        return  # nearly all of them
    if element == BOOL or code is Opcode.NOT:
        allowed = element == BOOL and code in (Opcode.AND, Opcode.OR, Opcode.XOR, Opcode.NOT)
    elif element.is_float:
        allowed = element.bits in (32, 64) and code not in _INTEGER_ONLY
    else:
        allowed = element.bits in (32, 64) and code not in _FLOAT_ONLY
    if not allowed:
        goal = "F32" if code in _FLOAT_ONLY or (element.is_float and code not in _INTEGER_ONLY) else "INT32"
        hint = "~ is for bool tiles" if code is Opcode.NOT else f"cast with .to({goal}) first"
        raise fail(f"{code.value} is not defined on {element.name}", hint)


def unary(code: Opcode, x: Tile) -> Tile:
    """An elementwise operation on one tile."""
    check_operand(code, x)
    return tracer().emit(code, (x,), (x.value.type,))[0]


def binary(code: Opcode, x: Operand, y: Operand) -> Tile:
    """An elementwise operation on two tiles, or a tile and a number."""
    if not isinstance(x, Tile):
        assert isinstance(y, Tile)
        x = constant(x, y.element)
    if not isinstance(y, Tile):
        y = constant(y, x.element)
    left, right = x.value.type, y.value.type
    if left.element != right.element:
        raise fail(
            f"{code.value} of {left} and {right}: element formats differ",
            "nothing is promoted: cast one operand with .to()",
        )
    check_operand(code, x)
    shape = broadcast_shapes(left.shape, right.shape)
    if shape is None:
        raise fail(
            f"{code.value} of {left} and {right}: shapes do not broadcast",
            "give both tiles the same rank with [:, None]",
        )
    if code in COMPARISONS:
        result = TileType(BOOL, shape)
    else:  # making another of them takes longer than all else here
        result = left if shape is left.shape else right if shape is right.shape else TileType(left.element, shape)
    return tracer().emit(code, (x, y), (result,))[0]


LoopBody = Callable[..., "Tile | tuple[Tile, ...] | None"]
