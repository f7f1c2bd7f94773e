"""Optimised HLO as text (`jax.stages.Compiled.as_text()`): what is written over, what is launched, what only copies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

TRITON: Final = "__gpu$xla.gpu.triton"
"""Target of the custom call in which XLA takes Triton IR."""

_ELEMENT_BITS: Final = re.compile(r"(?:pred|[a-z]+?(\d+)(?:e\w+)?)$")
_SHAPE: Final = re.compile(r"\b(pred|[a-z]+\d+(?:e\d\w*)?)\[([\d,]*)\]")
_COMPUTATION: Final = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\{$")
_INSTRUCTION: Final = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = (.*)$")
_OPCODE: Final = re.compile(r"\s*([a-z][\w-]*)\((.*)$")
_CALLED: Final = re.compile(r"\b(?:calls|body|condition|to_apply|true_computation|false_computation)=%?([\w.-]+)")
_BRANCHES: Final = re.compile(r"\bbranch_computations=\{([^}]*)\}")
_TRIPS: Final = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_TARGET: Final = re.compile(r'custom_call_target="([^"]*)"')
_ALIAS: Final = re.compile(r"\{[\d, ]*\}: \((\d+), \{[\d, ]*\}")

# Instructions for which nothing is launched: names, numbers, views, control.
_CONTROL: Final = ("while", "conditional", "call", "after-all", "add-dependency", "opt-barrier", "copy-done")
_NAMES: Final = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "partition-id", "replica-id")
_FREE: Final = frozenset((*_CONTROL, *_NAMES))
COPIES: Final = frozenset(("copy", "copy-start"))
"""Opcodes of copies that are no kernels."""
# What a kernel may consist of that computes nothing.
_MOVES: Final = COPIES | {"transpose", "concatenate", "slice", "dynamic-slice", "reshape", "reverse"}
_NOT_COUNTED: Final = frozenset(("parameter", "constant", "bitcast", "tuple", "get-tuple-element"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its name without %, the type of its result, and what stands after the opcode as text."""

    name: str
    type: str
    opcode: str
    rest: str

    @property
    def bytes(self) -> int:
        """Of the result, the parts of a tuple together."""
        return sum(size_of(element, sizes) for element, sizes in _SHAPE.findall(self.type))

    @property
    def target(self) -> str:
        """Of a custom call."""
        found = _TARGET.search(self.rest)
        return found[1] if found else ""

    @property
    def trips(self) -> int:
        """Rounds of a loop; 1 where the compiler does not know them."""
        found = _TRIPS.search(self.rest)
        return int(found[1]) if found else 1

    @property
    def called(self) -> tuple[str, ...]:
        """Computations that it runs."""
        branches = _BRANCHES.search(self.rest)
        more = re.findall(r"[\w.-]+", branches[1]) if branches else []
        return (*_CALLED.findall(self.rest), *more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """An instruction for which something is launched, and how often in a run of the program."""

    instruction: Instruction
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A module. aliased: numbers of the parameters that results are written over."""

    entry: str
    computations: Mapping[str, tuple[Instruction, ...]]
    aliased: tuple[int, ...]

    @property
    def aliased_bytes(self) -> int:
        """Of the parameters that results are written over."""
        parameters = (one for one in self.computations[self.entry] if one.opcode == "parameter")
        return sum(one.bytes for one in parameters if int(one.rest.split(")")[0]) in self.aliased)

    def launches(self) -> Iterator[Launch]:
        """Everything that is launched, in order; the body of a loop once, with the number of rounds."""
        return self._launches(self.entry, 1)

    def _launches(self, computation: str, times: int) -> Iterator[Launch]:
        for one in self.computations[computation]:
            if one.opcode in ("while", "conditional", "call"):
                for name in one.called:
                    yield from self._launches(name, times * one.trips)
            elif one.opcode not in _FREE:
                yield Launch(instruction=one, times=times)

    def inside(self, one: Instruction) -> tuple[Instruction, ...]:
        """What a fusion consists of, else the instruction itself."""
        if one.opcode != "fusion":
            return (one,)
        return tuple(inner for name in one.called for inner in self.computations[name])

    def copies(self, least: int) -> tuple[Launch, ...]:
        """Launches that compute nothing and write at least as many bytes: copies, changes of layout, concatenations.

        Results that are written into a part of an operand (scatter, dynamic-update-slice) are no copies of it: where
        the compiler cannot do that in place, a copy stands before it.
        """
        return tuple(one for one in self.launches() if one.instruction.bytes >= least and self._moves(one.instruction))

    def _moves(self, one: Instruction) -> bool:
        found = {inner.opcode for inner in self.inside(one)} - _NOT_COUNTED
        return bool(found) and found <= _MOVES

    def dots(self, one: Instruction) -> int:
        """Products in a launch that XLA makes itself."""
        return sum(inner.opcode == "dot" for inner in self.inside(one))


def size_of(element: str, sizes: str) -> int:
    """Bytes of an array, by XLA's name of its elements and its sizes with commas between them."""
    bits = _ELEMENT_BITS.match(element)
    assert bits is not None, element
    return -(-prod(int(size) for size in sizes.split(",") if size) * (int(bits[1]) if bits[1] else 8) // 8)


def parse(text: str) -> Program:
    """A module from its text.

    Raises:
        ValueError: the text has no entry computation.
    """
    head, computations, entry, current = "", dict[str, list[Instruction]](), "", ""
    for line in text.splitlines():
        if line.startswith("HloModule"):
            head = line
        elif (found := _COMPUTATION.match(line)) is not None:
            current = found[2]
            computations[current] = []
            entry = current if found[1] else entry
        elif current and (found := _INSTRUCTION.match(line)) is not None:
            kind, rest = _after_type(found[2])
            opcode = _OPCODE.match(rest)
            if opcode is not None:
                computations[current].append(Instruction(name=found[1], type=kind, opcode=opcode[1], rest=opcode[2]))
    if not entry:
        raise ValueError("not HLO: there is no entry computation")
    return Program(
        entry=entry,
        computations={name: tuple(body) for name, body in computations.items()},
        aliased=tuple(int(number) for number in _ALIAS.findall(_braces(head, "input_output_alias="))),
    )


def _after_type(text: str) -> tuple[str, str]:
    """The type that a definition starts with, and the rest."""
    if not text.startswith("("):
        kind, _, rest = text.partition(" ")
        return kind, rest
    end = _closing(text, 0, "()")
    return text[: end + 1], text[end + 1 :]


def _braces(text: str, key: str) -> str:
    """The text in braces after a key; empty where the key is missing."""
    start = text.find(key + "{")
    return "" if start < 0 else text[start + len(key) : _closing(text, start + len(key), "{}") + 1]


def _closing(text: str, start: int, pair: str) -> int:
    """Place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == pair[0]) - (text[place] == pair[1])
        if not depth:
            return place
    return len(text)
