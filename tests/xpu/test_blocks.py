"""Reads and writes of two-dimensional blocks, written out: against blocks cut out of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from parity.xpu import blocks
from parity.xpu.spirv import MAGIC, Instruction, Module
from tests.xpu.machine import BASE, Machine
from tests.xpu.test_matrices import _words

VOID, WORD, LONG, PART, VECTOR, INPUT, PLACE, KERNEL, SIGNATURE, PAYLOAD, BOOL, FUNCTION = range(1, 13)
ARGUMENTS = tuple(range(20, 33))  # base, width, height, pitch, x, y, then constants
DATA, RESULT = 40, 41
LANES = 32


@dataclass(frozen=True, kw_only=True)
class Block:
    """payload: components and bits of one. bits: of an element."""

    payload: tuple[int, int]
    bits: int
    columns: int
    rows: int
    side_by_side: int = 1
    transposed: bool = False
    interleaved: bool = False


BLOCKS = {
    "rows of 16 bits": Block(payload=(8, 16), bits=16, columns=16, rows=16),
    "two blocks": Block(payload=(8, 16), bits=16, columns=16, rows=8, side_by_side=2),
    "interleaved 16": Block(payload=(4, 32), bits=16, columns=16, rows=16, interleaved=True),
    "interleaved 8": Block(payload=(4, 32), bits=8, columns=16, rows=32, interleaved=True),
    "transposed": Block(payload=(4, 32), bits=32, columns=8, rows=16, transposed=True),
    "bytes in wider parts": Block(payload=(4, 16), bits=8, columns=32, rows=8),
    "one part": Block(payload=(1, 32), bits=8, columns=16, rows=8),
    "one long part": Block(payload=(1, 64), bits=8, columns=32, rows=8),
}


def module(block: Block, *, write: bool = False) -> Module:
    """A kernel of one sub-group with one read, or one write of DATA."""
    count, bits = block.payload
    kind = PART if count == 1 else PAYLOAD
    name = f"llvm.genx.GenISA.LSC2DBlock{'Write' if write else 'Read'}.v{count}i{bits}"
    layout = (block.bits, block.columns, block.rows, block.side_by_side)
    flags = (block.transposed, block.interleaved)
    types = {32: WORD, 64: LONG}
    part = types.get(bits, PART)
    passed = (*ARGUMENTS, *((DATA,) if write else ()))
    instructions = (
        Instruction(17, (6,)),
        Instruction(15, (6, KERNEL, 0, PLACE)),
        Instruction(16, (KERNEL, 17, LANES, 1, 1)),
        Instruction(71, (PLACE, 11, 27)),
        Instruction(71, (FUNCTION, 41, *_words(name), 1)),
        Instruction(19, (VOID,)),
        Instruction(20, (BOOL,)),
        Instruction(21, (WORD, 32, 0)),
        Instruction(21, (LONG, 64, 0)),
        *(() if bits in types else (Instruction(21, (PART, bits, 0)),)),
        Instruction(23, (VECTOR, WORD, 3)),
        *(() if count == 1 else (Instruction(23, (PAYLOAD, part, count)),)),
        Instruction(32, (INPUT, 1, VECTOR)),
        Instruction(33, (SIGNATURE, VOID)),
        *(Instruction(43, (WORD, number, value)) for number, value in zip(ARGUMENTS[6:10], layout, strict=True)),
        *(
            Instruction(41 if flag else 42, (BOOL, number))
            for number, flag in zip(ARGUMENTS[10:12], flags, strict=True)
        ),
        Instruction(43, (WORD, ARGUMENTS[12], 0)),
        Instruction(59, (INPUT, PLACE, 1)),
        Instruction(54, (VOID, FUNCTION, 0, SIGNATURE)),
        Instruction(56, ()),
        Instruction(54, (VOID, KERNEL, 0, SIGNATURE)),
        Instruction(55, (LONG, ARGUMENTS[0])),
        *(Instruction(55, (WORD, number)) for number in ARGUMENTS[1:6]),
        Instruction(55, (part if count == 1 else PAYLOAD, DATA)),
        Instruction(248, (50,)),
        Instruction(57, (VOID if write else part if count == 1 else kind, RESULT, FUNCTION, *passed)),
        Instruction(253, ()),
        Instruction(56, ()),
    )
    return Module(header=(MAGIC, 0x10400, 0, 100, 0), instructions=instructions)


HEIGHT, WIDTH, PITCH = 20, 128, 160


def ran(block: Block, found: Module, memory: bytearray, x: int, y: int, data: Any = None) -> Any:
    """The payload of all threads as bytes; data: that to write."""
    count, bits = block.payload
    own = (*ARGUMENTS[:6], DATA)
    code = tuple(one for one in found.instructions if one.opcode != 55 or one.words[1] not in own)
    given = dict(zip(ARGUMENTS, (BASE, WIDTH - 1, HEIGHT - 1, PITCH - 1, x & 0xFFFFFFFF, y & 0xFFFFFFFF), strict=False))
    threads = [given | ({} if data is None else {DATA: _part(data[:, lane])}) for lane in range(LANES)]
    values = Machine(Module(header=found.header, instructions=code), memory).run(KERNEL, threads)
    if data is not None:
        return None
    parts = [[one[RESULT]] if count == 1 else one[RESULT] for one in values]
    return np.array(parts, f"u{bits // 8}").T.reshape(-1).view(np.uint8)


def _part(column: Any) -> Any:
    numbers = tuple(column.tolist())
    return numbers[0] if len(numbers) == 1 else numbers


def cut(block: Block, matrix: Any, x: int, y: int) -> Any:
    """The bytes of the payload: blocks of the matrix (zero outside of it), in the order that the units want."""
    size = block.bits // 8
    padded = np.zeros((HEIGHT + 80, WIDTH + 240), np.uint8)
    padded[40 : 40 + HEIGHT, 120 : 120 + WIDTH] = matrix[:, :WIDTH]
    found = []
    for number in range(block.side_by_side):
        left = 120 + (x + number * block.columns) * size
        piece = padded[40 + y : 40 + y + block.rows, left : left + block.columns * size]
        piece = np.ascontiguousarray(piece).reshape(block.rows, block.columns, size)
        if block.transposed:
            piece = piece.transpose(1, 0, 2)
        if block.interleaved:
            piece = piece.reshape(-1, 4 // size, block.columns, size).transpose(0, 2, 1, 3)
        found.append(piece.reshape(-1))
    return np.concatenate(found)


def filled() -> Any:
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, PITCH)).astype(np.uint8)


@pytest.mark.parametrize("place", [(0, 0), (2, 3), (-1, -2), (12, 15)])
@pytest.mark.parametrize("name", list(BLOCKS))
def test_read_is_the_block_and_zero_outside(name: str, place: tuple[int, int]) -> None:
    block, matrix = BLOCKS[name], filled()
    found = blocks.written_out(module(block))
    assert found.imports == {}
    got = ran(block, found, bytearray(matrix.tobytes()), *place)
    assert np.array_equal(got, cut(block, matrix, *place))


@pytest.mark.parametrize("name", ["rows of 16 bits", "bytes in wider parts", "one part"])
def test_write_leaves_alone_what_is_outside(name: str) -> None:
    block, matrix = BLOCKS[name], filled()
    count, bits = block.payload
    memory = bytearray(matrix.tobytes())
    data = np.random.default_rng(2).integers(0, 1 << min(bits, 31), (count, LANES)).astype(f"u{bits // 8}")
    ran(block, blocks.written_out(module(block, write=True)), memory, 1, HEIGHT - 3, data)
    after = np.frombuffer(bytes(memory), np.uint8).reshape(HEIGHT, PITCH)
    piece = np.ascontiguousarray(data).reshape(-1).view(np.uint8).reshape(block.rows, -1)
    start = block.bits // 8
    inside = min(piece.shape[1], WIDTH - start)
    wanted = matrix.copy()
    wanted[HEIGHT - 3 :, start : start + inside] = piece[:3, :inside]
    assert np.array_equal(after, wanted)


def test_block_of_a_layout_that_is_not_constant_stays() -> None:
    given = module(BLOCKS["rows of 16 bits"])
    code = tuple(one for one in given.instructions if one.words[:2] != (WORD, ARGUMENTS[7]))
    found = blocks.written_out(Module(header=given.header, instructions=code))
    assert list(found.imports) == ["llvm.genx.GenISA.LSC2DBlockRead.v8i16"]
