"""Products of the matrix units (DPAS) and roundings to TF32, written out: a form that runs without such units.

A sub-group multiplies a tile A of up to 8 rows by a tile B of 16 columns, 32 bytes deep. Operands are spread over the
registers of its 32 threads: element i of a thread is number 32 i + thread of the tile, row by row, where B has several
rows in one element (the low bits are the first row) and the accumulator one number in each. What a thread needs of A
and B is with the others, so that all put their parts into shared memory, and each computes its own numbers between two
barriers: dots are operations on whole tiles, to which all threads of a work group come. Products are exact in float32
or int32, and are added one after the other; in which order the units do it, and how they round, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from parity.xpu.editor import BOOL, FLOAT, FUNCTION, INT, LANES, STORE, VECTOR, Code, Editor
from parity.xpu.spirv import Instruction, Module, text, without_functions

MULTIPLY, TO_TF32 = 6237, 6426
"""Opcodes of the product and of the rounding."""
_CAPABILITIES: Final = frozenset({6236, 6425})
_HALF: Final = 9  # capability of float16
_EXTENSIONS: Final = ("SPV_INTEL_subgroup_matrix_multiply_accumulate", "SPV_INTEL_tensor_float32_conversion")
_CAPABILITY, _EXTENSION, _CALL = 17, 10, 57
_FUNCTION_NAME: Final = "llvm.genx.GenISA.sub.group.dpas."
"""The product as functions that the GPU's compiler supplies, for drivers that lack the instruction."""

_SIGNED_A, _SIGNED_B = 0x1, 0x2
# Which flags of an instruction say what the bits of both operands mean, and how many there are.
_INT8, _TF32, _FLOAT16, _BFLOAT16 = 0x30, 0x300, 0xC00, 0x3000
_PRECISIONS: Final = {11: _BFLOAT16, 12: _FLOAT16}
"""How the functions call them."""
_BITS: Final = {_INT8: 8, _TF32: 32, _FLOAT16: 16, _BFLOAT16: 16}
_COLUMNS, _DEPTH = 16, 32  # of B; of one row of A in bytes

