"""Exchanges between the threads of a sub-group, written out through local memory: a form that runs without sub-groups.

Intel's OpenCL runtime for CPUs runs the threads of a sub-group together only in code that it vectorises, which takes
minutes for large kernels and ends in a crash for some: the variant for part of a sub-group that it always makes too has
PHI instructions without an entry for one of their predecessors, over which LLVM's later passes stumble (InstCombine in
`visitPHINode`, or the selection of instructions in `visitInsertElement`). A value that a sub-group exchanges is instead
stored by every thread of the work group, and loaded by those that need it, between barriers. Generated kernels allow
it: an exchange comes from an operation on whole tiles, to which all threads of a work group come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from parity.xpu.spirv import Instruction, Module

_LANES: Final = 32
"""Threads of a sub-group: all that the plugin's Triton pipeline makes."""

_ENTRY_POINT, _MODE, _CAPABILITY, _LOAD, _STORE, _DECORATE = 15, 16, 17, 61, 62, 71
_INT, _BOOL, _VECTOR, _ARRAY, _POINTER, _CONSTANT, _FUNCTION, _VARIABLE = 21, 20, 23, 28, 32, 43, 54, 59
_ACCESS, _EXTRACT, _CONVERT, _ADD, _SUBTRACT, _OR, _AND, _SHIFT = 65, 81, 113, 128, 130, 197, 199, 194
_LOGICAL_OR, _SELECT, _BARRIER = 166, 169, 224
_LOCAL_SIZE, _SUBGROUP_SIZE, _BUILT_IN, _LOCAL_ID, _SUBGROUP_ID, _WORKGROUP = 17, 35, 11, 27, 40, 4
_CAPABILITIES: Final = frozenset({58, *range(61, 69)})
_ORDERED: Final = 0x10 | 0x100  # sequentially consistent, memory of the work group

_SHUFFLE, _SHUFFLE_XOR, _SHUFFLE_UP, _SHUFFLE_DOWN = 345, 346, 347, 348
_XOR: Final = 198
_SOURCES: Final = {_SHUFFLE_XOR: _XOR, _SHUFFLE_UP: _SUBTRACT, _SHUFFLE_DOWN: _ADD}
"""Shuffles by how the lane to read from follows from a lane's number."""

_SUMS: Final = {349: _ADD, 350: 129, 351: 132, 352: 133, 359: _AND, 360: _OR, 361: _XOR}
"""Reductions by the operation on two values."""

_EXTREMES: Final = {353: 177, 354: 176, 356: 173, 357: 172}
"""Minimum and maximum of integers by comparison."""

_FLOAT_EXTREMES: Final = {355: 184, 358: 186}
_IS_NAN: Final = 183  # a value is not equal to itself, or unordered

_KNOWN: Final = frozenset({_SHUFFLE, *_SOURCES, *_SUMS, *_EXTREMES, *_FLOAT_EXTREMES})
_EXCHANGES: Final = frozenset({*range(261, 277), *range(333, 367), *range(5571, 5579)})
_REDUCE, _CLUSTERED = 0, 3


def written_out(module: Module) -> Module:
    """The module without sub-groups; unchanged where it has none, or where one of its exchanges is not known here."""
    exchanges = [one for one in module.instructions if one.opcode in _EXCHANGES]
    reductions = [one for one in exchanges if one.opcode >= min(_SUMS)]
    known = all(one.opcode in _KNOWN for one in exchanges) and all(
        one.words[3] in (_REDUCE, _CLUSTERED) for one in reductions
    )
    booleans = {one.words[0] for one in module.instructions if one.opcode == _BOOL}
    if not module.subgroups or not known or any(one.words[0] in booleans for one in exchanges):
        return module
    return _Writer(module).module()


