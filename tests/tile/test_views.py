"""Typed views of byte arrays: elements of any format at any byte of a page, and what targets without them do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, INT8, INT16, INT32, UINT8, ElementFormat
from specs.tile.ir import Opcode, Program, walk
from specs.tile.language import arange, load, load_view, program_id, store, store_view, where
from specs.tile.passes.cost import cost
from specs.tile.passes.legalise import legalise
from specs.tile.targets import EXECUTOR, PALLAS_CUDA, PALLAS_INTERPRET, TRITON_CUDA, TRITON_INTERPRET, TRITON_XPU
from tests.tile.kernels import Raw, implementations, launch_of, program_of, run, run_numpy, tiny, widened

each_implementation = pytest.mark.parametrize("implementation", implementations())
FORMS = (UINT8, INT8, E4M3, E5M2, E8M0, BF16, F16, INT16, F32, INT32)
each_format = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
PAGES, SIZE, START, COUNT = 5, 64, 12, 8
FAR = 1 << 24  # a page that no array has


def pages_of(form: ElementFormat, rng: np.random.Generator) -> Raw:
    """Pages of elements of a format: any code of narrow ones; of others no NaN, whose payload nobody promises."""
    count = SIZE * 8 // form.storage_bits
    if form.is_float and form.bits > 8:
        codes = form.encode(rng.standard_normal((PAGES, count)))
    else:
        codes = rng.integers(0, 1 << form.storage_bits, (PAGES, count)).astype(form.storage_dtype)
    return np.ascontiguousarray(codes).view(np.uint8).reshape(PAGES, SIZE)


def width(form: ElementFormat) -> int:
    """Bytes of an element."""
    return form.storage_bits // 8


def gather(form: ElementFormat) -> Any:
    """y[i] = elements of page pick[i], from a byte of its own; zeros where pick[i] names no page."""

    def body(p: Any) -> None:
        i = program_id(0)
        page = load(p.pick, (i,))
        byte = START + i * 4
        live = (arange(COUNT) >= 0) & (page < PAGES)
        store(p.y, (i, arange(COUNT)), load_view(p.x, page, byte, arange(COUNT), form, live))

    inputs: Any = {"x": ((PAGES, SIZE), UINT8), "pick": ((4,), INT32)}
    return tiny(body, inputs, {"y": ((4, COUNT), form)}, grid=(4,))


@each_implementation
@each_format
def test_loads_at_any_byte(form: ElementFormat, implementation: str, rng: np.random.Generator) -> None:
    x, pick = pages_of(form, rng), np.array([3, 0, FAR, 4], np.int32)
    results = run(gather(form), {"x": x, "pick": pick}, implementation)
    starts = START + 4 * np.arange(4)
    places = starts[:, None] + np.arange(COUNT * width(form))
    want = np.where((pick < PAGES)[:, None], x[pick[:, None] % FAR, places], 0)
    np.testing.assert_array_equal(results["y"].view(np.uint8).reshape(4, -1), want)


def scatter(form: ElementFormat) -> Any:
    """Elements of row i go to byte 16 of page i, unless it is the second; all other bytes are 7."""

    def body(p: Any) -> None:
        i = program_id(0)
        byte, index = arange(SIZE), arange(COUNT)
        mine = (byte >= 16) & (byte < 16 + COUNT * width(form)) & (i != 1)
        store(p.y, (i, byte), (byte * 0 + 7).to(UINT8), ~mine)
        goal = where((index >= 0) & (i == 1), FAR, i)
        store_view(p.y, goal, 16, index, load(p.x, (i, index)), (index >= 0) & (i != 1))

    return tiny(body, {"x": ((3, COUNT), form)}, {"y": ((3, SIZE), UINT8)}, grid=(3,))


@each_implementation
@each_format
def test_stores_leave_other_bytes_alone(form: ElementFormat, implementation: str, rng: np.random.Generator) -> None:
    raw = pages_of(form, rng).reshape(-1)[: 3 * COUNT * width(form)].reshape(3, -1)
    x = raw.view(form.numpy_dtype or form.storage_dtype)
    results = run(scatter(form), {"x": x}, implementation)
    want = np.full((3, SIZE), 7, np.uint8)
    want[0::2, 16 : 16 + raw.shape[1]] = raw[0::2]
    np.testing.assert_array_equal(results["y"], want)


@each_implementation
def test_two_formats_in_one_row(implementation: str, rng: np.random.Generator) -> None:
    """A row of codes with a scale behind them, as caches have it."""

    def body(p: Any) -> None:
        row = arange(4)
        start = row * 20
        codes = load_view(p.x, 1, start[:, None], arange(16)[None, :], E4M3)
        scale = load_view(p.x, 1, start + 16, 0, F32)
        store(p.y, (row[:, None], arange(16)[None, :]), codes.to(F32) * scale[:, None])

    codes, scales = E4M3.encode(rng.standard_normal((4, 16))), rng.uniform(1, 2, (4, 1)).astype(np.float32)
    page = np.concatenate([codes, scales.view(np.uint8)], axis=1).reshape(1, 80)
    op = tiny(body, {"x": ((2, 80), UINT8)}, {"y": ((4, 16), F32)})
    results = run(op, {"x": np.concatenate([page ^ 255, page])}, implementation)
    want = (E4M3.decode(codes).astype(np.float32) * scales).astype(np.float32)
    np.testing.assert_array_equal(results["y"].view(np.float32), want)


@each_format
def test_wide_offsets_change_nothing(form: ElementFormat, rng: np.random.Generator) -> None:
    arrays = {"x": pages_of(form, rng), "pick": np.array([3, 0, FAR, 4], np.int32)}
    op = gather(form)
    np.testing.assert_array_equal(run_numpy(op, arrays, widened)["y"], run_numpy(op, arrays)["y"])


# Targets without views put elements together from bytes.


def views(program: Program) -> int:
    """Loads and stores of a program that are views."""
    return sum("view" in op.attrs for op in walk(program.ops))


def accesses(program: Program, array: str) -> int:
    """Loads and stores of an array."""
    memory = (Opcode.LOAD, Opcode.STORE)
    return sum(op.code in memory and op.attrs["array"] == array for op in walk(program.ops))


@pytest.mark.parametrize("target", [EXECUTOR, TRITON_INTERPRET, PALLAS_INTERPRET], ids=lambda target: target.name)
@each_format
def test_an_access_per_byte_elsewhere(form: ElementFormat, target: Any, rng: np.random.Generator) -> None:
    loads = {"x": pages_of(form, rng), "pick": np.zeros(4, np.int32)}
    program = legalise(program_of(gather(form), loads), target)
    assert (views(program), accesses(program, "x")) == (0, width(form))
    stores = {"x": np.zeros((3, COUNT), form.numpy_dtype or form.storage_dtype)}
    program = legalise(program_of(scatter(form), stores), target)
    assert (views(program), accesses(program, "y")) == (0, 1 + width(form))


@pytest.mark.parametrize("target", [TRITON_CUDA, TRITON_XPU, PALLAS_CUDA], ids=lambda target: target.name)
@each_format
def test_one_access_where_there_are_views(form: ElementFormat, target: Any, rng: np.random.Generator) -> None:
    arrays = {"x": pages_of(form, rng), "pick": np.zeros(4, np.int32)}
    program = legalise(program_of(gather(form), arrays), target)
    assert (views(program), accesses(program, "x")) == (1, 1)


@each_format
def test_both_ways_give_the_same_bytes(form: ElementFormat, rng: np.random.Generator) -> None:
    """The program that a target without native formats gets, run by the executor."""
    arrays = {"x": pages_of(form, rng), "pick": np.array([3, 0, FAR, 4], np.int32)}
    narrow = replace(EXECUTOR, name="f32-only", native=frozenset({F32}))
    want = run_numpy(gather(form), arrays)["y"]
    np.testing.assert_array_equal(run_numpy(gather(form), arrays, lambda p: legalise(p, narrow))["y"], want)


@each_format
def test_views_cost_their_own_width(form: ElementFormat, rng: np.random.Generator) -> None:
    """Whatever a byte array is read as, its traffic is in bytes."""
    arrays = {"x": pages_of(form, rng), "pick": np.zeros(4, np.int32)}
    spent = cost(launch_of(gather(form), arrays))
    assert spent.traffic_read == 4 * (4 + COUNT * width(form))
    assert spent.traffic_written == 4 * COUNT * width(form)
    assert spent.bytes_read == PAGES * SIZE + 4 * 4
