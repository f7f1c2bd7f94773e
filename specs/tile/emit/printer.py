"""Printing the IR as Python text: what both emitters share.

Values that the author named become statements under that name; unnamed ones used once are folded into the expression
that uses them, within one block and never across a load, a dot or a loop. An emitter supplies the spelling of each
operation.
"""

from __future__ import annotations

import keyword
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from specs.lang.declare.axes import BinaryExpr, Expr, Literal, Ref
from specs.lang.formats.elements import BOOL, F32, INT32, Kind
from specs.tile.constants import NamedInt
from specs.tile.emit.comments import comments_of
from specs.tile.emit.numerals import meaning_of_bits, meaning_of_float, meaning_of_integer
from specs.tile.emit.wrapping import WIDTH, commented, filled, wrapped
from specs.tile.ir import (
    ArrayParam,
    Location,
    Opcode,
    Operation,
    Program,
    Size,
    Stride,
    Value,
    block_dims,
    matrix_dims,
    walk,
)

BINARY: dict[Opcode, tuple[str, int]] = {  # sign and precedence
    Opcode.OR: ("|", 4),
    Opcode.XOR: ("^", 5),
    Opcode.AND: ("&", 6),
    Opcode.SHL: ("<<", 7),
    Opcode.SHR: (">>", 7),
    Opcode.ADD: ("+", 8),
    Opcode.SUB: ("-", 8),
    Opcode.MUL: ("*", 9),
    Opcode.IDIV: ("//", 9),
    Opcode.IMOD: ("%", 9),
    Opcode.EQ: ("==", 3),
    Opcode.NE: ("!=", 3),
    Opcode.LT: ("<", 3),
    Opcode.LE: ("<=", 3),
    Opcode.GT: (">", 3),
    Opcode.GE: (">=", 3),
}
_PRECEDENCE = {sign: precedence for sign, precedence in BINARY.values() if sign in ("+", "-", "*", "//", "%")}
_COMPARISON, _BITWISE, _ARITHMETIC = 3, 7, 8  # bitwise operators and shifts: 4 to 7
_UNARY_PRECEDENCE = 10
ATOM = 12
_LOADS, _STORES = (Opcode.LOAD, Opcode.LOAD_BLOCK), (Opcode.STORE, Opcode.STORE_BLOCK)
_STATEMENTS = {*_LOADS, Opcode.DESCRIPTOR, Opcode.DOT, Opcode.FOR, Opcode.SUM, Opcode.AMAX, Opcode.AMIN, Opcode.CUMSUM}
_REDUCED = {Opcode.SUM: "sum", Opcode.AMAX: "max", Opcode.AMIN: "min", Opcode.CUMSUM: "cumsum"}
INDENT = "    "
_SHORT, _PLAIN = 20, 4  # characters of an expression that is repeated, of a number that explains itself
_HEXADECIMAL = 0xFFFF  # larger integers are written so
_LIBRARY = "specs/tile/library/"  # its statements belong to the run of their caller
_BY_KIND = {Kind.FLOAT: "value", Kind.INT: "index", Kind.BOOL: "mask"}


def integer_names(integers: Sequence[Size | Stride]) -> dict[Size | Stride, str]:
    """Unique names of a kernel's integer parameters: axes and attributes keep theirs, others are renamed."""
    names: dict[Size | Stride, str] = {}
    for integer in sorted(integers, key=lambda integer: not isinstance(integer, Ref)):
        name = str(integer)
        while name in names.values():
            name += "_"
        names[integer] = name
    return {integer: names[integer] for integer in integers}


def docstring(program: Program) -> list[str]:
    """Head of a generated module: the kernel, and what it is specialised on."""
    first, *more = filled(f'"""{program.name}: {program.doc}')
    settings = [line for name, value in program.specialisation for line in filled(f"{name} = {value}", INDENT)]
    return [first, *more, "", "Generated. Specialised on", *settings, '"""']


