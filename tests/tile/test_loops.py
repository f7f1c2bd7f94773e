"""Loops: trip counts known at run time or different for every grid point, nesting, what is carried and how."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, cdiv, dot, fori_loop, load, program_id, reduce_sum, store, where, zeros
from tests.tile.kernels import bits, implementations, run, tiny

each_implementation = pytest.mark.parametrize("implementation", implementations())
N = Axis(name="N")
ONE: Any = {"x": ((N,), F32)}


@each_implementation
@pytest.mark.parametrize("n", [0, 1, 8, 21])
def test_trip_count_from_a_size(n: int, implementation: str, rng: np.random.Generator) -> None:
    def body(p: Any) -> None:
        def step(k: Tile, total: Tile) -> Tile:
            at = k * 8 + arange(8)
            return total + load(p.x, (at,), at < p.N)

        store(p.y, (), reduce_sum(fori_loop(0, cdiv(p.N, 8), step, zeros((8,))), 0))

    x = rng.integers(-99, 99, n).astype(np.float32)
    results = run(tiny(body, ONE, {"y": ((), F32)}, axes=(N,)), {"x": x}, implementation)
    np.testing.assert_array_equal(results["y"], bits(x.sum(dtype=np.float32)))


@each_implementation
def test_trip_count_from_memory(implementation: str) -> None:
    """Row i sums x[starts[i] : starts[i + 1]]; some rows are empty, and no row reads outside its own."""

    def body(p: Any) -> None:
        i = program_id(0)

        def step(k: Tile, total: Tile, count: Tile) -> tuple[Tile, Tile]:
            return total + load(p.x, (k,)), count + 1

        total, count = fori_loop(load(p.starts, (i,)), load(p.starts, (i + 1,)), step, zeros((), F32), zeros((), INT32))
        store(p.y, (i,), total)
        store(p.counts, (i,), count)

    x = np.arange(12, dtype=np.float32)
    starts = np.array([0, 3, 3, 11, 12], np.int32)
    arrays: Any = {"x": ((12,), F32), "starts": ((5,), INT32)}
    op = tiny(body, arrays, {"y": ((4,), F32), "counts": ((4,), INT32)}, grid=(4,))
    results = run(op, {"x": x, "starts": starts}, implementation)
    sums = [x[start:end].sum() for start, end in pairwise(starts)]
    np.testing.assert_array_equal(results["y"], bits(np.array(sums, np.float32)))
    np.testing.assert_array_equal(results["counts"], np.diff(starts))


@each_implementation
def test_stores_inside_a_loop_of_different_lengths(implementation: str) -> None:
    def body(p: Any) -> None:
        i = program_id(0)

        def step(k: Tile) -> None:
            store(p.y, (i, k), i * 10 + k)

        store(p.y, (i, arange(4)), zeros((4,), INT32) - 1)
        fori_loop(0, i + 1, step)

    op = tiny(body, {"x": ((1,), F32)}, {"y": ((4, 4), INT32)}, grid=(4,))
    results = run(op, {"x": np.zeros(1, np.float32)}, implementation)
    i, k = np.indices((4, 4))
    np.testing.assert_array_equal(results["y"].view(np.int32), np.where(k <= i, i * 10 + k, -1))


@each_implementation
def test_nested_loops_start_afresh(implementation: str) -> None:
    """The inner loop's initial value comes from outside of the outer loop, and is the same every time."""

    def body(p: Any) -> None:
        start = zeros((4,), INT32)

        def outer(k: Tile, total: Tile) -> Tile:
            def inner(j: Tile, acc: Tile) -> Tile:
                return acc + arange(4) * (j + 1)

            acc = fori_loop(0, k + 1, inner, start)
            return total * 10 + acc

        store(p.y, (arange(4),), fori_loop(0, 3, outer, arange(4)))

    results = run(tiny(body, {"x": ((1,), F32)}, {"y": ((4,), INT32)}), {"x": np.zeros(1, np.float32)}, implementation)
    one = np.arange(4)
    np.testing.assert_array_equal(results["y"], one * 1000 + one * 100 + 3 * one * 10 + 6 * one)