class _Writer:
    """Goes through a module once; declarations that it needs are put in front of the first function."""

    def __init__(self, module: Module) -> None:
        self._old, self._bound = module, module.header[3]
        self._declared: list[Instruction] = []
        self._scratch: dict[int, tuple[int, int]] = {}
        code = module.instructions
        self._constants = {(one.words[0], one.words[2]): one.words[1] for one in code if one.opcode == _CONSTANT}
        self._values = {one.words[1]: one.words[2] for one in code if one.opcode == _CONSTANT}
        built_in = {one.words[2]: one.words[0] for one in code if one.opcode == _DECORATE and one.words[1] == _BUILT_IN}
        self._place, self._number = built_in[_LOCAL_ID], built_in.get(_SUBGROUP_ID)
        pointers = {one.words[0]: one.words[2] for one in code if one.opcode == _POINTER}
        variables = {one.words[1]: pointers[one.words[0]] for one in code if one.opcode == _VARIABLE}
        self._places = variables[self._place]
        self._component = next(one.words[1] for one in code if one.opcode == _VECTOR and one.words[0] == self._places)
        self._types = module.types
        self._threads = next(one.words[2] for one in code if one.opcode == _MODE and one.words[1] == _LOCAL_SIZE)
        self._word = self._type(_INT, 32, 0)
        self._bool = self._type(_BOOL)

    def module(self) -> Module:
        """The finished module."""
        body: list[Instruction] = []
        for one in self._old.instructions:
            if one.opcode in _EXCHANGES:
                body += self._exchange(one)
            elif one.opcode == _LOAD and one.words[2] == self._number:
                body += self._own_number(one)
            else:
                body.append(one)
        first = next(place for place, one in enumerate(body) if one.opcode == _FUNCTION)
        arrays = tuple(variable for variable, _ in self._scratch.values())
        head = [one for one in map(self._header, body[:first]) if one is not None]
        head = [Instruction(one.opcode, (*one.words, *arrays)) if one.opcode == _ENTRY_POINT else one for one in head]
        header = (*self._old.header[:3], self._bound, self._old.header[4])
        return Module(header=header, instructions=(*head, *self._declared, *body[first:]))

    def _header(self, one: Instruction) -> Instruction | None:
        if one.opcode == _CAPABILITY and one.words[0] in _CAPABILITIES:
            return None
        if one.opcode == _MODE and one.words[1] == _SUBGROUP_SIZE:
            return None
        return one

    def _exchange(self, one: Instruction) -> Iterator[Instruction]:
        """Every thread stores its value; after a barrier each loads what it needs."""
        kind, result = one.words[:2]
        reduced = one.opcode not in (_SHUFFLE, *_SOURCES)
        value = one.words[4] if reduced else one.words[3]
        variable, pointer = self._array(kind)
        thread = self._new()
        yield from self._thread(thread)
        # Threads that still read what the last exchange has left.
        yield self._barrier()
        yield from self._reach(_STORE, kind, variable, pointer, thread, value)
        yield self._barrier()
        if reduced:
            clustered = one.words[3] == _CLUSTERED
            count = self._values[one.words[5]] if clustered else _LANES
            yield from self._reduce(one.opcode, kind, result, variable, pointer, thread, count)
        else:
            source = self._new()
            yield from self._source(one.opcode, thread, one.words[4], source)
            yield from self._reach(_LOAD, kind, variable, pointer, source, result)

    def _source(self, opcode: int, thread: int, operand: int, source: int) -> Iterator[Instruction]:
        """Thread to read from: of this thread's sub-group, by its number there or relative to this thread."""
        first, lane, own = self._new(), self._new(), operand
        if self._types.get(operand, self._word) != self._word:
            own = self._new()
            yield Instruction(_CONVERT, (self._word, own, operand))
        if opcode in _SOURCES:
            moved = self._new()
            yield Instruction(_SOURCES[opcode], (self._word, moved, thread, own))
            own = moved
        yield Instruction(_AND, (self._word, first, thread, self._constant(self._threads_mask(_LANES))))
        yield Instruction(_AND, (self._word, lane, own, self._constant(_LANES - 1)))
        yield Instruction(_OR, (self._word, source, first, lane))

    def _reduce(
        self, opcode: int, kind: int, result: int, variable: int, pointer: int, thread: int, count: int
    ) -> Iterator[Instruction]:
        """All values of a cluster, two and two."""
        first = self._new()
        yield Instruction(_AND, (self._word, first, thread, self._constant(self._threads_mask(count))))
        values: list[int] = []
        for i in range(count):
            place, value = self._new(), self._new()
            yield Instruction(_OR, (self._word, place, first, self._constant(i)))
            yield from self._reach(_LOAD, kind, variable, pointer, place, value)
            values.append(value)
        while len(values) > 1:
            joined = [result] if len(values) == 2 else [self._new() for _ in values[::2]]
            for new, a, b in zip(joined, values[::2], values[1::2], strict=True):
                yield from self._join(opcode, kind, new, a, b)
            values = joined

    def _join(self, opcode: int, kind: int, new: int, a: int, b: int) -> Iterator[Instruction]:
        if opcode in _SUMS:
            yield Instruction(_SUMS[opcode], (kind, new, a, b))
            return
        chosen = self._new()
        if opcode in _EXTREMES:
            yield Instruction(_EXTREMES[opcode], (self._bool, chosen, a, b))
        else:  # a NaN gives way to a number, as it does on a GPU
            better, lost = self._new(), self._new()
            yield Instruction(_FLOAT_EXTREMES[opcode], (self._bool, better, a, b))
            yield Instruction(_IS_NAN, (self._bool, lost, b, b))
            yield Instruction(_LOGICAL_OR, (self._bool, chosen, better, lost))
        yield Instruction(_SELECT, (kind, new, chosen, a, b))

    def _own_number(self, one: Instruction) -> Iterator[Instruction]:
        """The number of a thread's sub-group, in the type of the load that asks for it."""
        kind, result = one.words[:2]
        thread = self._new()
        yield from self._thread(thread)
        narrow = result if kind == self._word else self._new()
        yield Instruction(_SHIFT, (self._word, narrow, thread, self._constant(_LANES.bit_length() - 1)))
        if narrow != result:
            yield Instruction(_CONVERT, (kind, result, narrow))

    def _thread(self, result: int) -> Iterator[Instruction]:
        """The number of a thread in its work group, which has one dimension."""
        place = self._new()
        yield Instruction(_LOAD, (self._places, place, self._place))
        if self._component == self._word:
            yield Instruction(_EXTRACT, (self._word, result, place, 0))
            return
        wide = self._new()
        yield Instruction(_EXTRACT, (self._component, wide, place, 0))
        yield Instruction(_CONVERT, (self._word, result, wide))

    def _reach(
        self, opcode: int, kind: int, variable: int, pointer: int, place: int, value: int
    ) -> Sequence[Instruction]:
        """Loads or stores an element of the array."""
        there = self._new()
        access = Instruction(_ACCESS, (pointer, there, variable, place))
        if opcode == _STORE:
            return (access, Instruction(_STORE, (there, value)))
        return (access, Instruction(_LOAD, (kind, value, there)))

    def _array(self, kind: int) -> tuple[int, int]:
        """Variable with a place of this type for every thread, and the type of pointers to one of them."""
        if kind not in self._scratch:
            many = self._type(_ARRAY, kind, self._constant(self._threads))
            pointers = [self._type(_POINTER, _WORKGROUP, found) for found in (many, kind)]
            variable = self._new()
            self._declared.append(Instruction(_VARIABLE, (pointers[0], variable, _WORKGROUP)))
            self._scratch[kind] = (variable, pointers[1])
        return self._scratch[kind]

    def _barrier(self) -> Instruction:
        scope = self._constant(2)
        return Instruction(_BARRIER, (scope, scope, self._constant(_ORDERED)))

    def _threads_mask(self, count: int) -> int:
        return 0xFFFFFFFF - (count - 1)

    def _type(self, opcode: int, *operands: int) -> int:
        """A type: types that are alike must be one."""
        for one in (*self._old.instructions, *self._declared):
            if one.opcode == opcode and one.words[1:] == operands:
                return one.words[0]
        self._declared.append(Instruction(opcode, (found := self._new(), *operands)))
        return found

    def _constant(self, value: int) -> int:
        key = (self._word, value)
        if key not in self._constants:
            self._constants[key] = self._new()
            self._declared.append(Instruction(_CONSTANT, (self._word, self._constants[key], value)))
        return self._constants[key]

    def _new(self) -> int:
        self._bound += 1
        return self._bound - 1