class Text(str):
    """An expression and its operator precedence."""

    __slots__ = ("precedence",)
    precedence: int

    def __new__(cls, text: str, precedence: int = ATOM) -> Self:
        self = super().__new__(cls, text)
        self.precedence = precedence
        return self

    def inside(self, precedence: int) -> str:
        """The text, in parentheses where it binds less tightly than `precedence`."""
        return f"({self})" if self.precedence < precedence else str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A matrix in an array: what a tensor descriptor is made of.

    at: index of every dimension of the array, None for the two along which the matrix lies. dims: these two, the
        contiguous one last. shape: texts of how many rows and columns exist. block_shape: of its blocks.
    """

    at: tuple[Value | None, ...]
    dims: tuple[int, int]
    shape: list[str]
    block_shape: list[int]


class Printer(ABC):
    """Prints the operations of one program. Subclasses spell the operations that differ between frameworks."""

    reserved: frozenset[str] = frozenset()
    functions: Mapping[str, str] = {}
    """Names of functions for operators of sizes (min, max, cdiv)."""

    def __init__(self, program: Program, integers: Sequence[Size | Stride]) -> None:
        self.program = program
        self.lines: list[str] = []
        self.text: dict[int, Text] = {}
        self.meanings: dict[str, str] = {}  # of numbers, by their text
        self.remarks: list[str] = []  # of the author, on the next statement
        self.remarked: set[tuple[str, int]] = set()
        self.where: Location | None = None  # where they were looked for last
        self.run = ("", "")  # file and function of the last statement
        self.names = integer_names(integers)
        self.values = {name: value for name, value in program.constants if name not in self.reserved}
        self.taken = {*self.reserved, *self.names.values(), *self.values}
        self.constants: set[str] = set()  # the printed ones
        self._numbers: dict[int, bool] = {}
        self._last: Counter[str] = Counter()  # the number that `unique` gave last
        everything = walk(program.ops)
        self.home = homes(program.ops)
        self.has_bits = any(op.code is Opcode.BITCAST for op in everything)
        self.uses = Counter(id(v) for op in everything for v in op.operands)
        for op in everything:
            if op.region is not None:
                self.uses.update(id(v) for v in op.region.results)

    # -- statements ---------------------------------------------------------------------------------------------

    def line(self, text: str, depth: int, op: Operation | None = None) -> None:
        """One statement, under the author's comments; with the place where a run begins, and the meaning of numbers."""
        numbers = [number for number in self.meanings if number in text]
        notes = [self.meanings[number] for number in numbers]
        if op is not None and op.where is not None:
            self.remark(op.where)
            run = op.where.file, op.where.function
            if run != self.run and not op.where.file.startswith(_LIBRARY):
                self.run = run
                notes.append(str(op.where))
        for remark in self.remarks:
            self.lines += commented(remark, depth)
        self.remarks.clear()
        rows, note = wrapped(text, depth), f"  # {', '.join(notes)}" if notes else ""
        if len(rows) > 1 or len(rows[0]) + len(note) > WIDTH:
            notes[: len(numbers)] = [f"{number} is {self.meanings[number]}" for number in numbers]
            self.lines += commented(", ".join(notes), depth)
            note = ""
        self.lines += [rows[0] + note, *rows[1:]]

    def remark(self, where: Location) -> None:
        """Lets the next statement carry the author's comments at a place, once."""
        if where is self.where:
            return
        self.where = where
        for line, text in comments_of(where.file).get(where.line, ()):
            if (where.file, line) not in self.remarked:
                self.remarked.add((where.file, line))
                self.remarks.append(text)

    def block(self, ops: list[Operation], depth: int, results: tuple[Value, ...] = ()) -> None:
        """All statements of a block; folded and unused values print no statement.

        A single unnamed result of a loop body is folded into the assignment to the carried variable.
        """
        folded = self._folded(ops)
        if len(results) == 1 and self._only_here(results[0]):
            folded |= {id(op) for op in ops if results[0] in op.results and op.code is not Opcode.FOR}
        statements = self.statements()
        for op in ops:
            if op.code in statements:
                statements[op.code](op, depth)
            elif op.code is Opcode.CONST:
                if self.uses[id(op.result)]:
                    self.text[id(op.result)] = self.literal(op)
            elif op.code is Opcode.SIZE:
                self.text[id(op.result)] = Text(self.names[op.attrs["size"]])  # type: ignore[index]
            elif len(op.results) > 1:
                expression = self.expression(op)
                names = [self.fresh(result) for result in op.results]
                self.line(f"{', '.join(names)} = {expression}", depth, op)
            elif self.uses[id(result := op.results[0])]:
                if op.where is not self.where and op.where is not None:
                    self.remark(op.where)
                expression = self.expression(op)
                if id(op) in folded or self._is_repeated(op, expression):
                    self.text[id(result)] = expression
                else:
                    name = self.fresh(result, result.name or result.hint or self._default_name(op))
                    self.line(f"{name} = {expression}", depth, op)

    def statements(self) -> dict[Opcode, Callable[[Operation, int], None]]:
        """Operations that print their own statements, at a depth."""
        return {**dict.fromkeys(_STORES, self.store), Opcode.FOR: self.loop, Opcode.WHEN: self.branch}

    def _folded(self, ops: list[Operation]) -> set[int]:
        """Operations whose value is printed inside the only statement that uses it."""
        user = {id(v): op for op in ops for v in op.operands}
        folded: set[int] = set()
        for op in ops:
            if len(op.results) == 1 and op.code not in _STATEMENTS and self._only_here(op.result):
                consumer = user.get(id(op.result))
                if consumer is None or (consumer.code is Opcode.FOR and op.result not in consumer.operands[:2]):
                    continue
                folded.add(id(op))
        return folded

    def _only_here(self, value: Value) -> bool:
        """Whether a value is printed inside the one expression that uses it."""
        return value.name is None and self.uses[id(value)] == 1

    def _is_repeated(self, op: Operation, expression: Text) -> bool:
        """Whether an unnamed value is repeated at every use, because its text is as short as a name."""
        value = op.result
        if value.name is not None or op.code in _STATEMENTS:
            return False
        if op.code is Opcode.EXPAND:
            return expression.partition("[")[0].isidentifier()
        return value.hint is None and is_scalar_i32(value) and len(expression) <= _SHORT

    def _default_name(self, op: Operation) -> str:
        """A name for a value without an author's name."""
        if op.code in _LOADS:
            return str(op.attrs["array"])
        if op.code is Opcode.DESCRIPTOR:
            return f"{op.attrs['array']}_desc"
        if op.code is Opcode.DOT:
            return "product"
        if op.code is Opcode.ARANGE:
            return f"arange_{op.attrs['n']}"
        if op.code in _REDUCED and self.of(op.operands[0]).isidentifier():
            return f"{self.of(op.operands[0])}_{_REDUCED[op.code]}"
        if op.code is Opcode.EXPAND and self.of(op.operands[0]).isidentifier():
            return str(self.of(op.operands[0]))
        return _BY_KIND[op.result.type.element.kind]

    def fresh(self, value: Value, default: str = "t") -> str:
        """A unique Python name for a value, the author's where there is one; also becomes its text."""
        base = value.name or value.hint or default
        if keyword.iskeyword(base) or not base.isidentifier():
            base = default
        name = self.unique(base)
        self.text[id(value)] = Text(name)
        return name

    def unique(self, base: str) -> str:
        """A name that is not taken yet, and is from now on: `base`, or `base` with a number."""
        name = base
        while name in self.taken:
            self._last[base] += 1
            name = f"{base}_{self._last[base]}"
        self.taken.add(name)
        return name

    def carried_name(self, init: Value, parameter: Value, result: Value) -> tuple[str, bool]:
        """Name of a loop-carried variable, and whether the initial value has to be copied into it.

        A value without other uses passes its name on, unless it is defined outside an enclosing loop, whose next
        iteration reads it again.
        """
        first = self.text[id(init)]
        alone = self.uses[id(init)] == 1 and self.home[id(init)] == self.home[id(result)]
        if first.isidentifier() and alone and not is_const(init) and first in self.taken:
            self.text[id(parameter)] = first
            return str(first), False
        return self.fresh(parameter, "carried"), True

    # -- expressions --------------------------------------------------------------------------------------------

    def of(self, value: Value) -> Text:
        """The text of an operand."""
        return self.text[id(value)]

    def literal(self, op: Operation) -> Text:
        """A constant. Python numbers take the other operand's format, which for i32 and f32 is exact."""
        text = self._number(op)
        if len(text) > _PLAIN and (meaning := self._meaning(op)) is not None:
            self.meanings[str(text)] = meaning
        return text

    def _meaning(self, op: Operation) -> str | None:
        """The meaning of a number whose digits do not show it."""
        value = op.attrs["value"]
        if isinstance(value, float):
            return meaning_of_float(value)
        if type(value) is NamedInt:
            return None
        assert isinstance(value, int)
        bits = meaning_of_bits(value) if self.has_bits else None
        return bits or (meaning_of_integer(value) if abs(value) > _HEXADECIMAL else None)

    def _number(self, op: Operation) -> Text:
        value = op.attrs["value"]
        if op.result.type.element == BOOL:
            return Text(repr(bool(value)))
        if op.result.type.element.is_integer:
            return self.integer(value)
        number = float(value)  # type: ignore[arg-type]
        if math.isnan(number) or math.isinf(number):
            return Text(f'float("{number}")')
        return Text(repr(number), _weak(number))

    def expression(self, op: Operation) -> Text:
        """The right-hand side of one operation."""
        if op.code in BINARY:
            return self.binary(op)
        match op.code:
            case Opcode.NEG:
                return self.negation(op)
            case Opcode.EXPAND:
                return self.expand(op)
            case Opcode.LOAD | Opcode.LOAD_BLOCK | Opcode.DESCRIPTOR:
                return self.load(op)
        return self.spell(op, [self.of(value) for value in op.operands])

    def negation(self, op: Operation) -> Text:
        """-x. Floats are multiplied: Pallas and Triton 3.6 subtract from zero, so that the negative of 0 is 0."""
        x = self.of(op.operands[0])
        if op.result.type.element.is_integer:
            return Text(f"-{x.inside(_UNARY_PRECEDENCE)}", _UNARY_PRECEDENCE)
        precedence = BINARY[Opcode.MUL][1]
        return Text(f"{x.inside(precedence)} * -1.0", precedence)

    def binary(self, op: Operation) -> Text:
        """An infix operation; the right operand binds tighter, so that evaluation order is the author's."""
        if op.code is Opcode.IDIV and (division := self.ceiling(op)) is not None:
            return Text(f"{self.functions['cdiv']}({', '.join(map(self.of, division))})")
        sign, precedence = BINARY[op.code]
        a, b = self.of(op.operands[0]), self.of(op.operands[1])
        left = precedence + 1 if precedence == _COMPARISON else precedence
        texts = [
            f"({text})" if _hard_to_read(precedence, text.precedence) else text.inside(least)
            for text, least in ((a, left), (b, precedence + 1))
        ]
        return Text(f"{texts[0]} {sign} {texts[1]}", precedence)

    def expand(self, op: Operation) -> Text:
        """`x[:, None]`, a run of them in one subscript."""
        axes, source = [op.attrs["axis"]], op.operands[0]
        while source.op is not None and source.op.code is Opcode.EXPAND and self._only_here(source):
            axes.insert(0, source.op.attrs["axis"])
            source = source.op.operands[0]
        keys = [":"] * len(source.type.shape)
        for axis in axes:
            keys.insert(int(axis), "None")  # type: ignore[call-overload]
        return Text(f"{self.tensor(source).inside(ATOM)}[{', '.join(keys)}]")

    def integer(self, value: object) -> Text:
        """An integer, as the author calls it."""
        if type(value) is NamedInt:
            return self.size(value.expr)
        return Text(hex(value) if isinstance(value, int) and value > _HEXADECIMAL else repr(value), _weak(value))

    def sizes(self, shape: Sequence[int]) -> str:
        """The sizes of a tile, one after the other."""
        return ", ".join([self.integer(size) if type(size) is NamedInt else str(size) for size in shape])

    def size(self, expr: Expr) -> Text:
        """The size of a dimension, or a constant."""
        if isinstance(expr, Literal):
            return self.integer(expr.value)
        if isinstance(expr, Size):
            return Text(self.names[expr] if expr in self.names else self.constant(str(expr)))
        assert isinstance(expr, BinaryExpr)
        left, right = self.size(expr.left), self.size(expr.right)
        if expr.operator not in _PRECEDENCE:
            return Text(f"{self.functions[expr.operator]}({left}, {right})")
        precedence = _PRECEDENCE[expr.operator]
        return Text(f"{left.inside(precedence)} {expr.operator} {right.inside(precedence + 1)}", precedence)

    def constant(self, name: str) -> str:
        """A constant by name, which is then among those that the source begins with."""
        if name not in self.values:
            return str(dict(self.program.constants)[name])
        self.constants.add(name)
        return name

    def constants_used(self) -> list[tuple[str, int]]:
        """Constants that are printed, in the kernel's order."""
        return [(name, value) for name, value in self.values.items() if name in self.constants]

    def matrix(self, op: Operation) -> Matrix:
        """What a tensor descriptor is made of."""
        param, dims = self.program.array(str(op.attrs["array"])), block_dims(op)
        operands = iter(op.operands)
        at = tuple(None if dim.size is not None else next(operands) for dim in dims)
        sizes = [str(self.extent(param, d) if dim.in_bounds else self.of(next(operands))) for d, dim in enumerate(dims)]
        order = matrix_dims(op, param)
        block = [dims[d].size or 1 for d in order]
        return Matrix(at=at, dims=order, shape=[sizes[d] for d in order], block_shape=block)

    def extent(self, param: ArrayParam, d: int) -> Text:
        """The declared size of a dimension of an array."""
        return self.size(param.sizes[d])

    def block_at(self, op: Operation, method: str, *arguments: str) -> str:
        """A call of a descriptor's method at the starts of a block."""
        blocks, *starts = (str(self.of(value)) for value in op.operands[:3])
        starts = starts[::-1] if self.is_transposed(op) else starts
        return f"{blocks}.{method}({', '.join([f'[{starts[0]}, {starts[1]}]', *arguments])})"

    def is_transposed(self, op: Operation) -> bool:
        """Whether blocks are contiguous along their first dimension: descriptors have that last."""
        rows, columns = matrix_dims(op, self.program.array(str(op.attrs["array"])))
        return rows > columns

    def ceiling(self, op: Operation) -> tuple[Value, Value] | None:
        """x and y of an operation that divides x by y and rounds up, as `cdiv` does it: (x + (y - 1)) // y."""
        total, y = op.operands
        if total.op is None or total.op.code is not Opcode.ADD:
            return None
        x, more = total.op.operands
        if not (self._only_here(total) and is_const(more) and is_const(y)):
            return None
        assert more.op is not None
        assert y.op is not None
        return (x, y) if more.op.attrs["value"] == int(y.op.attrs["value"]) - 1 else None  # type: ignore[call-overload]

    def is_number(self, value: Value) -> bool:
        """Whether Python computes a value while the kernel is compiled: literals, sizes, what operators make of them.

        In Triton it may do so: arguments that are 1 are constexprs, and others tensors.
        """
        found = self._numbers.get(id(value))
        if found is None:
            op = value.op
            found = op is not None and not value.type.shape
            if found and op is not None and op.code not in (Opcode.CONST, Opcode.SIZE):
                found = (op.code in BINARY or op.code is Opcode.NEG) and all(map(self.is_number, op.operands))
            self._numbers[id(value)] = found
        return found

    @abstractmethod
    def tensor(self, value: Value) -> Text:
        """The text of an operand that must be a tensor; sizes and literals, which are Python numbers, are converted."""

    @abstractmethod
    def spell(self, op: Operation, operands: list[Text]) -> Text:
        """The text of an operation that is specific to the framework."""

    @abstractmethod
    def load(self, op: Operation) -> Text:
        """A load."""

    @abstractmethod
    def store(self, op: Operation, depth: int) -> None:
        """A store statement."""

    @abstractmethod
    def branch(self, op: Operation, depth: int) -> None:
        """A branch with its body."""

    @abstractmethod
    def loop(self, op: Operation, depth: int) -> None:
        """A loop with its body."""