_BITCAST, _CONSTRUCT, _EXTRACT, _FROM_HALF, _NARROW, _WIDEN = 124, 80, 81, 115, 113, 113
_ADD, _FADD, _MUL, _FMUL, _AND, _OR, _SHR, _SAR, _SHL, _EQUAL, _SELECT = (
    128,
    129,
    132,
    133,
    199,
    197,
    194,
    195,
    196,
    170,
    169,
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of an operand: its components (`bits` wide, floats or not) and their number."""

    type: int
    component: int
    bits: int
    count: int


def written_out(module: Module) -> Module:
    """The module without matrix units; products of kinds that are not known here stay."""
    functions = {number for name, number in module.imports.items() if name.startswith(_FUNCTION_NAME)}
    if not functions and not any(one.opcode in (MULTIPLY, TO_TF32) for one in module.instructions):
        return module
    return _Writer(module, functions).module()


class _Writer(Editor):
    """Goes through a module once."""

    def __init__(self, module: Module, functions: set[int]) -> None:
        super().__init__(module)
        self._functions = functions
        self._declared = {one.words[0]: one for one in module.instructions if one.opcode in (INT, FLOAT, VECTOR)}
        self._products: dict[tuple[int, ...], int] = {}
        self._float = self.type(FLOAT, 32)
        self._bool = self.type(BOOL)

    def module(self) -> Module:
        """The finished module."""
        code = self.old.instructions
        first = next(place for place, one in enumerate(code) if one.opcode == FUNCTION)
        body: list[Instruction] = []
        for one in code[first:]:
            if one.opcode == MULTIPLY or (one.opcode == _CALL and one.words[2] in self._functions):
                body += self._multiply(one)
            elif one.opcode == TO_TF32:
                body += self._rounded(one)
            else:
                body.append(one)
        left = {one.opcode for one in body}
        head = [one for one in code[:first] if MULTIPLY in left or not _asks(one)]
        half = Instruction(_CAPABILITY, (_HALF,))
        if any(one.opcode == FLOAT and one.words[1:] == (16,) for one in self.declared) and half not in head:
            head.insert(0, half)
        called = {one.words[2] for one in body if one.opcode == _CALL}
        return without_functions(self.finished(head, body), self._functions - called)

    def _kind(self, found: int) -> _Kind:
        one, count = self._declared[found], 1
        if one.opcode == VECTOR:
            count, one = one.words[2], self._declared[one.words[1]]
        return _Kind(found, one.words[0], one.words[1], count)

    def _is_plain(self, kind: _Kind) -> bool:
        """Whether a type is of integers or float32."""
        return kind.component == self._float or self._declared[kind.component].opcode == INT

    def _multiply(self, one: Instruction) -> Iterator[Instruction]:
        """All threads store their parts of A and B; after a barrier each computes its part of the result."""
        result_type, result, _, a, b, c, *given = one.words
        flags = given[0] if given else 0
        if one.opcode == _CALL:  # accumulator, both operands, what each is, steps and rows
            c, a, b = one.words[3:6]
            flags = _PRECISIONS.get(self.values.get(one.words[6], 0), 0)
        meaning = flags & ~(_SIGNED_A | _SIGNED_B)
        kinds = [self._kind(found) for found in (self.types[a], self.types[b], result_type)]
        if meaning not in _BITS or kinds[2].bits != 32 or not all(map(self._is_plain, kinds)):
            yield one
            return
        arrays = [self.array(kind.component, kind.count * self.threads) for kind in kinds[:2]]
        thread, first = self.new(), self.new()
        yield from self.thread(thread)
        yield Instruction(_AND, (self.word, first, thread, self.constant(~(LANES - 1) & 0xFFFFFFFF)))
        # Threads that still read what the last product has left.
        yield self.barrier()
        for operand, kind, array in zip((a, b), kinds, arrays, strict=False):
            yield from self._put(operand, kind, array, thread, first)
        yield self.barrier()
        pointers = [self.type_of_array(array) for array in arrays]
        key = (flags, result_type, self.types[a], self.types[b])
        if key not in self._products:
            self._products[key] = self._product(flags, kinds, pointers, arrays)
        arguments = (c, thread, arrays[0][0], arrays[1][0])
        yield self.call(result_type, result, self._products[key], *arguments)

    def _put(self, operand: int, kind: _Kind, array: tuple[int, int], thread: int, first: int) -> Iterator[Instruction]:
        """Stores the elements of a thread; elements of one sub-group follow each other."""
        start, own = self.new(), self.new()
        yield Instruction(_MUL, (self.word, start, first, self.constant(kind.count - 1)))
        yield Instruction(_ADD, (self.word, own, start, thread))
        for i in range(kind.count):
            place, value = self.new(), operand
            yield Instruction(_ADD, (self.word, place, own, self.constant(i * LANES)))
            if kind.count > 1:
                value = self.new()
                yield Instruction(_EXTRACT, (kind.component, value, operand, i))
            yield from self.reach(STORE, kind.component, array, place, value)

    def _product(self, flags: int, kinds: list[_Kind], pointers: list[int], arrays: list[tuple[int, int]]) -> int:
        """A function of the accumulator, the thread and both arrays: the thread's numbers of the result."""
        code, word = Code(self), self.word
        left, right, sums = kinds
        accumulator, thread = code.parameter(sums.type), code.parameter(word)
        stored = [(code.parameter(pointer), array[1]) for pointer, array in zip(pointers, arrays, strict=True)]
        bits = _BITS[flags & ~(_SIGNED_A | _SIGNED_B)]
        times, plus = (_MUL, _ADD) if flags & _INT8 else (_FMUL, _FADD)
        first = code.do(_AND, word, thread, self.constant(~(LANES - 1) & 0xFFFFFFFF))
        column = code.do(_AND, word, thread, self.constant(_COLUMNS - 1))
        starts = [code.do(_MUL, word, first, self.constant(kind.count)) for kind in (left, right)]
        numbers = []
        for i in range(sums.count):
            total = accumulator if sums.count == 1 else code.do(_EXTRACT, sums.component, accumulator, i)
            row = code.do(_MUL, word, self._row(code, thread, i), self.constant(_DEPTH * 8 // left.bits))
            row = code.do(_ADD, word, starts[0], row)
            for k in range(_DEPTH * 8 // bits):
                place, part = divmod(k, left.bits // bits)
                x = code.load(left.component, stored[0], code.do(_ADD, word, row, self.constant(place)))
                place, below = divmod(k, right.bits // bits)
                where = code.do(_ADD, word, starts[1], code.do(_ADD, word, column, self.constant(place * _COLUMNS)))
                y = code.load(right.component, stored[1], where)
                factors = (
                    self._number(code, flags, _SIGNED_A, x, left, part),
                    self._number(code, flags, _SIGNED_B, y, right, below),
                )
                total = code.do(plus, sums.component, total, code.do(times, sums.component, *factors))
            numbers.append(total)
        found = numbers[0] if sums.count == 1 else code.do(_CONSTRUCT, sums.type, *numbers)
        return code.function(sums.type, found)

    def _row(self, code: Code, thread: int, i: int) -> int:
        """The row of element i of the accumulator: 16 threads have a row."""
        half = code.do(_AND, self.word, code.do(_SHR, self.word, thread, self.constant(4)), self.constant(1))
        return code.do(_ADD, self.word, half, self.constant(i * (LANES // _COLUMNS)))

    def _number(self, code: Code, flags: int, signed: int, value: int, kind: _Kind, part: int) -> int:
        """The number in part of an element, as float32 or as int32."""
        word = self.word
        meaning = flags & ~(_SIGNED_A | _SIGNED_B)
        if kind.component == self._float:
            bits = code.do(_BITCAST, word, value)
        else:
            bits = value if kind.component == word else code.do(_WIDEN, word, value)
        if meaning == _TF32:
            return code.do(_BITCAST, self._float, code.do(_AND, word, bits, self.constant(0xFFFFE000)))
        width = _BITS[meaning]
        bits = code.do(_SHL, word, bits, self.constant(32 - width * (part + 1)))
        if meaning == _BFLOAT16:
            bits = code.do(_AND, word, bits, self.constant(0xFFFF0000))
            return code.do(_BITCAST, self._float, bits)
        bits = code.do(_SAR if meaning == _INT8 and flags & signed else _SHR, word, bits, self.constant(32 - width))
        if meaning == _INT8:
            return bits
        half = code.do(_BITCAST, self.type(FLOAT, 16), code.do(_NARROW, self.type(INT, 16, 0), bits))
        return code.do(_FROM_HALF, self._float, half)

    def _rounded(self, one: Instruction) -> Iterator[Instruction]:
        """float32 to the nearest number with 10 bits of fraction, ties to even; infinities and NaN as they are."""
        result_type, result, value = one.words
        kind = self._kind(result_type)
        code, numbers = Code(self), []
        for i in range(kind.count):
            x = value if kind.count == 1 else code.do(_EXTRACT, kind.component, value, i)
            bits = code.do(_BITCAST, self.word, x)
            odd = code.do(_AND, self.word, code.do(_SHR, self.word, bits, self.constant(13)), self.constant(1))
            up = code.do(_ADD, self.word, code.do(_ADD, self.word, bits, self.constant(0xFFF)), odd)
            near = code.do(_BITCAST, self._float, code.do(_AND, self.word, up, self.constant(0xFFFFE000)))
            exponent = code.do(_AND, self.word, bits, self.constant(0x7F800000))
            special = code.do(_EQUAL, self._bool, exponent, self.constant(0x7F800000))
            numbers.append(code.do(_SELECT, self._float, special, x, near))
        yield from code.written
        if kind.count > 1:
            yield Instruction(_CONSTRUCT, (result_type, result, *numbers))
        else:
            yield Instruction(83, (result_type, result, numbers[0]))  # a copy


def _asks(one: Instruction) -> bool:
    """Whether an instruction asks for matrix units, or says so by an extension's name."""
    if one.opcode == _CAPABILITY:
        return one.words[0] in _CAPABILITIES
    return one.opcode == _EXTENSION and text(one.words) in _EXTENSIONS
