"""Products of matrix units, written out: against the product of the tiles that the threads hold."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from parity.xpu import matrices
from parity.xpu.spirv import MAGIC, Instruction, Module
from tests.xpu.machine import Machine

VOID, WORD, SHORT, FLOAT, VECTOR, INPUT, PLACE, KERNEL, SIGNATURE = 1, 2, 3, 4, 5, 6, 7, 8, 9
A_TYPE, B_TYPE, C_TYPE, A, B, C, RESULT, DEPTH, STEPS, PRECISION, BUILTIN, FALSE, BOOL = range(10, 23)
THREADS, LANES, ROWS, COLUMNS = 64, 32, 8, 16

KINDS: dict[str, tuple[int, Any, Any]] = {
    "float16": (0xC00, np.float16, np.float32),
    "bfloat16": (0x3000, ml_dtypes.bfloat16, np.float32),
    "tf32": (0x300, np.float32, np.float32),
    "int8": (0x33, np.int8, np.int32),
    "uint8 x int8": (0x32, np.int8, np.int32),
}


def module(flags: int, whole: bool, *body: Instruction) -> Module:
    """A kernel of two sub-groups with one product."""
    number = FLOAT if flags & 0x300 else SHORT
    instructions = (
        *(Instruction(17, (capability,)) for capability in (4, 6, 22, 6236)),
        Instruction(15, (6, KERNEL, 0, PLACE)),
        Instruction(16, (KERNEL, 17, THREADS, 1, 1)),
        Instruction(71, (PLACE, 11, 27)),
        Instruction(71, (BUILTIN, 41, *_words("llvm.genx.GenISA.sub.group.dpas.v4f32"), 1)),
        Instruction(19, (VOID,)),
        Instruction(20, (BOOL,)),
        Instruction(21, (WORD, 32, 0)),
        Instruction(21, (SHORT, 16, 0)),
        Instruction(22, (FLOAT, 32)),
        Instruction(23, (VECTOR, WORD, 3)),
        Instruction(32, (INPUT, 1, VECTOR)),
        Instruction(33, (SIGNATURE, VOID)),
        Instruction(23, (A_TYPE, number, 2 if flags & 0x300 else 4)),
        Instruction(23, (B_TYPE, WORD, 4)),
        Instruction(23, (C_TYPE, WORD if whole else FLOAT, 4)),
        Instruction(42, (BOOL, FALSE)),
        Instruction(43, (WORD, DEPTH, 16)),
        Instruction(43, (WORD, STEPS, 8)),
        Instruction(43, (WORD, PRECISION, 11)),
        Instruction(59, (INPUT, PLACE, 1)),
        Instruction(54, (C_TYPE, BUILTIN, 0, SIGNATURE)),
        Instruction(56, ()),
        Instruction(54, (VOID, KERNEL, 0, SIGNATURE)),
        Instruction(55, (A_TYPE, A)),
        Instruction(55, (B_TYPE, B)),
        Instruction(55, (C_TYPE, C)),
        Instruction(248, (50,)),
        *body,
        Instruction(253, ()),
        Instruction(56, ()),
    )
    return Module(header=(MAGIC, 0x10400, 0, 100, 0), instructions=instructions)


def _words(text: str) -> tuple[int, ...]:
    data = text.encode() + bytes(4 - len(text) % 4)
    return tuple(np.frombuffer(data, "<u4").tolist())


def product(flags: int) -> Instruction:
    return Instruction(matrices.MULTIPLY, (C_TYPE, RESULT, DEPTH, A, B, C, flags))


def operands(name: str) -> tuple[Any, Any, Any]:
    """Tiles for every sub-group: [2, 8, K], [2, K, 16], [2, 8, 16]."""
    _, kind, total = KINDS[name]
    rng = np.random.default_rng(3)
    depth = 32 // np.dtype(kind).itemsize
    if total is np.int32:
        a, b = (rng.integers(-128, 128, shape).astype(kind) for shape in ((2, ROWS, depth), (2, depth, COLUMNS)))
    else:
        # Whole numbers, whose sums are exact in any order.
        a, b = (rng.integers(-9, 9, shape).astype(kind) for shape in ((2, ROWS, depth), (2, depth, COLUMNS)))
    return a, b, rng.integers(-9, 9, (2, ROWS, COLUMNS)).astype(total)


def held(name: str, a: Any, b: Any, c: Any) -> list[dict[int, Any]]:
    """What every thread has of the tiles."""
    flags, kind, total = KINDS[name]
    per = 4 // np.dtype(kind).itemsize
    threads = []
    for group in range(THREADS // LANES):
        left = np.ascontiguousarray(a[group]).reshape(-1).view(np.float32 if flags & 0x300 else np.uint16)
        packed = b[group].reshape(-1, per, COLUMNS).transpose(0, 2, 1)  # rows that share an element lie side by side
        right = np.ascontiguousarray(packed).reshape(-1).view(np.uint32)
        sums = c[group].reshape(-1).view(np.uint32) if total is np.int32 else c[group].reshape(-1)
        for lane in range(LANES):
            parts = [tuple(x[lane::LANES].tolist()) for x in (left, right, sums)]
            threads.append(dict(zip((A, B, C), parts, strict=True)))
    return threads


def computed(found: Module, threads: list[dict[int, Any]], total: Any) -> Any:
    """The tiles of the result: [2, 8, 16]."""
    code = Module(
        header=found.header,
        instructions=tuple(one for one in found.instructions if one.opcode != 55 or one.words[1] not in (A, B, C)),
    )
    ran = Machine(code, bytearray()).run(KERNEL, threads)
    numbers = np.array([values[RESULT] for values in ran]).reshape(THREADS // LANES, LANES, 4).transpose(0, 2, 1)
    tiles = numbers.reshape(-1, ROWS, COLUMNS)
    return tiles.astype(np.uint32).view(np.int32) if total is np.int32 else tiles.astype(np.float32)


def wanted(name: str, a: Any, b: Any, c: Any) -> Any:
    flags, _, total = KINDS[name]
    if total is np.int32:
        left = a.view(np.uint8) if not flags & 1 else a
        return c + left.astype(np.int32) @ b.astype(np.int32)
    return (c + a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)


def agrees(name: str, found: Module) -> bool:
    a, b, c = operands(name)
    got = computed(found, held(name, a, b, c), KINDS[name][2])
    return np.array_equal(got, wanted(name, a, b, c))


@pytest.mark.parametrize("name", list(KINDS))
def test_product_is_that_of_the_tiles(name: str) -> None:
    flags, _, total = KINDS[name]
    found = matrices.written_out(module(flags, total is np.int32, product(flags)))
    assert not [one for one in found.instructions if one.opcode == matrices.MULTIPLY]
    assert 6236 not in found.capabilities
    assert agrees(name, found)


@pytest.mark.parametrize("name", list(KINDS))
def test_swapped_rows_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = matrices._Writer._row
    monkeypatch.setattr(matrices._Writer, "_row", lambda self, code, thread, i: own(self, code, thread, i ^ 1))
    flags, _, total = KINDS[name]
    assert not agrees(name, matrices.written_out(module(flags, total is np.int32, product(flags))))


def test_function_in_place_of_the_instruction_is_the_same() -> None:
    call = Instruction(57, (C_TYPE, RESULT, BUILTIN, C, A, B, PRECISION, PRECISION, STEPS, STEPS, FALSE))
    found = matrices.written_out(module(0x3000, False, call))
    assert found.imports == {}
    assert agrees("bfloat16", found)


def test_products_of_other_kinds_stay() -> None:
    found = matrices.written_out(module(0xC0, True, product(0xC0)))
    assert [one.words for one in found.instructions if one.opcode == matrices.MULTIPLY] == [product(0xC0).words]
    assert 6236 in found.capabilities


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (1.0, 1.0),
        (1 + 2**-11, 1.0),
        (1 + 3 * 2**-11, 1 + 2**-9),
        (1 + 2**-11 + 2**-20, 1 + 2**-10),
        (float("inf"),) * 2,
    ],
)
def test_rounding_to_tf32(value: float, rounded: float) -> None:
    given = module(0xC00, False, Instruction(matrices.TO_TF32, (FLOAT, RESULT, C)))
    found = matrices.written_out(given)
    code = tuple(one for one in found.instructions if one.opcode != 55)
    ran = Machine(Module(header=found.header, instructions=code), bytearray()).run(KERNEL, [{C: value}])
    assert ran[0][RESULT] == rounded
