"""Branches: taken by whole grid points, for reasons known from the sizes or read from memory, alone and in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, walk
from specs.tile.language import arange, fori_loop, load, program_id, reduce_sum, store, when, zeros
from specs.tile.passes.cost import cost
from tests.tile.kernels import bits, implementations, launch_of, program_of, run, tiny

each_implementation = pytest.mark.parametrize("implementation", implementations())
FAR = 1 << 30  # an index that no array has
WORDS = 4
N = Axis(name="N")


def chosen_from_memory(p: Any) -> None:
    """Row i is that of x which pick[i] names, -1 where it names none; a row that is not there is not read."""
    i, columns = program_id(0), arange(WORDS)
    row = load(p.pick, (i,))
    store(p.seen, (i,), row)
    when(row >= 0, lambda: store(p.y, (i, columns), load(p.x, (row, columns)) * 2))
    when(row < 0, lambda: store(p.y, (i, columns), zeros((WORDS,), INT32) - 1))


@each_implementation
def test_grid_points_go_their_own_way(implementation: str) -> None:
    pick = np.array([2, -FAR, 0, 1, -1, 2], np.int32)
    x = np.arange(12, dtype=np.int32).reshape(3, WORDS)
    inputs: Any = {"x": ((3, WORDS), INT32), "pick": ((6,), INT32)}
    outputs: Any = {"y": ((6, WORDS), INT32), "seen": ((6,), INT32)}
    results = run(tiny(chosen_from_memory, inputs, outputs, grid=(6,)), {"x": x, "pick": pick}, implementation)
    np.testing.assert_array_equal(results["y"].view(np.int32), np.where(pick[:, None] < 0, -1, 2 * x[pick % 3]))
    np.testing.assert_array_equal(results["seen"].view(np.int32), pick)


@each_implementation
def test_a_branch_in_a_branch(implementation: str) -> None:
    def body(p: Any) -> None:
        i, a, b = program_id(0), load(p.a, (program_id(0),)), load(p.b, (program_id(0),))

        def outer() -> None:
            when(b > 0, lambda: store(p.y, (i,), a + b))
            when(b <= 0, lambda: store(p.y, (i,), a))

        when(a > 0, outer)
        when(a <= 0, lambda: store(p.y, (i,), a * 0))

    a, b = (np.array(values, np.int32) for values in ([3, 3, -3, -3, 5, 0], [4, -4, 4, -4, 0, 7]))
    op = tiny(body, {"a": ((6,), INT32), "b": ((6,), INT32)}, {"y": ((6,), INT32)}, grid=(6,))
    results = run(op, {"a": a, "b": b}, implementation)
    np.testing.assert_array_equal(results["y"], np.where(a > 0, a + np.maximum(b, 0), 0))


@each_implementation
def test_a_loop_in_a_branch(implementation: str) -> None:
    """Trips differ between the grid points that take the branch; the others do not even look at their bounds."""

    def body(p: Any) -> None:
        i = program_id(0)
        count = load(p.counts, (i,))

        def some() -> None:
            total = fori_loop(0, count, lambda k, acc: acc + load(p.x, (k,)), zeros((), F32))
            store(p.y, (i,), total)

        when(count < 9, some)
        when(count >= 9, lambda: store(p.y, (i,), zeros((), F32) - 1.0))

    counts, x = np.array([0, 3, FAR, 8, 1], np.int32), np.arange(8, dtype=np.float32)
    op = tiny(body, {"counts": ((5,), INT32), "x": ((8,), F32)}, {"y": ((5,), F32)}, grid=(5,))
    results = run(op, {"counts": np.where(counts == FAR, 9, counts).astype(np.int32), "x": x}, implementation)
    want = [x[:count].sum() if count < 9 else -1 for count in counts]
    np.testing.assert_array_equal(results["y"], bits(np.array(want, np.float32)))


@each_implementation
def test_a_branch_in_a_loop(implementation: str) -> None:
    """Every other column is written, by grid points whose loops have different lengths."""

    def body(p: Any) -> None:
        i = program_id(0)
        store(p.y, (i, arange(8)), zeros((8,), INT32) - 1)

        def step(k: Tile, total: Tile) -> Tile:
            when(k % 2 == i % 2, lambda: store(p.z, (i, k), total))
            when(k % 2 != i % 2, lambda: store(p.z, (i, k), -total))
            return total + k

        fori_loop(0, i + 5, step, i + 1)

    op = tiny(body, {"x": ((1,), F32)}, {"y": ((4, 8), INT32), "z": ((4, 8), INT32)}, grid=(4,))
    results = run(op, {"x": np.zeros(1, np.float32)}, implementation)
    i, k = np.indices((4, 8))
    want = np.where(k % 2 == i % 2, 1, -1) * (i + 1 + k * (k - 1) // 2)
    ran = k < i + 5
    np.testing.assert_array_equal(results["z"].view(np.int32)[ran], want[ran])
    np.testing.assert_array_equal(results["y"].view(np.int32), np.full((4, 8), -1))


@each_implementation
def test_branches_on_sizes(implementation: str) -> None:
    """All grid points agree: a condition over sizes alone."""

    def body(p: Any) -> None:
        i = program_id(0)
        when(p.N > 5, lambda: store(p.y, (i,), reduce_sum(load(p.x, (arange(8),), arange(8) < p.N), 0)))
        when(p.N <= 5, lambda: store(p.y, (i,), load(p.x, (0,))))

    for size in (3, 7):
        x = np.arange(1, size + 1, dtype=np.int32)
        op = tiny(body, {"x": ((N,), INT32)}, {"y": ((2,), INT32)}, axes=(N,), grid=(2,))
        results = run(op, {"x": x}, implementation)
        np.testing.assert_array_equal(results["y"], np.full(2, x.sum() if size > 5 else 1))


def test_a_branch_is_an_operation() -> None:
    inputs: Any = {"x": ((3, WORDS), INT32), "pick": ((6,), INT32)}
    op = tiny(chosen_from_memory, inputs, {"y": ((6, WORDS), INT32), "seen": ((6,), INT32)}, grid=(6,))
    program = program_of(op, {"x": np.zeros((3, WORDS), np.int32), "pick": np.zeros(6, np.int32)})
    whens = [found for found in walk(program.ops) if found.code is Opcode.WHEN]
    stores = [sum(op.code is Opcode.STORE for op in walk(found.region.ops)) for found in whens if found.region]
    assert stores == [1, 1]
    assert all(not found.results and not found.operands[0].type.shape for found in whens)


# What branches cost.


def test_branches_by_grid_point_count_as_often_as_they_are_taken() -> None:
    """Two of seven grid points, each loading and storing four words."""

    def body(p: Any) -> None:
        i, columns = program_id(0), arange(WORDS)
        when(i % 3 == 1, lambda: store(p.y, (i, columns), load(p.x, (i, columns))))

    shape = (7, WORDS)
    op = tiny(body, {"x": (shape, F32)}, {"y": (shape, F32)}, grid=(7,))
    spent = cost(launch_of(op, {"x": np.zeros(shape, np.float32)}))
    assert (spent.traffic_read, spent.traffic_written) == (2 * WORDS * 4, 2 * WORDS * 4)
    assert not spent.unresolved


def test_branches_by_data_count_as_taken_and_are_named() -> None:
    inputs: Any = {"x": ((3, WORDS), INT32), "pick": ((6,), INT32)}
    op = tiny(chosen_from_memory, inputs, {"y": ((6, WORDS), INT32), "seen": ((6,), INT32)}, grid=(6,))
    spent = cost(launch_of(op, {"x": np.zeros((3, WORDS), np.int32), "pick": np.zeros(6, np.int32)}))
    assert spent.traffic_written == 6 * 4 + 2 * 6 * WORDS * 4
    assert len(spent.unresolved) == 2
    assert all(where.startswith("tests/tile/test_branches.py:") for where in spent.unresolved)