@each_implementation
def test_nested_loops_of_different_lengths(implementation: str) -> None:
    """The bounds of the inner loop depend on the grid point and on the outer iteration."""

    def body(p: Any) -> None:
        i = program_id(0)

        def outer(k: Tile, total: Tile, inner_sum: Tile) -> tuple[Tile, Tile]:
            def inner(j: Tile, acc: Tile) -> Tile:
                return acc + load(p.x, (i, j)) * (k + 1)

            inner_sum = fori_loop(k, i + 1, inner, inner_sum)
            return total + inner_sum, inner_sum

        total, last = fori_loop(0, i + 1, outer, zeros((), INT32), zeros((), INT32))
        store(p.y, (i,), total)
        store(p.last, (i,), last)

    x = np.arange(25, dtype=np.int32).reshape(5, 5)
    op = tiny(body, {"x": ((5, 5), INT32)}, {"y": ((5,), INT32), "last": ((5,), INT32)}, grid=(5,))
    results = run(op, {"x": x}, implementation)
    sums = [[x[i, k : i + 1].sum() * (k + 1) for k in range(i + 1)] for i in range(5)]
    np.testing.assert_array_equal(results["last"], [sum(row) for row in sums])
    np.testing.assert_array_equal(results["y"], [np.cumsum(row).sum() for row in sums])


@each_implementation
def test_carried_tiles_trade_places(implementation: str) -> None:
    def body(p: Any) -> None:
        def step(k: Tile, a: Tile, b: Tile, c: Tile) -> tuple[Tile, Tile, Tile]:
            return b, c, a + b

        a, b, c = fori_loop(0, 9, step, arange(4), arange(4) + 1, zeros((4,), INT32))
        store(p.y, (arange(4),), a)
        store(p.z, (arange(4),), b)
        store(p.w, (arange(4),), c)

    outputs: Any = dict.fromkeys("yzw", ((4,), INT32))
    results = run(tiny(body, {"x": ((1,), F32)}, outputs), {"x": np.zeros(1, np.float32)}, implementation)
    a, b, c = np.arange(4), np.arange(4) + 1, np.zeros(4, int)
    for _ in range(9):
        a, b, c = b, c, a + b
    for name, want in zip("yzw", (a, b, c), strict=True):
        np.testing.assert_array_equal(results[name], want)


@each_implementation
def test_initial_value_is_kept(implementation: str) -> None:
    """What a loop starts from can be used after it, and by two loops."""

    def body(p: Any) -> None:
        x = load(p.x, (arange(4),))
        doubled = fori_loop(0, 3, lambda _, acc: acc * 2.0, x)
        raised = fori_loop(0, 3, lambda _, acc: acc + 1.0, x)
        store(p.y, (arange(4),), where(x > 2.0, doubled, raised))
        store(p.z, (arange(4),), x)

    x = np.array([1, 2, 3, 4], np.float32)
    results = run(tiny(body, {"x": ((4,), F32)}, {"y": ((4,), F32), "z": ((4,), F32)}), {"x": x}, implementation)
    np.testing.assert_array_equal(results["y"], bits(np.where(x > 2, x * 8, x + 3)))
    np.testing.assert_array_equal(results["z"], bits(x))


@each_implementation
def test_dots_accumulate_over_a_loop(implementation: str, rng: np.random.Generator) -> None:
    def body(p: Any) -> None:
        i = arange(16)

        def step(k: Tile, acc: Tile) -> Tile:
            depth = k * 32 + arange(32)
            inside = depth < p.N
            a = load(p.a, (i[:, None], depth[None, :]), inside[None, :])
            b = load(p.b, (depth[:, None], i[None, :]), inside[:, None])
            return dot(a, b, acc)

        acc = fori_loop(0, cdiv(p.N, 32), step, zeros((16, 16)))
        store(p.y, (i[:, None], i[None, :]), acc)

    a = rng.integers(-9, 9, (16, 75)).astype(np.float32)
    b = rng.integers(-9, 9, (75, 16)).astype(np.float32)
    op = tiny(body, {"a": ((16, N), F32), "b": ((N, 16), F32)}, {"y": ((16, 16), F32)}, axes=(N,))
    np.testing.assert_array_equal(run(op, {"a": a, "b": b}, implementation)["y"], bits(a @ b))
