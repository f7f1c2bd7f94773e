"""Reading SPIR-V, what is wrong with a module, and the form of it that a CPU takes."""

from __future__ import annotations

import struct

import pytest

from parity.xpu.spirv import MAGIC, Instruction, Module, defects, for_cpu, obstacles, parse

VOID, WORD, HALF, PAIR, SHARED, KERNEL_TYPE = 1, 2, 3, 4, 5, 6
KERNEL, ARGUMENT, INIT, ARRIVE, WAIT, RELEASE = 10, 11, 20, 21, 22, 23
LOAD, CAST, ADD, CALL, BARRIER, FUNCTION, PARAMETER, END = 61, 124, 129, 57, 224, 54, 55, 56


def words(text: str) -> tuple[int, ...]:
    data = text.encode() + b"\0" * (4 - len(text) % 4)
    return struct.unpack(f"<{len(data) // 4}I", data)


def imported(found: int, name: str) -> tuple[Instruction, ...]:
    """The decoration and the declaration of a function that something else supplies."""
    decoration = Instruction(71, (found, 41, *words(name), 1))
    return decoration, Instruction(FUNCTION, (VOID, found, 0, KERNEL_TYPE)), Instruction(END, ())


def module(*body: Instruction, capabilities: tuple[int, ...] = (6,), floats: tuple[int, ...] = (16,)) -> Module:
    instructions = [Instruction(17, (number,)) for number in capabilities]
    instructions += [Instruction(15, (6, KERNEL, *words("scale"), 0))]
    instructions += [one for one in body if one.opcode == 71]
    instructions += [Instruction(21, (WORD, 32, 0)), Instruction(22, (HALF, *floats)), Instruction(23, (PAIR, HALF, 2))]
    instructions += [Instruction(FUNCTION, (VOID, KERNEL, 0, KERNEL_TYPE)), Instruction(PARAMETER, (WORD, ARGUMENT))]
    instructions += [one for one in body if one.opcode != 71]
    return Module(header=(MAGIC, 0x10400, 0, 100, 0), instructions=tuple(instructions))


BARRIERS = tuple(
    one
    for found, name in ((INIT, "init"), (ARRIVE, "arrive"), (WAIT, "wait"), (RELEASE, "release"))
    for one in imported(found, f"intel_manageable_barrier_{name}")
)


def test_binary_form_is_read_back() -> None:
    before = module(Instruction(LOAD, (WORD, 30, ARGUMENT)))
    after = parse(before.to_bytes())
    assert after == before
    assert after.kernels == ("scale",)
    assert after.parameters == {"scale": 1}


@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"abc", module().to_bytes()[:-2], module().to_bytes()[:-4]])
def test_what_is_not_spirv_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not SPIR-V"):
        parse(data)


@pytest.mark.parametrize("opcode", [6528, 6529])
def test_wrong_opcodes_are_a_defect(opcode: int) -> None:
    (found,) = defects(module(Instruction(opcode, (WORD, 30, ARGUMENT))))
    assert "6528" in found


def test_function_that_nothing_supplies_is_a_defect() -> None:
    assert "__imf_ceilf" in defects(module(*imported(INIT, "__imf_ceilf")))[0]
    assert defects(module(*BARRIERS)) == ()


def test_imported_variable_is_no_function() -> None:
    assert module(Instruction(71, (40, 41, *words("__spirv_BuiltInWorkgroupId"), 1))).imports == {}


@pytest.mark.parametrize(("capability", "exchanges"), [(6, False), (65, True), (63, True), (18, True)])
def test_exchange_between_threads_is_seen(capability: int, exchanges: bool) -> None:
    assert module(capabilities=(6, capability)).subgroups is exchanges


def test_two_dimensional_blocks_are_an_obstacle() -> None:
    found = module(*imported(INIT, "llvm.genx.GenISA.LSC2DBlockRead.v1i64"))
    assert "LSC2DBlockRead" in obstacles(for_cpu(found))[0]


def test_barrier_in_two_halves_becomes_one_where_threads_wait() -> None:
    calls = [Instruction(CALL, (SHARED, 50, INIT, 30, 31)), Instruction(CALL, (VOID, 51, ARRIVE, 50))]
    calls += [Instruction(LOAD, (WORD, 52, ARGUMENT))]
    calls += [Instruction(CALL, (VOID, 53, WAIT, 50)), Instruction(CALL, (VOID, 54, RELEASE, 50))]
    after = for_cpu(module(*BARRIERS, *calls))
    kinds = [one.opcode for one in after.instructions if one.opcode in (CALL, BARRIER, LOAD, 1)]
    assert kinds == [1, LOAD, BARRIER]
    (barrier,) = (one for one in after.instructions if one.opcode == BARRIER)
    constants = {one.words[1]: one.words[2] for one in after.instructions if one.opcode == 43}
    scope, same, memory = barrier.words
    assert (constants[scope], scope == same, after.header[3]) == (2, True, 102)
    assert constants[memory] & 0x300 == 0x300, "both memories are ordered"


