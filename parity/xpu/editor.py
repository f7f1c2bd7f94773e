"""Changing SPIR-V modules: new types, constants, variables and functions, and the pieces of code that need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from parity.xpu.spirv import Instruction, Module

LANES: Final = 32
"""Threads of a sub-group: all that the plugin's Triton pipeline makes."""

ENTRY_POINT, MODE, LOAD, STORE, DECORATE, FUNCTION = 15, 16, 61, 62, 71, 54
INT, FLOAT, BOOL, VECTOR, ARRAY, POINTER, CONSTANT, VARIABLE = 21, 22, 20, 23, 28, 32, 43, 59
_PARAMETER, _FUNCTION_END, _FUNCTION_TYPE, _LABEL, _RETURN, _RETURN_VALUE, _CALL = 55, 56, 33, 248, 253, 254, 57
_CONSTANT_TRUE, _CONSTANT_FALSE = 41, 42
_ACCESS, _EXTRACT, _CONVERT, _BARRIER = 65, 81, 113, 224
_LOCAL_SIZE, _BUILT_IN, _LOCAL_ID = 17, 11, 27
WORKGROUP: Final = 4
_ORDERED: Final = 0x10 | 0x100  # sequentially consistent, memory of the work group


class Editor:
    """One change of a module. Declarations that it needs go in front of the first function, functions to the end.

    module: before the change. word: the type of 32-bit integers. threads: of a work group, which has one dimension.
    """

    def __init__(self, module: Module) -> None:
        self.old, self._bound = module, module.header[3]
        self.declared: list[Instruction] = []
        self.functions: list[Instruction] = []
        self.scratch: dict[tuple[int, int], tuple[int, int]] = {}
        code = module.instructions
        self._constants = {(one.words[0], one.words[2:]): one.words[1] for one in code if one.opcode == CONSTANT}
        self.values = {one.words[1]: one.words[2] for one in code if one.opcode == CONSTANT}
        self.values |= {one.words[1]: 1 for one in code if one.opcode == _CONSTANT_TRUE}
        self.values |= {one.words[1]: 0 for one in code if one.opcode == _CONSTANT_FALSE}
        self.built_in = {
            one.words[2]: one.words[0] for one in code if one.opcode == DECORATE and one.words[1] == _BUILT_IN
        }
        self.types = module.types
        self.threads = next(one.words[2] for one in code if one.opcode == MODE and one.words[1] == _LOCAL_SIZE)
        self.word = self.type(INT, 32, 0)

    def finished(self, head: Sequence[Instruction], body: Sequence[Instruction]) -> Module:
        """The module after the change.

        Args:
            head: what comes in front of the first function, without what was declared here.
            body: the functions, without those made here.
        """
        arrays = tuple(variable for variable, _ in self.scratch.values())
        known = [Instruction(one.opcode, (*one.words, *arrays)) if one.opcode == ENTRY_POINT else one for one in head]
        header = (*self.old.header[:3], self._bound, self.old.header[4])
        return Module(header=header, instructions=(*known, *self.declared, *body, *self.functions))

    def new(self) -> int:
        """A number that nothing has."""
        self._bound += 1
        return self._bound - 1

    def type(self, opcode: int, *operands: int) -> int:
        """A type: types that are alike must be one."""
        for one in (*self.old.instructions, *self.declared):
            if one.opcode == opcode and one.words[1:] == operands:
                return one.words[0]
        self.declared.append(Instruction(opcode, (found := self.new(), *operands)))
        return found

    def constant(self, value: int, kind: int | None = None, *, wide: bool = False) -> int:
        """An integer of 32 bits, of another type that takes one word, or (`wide`) of one that takes two."""
        key = (self.word if kind is None else kind, (value, 0) if wide else (value,))
        if key not in self._constants:
            self._constants[key] = self.new()
            self.declared.append(Instruction(CONSTANT, (key[0], self._constants[key], *key[1])))
        return self._constants[key]

    def thread(self, result: int) -> Iterator[Instruction]:
        """The number of a thread in its work group, which has one dimension."""
        place = self.built_in[_LOCAL_ID]
        code = self.old.instructions
        pointer = next(one.words[0] for one in code if one.opcode == VARIABLE and one.words[1] == place)
        places = next(one.words[2] for one in code if one.opcode == POINTER and one.words[0] == pointer)
        component = next(one.words[1] for one in code if one.opcode == VECTOR and one.words[0] == places)
        loaded = self.new()
        yield Instruction(LOAD, (places, loaded, place))
        if component == self.word:
            yield Instruction(_EXTRACT, (self.word, result, loaded, 0))
            return
        wide = self.new()
        yield Instruction(_EXTRACT, (component, wide, loaded, 0))
        yield Instruction(_CONVERT, (self.word, result, wide))

    def array(self, kind: int, count: int) -> tuple[int, int]:
        """A variable of shared memory with `count` places of a type, and the type of pointers to one of them."""
        if (kind, count) not in self.scratch:
            many = self.type(ARRAY, kind, self.constant(count))
            pointers = [self.type(POINTER, WORKGROUP, found) for found in (many, kind)]
            variable = self.new()
            self.declared.append(Instruction(VARIABLE, (pointers[0], variable, WORKGROUP)))
            self.scratch[kind, count] = (variable, pointers[1])
        return self.scratch[kind, count]

    def type_of_array(self, array: tuple[int, int]) -> int:
        """The type of a variable of shared memory."""
        return next(one.words[0] for one in self.declared if one.opcode == VARIABLE and one.words[1] == array[0])

    def reach(
        self, opcode: int, kind: int, array: tuple[int, int], place: int, value: int
    ) -> tuple[Instruction, Instruction]:
        """Loads (`LOAD`) or stores (`STORE`) an element of an array."""
        variable, pointer = array
        there = self.new()
        access = Instruction(_ACCESS, (pointer, there, variable, place))
        if opcode == STORE:
            return (access, Instruction(STORE, (there, value)))
        return (access, Instruction(LOAD, (kind, value, there)))

    def barrier(self) -> Instruction:
        """Threads of a work group wait for each other, and see what they have stored."""
        scope = self.constant(2)
        return Instruction(_BARRIER, (scope, scope, self.constant(_ORDERED)))

    def call(self, kind: int, result: int, function: int, *arguments: int) -> Instruction:
        """A call of a function."""
        return Instruction(_CALL, (kind, result, function, *arguments))


