"""SPIR-V modules as lists of instructions: what a kernel asks of a device, and a form of it that a CPU takes.

Opcodes and enumerants are from the SPIR-V specification and its extensions (unified1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAGIC: Final = 0x07230203
_HEADER: Final = 5

_UNDEF, _EXTENSION, _ENTRY_POINT, _CAPABILITY = 1, 10, 15, 17
_TYPE_INT, _TYPE_FLOAT, _TYPE_VECTOR, _CONSTANT = 21, 22, 23, 43
_TYPE_ARRAY, _TYPE_STRUCT, _TYPE_POINTER, _TYPE_FUNCTION = 28, 30, 32, 33
_FUNCTION, _FUNCTION_PARAMETER, _FUNCTION_END, _FUNCTION_CALL, _DECORATE, _BARRIER = 54, 55, 56, 57, 71, 224
_NAME: Final = 5
_LINKAGE_DECORATION, _IMPORT = 41, 1
_FLOAT16_CAPABILITY, _BFLOAT16_CAPABILITIES = 9, (5116, 5117, 5118)

_SUBGROUPS: Final = frozenset({18, *range(61, 69), 5568})
"""Capabilities Groups, GroupNonUniform and its kinds, SubgroupShuffleINTEL."""

WRONG_OPCODES: Final = (6528, 6529)
"""What the plugin's LLVM writes for predicated loads and stores (`jax_impl.platforms.defects`)."""

# Instructions that move values and do not compute with them: load, store, copy, variable, vector and composite parts,
# bit casts, select, phi, constants, undefined values; types and decorations.
_MOVES: Final = frozenset(
    {1, 23, 28, 32, 33, 43, 44, 46, 54, 55, 59, 61, 62, 71, 77, 78, 79, 80, 81, 82, 83, 124, 169, 245, 254}
)

# Names, decorations, capabilities, types: whose words are literals, or which come before any value.
_NOT_CODE: Final = frozenset({3, 5, 6, 10, 11, 14, 15, 16, 17, 19, 20, 21, 72, 248, 249})

TYPES: Final = range(19, 40)
"""Declarations of types."""
_UNTYPED: Final = frozenset({*range(2, 12), *range(13, 18), *TYPES, *range(71, 76)})
"""Names, modes, capabilities, types, decorations: their first two words are not a type and a value of it. Read as such,
a literal that happens to be some value's number would give that value a type."""
_TYPE_OPERANDS: Final = {
    _TYPE_VECTOR: (1,),
    _TYPE_ARRAY: (1,),
    _TYPE_POINTER: (2,),
    **dict.fromkeys((_TYPE_STRUCT, _TYPE_FUNCTION), range(1, 256)),
}
"""Which operands of a type's declaration are types."""
_FMA, _MULTIPLY = 26, 133
_SPEC_CONSTANT_OP: Final = 52  # an operation on constants: its third word is the opcode
_EXTENDED: Final = 12  # an instruction of an imported set, such as OpenCL's functions: its fourth word is the function

_BARRIERS: Final = "intel_manageable_barrier_"
"""Barriers in two halves: functions init, arrive, wait and release that the GPU's compiler supplies."""

_BLOCKS: Final = range(6231, 6236)
_PREFETCH, _BLOCKS_CAPABILITY, _BLOCKS_EXTENSION = 6234, 6228, "SPV_INTEL_2d_block_io"
"""Loads, prefetches and stores of two-dimensional blocks; of these the prefetch has no effect but on time."""
_PREFETCH_FUNCTION: Final = "llvm.genx.GenISA.LSC2DBlockPrefetch"
"""The same as functions that the GPU's compiler supplies; they return nothing."""