def _hard_to_read(outer: int, inner: int) -> bool:
    """Whether nested operators get parentheses for readability: shifts and masks inside other operators."""
    if inner >= _UNARY_PRECEDENCE or inner == outer:
        return False
    mixed = _COMPARISON < inner <= _BITWISE or _COMPARISON < outer <= _BITWISE
    return mixed or inner == _COMPARISON


def _weak(value: object) -> int:
    return _UNARY_PRECEDENCE if isinstance(value, (int, float)) and value < 0 else ATOM


def homes(ops: Sequence[Operation], block: int = 0) -> dict[int, int]:
    """Value (by identity) -> the block that defines it; parameters of a loop belong to its body."""
    found = {id(value): block for op in ops for value in op.results}
    for op in ops:
        if op.region is not None:
            found.update((id(value), id(op.region)) for value in op.region.parameters)
            found.update(homes(op.region.ops, id(op.region)))
    return found


def is_scalar_i32(value: Value) -> bool:
    """Whether a value is a scalar index."""
    return value.type.element == INT32 and not value.type.shape


def is_const(value: Value) -> bool:
    """Whether a value is a literal."""
    return value.op is not None and value.op.code is Opcode.CONST


def is_zero(value: Value) -> bool:
    """Whether a value is the literal 0."""
    return is_const(value) and value.op is not None and value.op.attrs["value"] == 0


__all__ = ["ATOM", "BINARY", "F32", "INDENT", "Printer", "Text", "docstring", "is_const", "is_scalar_i32"]
