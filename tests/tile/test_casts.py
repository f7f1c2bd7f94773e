"""Formats on devices: every code of every format in every other, as the formats declare.

`parity.commands.casts` has the codes; here they run wherever this machine can, and again through the arithmetic that
targets use for formats that they do not have.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from jax_impl.triton import source
from parity.commands import casts
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.op import Op
from specs.lang.formats.elements import BF16, E5M2, F16, F32, ElementFormat
from specs.tile.emit import triton as triton_source
from specs.tile.ir import Opcode, Program, walk
from specs.tile.language import arange, dot, load, program_id, store
from specs.tile.library import codec
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, PALLAS_XPU, TRITON_CUDA, TRITON_HOPPER, TRITON_XPU, Target
from tests.contract.suite import DEVICES, available
from tests.tile.kernels import Raw, implementations, launch_of, run, run_numpy, tiny

BLOCK = {"interpret": 1 << 16, "cuda": 1024, "xpu": 1024}
BACKENDS = [
    pytest.param(name, device, id=f"{name}-{device}")
    for device in DEVICES
    for name in casts.implementations()
    if name in available("mxfp8_quant", device)
]


@pytest.mark.parametrize("source", casts.SOURCES, ids=lambda form: form.name)
@pytest.mark.parametrize(("implementation", "device"), BACKENDS)
def test_casts_of_all_codes(implementation: str, device: str, source: ElementFormat) -> None:
    rows = list(casts.rows_of(source, implementation, device))
    assert [row.goal for row in rows] == [goal.name for goal in casts.goals_of(source)]
    assert not [row for row in rows if row.status != "passed"]
    assert all(row.codes == casts.codes_of(source).size for row in rows)


def test_boundaries_are_boundaries() -> None:
    """The inputs hold, for every goal, numbers on both sides of every change of code."""
    for form in casts.goals_of(F32):
        values = np.sort(casts.boundaries(form).astype(np.float64))
        codes = np.unique(form.encode(values))
        finite = np.isfinite(form.decode(np.arange(1 << form.bits)))
        assert len(codes) >= finite.sum() - 1, form.name  # minus zero and zero are one value


def test_a_wrong_code_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Triton makes of e5m2 on NVIDIA GPUs: infinities and NaN as finite numbers."""
    codes = np.arange(256, dtype=np.uint32)
    exponent = 2.0 ** ((codes >> 2 & 31).astype(np.float64) - 15)
    finite = np.where(codes & 128, -1.0, 1.0) * exponent * (1 + (codes & 3) / 4)
    special = ~np.isfinite(E5M2.decode(codes))
    broken = np.where(special, BF16.encode(finite), BF16.encode(E5M2.decode(codes)))
    right = {goal.name: casts.declared(E5M2, goal, codes) for goal in casts.goals_of(E5M2)}
    monkeypatch.setattr(casts, "cast_all", lambda *_: right | {"bf16": broken})
    wrong = [row for row in casts.rows_of(E5M2, "torch:eager", "cpu") if row.status == "failed"]
    assert [(row.goal, row.wrong, row.first) for row in wrong] == [("bf16", 8, "0x7c: got 0x4780, expected 0x7f80")]


def test_a_record_reads_back() -> None:
    rows = list(casts.rows_of(E5M2, "torch:eager", "cpu"))
    text = casts.to_json(rows, {"machine": "this one"}, "cpu")
    assert casts.from_json(text) == rows


# -- casts that compilers get wrong ----------------------------------------------------------------------------------


def widen(p: Any) -> None:
    """As a product widens its weight, and as values are."""
    at = arange(512)
    store(p.y, (at,), load(p.x, (at,)).to(BF16))


def multiply(p: Any) -> None:
    """Operands that a dot unit may not take."""
    i, j = arange(32)[:, None], arange(32)[None, :]
    store(p.y, (i, j), dot(load(p.x, (i, j)), load(p.x, (i, j))))


WIDEN = tiny(widen, {"x": ((512,), E5M2)}, {"y": ((512,), BF16)})
MULTIPLY = tiny(multiply, {"x": ((32, 32), E5M2)}, {"y": ((32, 32), F32)})


def casts_in(program: Program) -> list[tuple[ElementFormat, ElementFormat]]:
    found = [op for op in walk(program.ops) if op.code is Opcode.CAST]
    return [(op.operands[0].type.element, op.result.type.element) for op in found]


