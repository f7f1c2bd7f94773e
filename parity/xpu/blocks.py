"""Reads and writes of two-dimensional blocks, written out as loads and stores of single elements.

The GPU's compiler supplies them as functions. They take a matrix in memory (address; width, height and pitch in bytes
or rows, less one), the place of the block, its layout as constants (bits of an element; columns, rows, number of blocks
side by side; whether it is transposed, whether rows are interleaved as matrix units want them), and cache hints. Reads
outside of the matrix give zero, writes there do nothing. Element i of a thread is number 32 i + thread of all that the
blocks hold, block by block, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parity.xpu.editor import BOOL, FUNCTION, INT, LANES, POINTER, VECTOR, Code, Editor
from parity.xpu.spirv import Instruction, Module, without_functions

_NAME: Final = re.compile(r"llvm\.genx\.GenISA\.LSC2DBlock(Read|Write)\.(?:v(\d+))?i(\d+)$")
_ARGUMENTS: Final = 13
_GLOBAL: Final = 5

_LOAD, _STORE, _CALL, _CONSTRUCT, _EXTRACT, _CONVERT, _SIGN_EXTEND = 61, 62, 57, 80, 81, 113, 114
_ADD, _MUL, _DIVIDE, _REMAINDER, _SHL, _SHR, _AND, _OR, _BOTH = 128, 132, 134, 137, 196, 194, 199, 197, 167
_LESS, _AT_LEAST, _AT_MOST, _TO_POINTER = 177, 175, 179, 120
_VOID, _PARAMETER, _END, _LABEL, _BRANCH, _IF, _RETURN, _RETURN_VALUE, _SIGNATURE = (
    19,
    55,
    56,
    248,
    249,
    250,
    253,
    254,
    33,
)


@dataclass(frozen=True, slots=True)
class _Block:
    """What is constant in a call: payload (components, bits of one), and the layout of the block."""

    write: bool
    count: int
    width: int
    bits: int
    columns: int
    rows: int
    blocks: int
    transposed: bool
    interleaved: bool


def written_out(module: Module) -> Module:
    """The module without such functions; calls whose layout is not constant stay."""
    found = {number: match for name, number in module.imports.items() if (match := _NAME.match(name))}
    return _Writer(module, found).module() if found else module


class _Writer(Editor):
    """Goes through a module once."""

    def __init__(self, module: Module, known: dict[int, re.Match[str]]) -> None:
        super().__init__(module)
        self._known = known
        self._made: dict[tuple[_Block, tuple[int, ...]], int] = {}
        self._elements: dict[tuple[bool, int], int] = {}
        self._bool = self.type(BOOL)
        self._long = self.type(INT, 64, 0)

    def module(self) -> Module:
        """The finished module."""
        code = self.old.instructions
        first = next(place for place, one in enumerate(code) if one.opcode == FUNCTION)
        body: list[Instruction] = []
        for one in code[first:]:
            block = self._block(one) if one.opcode == _CALL and one.words[2] in self._known else None
            if block is None:
                body.append(one)
                continue
            kind, result, _, *arguments = one.words
            thread = self.new()
            body += self.thread(thread)
            passed = (*arguments[:6], *arguments[_ARGUMENTS:], thread)
            body.append(self.call(kind, result, self._function(block, kind, passed), *passed))
        module = self.finished(code[:first], body)
        called = {one.words[2] for one in module.instructions if one.opcode == _CALL}
        return without_functions(module, set(self._known) - called)

    def _block(self, one: Instruction) -> _Block | None:
        """What a call reads or writes, None where its layout is not constant."""
        match, arguments = self._known[one.words[2]], one.words[3:]
        layout = [self.values.get(number) for number in arguments[6:12]]
        if len(arguments) < _ARGUMENTS or None in layout:
            return None
        bits, columns, rows, blocks, transposed, interleaved = (int(value or 0) for value in layout)
        return _Block(
            write=match[1] == "Write",
            count=int(match[2] or 1),
            width=int(match[3]),
            bits=bits,
            columns=columns,
            rows=rows,
            blocks=blocks,
            transposed=bool(transposed),
            interleaved=bool(interleaved),
        )

    def _function(self, block: _Block, kind: int, passed: Sequence[int]) -> int:
        """The function for a kind of block and these types of arguments."""
        types = tuple(self.types.get(number, self.word) for number in passed)
        if (block, types) not in self._made:
            self._made[block, types] = (
                self._write(block, kind, types) if block.write else self._read(block, kind, types)
            )
        return self._made[block, types]

    def _read(self, block: _Block, kind: int, types: tuple[int, ...]) -> int:
        code = Code(self)
        base, width, height, pitch, x, y, thread = (code.parameter(one) for one in types)
        component = self.type(INT, block.width, 0)
        step = min(block.bits, block.width)
        part = self.type(INT, step, 0)
        values = []
        for i in range(block.count):
            value = 0
            for k in range(0, block.width, step):
                where = self._address(code, block, (base, width, height, pitch, x, y), thread, i, k)
                bits = code.do(_CALL, part, self._element(step, write=False), *where)
                bits = bits if part == component else code.do(_CONVERT, component, bits)
                if k:
                    bits = code.do(_SHL, component, bits, self.constant(k))
                    bits = code.do(_OR, component, value, bits)
                value = bits
            values.append(value)
        plain = self._is_scalar(kind)
        return code.function(kind, values[0] if plain else code.do(_CONSTRUCT, kind, *values))

    def _is_scalar(self, kind: int) -> bool:
        code = (*self.old.instructions, *self.declared)
        return not any(one.opcode == VECTOR and one.words[0] == kind for one in code)

    def _write(self, block: _Block, kind: int, types: tuple[int, ...]) -> int:
        code = Code(self)
        base, width, height, pitch, x, y, data, thread = (code.parameter(one) for one in types)
        component = self.type(INT, block.width, 0)
        step = min(block.bits, block.width)
        part = self.type(INT, step, 0)
        for i in range(block.count):
            value = data if self._is_scalar(types[6]) else code.do(_EXTRACT, component, data, i)
            for k in range(0, block.width, step):
                where = self._address(code, block, (base, width, height, pitch, x, y), thread, i, k)
                bits = value
                if k:
                    bits = code.do(_SHR, component, bits, self.constant(k))
                bits = bits if part == component else code.do(_CONVERT, part, bits)
                code.do(_CALL, kind, self._element(step, write=True), *where, bits)
        return code.function(kind, None)

    def _address(
        self, code: Code, block: _Block, matrix: tuple[int, ...], thread: int, i: int, k: int
    ) -> tuple[int, int]:
        """Where bit k of element i of a thread lies in memory, and whether that is in the matrix."""
        word, bool_ = self.word, self._bool
        base, width, height, pitch, x, y = matrix
        lane = code.do(_AND, word, thread, self.constant(LANES - 1))
        size = block.bits // 8
        byte = code.do(_MUL, word, lane, self.constant(block.width // 8))
        byte = code.do(_ADD, word, byte, self.constant((i * LANES * block.width + k) // 8))
        if block.interleaved:
            per = 4 // size
            dword, inner = self._divided(code, byte, 4)
            side, rest = self._divided(code, dword, block.columns * block.rows // per)
            row, column = self._divided(code, rest, block.columns)
            below, inside = self._divided(code, inner, size)
            row = code.do(_ADD, word, code.do(_MUL, word, row, self.constant(per)), below)
        else:
            element, inside = self._divided(code, byte, size)
            side, rest = self._divided(code, element, block.columns * block.rows)
            if block.transposed:
                column, row = self._divided(code, rest, block.rows)
            else:
                row, column = self._divided(code, rest, block.columns)
        across = code.do(_ADD, word, code.do(_MUL, word, side, self.constant(block.columns)), column)
        across = code.do(_MUL, word, code.do(_ADD, word, x, across), self.constant(size))
        across = code.do(_ADD, word, across, inside)
        down = code.do(_ADD, word, y, row)
        zero = self.constant(0)
        within = code.do(_LESS, bool_, side, self.constant(block.blocks))
        for value, last in ((across, width), (down, height)):
            within = code.do(_BOTH, bool_, within, code.do(_AT_LEAST, bool_, value, zero))
            within = code.do(_BOTH, bool_, within, code.do(_AT_MOST, bool_, value, last))
        stride = code.do(_CONVERT, self._long, code.do(_ADD, word, pitch, self.constant(1)))
        offset = code.do(_MUL, self._long, code.do(_SIGN_EXTEND, self._long, down), stride)
        offset = code.do(_ADD, self._long, offset, code.do(_SIGN_EXTEND, self._long, across))
        return code.do(_ADD, self._long, base, offset), within

    def _divided(self, code: Code, value: int, by: int) -> tuple[int, int]:
        """Quotient and remainder of an unsigned division by a constant."""
        if by & (by - 1):
            found = self.constant(by)
            return code.do(_DIVIDE, self.word, value, found), code.do(_REMAINDER, self.word, value, found)
        quotient = code.do(_SHR, self.word, value, self.constant(by.bit_length() - 1))
        return quotient, code.do(_AND, self.word, value, self.constant(by - 1))

    def _element(self, bits: int, *, write: bool) -> int:
        """A function that loads an integer from an address, or stores it there, unless it is outside of the matrix."""
        key = (write, bits)
        if key not in self._elements:
            kind = self.type(INT, bits, 0)
            pointer = self.type(POINTER, _GLOBAL, kind)
            result = self.type(_VOID) if write else kind
            name, address, inside, value, place, loaded, start, do, skip = (self.new() for _ in range(9))
            takes = ((self._long, address), (self._bool, inside), *(((kind, value),) if write else ()))
            signature = self.type(_SIGNATURE, result, *(one for one, _ in takes))
            access = (
                [Instruction(_STORE, (place, value)), Instruction(_RETURN, ())]
                if write
                else [Instruction(_LOAD, (kind, loaded, place)), Instruction(_RETURN_VALUE, (loaded,))]
            )
            self.functions += [
                Instruction(FUNCTION, (result, name, 0, signature)),
                *(Instruction(_PARAMETER, one) for one in takes),
                Instruction(_LABEL, (start,)),
                Instruction(_IF, (inside, do, skip)),
                Instruction(_LABEL, (do,)),
                Instruction(_TO_POINTER, (pointer, place, address)),
                *access,
                Instruction(_LABEL, (skip,)),
                Instruction(_RETURN, ()) if write else Instruction(_RETURN_VALUE, (self.zero(kind, bits),)),
                Instruction(_END, ()),
            ]
            self._elements[key] = name
        return self._elements[key]

    def zero(self, kind: int, bits: int) -> int:
        """Zero of an integer type."""
        return self.long(0) if bits == 64 else self.constant(0, kind)

    def long(self, value: int) -> int:
        """A constant of 64 bits."""
        return self.constant(value, self._long, wide=True)