_WORKGROUP: Final = 2
_MEMORY: Final = 0x10 | 0x100 | 0x200  # sequentially consistent, of the work group and of all


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its number and its operands, one word each."""

    opcode: int
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module. header: its first five words, the fourth being the bound of its ids."""

    header: tuple[int, ...]
    instructions: tuple[Instruction, ...]

    def to_bytes(self) -> bytes:
        """The module in its binary form."""
        words = list(self.header)
        for one in self.instructions:
            words += [(len(one.words) + 1) << 16 | one.opcode, *one.words]
        return struct.pack(f"<{len(words)}I", *words)

    @property
    def capabilities(self) -> tuple[int, ...]:
        """Numbers of the capabilities that it asks for."""
        return tuple(one.words[0] for one in self.instructions if one.opcode == _CAPABILITY)

    @property
    def subgroups(self) -> bool:
        """Whether threads exchange values within sub-groups: votes, reductions, shuffles."""
        return bool(_SUBGROUPS & set(self.capabilities))

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of its entry points."""
        return tuple(text(one.words[2:]) for one in self.instructions if one.opcode == _ENTRY_POINT)

    @property
    def parameters(self) -> dict[str, int]:
        """Entry point -> number of its parameters."""
        counts: dict[int, int] = {}
        current = 0
        for one in self.instructions:
            if one.opcode == _FUNCTION:
                current = one.words[1]
            elif one.opcode == _FUNCTION_PARAMETER:
                counts[current] = counts.get(current, 0) + 1
        points = (one for one in self.instructions if one.opcode == _ENTRY_POINT)
        return {text(one.words[2:]): counts.get(one.words[1], 0) for one in points}

    @property
    def types(self) -> dict[int, int]:
        """Value -> its type."""
        declared = {one.words[0] for one in self.instructions if one.opcode in TYPES}
        results = (one.words for one in self.instructions if one.opcode not in _UNTYPED and len(one.words) > 1)
        return {words[1]: words[0] for words in results if words[0] in declared}

    @property
    def imports(self) -> dict[str, int]:
        """Functions that something else has to supply -> their ids. Built-in variables are not among them."""
        functions = {one.words[1] for one in self.instructions if one.opcode == _FUNCTION}
        return {name: found for name, found in self._imports() if found in functions}

    def _imports(self) -> Iterator[tuple[str, int]]:
        for one in self.instructions:
            if one.opcode == _DECORATE and one.words[1] == _LINKAGE_DECORATION and one.words[-1] == _IMPORT:
                yield text(one.words[2:-1]), one.words[0]


def parse(data: bytes) -> Module:
    """A module from its binary form.

    Raises:
        ValueError: this is no SPIR-V in the machine's byte order.
    """
    if len(data) % 4 or len(data) < 4 * _HEADER:
        raise ValueError("not SPIR-V: its length is not a multiple of 4")
    words = struct.unpack(f"<{len(data) // 4}I", data)
    if words[0] != MAGIC:
        raise ValueError("not SPIR-V: the magic number is missing")
    place = _HEADER
    found: list[Instruction] = []
    while place < len(words):
        length, opcode = words[place] >> 16, words[place] & 0xFFFF
        if not length or place + length > len(words):
            raise ValueError(f"not SPIR-V: instruction {len(found)} has no sensible length")
        found.append(Instruction(opcode, words[place + 1 : place + length]))
        place += length
    return Module(header=words[:_HEADER], instructions=tuple(found))


def defects(module: Module) -> tuple[str, ...]:
    """What no driver can take in a module, in words."""
    found = []
    if any(one.opcode in WRONG_OPCODES for one in module.instructions):
        found.append(f"predicated loads or stores under the wrong opcodes {WRONG_OPCODES}")
    found += [f"{name} is called and nothing supplies it" for name in module.imports if name.startswith("__imf_")]
    return tuple(found)


def multiplications(module: Module) -> int:
    """Multiplications of floats, alone or with an addition, in the text of a module."""
    fused = sum(one.opcode == _EXTENDED and one.words[3] == _FMA for one in module.instructions)
    return fused + sum(one.opcode == _MULTIPLY for one in module.instructions)


def obstacles(module: Module) -> tuple[str, ...]:
    """What keeps a module from running on a CPU, in words; empty for one that `for_cpu` made runnable."""
    found = list(defects(module))
    found += [f"needs {name}" for name in module.imports if name.startswith("llvm.genx.")]
    if set(module.capabilities) & set(_BFLOAT16_CAPABILITIES):
        found.append("computes with bfloat16 values, which the CPU's runtime has no type for")
    if _BLOCKS_CAPABILITY in module.capabilities:
        found.append("reads or writes two-dimensional blocks, which no CPU does")
    return tuple(found)


def for_cpu(module: Module) -> Module:
    """The same kernel for Intel's OpenCL runtime on a CPU.

    Three things that it does not know are replaced by what they mean: barriers in two halves by whole ones where
    threads wait, bfloat16 values, where they are only moved, by other 16-bit values, and prefetches by nothing.
    """
    return _moved_as_half(_whole_barriers(_without_prefetches(module)))


def _without_prefetches(module: Module) -> Module:
    functions = {found for name, found in module.imports.items() if name.startswith(_PREFETCH_FUNCTION)}
    kept = [
        one
        for one in module.instructions
        if one.opcode != _PREFETCH and not (one.opcode == _FUNCTION_CALL and one.words[2] in functions)
    ]
    if not any(one.opcode in _BLOCKS for one in kept):
        kept = [
            one
            for one in kept
            if (one.opcode != _CAPABILITY or one.words[0] != _BLOCKS_CAPABILITY)
            and (one.opcode != _EXTENSION or text(one.words) != _BLOCKS_EXTENSION)
        ]
    return Module(header=module.header, instructions=tuple(_without_imports(kept, functions)))


def without_functions(module: Module, functions: set[int]) -> Module:
    """The module without functions that nothing calls any more."""
    return Module(header=module.header, instructions=tuple(_without_imports(list(module.instructions), functions)))


def _without_imports(code: list[Instruction], functions: set[int]) -> Iterator[Instruction]:
    """Leaves out what declares functions that nothing calls any more: names, decorations, the function itself."""
    inside = False
    for one in code:
        inside = inside or (one.opcode == _FUNCTION and one.words[1] in functions)
        if not inside and not (one.opcode in (_NAME, _DECORATE) and one.words[0] in functions):
            yield one
        inside = inside and one.opcode != _FUNCTION_END


def _whole_barriers(module: Module) -> Module:
    split = {
        found: name.removeprefix(_BARRIERS) for name, found in module.imports.items() if name.startswith(_BARRIERS)
    }
    if not split:
        return module
    bound = module.header[3]
    word = next(one.words[0] for one in module.instructions if one.opcode == _TYPE_INT and one.words[1] == 32)
    scope, memory = bound, bound + 1
    constants = [Instruction(_CONSTANT, (word, scope, _WORKGROUP)), Instruction(_CONSTANT, (word, memory, _MEMORY))]
    kept: list[Instruction] = []
    for one in module.instructions:
        if one.opcode == _FUNCTION and constants:
            kept += constants
            constants = []
        role = split.get(one.words[2]) if one.opcode == _FUNCTION_CALL else None
        if role is None:
            kept.append(one)
        elif role == "init":
            kept.append(Instruction(_UNDEF, one.words[:2]))
        elif role == "wait":
            kept.append(Instruction(_BARRIER, (scope, scope, memory)))
    return Module(header=(*module.header[:3], bound + 2, module.header[4]), instructions=tuple(kept))


def _moved_as_half(module: Module) -> Module:
    """bfloat16 values as float16 ones, if nothing computes with them."""
    floats = [one for one in module.instructions if one.opcode == _TYPE_FLOAT and one.words[1] == 16]
    narrow = {one.words[0] for one in floats if len(one.words) > 2}
    if not narrow:
        return module
    types = narrow | {
        one.words[0] for one in module.instructions if one.opcode == _TYPE_VECTOR and one.words[1] in narrow
    }
    named = types | {value for value, kind in module.types.items() if kind in types}
    if any(one.opcode not in (_TYPE_FLOAT, *_MOVES, *_NOT_CODE) and named & _ids(one) for one in module.instructions):
        return module
    kept: list[Instruction] = []
    capability = Instruction(_CAPABILITY, (_FLOAT16_CAPABILITY,))
    for one in module.instructions:
        if one.opcode == _CAPABILITY and one.words[0] in _BFLOAT16_CAPABILITIES:
            if capability not in module.instructions and capability not in kept:
                kept.append(capability)
        elif one.opcode == _TYPE_FLOAT and one.words[0] in narrow:
            kept.append(Instruction(_TYPE_FLOAT, one.words[:2]))
        elif one.opcode != _EXTENSION or text(one.words) != "SPV_KHR_bfloat16":
            kept.append(one)
    return Module(header=module.header, instructions=tuple(_with_types_once(kept)))


def _with_types_once(code: list[Instruction]) -> Iterator[Instruction]:
    """One declaration for types that have become alike."""
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    same: dict[int, int] = {}
    for one in code:
        words = tuple(
            same.get(word, word) if place in _type_places(one) else word for place, word in enumerate(one.words)
        )
        if one.opcode in TYPES:
            key = (one.opcode, words[1:])
            if key in known:
                same[one.words[0]] = known[key]
                continue
            known[key] = one.words[0]
        yield Instruction(one.opcode, words)


def _type_places(one: Instruction) -> Sequence[int]:
    """Which words of an instruction are types; the first of a declaration is its own number."""
    if one.opcode in TYPES:
        return _TYPE_OPERANDS.get(one.opcode, ())
    if one.opcode == _FUNCTION:
        return (0, 3)
    return () if one.opcode in _UNTYPED else (0,)


def _ids(one: Instruction) -> set[int]:
    """The numbers of types and values in an instruction. Some may be literals, but for those that are met often."""
    literal = {_EXTENDED: 3, _SPEC_CONSTANT_OP: 2}.get(one.opcode)
    return {word for place, word in enumerate(one.words) if place != literal}


def text(words: tuple[int, ...]) -> str:
    """A literal string: UTF-8, ended by a zero byte."""
    return struct.pack(f"<{len(words)}I", *words).split(b"\0")[0].decode()
