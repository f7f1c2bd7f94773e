"""A small interpreter of SPIR-V: the threads of one work group, which meet at barriers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from parity.xpu.spirv import Instruction, Module

BASE = 4096
"""Address of the first byte of `memory`."""

Values = dict[int, Any]
Steps = Generator[None, None, Any]

_WHOLE: dict[int, Callable[[int, int], int]] = {
    128: lambda a, b: a + b,
    130: lambda a, b: a - b,
    132: lambda a, b: a * b,
    134: lambda a, b: a // b,
    137: lambda a, b: a % b,
    194: lambda a, b: a >> b,
    196: lambda a, b: a << b,
    197: lambda a, b: a | b,
    199: lambda a, b: a & b,
}
_COMPARED: dict[int, Callable[[int, int], bool]] = {
    167: lambda a, b: bool(a and b),
    170: lambda a, b: a == b,
    175: lambda a, b: a >= b,
    177: lambda a, b: a < b,
    179: lambda a, b: a <= b,
}
_SINGLE: dict[int, Callable[[float, float], float]] = {129: lambda a, b: a + b, 133: lambda a, b: a * b}


class Machine:
    """Runs the last function of a module that is no helper: the one called KERNEL. memory: bytes from `BASE` on."""

    def __init__(self, module: Module, memory: bytearray) -> None:
        self.memory = memory
        self.types = {one.words[0]: one for one in module.instructions if 19 <= one.opcode < 40}
        self.constants = {one.words[1]: one.words[2] for one in module.instructions if one.opcode == 43}
        self.constants |= {one.words[1]: one.opcode == 41 for one in module.instructions if one.opcode in (41, 42)}
        self.places = {one.words[0] for one in module.instructions if one.opcode == 71 and one.words[1:] == (11, 27)}
        self.shared: dict[tuple[int, int], Any] = {}
        self.functions: dict[int, list[Instruction]] = {}
        for one in module.instructions:
            if one.opcode == 54:
                self.functions[one.words[1]] = current = []
            elif self.functions:
                current.append(one)

    def run(self, kernel: int, given: Sequence[Values]) -> list[Values]:
        """What every thread has in the end; given: values that each has from the start."""
        threads = [{**values} for values in given]
        waiting = [self._call(kernel, (), number, values) for number, values in enumerate(threads)]
        while waiting:
            waiting = [steps for steps in waiting if next(steps, "end") != "end"]
        return threads

    def _call(self, name: int, arguments: Sequence[Any], thread: int, values: Values) -> Steps:
        code = self.functions[name]
        parameters = [one.words[1] for one in code if one.opcode == 55]
        values |= dict(zip(parameters, arguments, strict=True)) | {**self.constants}
        labels = {one.words[0]: place for place, one in enumerate(code) if one.opcode == 248}
        place = 0
        while place < len(code):
            one = code[place]
            place += 1
            if one.opcode == 250:
                place = labels[one.words[1 if values[one.words[0]] else 2]]
            elif one.opcode == 224:
                yield
            elif one.opcode == 57:
                passed = [values.get(word, word) for word in one.words[3:]]
                values[one.words[1]] = yield from self._call(one.words[2], passed, thread, {})
            elif one.opcode == 254:
                return values[one.words[0]]
            elif one.opcode in (253, 56):
                return None
            elif one.opcode == 62:
                self._store(values[one.words[0]], values[one.words[1]])
            elif one.opcode not in (55, 248):
                values[one.words[1]] = self._value(one, values, thread)
        return None

    def _value(self, one: Instruction, values: Values, thread: int) -> Any:
        kind = self.types[one.words[0]]
        if one.opcode == 61:
            return (thread, 0, 0) if one.words[2] in self.places else self._load(values[one.words[2]])
        if one.opcode == 65:
            return (values.get(one.words[2], one.words[2]), values[one.words[3]])
        if one.opcode == 81:
            return values[one.words[2]][one.words[3]]
        operands = [values[word] for word in one.words[2:]]
        if one.opcode == 80:
            return tuple(operands)
        if one.opcode == 169:
            return operands[1] if operands[0] else operands[2]
        if one.opcode == 120:
            return ("memory", operands[0], self.types[kind.words[2]].words[1] // 8)
        if one.opcode in _COMPARED:
            return _COMPARED[one.opcode](*(_signed(x, 32) for x in operands))
        if one.opcode in _SINGLE:
            x, y = (float(np.float32(value)) for value in operands)
            return float(np.float32(_SINGLE[one.opcode](x, y)))
        bits = kind.words[1]
        if one.opcode in (83, 115):
            return operands[0]
        if one.opcode == 124:
            return _from_bits(_to_bits(operands[0], bits), bits) if kind.opcode == 22 else _to_bits(operands[0], bits)
        mask = (1 << bits) - 1
        if one.opcode in (113, 114):
            return (_signed(operands[0], 32) if one.opcode == 114 else operands[0]) & mask
        if one.opcode == 195:
            return (_signed(operands[0], bits) >> operands[1]) & mask
        return _WHOLE[one.opcode](*operands) & mask

    def _load(self, pointer: Any) -> Any:
        if pointer[0] == "memory":
            start = pointer[1] - BASE
            assert 0 <= start <= len(self.memory) - pointer[2], "read outside of memory"
            return int.from_bytes(self.memory[start : start + pointer[2]], "little")
        return self.shared[pointer]

    def _store(self, pointer: Any, value: Any) -> None:
        if pointer[0] == "memory":
            start = pointer[1] - BASE
            assert 0 <= start <= len(self.memory) - pointer[2], "write outside of memory"
            self.memory[start : start + pointer[2]] = value.to_bytes(pointer[2], "little")
        else:
            self.shared[pointer] = value


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _to_bits(value: float, bits: int) -> int:
    """The bits of a float of this width; an integer as it is."""
    if isinstance(value, int):
        return value
    return int.from_bytes(struct.pack({16: "<e", 32: "<f"}[bits], value), "little")


def _from_bits(value: int, bits: int) -> float:
    return float(struct.unpack({16: "<e", 32: "<f"}[bits], value.to_bytes(bits // 8, "little"))[0])
