"""Folds and common subexpressions: what disappears, what must not, and that results stay the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import F32
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, Operation, Program, walk
from specs.tile.language import arange, fori_loop, load, program_id, store, when
from specs.tile.launch import specialise
from specs.tile.launch.cases import case_launches
from specs.tile.launch.specialise import trace
from specs.tile.passes import accesses, legalise
from tests.contract import suite
from tests.tile.kernels import bits, program_of, run_numpy, tiny

N = Axis(name="N")
X = {"x": np.linspace(-3.0, 5.0, 16, dtype=np.float32)}


def op_of(body: Callable[[Any], None]) -> Any:
    return tiny(body, {"x": ((16,), F32)}, {"y": ((16,), F32)})


def codes(program: Program) -> Counter[Opcode]:
    return Counter(op.code for op in walk(program.ops))


def neutral(p: Any) -> None:
    """Every neutral number, on both sides where the operation commutes."""
    column = program_id(0) * 1 + arange(16)
    column = ((0 + column - 0) // 1 << 0 >> 0 | 0) ^ 0
    store(p.y, (1 * column,), load(p.x, (column,)) * 1.0)


def test_neutral_numbers_disappear() -> None:
    found = codes(program_of(op_of(neutral), X))
    arithmetic = {code: count for code, count in found.items() if code in {Opcode.ADD, Opcode.SUB, Opcode.MUL}}
    assert arithmetic == {Opcode.ADD: 1}
    assert not {Opcode.IDIV, Opcode.SHL, Opcode.SHR, Opcode.OR, Opcode.XOR} & set(found)


def rounding(p: Any) -> None:
    """What looks neutral or common, and is not to be touched."""
    column = arange(16)
    x = load(p.x, (column,))
    y = (x + 0.0) / 1.0
    store(p.y, (column,), y * y + x * x + x * x)
    again = load(p.x, (column,))
    store(p.y, (column,), again)


def test_float_arithmetic_and_loads_are_left_alone() -> None:
    found = codes(program_of(op_of(rounding), X))
    assert found[Opcode.ADD] == 3
    assert found[Opcode.MUL] == 3
    assert found[Opcode.DIV] == 1
    assert found[Opcode.LOAD] == found[Opcode.STORE] == 2


def zeros_of_both_signs(p: Any) -> None:
    """-0.0 equals 0.0 in Python."""
    column = arange(16)
    x = load(p.x, (column,)) * 0.0
    store(p.y, (column,), 1.0 / (x + 0.0) + 1.0 / (-0.0 - x * 0.0))


def test_signed_zeros_are_two_constants() -> None:
    program = program_of(op_of(zeros_of_both_signs), X)
    zeros = [op.attrs["value"] for op in program.ops if op.code is Opcode.CONST and not op.attrs["value"]]
    assert sorted(map(str, zeros)) == ["-0.0", "0.0"]


def indices(p: Any) -> None:
    """One index computed around a loop, in it, in a second loop, and twice in a branch."""
    column = program_id(0) * 4 + arange(4)

    def first(k: Tile) -> None:
        near = k * 4 + arange(4)
        store(p.y, (near,), load(p.x, (program_id(0) * 4 + arange(4),)))

    def second(k: Tile) -> None:
        far = k * 4 + arange(4)
        store(p.y, (far,), load(p.x, (k * 4 + arange(4),)))

    fori_loop(0, 4, first)
    fori_loop(0, 4, second)
    when(program_id(0) == 0, lambda: store(p.y, (column,), load(p.x, (column,))))


def blocks(ops: Any) -> list[list[Operation]]:
    return [list(ops), *(op.region.ops for op in ops if op.region is not None)]


def test_indices_are_computed_once_where_they_are_needed() -> None:
    whole, first, second, branch = blocks(program_of(op_of(indices), X).ops)
    count = [Counter(op.code for op in block) for block in (whole, first, second, branch)]
    assert [found[Opcode.ARANGE] for found in count] == [1, 0, 0, 0]
    assert [found[Opcode.PROGRAM_ID] for found in count] == [1, 0, 0, 0]
    # A loop's own index stays in it, and the second loop does not see that of the first.
    assert [found[Opcode.MUL] for found in count] == [1, 1, 1, 0]
    assert [found[Opcode.ADD] for found in count] == [1, 1, 1, 0]


def unsimplified(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (specialise, legalise):
        monkeypatch.setattr(module, "simplify", lambda ops: ops)
    clear_caches()


def clear_caches() -> None:
    trace.cache_clear()
    legalise.legalise.cache_clear()


@pytest.mark.parametrize("body", [neutral, rounding, zeros_of_both_signs, indices])
def test_tiny_kernels_give_the_same_bytes(body: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    simple = run_numpy(op_of(body), X)
    unsimplified(monkeypatch)
    plain = run_numpy(op_of(body), X)
    clear_caches()
    assert (bits(simple["y"]) == bits(plain["y"])).all()


OPS = ("fp8_gemm", "flash_attn_varlen", "sparse_mla_decode_fp8", "per_token_quant_int8", "topk_rows", "mxfp4_quant")


@pytest.mark.parametrize("name", OPS)
def test_operations_give_the_same_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op = specs.get(name)
    case = next(case for case in op.cases if not case.large)
    inputs = suite.inputs_of(op, case)
    call = inputs.layout.call()
    simple = accesses._run(call, inputs.arrays, 0, {})
    size = sum(codes_of(call.op).values())
    unsimplified(monkeypatch)
    plain = accesses._run(call, inputs.arrays, 0, {})
    assert sum(codes_of(call.op).values()) > size
    clear_caches()
    for result, expected in plain.items():
        assert (simple[result] == expected).all(), result


def codes_of(op: Any) -> Counter[Opcode]:
    found: Counter[Opcode] = Counter()
    case = next(case for case in op.cases if not case.large)
    for run in case_launches(op, case, "cpu", strided=True):
        found += codes(run.program)
    return found
