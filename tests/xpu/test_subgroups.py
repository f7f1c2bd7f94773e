"""Exchanges of sub-groups through local memory: a small interpreter runs what is written in their place."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from parity.xpu.spirv import MAGIC, Instruction, Module
from parity.xpu.subgroups import written_out

VOID, WORD, FLOAT, WIDE, VECTOR, INPUT, SCOPE, PLACE, KERNEL = 1, 2, 3, 4, 12, 6, 7, 8, 9
SEVEN = 5  # a constant; its number is also that of a storage class, which is a literal and no value
VALUE, LANE, CLUSTER, WIDE_LANE, OUTSIDE, RESULT = 20, 21, 22, 23, 24, 30
NUMBER = 25  # of a sub-group
THREADS, LANES = 64, 32
FUNCTION, PARAMETER, LOAD, STORE, BARRIER, END = 54, 55, 61, 62, 224, 56
WIDTHS = {WORD: 32, WIDE: 64}


def module(*body: Instruction, capability: int = 65, cluster: int = 8) -> Module:
    """A kernel of 64 threads with one exchange in it."""
    instructions = [
        *(Instruction(17, (number,)) for number in (6, VECTOR, 58, capability)),  # a number like that of a type
        Instruction(15, (6, KERNEL, 0, PLACE)),
        Instruction(16, (KERNEL, 17, THREADS, 1, 1)),
        Instruction(16, (KERNEL, 35, LANES)),
        Instruction(71, (PLACE, 11, 27)),
        Instruction(21, (WORD, 32, 0)),
        Instruction(22, (FLOAT, 32)),
        Instruction(21, (WIDE, 64, 0)),
        Instruction(23, (VECTOR, WIDE, 3)),
        Instruction(32, (INPUT, 1, VECTOR)),
        Instruction(43, (WORD, SEVEN, 7)),
        Instruction(32, (OUTSIDE, SEVEN, FLOAT)),
        Instruction(43, (WORD, SCOPE, 3)),
        Instruction(43, (WORD, CLUSTER, cluster)),
        Instruction(59, (INPUT, PLACE, 1)),
        Instruction(FUNCTION, (VOID, KERNEL, 0, VOID)),
        Instruction(PARAMETER, (WORD, LANE)),
        Instruction(PARAMETER, (WIDE, WIDE_LANE)),
        *body,
        Instruction(END, ()),
    ]
    return Module(header=(MAGIC, 0x10400, 0, 100, 0), instructions=tuple(instructions))


BINARY: dict[int, Callable[[float, float], float]] = {
    128: lambda a, b: (int(a) + int(b)) & 0xFFFFFFFF,
    129: lambda a, b: a + b,
    130: lambda a, b: (int(a) - int(b)) & 0xFFFFFFFF,
    166: lambda a, b: bool(a or b),
    173: lambda a, b: _signed(a) > _signed(b),
    183: lambda a, b: a != b,
    186: lambda a, b: a > b,
    197: lambda a, b: int(a) | int(b),
    198: lambda a, b: int(a) ^ int(b),
    199: lambda a, b: int(a) & int(b),
}


def _signed(value: float) -> int:
    return int(struct.unpack("<i", struct.pack("<I", int(value)))[0])


def ran(found: Module, value: Callable[[int], float], lane: Callable[[int], int]) -> list[float]:
    """What every thread has as the result. Threads run side by side, one instruction at a time."""
    constants = {one.words[1]: one.words[2] for one in found.instructions if one.opcode == 43}
    body = found.instructions[next(i for i, one in enumerate(found.instructions) if one.opcode == FUNCTION) + 1 :]
    threads: list[dict[int, float]] = [
        {**constants, VALUE: value(t), LANE: lane(t), WIDE_LANE: lane(t)} for t in range(THREADS)
    ]
    kinds = {one.words[1]: one.words[0] for one in found.instructions if one.opcode in (43, PARAMETER)}
    memory: dict[tuple[int, int], float] = {}
    places: list[dict[int, tuple[int, int]]] = [{} for _ in threads]
    pending: set[tuple[int, int]] = set()
    for one in body:
        if one.opcode == BARRIER:
            pending.clear()
        if one.opcode not in (BARRIER, STORE, END):
            kinds[one.words[1]] = one.words[0]
        if one.opcode == 113:
            assert WIDTHS[kinds[one.words[1]]] != WIDTHS[kinds[one.words[2]]], "a conversion to the same width"
        for number, (known, reached) in enumerate(zip(threads, places, strict=True)):
            match one.opcode, one.words:
                case 61, (_, result, source) if source == PLACE:
                    known[result] = number
                case 61, (_, result, source):
                    assert reached[source] not in pending, "read before a barrier"
                    known[result] = memory[reached[source]]
                case 62, (where, what):
                    memory[reached[where]] = known[what]
                    pending.add(reached[where])
                case 65, (_, result, variable, index):
                    reached[result] = (variable, int(known[index]))
                    assert reached[result][1] < THREADS
                case ((81 | 113), (_, result, source, *_)):
                    known[result] = known[source]
                case 169, (_, result, chosen, a, b):
                    known[result] = known[a] if known[chosen] else known[b]
                case opcode, (_, result, a, b) if opcode in BINARY:
                    known[result] = BINARY[opcode](known[a], known[b])
                case opcode, _:
                    assert opcode in (BARRIER, END, PARAMETER), opcode
    return [known[RESULT] for known in threads]


def shuffle(opcode: int, lane: int = LANE) -> Module:
    return written_out(module(Instruction(opcode, (FLOAT, RESULT, SCOPE, VALUE, lane))))


def test_number_of_a_lane_that_looks_like_a_storage_class() -> None:
    assert ran(shuffle(346, SEVEN), float, lambda _: 0) == [float(t ^ 7) for t in range(THREADS)]


@pytest.mark.parametrize("lane", [LANE, WIDE_LANE], ids=["32 bits", "64 bits"])
def test_shuffle_reads_from_the_threads_own_sub_group(lane: int) -> None:
    found = ran(shuffle(345, lane), lambda t: 1000.0 + t, lambda t: (t * 5 + 1) % LANES)
    assert found == [1000.0 + (t // LANES * LANES) + (t * 5 + 1) % LANES for t in range(THREADS)]


@pytest.mark.parametrize(("opcode", "source"), [(346, lambda t: t ^ 3), (347, lambda t: t - 3), (348, lambda t: t + 3)])
def test_relative_shuffles(opcode: int, source: Callable[[int], int]) -> None:
    found = ran(shuffle(opcode), float, lambda _: 3)
    for thread in range(THREADS):
        if source(thread) // LANES == thread // LANES and source(thread) >= 0:  # others are undefined
            assert found[thread] == float(source(thread))


def reduction(opcode: int, kind: int, *, clustered: bool = True, cluster: int = 8) -> Module:
    rest = (3, VALUE, CLUSTER) if clustered else (0, VALUE)
    return written_out(module(Instruction(opcode, (kind, RESULT, SCOPE, *rest)), capability=67, cluster=cluster))


@pytest.mark.parametrize("cluster", [2, 8, 32])
def test_sum_of_a_cluster(cluster: int) -> None:
    found = ran(reduction(350, FLOAT, cluster=cluster), float, lambda _: 0)
    starts = [t // cluster * cluster for t in range(THREADS)]
    assert found == [float(sum(range(start, start + cluster))) for start in starts]


def test_sum_of_a_whole_sub_group() -> None:
    found = ran(reduction(349, WORD, clustered=False), lambda t: t, lambda _: 0)
    assert found == [sum(range(LANES))] * LANES + [sum(range(LANES, THREADS))] * LANES


def test_largest_is_that_of_signed_numbers() -> None:
    found = ran(reduction(356, WORD, cluster=32), lambda t: (t - 40) & 0xFFFFFFFF, lambda _: 0)
    assert [_signed(value) for value in found] == [31 - 40] * LANES + [63 - 40] * LANES


def test_largest_float_is_not_lost_to_nan() -> None:
    nan = float("nan")
    found = ran(reduction(358, FLOAT, cluster=8), lambda t: nan if t % 8 in (0, 3, 7) else float(t % 8), lambda _: 0)
    assert found == [6.0] * THREADS


def test_nothing_of_sub_groups_is_left() -> None:
    after = shuffle(345)
    assert not after.subgroups
    assert 58 not in after.capabilities
    assert all(one.words[1] != 35 for one in after.instructions if one.opcode == 16)
    declared = [one.words[1] for one in after.instructions if one.opcode == 59]
    (entry,) = (one for one in after.instructions if one.opcode == 15)
    assert set(declared) <= set(entry.words), "every variable is one of the interface"
    ids = [one.words[0] for one in after.instructions if one.opcode in range(20, 34)]
    assert len(ids) == len(set(ids))
    assert max(ids) < after.header[3]


@pytest.mark.parametrize(
    "one",
    [
        Instruction(337, (FLOAT, RESULT, SCOPE, VALUE, LANE)),
        Instruction(350, (FLOAT, RESULT, SCOPE, 1, VALUE)),
        Instruction(5571, (FLOAT, RESULT, VALUE, LANE)),
    ],
    ids=["broadcast", "scan", "vendor's shuffle"],
)
def test_what_is_not_known_stays_as_it_is(one: Instruction) -> None:
    before = module(one)
    assert written_out(before) is before


def test_module_without_exchanges_stays_as_it_is() -> None:
    before = module(capability=5)
    assert written_out(before) is before


def test_number_of_a_sub_group_is_written_out_without_exchanges_too() -> None:
    """A CPU's own sub-groups have other sizes."""
    asked = Instruction(59, (INPUT, NUMBER, 1))
    load = Instruction(61, (WORD, RESULT, NUMBER))
    before = module(load, capability=5)
    decorated = (Instruction(71, (NUMBER, 11, 40)), asked)
    code = [one for one in before.instructions if one.words != (VECTOR,)]
    first = next(place for place, one in enumerate(code) if one.opcode == FUNCTION)
    numbered = Module(header=before.header, instructions=(*code[:first], *decorated, *code[first:]))
    found = written_out(numbered)
    assert not any(one.opcode == 61 and one.words[2] == NUMBER for one in found.instructions)
    assert [one.words[1] for one in found.instructions if one.opcode == 194] == [RESULT], "thread // 32"
