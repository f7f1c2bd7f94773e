"""Exchanges between the threads of a sub-group, written out through local memory: a form that runs without sub-groups.

Intel's OpenCL runtime for CPUs runs the threads of a sub-group together only in code that it vectorises, which takes
minutes for large kernels and ends in a crash for some: the variant for part of a sub-group that it always makes too has
PHI instructions without an entry for one of their predecessors, over which LLVM's later passes stumble (InstCombine in
`visitPHINode`, or the selection of instructions in `visitInsertElement`). A value that a sub-group exchanges is instead
stored by every thread of the work group, and loaded by those that need it, between barriers. Generated kernels allow
it: an exchange comes from an operation on whole tiles, to which all threads of a work group come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from parity.xpu.editor import BOOL, FUNCTION, LANES, LOAD, MODE, STORE, Editor
from parity.xpu.spirv import Instruction, Module

_CAPABILITY, _CONVERT, _ADD, _SUBTRACT, _OR, _AND, _SHIFT, _LOGICAL_OR, _SELECT = (
    17,
    113,
    128,
    130,
    197,
    199,
    194,
    166,
    169,
)
_SUBGROUP_SIZE, _SUBGROUP_ID = 35, 40
_DECORATE, _BUILT_IN = 71, 11
_CAPABILITIES: Final = frozenset({58, *range(61, 69)})

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
    booleans = {one.words[0] for one in module.instructions if one.opcode == BOOL}
    if not (module.subgroups or _numbered(module)) or not known or any(one.words[0] in booleans for one in exchanges):
        return module
    return _Writer(module).module()


def _numbered(module: Module) -> bool:
    """Whether threads ask for the number of their sub-group; a CPU's own sub-groups have other sizes."""
    return any(one.opcode == _DECORATE and one.words[1:] == (_BUILT_IN, _SUBGROUP_ID) for one in module.instructions)


class _Writer(Editor):
    """Goes through a module once."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self._number = self.built_in.get(_SUBGROUP_ID)
        self._bool = self.type(BOOL)

    def module(self) -> Module:
        """The finished module."""
        code = self.old.instructions
        first = next(place for place, one in enumerate(code) if one.opcode == FUNCTION)
        body: list[Instruction] = []
        for one in code[first:]:
            if one.opcode in _EXCHANGES:
                body += self._exchange(one)
            elif one.opcode == LOAD and one.words[2] == self._number:
                body += self._own_number(one)
            else:
                body.append(one)
        return self.finished([one for one in code[:first] if not _asks(one)], body)

    def _exchange(self, one: Instruction) -> Iterator[Instruction]:
        """Every thread stores its value; after a barrier each loads what it needs."""
        kind, result = one.words[:2]
        reduced = one.opcode not in (_SHUFFLE, *_SOURCES)
        value = one.words[4] if reduced else one.words[3]
        array = self.array(kind, self.threads)
        thread = self.new()
        yield from self.thread(thread)
        # Threads that still read what the last exchange has left.
        yield self.barrier()
        yield from self.reach(STORE, kind, array, thread, value)
        yield self.barrier()
        if reduced:
            clustered = one.words[3] == _CLUSTERED
            count = self.values[one.words[5]] if clustered else LANES
            yield from self._reduce(one.opcode, kind, result, array, thread, count)
        else:
            source = self.new()
            yield from self._source(one.opcode, thread, one.words[4], source)
            yield from self.reach(LOAD, kind, array, source, result)

    def _source(self, opcode: int, thread: int, operand: int, source: int) -> Iterator[Instruction]:
        """Thread to read from: of this thread's sub-group, by its number there or relative to this thread."""
        first, lane, own = self.new(), self.new(), operand
        if self.types.get(operand, self.word) != self.word:
            own = self.new()
            yield Instruction(_CONVERT, (self.word, own, operand))
        if opcode in _SOURCES:
            moved = self.new()
            yield Instruction(_SOURCES[opcode], (self.word, moved, thread, own))
            own = moved
        yield Instruction(_AND, (self.word, first, thread, self.constant(~(LANES - 1) & 0xFFFFFFFF)))
        yield Instruction(_AND, (self.word, lane, own, self.constant(LANES - 1)))
        yield Instruction(_OR, (self.word, source, first, lane))

    def _reduce(
        self, opcode: int, kind: int, result: int, array: tuple[int, int], thread: int, count: int
    ) -> Iterator[Instruction]:
        """All values of a cluster, two and two."""
        first = self.new()
        yield Instruction(_AND, (self.word, first, thread, self.constant(~(count - 1) & 0xFFFFFFFF)))
        values: list[int] = []
        for i in range(count):
            place, value = self.new(), self.new()
            yield Instruction(_OR, (self.word, place, first, self.constant(i)))
            yield from self.reach(LOAD, kind, array, place, value)
            values.append(value)
        while len(values) > 1:
            joined = [result] if len(values) == 2 else [self.new() for _ in values[::2]]
            for new, a, b in zip(joined, values[::2], values[1::2], strict=True):
                yield from self._join(opcode, kind, new, a, b)
            values = joined

    def _join(self, opcode: int, kind: int, new: int, a: int, b: int) -> Iterator[Instruction]:
        if opcode in _SUMS:
            yield Instruction(_SUMS[opcode], (kind, new, a, b))
            return
        chosen = self.new()
        if opcode in _EXTREMES:
            yield Instruction(_EXTREMES[opcode], (self._bool, chosen, a, b))
        else:  # a NaN gives way to a number, as it does on a GPU
            better, lost = self.new(), self.new()
            yield Instruction(_FLOAT_EXTREMES[opcode], (self._bool, better, a, b))
            yield Instruction(_IS_NAN, (self._bool, lost, b, b))
            yield Instruction(_LOGICAL_OR, (self._bool, chosen, better, lost))
        yield Instruction(_SELECT, (kind, new, chosen, a, b))

    def _own_number(self, one: Instruction) -> Iterator[Instruction]:
        """The number of a thread's sub-group, in the type of the load that asks for it."""
        kind, result = one.words[:2]
        thread = self.new()
        yield from self.thread(thread)
        narrow = result if kind == self.word else self.new()
        yield Instruction(_SHIFT, (self.word, narrow, thread, self.constant(LANES.bit_length() - 1)))
        if narrow != result:
            yield Instruction(_CONVERT, (kind, result, narrow))


def _asks(one: Instruction) -> bool:
    """Whether an instruction asks for sub-groups, or for their size."""
    if one.opcode == _CAPABILITY:
        return one.words[0] in _CAPABILITIES
    return one.opcode == MODE and one.words[1] == _SUBGROUP_SIZE