@pytest.mark.parametrize("target", [TRITON_CUDA, TRITON_HOPPER, PALLAS_CUDA], ids=lambda target: target.name)
def test_detours_are_taken(target: Target) -> None:
    way = [(E5M2, F16), (F16, F32), (F32, BF16)]
    raw = np.zeros(512, np.uint8)
    assert casts_in(legalise(launch_of(WIDEN, {"x": raw}, config="cuda").program, target)) == way
    narrow = replace(target, name=f"{target.name}-without-fp8-dots", dot=frozenset({BF16, F32}))
    program = launch_of(MULTIPLY, {"x": raw.repeat(2).reshape(32, 32)}, config="cuda").program
    assert casts_in(legalise(program, narrow)) == way * 2
    assert not casts_in(legalise(program, target))


def ptx_of(target: Target) -> str:
    program = legalise(launch_of(WIDEN, {"x": np.zeros(512, np.uint8)}, config="cuda").program, target)
    request = source.Request(
        source=triton_source.emit(program),
        kernel=program.name,
        signature=(("x_ptr", E5M2), ("y_ptr", BF16)),
        capability=90,
        num_warps=4,
    )
    return source.compiled(request, 1)[0]


def test_machine_code_of_a_detour() -> None:
    """The instruction that knows infinities and NaN, and no multiplication, which does not."""
    ptx = ptx_of(TRITON_CUDA)
    assert "cvt.rn.f16x2.e5m2x2" in ptx
    assert "mul" not in ptx.partition("cvt.rn.f16x2.e5m2x2")[2]
    straight = ptx_of(replace(TRITON_CUDA, name="triton-cuda-straight", detours=()))
    assert "cvt.rn.f16x2.e5m2x2" not in straight, "Triton has mended it: the detour can go"


# -- formats that a target does not have -----------------------------------------------------------------------------


def decode_all(p: Any) -> None:
    """All codes of all formats through the arithmetic that targets without the format use."""
    at = program_id(0) * p.BLOCK + arange(p.BLOCK)
    for form in casts.GOALS[:-1]:
        inside = at < (1 << form.bits)
        codes = at & ((1 << form.bits) - 1)
        store(getattr(p, form.name), (at,), codec.decode(codes, form), inside)


@cache
def decoder() -> Op:
    outputs: Any = {form.name: ((1 << form.bits,), F32) for form in casts.GOALS[:-1]}
    return tiny(decode_all, {"x": ((1,), F32)}, outputs, grid=(cdiv(1 << 16, Ref("BLOCK")),), block=BLOCK)


@cache
def decoded(implementation: str) -> dict[str, Raw]:
    return run(decoder(), {"x": np.zeros(1, np.float32)}, implementation)


@pytest.mark.parametrize("implementation", implementations())
@pytest.mark.parametrize("form", casts.GOALS[:-1], ids=lambda form: form.name)
def test_decode_by_arithmetic(form: ElementFormat, implementation: str) -> None:
    got = F32.decode(decoded(implementation)[form.name])
    want = form.decode(np.arange(1 << form.bits, dtype=np.uint32))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    real = ~np.isnan(want)
    np.testing.assert_array_equal(got[real], want[real])
    np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(want[real]))


# -- FP8 through float16, on GPUs of Intel ----------------------------------------------------------------------------


def widen_all(p: Any) -> None:
    """Every way in which FP8 is widened."""
    at = arange(256)
    x = load(p.x, (at,))
    store(p.wide, (at,), x.to(F32))
    store(p.half, (at,), x.to(F16))
    store(p.brain, (at,), x.to(BF16))


@pytest.mark.parametrize("form", codec.IN_HALF, ids=lambda form: form.name)
def test_fp8_through_float16_is_exact(form: ElementFormat) -> None:
    codes = np.arange(256, dtype=np.uint8)
    outputs: Any = {"wide": ((256,), F32), "half": ((256,), F16), "brain": ((256,), BF16)}
    op = tiny(widen_all, {"x": ((256,), form)}, outputs)
    way = casts_in(legalise(launch_of(op, {"x": codes}, config="xpu").program, TRITON_XPU))
    assert (F16, BF16) not in way, "a conversion that ends the compiler's process"
    got = run_numpy(op, {"x": codes}, lambda program: legalise(program, TRITON_XPU))
    want = form.decode(codes)
    for name, goal in (("wide", F32), ("half", F16), ("brain", BF16)):
        found = goal.decode(got[name])
        np.testing.assert_array_equal(found, want)
        real = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(found[real]), np.signbit(want[real]))


def test_fp8_is_widened_to_float16_for_dots() -> None:
    raw = np.zeros((32, 32), np.uint8)
    program = launch_of(MULTIPLY, {"x": raw}, config="xpu").program
    for target in (TRITON_XPU, PALLAS_XPU):
        dots = [op for op in walk(legalise(program, target).ops) if op.code is Opcode.DOT]
        assert {operand.type.element for op in dots for operand in op.operands} == {F16}