class Code:
    """Instructions of a function in the making. Operations return the number of their result."""

    def __init__(self, editor: Editor) -> None:
        self._editor, self.written = editor, list[Instruction]()
        self.parameters: list[tuple[int, int]] = []

    def parameter(self, kind: int) -> int:
        """The next parameter."""
        self.parameters.append((kind, self._editor.new()))
        return self.parameters[-1][1]

    def do(self, opcode: int, kind: int, *operands: int) -> int:
        """An operation with a result."""
        self.written.append(Instruction(opcode, (kind, found := self._editor.new(), *operands)))
        return found

    def load(self, kind: int, array: tuple[int, int], place: int) -> int:
        """An element of an array of shared memory."""
        found = self._editor.new()
        self.written += self._editor.reach(LOAD, kind, array, place, found)
        return found

    def function(self, kind: int, result: int | None) -> int:
        """Makes a function of the code, which returns `result` of type `kind` (None of no value); its number."""
        edit, name = self._editor, self._editor.new()
        signature = edit.type(_FUNCTION_TYPE, kind, *(found for found, _ in self.parameters))
        edit.functions += [
            Instruction(FUNCTION, (kind, name, 0, signature)),
            *(Instruction(_PARAMETER, one) for one in self.parameters),
            Instruction(_LABEL, (edit.new(),)),
            *self.written,
            Instruction(_RETURN, ()) if result is None else Instruction(_RETURN_VALUE, (result,)),
            Instruction(_FUNCTION_END, ()),
        ]
        return name