def test_moved_bfloat16_becomes_another_16_bit_value() -> None:
    moves = Instruction(LOAD, (PAIR, 30, ARGUMENT)), Instruction(CAST, (WORD, 31, 30))
    before = module(*moves, capabilities=(6, 5116), floats=(16, 0))
    after = for_cpu(before)
    assert obstacles(before)
    assert not obstacles(after)
    assert after.capabilities == (6, 9)
    assert Instruction(22, (HALF, 16)) in after.instructions


@pytest.mark.parametrize(
    "computing",
    [Instruction(ADD, (HALF, 31, 30, 30)), Instruction(115, (WORD, 31, 30))],
    ids=["addition", "conversion"],
)
def test_computing_with_bfloat16_stays_an_obstacle(computing: Instruction) -> None:
    before = module(Instruction(LOAD, (HALF, 30, ARGUMENT)), computing, capabilities=(6, 5116), floats=(16, 0))
    assert for_cpu(before) == before
    assert "bfloat16" in obstacles(before)[0]


@pytest.mark.parametrize(
    "other",
    [
        Instruction(12, (WORD, 31, 1, HALF, 40)),
        Instruction(ADD, (WORD, 31, 16, 40)),
        Instruction(52, (WORD, 31, HALF, 40)),
    ],
    ids=["function of a set", "width of a float", "opcode of a constant"],
)
def test_literal_that_is_a_number_of_a_bfloat16_value_is_none(other: Instruction) -> None:
    moved = Instruction(LOAD, (HALF, 30, ARGUMENT))
    before = module(moved, other, capabilities=(6, 5116), floats=(16, 0))
    assert not obstacles(for_cpu(before))
    computing = Instruction(12, (WORD, 32, 1, 27, 30))
    assert obstacles(for_cpu(module(moved, other, computing, capabilities=(6, 5116), floats=(16, 0))))


def test_types_are_those_of_values() -> None:
    value, call = Instruction(LOAD, (PAIR, 30, ARGUMENT)), Instruction(12, (HALF, 31, 1, 27, 30))
    found = module(Instruction(71, (PAIR, 44, 2)), value, call, Instruction(62, (ARGUMENT, 30)))
    assert found.types == {ARGUMENT: WORD, 30: PAIR, 31: HALF}


def test_module_without_any_of_it_stays_as_it_is() -> None:
    before = module(Instruction(LOAD, (WORD, 30, ARGUMENT)))
    assert for_cpu(before) == before


def test_prefetches_are_left_out_and_loads_of_blocks_stay_an_obstacle() -> None:
    extension = Instruction(10, words("SPV_INTEL_2d_block_io"))
    prefetch, load = Instruction(6234, (ARGUMENT, ARGUMENT)), Instruction(6231, (ARGUMENT, ARGUMENT))
    only = module(extension, prefetch, capabilities=(6, 6228))
    assert obstacles(only)
    after = for_cpu(only)
    assert not obstacles(after)
    assert after.instructions == module().instructions
    both = module(extension, prefetch, load, capabilities=(6, 6228))
    assert "blocks" in obstacles(for_cpu(both))[0]


def test_prefetches_that_are_functions_are_left_out_too() -> None:
    found = imported(INIT, "llvm.genx.GenISA.LSC2DBlockPrefetch.isVoid")
    name, call = Instruction(5, (INIT, *words("prefetch"))), Instruction(CALL, (VOID, 50, INIT, ARGUMENT))
    read = Instruction(LOAD, (WORD, 30, ARGUMENT))
    before = module(*found, name, read, call)
    assert obstacles(before)
    assert for_cpu(before).instructions == module(read).instructions


def test_types_that_become_alike_are_declared_once() -> None:
    """float16 values stand beside bfloat16 ones: both have one type afterwards."""
    brain, several = 7, 8
    given = module(
        Instruction(LOAD, (several, 30, ARGUMENT)),
        Instruction(81, (brain, 31, 30, several)),  # a literal like the number of a type
        Instruction(ADD, (HALF, 32, 33, 33)),
        capabilities=(6, 5116, 9),
    )
    place = next(i for i, one in enumerate(given.instructions) if one.opcode == FUNCTION)
    types = (Instruction(22, (brain, 16, 0)), Instruction(23, (several, brain, 2)), Instruction(32, (9, 5, several)))
    before = Module(
        header=given.header, instructions=(*given.instructions[:place], *types, *given.instructions[place:])
    )
    after = for_cpu(before)
    assert not obstacles(after)
    declared = [one.words for one in after.instructions if one.opcode in (22, 23, 32)]
    assert declared == [(HALF, 16), (PAIR, HALF, 2), (9, 5, PAIR)]
    assert Instruction(LOAD, (PAIR, 30, ARGUMENT)) in after.instructions
    assert Instruction(81, (HALF, 31, 30, several)) in after.instructions
