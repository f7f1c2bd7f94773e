"""Affine blocks: bounds by the declared sizes, what static conditions leave out, and the gathers that they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis, Expr, Ref, cdiv
from specs.lang.declare.op import Op
from specs.lang.errors import SpecError
from specs.lang.formats.elements import F32, INT32
from specs.tile import language as tl
from specs.tile.blocks import UNDEFINED, ZERO, Slice, ds, load_block, store_block
from specs.tile.frontend.divisors import Divisors
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, Operation, Padding, block_dims, walk
from specs.tile.passes.accesses import misuses
from specs.tile.passes.cost import cost
from specs.tile.passes.legalise import legalise
from specs.tile.targets import EXECUTOR
from tests.tile.kernels import Raw, checked, implementations, launch_of, program_of, run, tiny

M, N, P = Axis(name="M"), Axis(name="N"), Axis(name="P")
X = np.arange(1, 36, dtype=np.float32).reshape(5, 7)
EVEN_M = (("even_m", (M % Ref("BLOCK")).equals(0)),)

each_implementation = pytest.mark.parametrize("implementation", implementations())


def copies(padding: Padding = ZERO, conditions: tuple[tuple[str, Expr], ...] = EVEN_M) -> Op:
    """Blocks of [2, 4] as they are loaded (`seen`), and as they are stored (`out`)."""

    def body(p: Any) -> None:
        row, column = tl.program_id(0) * p.BLOCK, tl.program_id(1) * 4
        block = (ds(row, p.BLOCK, padding=padding), ds(column, 4))
        x = load_block(p.x, block)
        store_block(p.out, block, x)
        tl.store(p.seen, ((row + tl.arange(p.BLOCK))[:, None], (column + tl.arange(4))[None, :]), x)

    return tiny(
        body,
        {"x": ((M, N), F32)},
        {"out": ((M, N), F32), "seen": (((M + 1) // 2 * 2, (N + 3) // 4 * 4), F32)},
        axes=(M, N),
        grid=(cdiv(M, Ref("BLOCK")), cdiv(N, 4)),
        block={"interpret": 2},
        conditions=conditions,
    )


def accesses(op: Op, arrays: dict[str, Raw]) -> list[Operation]:
    """The block accesses of the program as it is traced."""
    codes = (Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK)
    return [operation for operation in walk(program_of(op, arrays).ops) if operation.code in codes]


def gathers(op: Op, arrays: dict[str, Raw], name: str) -> Operation:
    """The one load or store of an array after lowering."""
    program = legalise(program_of(op, arrays), EXECUTOR)
    codes = (Opcode.LOAD, Opcode.STORE)
    (found,) = (o for o in walk(program.ops) if o.code in codes and o.attrs["array"] == name)
    return found


@each_implementation
def test_zeros_are_read_and_nothing_is_written_out_of_bounds(implementation: str) -> None:
    found = run(copies(), {"x": X}, implementation)
    np.testing.assert_array_equal(found["out"].view(np.float32), X)
    np.testing.assert_array_equal(found["seen"].view(np.float32), np.pad(X, ((0, 1), (0, 1))))


@each_implementation
def test_elements_in_bounds_are_read_whatever_the_padding(implementation: str) -> None:
    found = run(copies(UNDEFINED), {"x": X}, implementation)
    np.testing.assert_array_equal(found["out"].view(np.float32), X)
    np.testing.assert_array_equal(found["seen"].view(np.float32)[:5], np.pad(X, ((0, 0), (0, 1))))


@pytest.mark.parametrize("rows", [5, 6])
def test_rows_need_no_bounds_where_a_static_condition_is_true(rows: int) -> None:
    """Of columns no condition is declared, so that they are always checked."""
    x = np.ones((rows, 8), np.float32)
    found = accesses(copies(), {"x": x})
    assert [[dim.in_bounds for dim in block_dims(op)] for op in found] == [[rows == 6, False]] * 2
    assert [len(op.operands) for op in found] == [3 + (rows == 5), 4 + (rows == 5)]


def test_without_a_condition_rows_are_checked() -> None:
    (load, _) = accesses(copies(conditions=()), {"x": np.ones((6, 8), np.float32)})
    assert [dim.in_bounds for dim in block_dims(load)] == [False, False]


def reads(make: Callable[[Any], Slice], rows: Any = M) -> tuple[bool, bool]:
    """Whether a range of rows is in bounds, of 12 rows where BLOCK = 4 divides M by a condition."""

    def body(p: Any) -> None:
        store_block(p.out, (make(p),), load_block(p.x, (make(p),)))

    op = tiny(body, {"x": ((rows,), F32)}, {"out": ((M,), F32)}, axes=(M,), block={"interpret": 4}, conditions=EVEN_M)
    load, store = accesses(op, {"x": np.ones(12, np.float32)})
    return block_dims(load)[0].in_bounds, block_dims(store)[0].in_bounds


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (lambda p: ds(tl.program_id(0) * p.BLOCK, p.BLOCK), True),
        (lambda p: ds((tl.program_id(0) * 2 + 1) * p.BLOCK, p.BLOCK), True),
        (lambda _: ds(tl.program_id(0) * 4 + tl.program_id(1) * 8, 4), True),
        (lambda p: ds(0, p.BLOCK), True),
        (lambda _: ds(tl.program_id(0) * 2, 2), True),
        (lambda _: ds(tl.program_id(0) * 8, 8), False),  # no condition says that 8 divides M
        (lambda p: ds(tl.program_id(0), p.BLOCK), False),
        (lambda p: ds(tl.program_id(0) * p.BLOCK + 1, p.BLOCK), False),
        (lambda p: ds(tl.program_id(0) * p.BLOCK, p.BLOCK, end=p.M - 1), False),
        (lambda p: ds(tl.program_id(0) * p.BLOCK, p.BLOCK, in_bounds=False), False),
        (lambda _: ds(tl.program_id(0) * 8, 8, in_bounds=True), True),
    ],
)
def test_what_is_known_to_be_in_bounds(make: Callable[[Any], Slice], known: bool) -> None:
    assert reads(make) == (known, known)


def test_constant_ranges_of_constant_sizes() -> None:
    assert reads(lambda _: ds(8, 4), 12)[0]
    assert not reads(lambda _: ds(8, 8), 12)[0]


def test_divisors_of_sizes() -> None:
    env = {"BLOCK": 64, "UNROLL": 2, "S": 48}
    both = (M % Ref("BLOCK")).equals(0).and_(N.equals(M))
    divisors = Divisors([both, (N % (Ref("BLOCK") * Ref("UNROLL"))).equals(0), (Ref("S") % 16).equals(0)], env)
    sizes = (M, N, N // 2, N // 3, N * 2, P, Ref("S"))
    assert [divisors.of(size) for size in sizes] == [64, 128, 64, None, None, None, 16]


def test_padding_decides_between_masks_and_clamped_indices() -> None:
    x = {"x": np.ones((5, 8), np.float32)}
    even = {"x": np.ones((6, 8), np.float32)}
    one_column = (*EVEN_M, ("even_n", (N % 4).equals(0)))
    masked = [
        [bool(gathers(copies(padding, one_column), arrays, name).attrs["masked"]) for name in ("x", "out")]
        for padding, arrays in ((ZERO, x), (UNDEFINED, x), (ZERO, even))
    ]
    assert masked == [[True, True], [False, True], [False, False]]


def test_indices_are_computed_once_and_outside_of_loops() -> None:
    """A range that does not depend on the loop, of two arrays in it; one that does is inside."""

    def body(p: Any) -> None:
        rows = ds(tl.program_id(0) * 4, 4, padding=UNDEFINED)

        def step(k: Tile, total: Tile) -> Tile:
            columns = ds(k * 4, 4)
            return total + load_block(p.x, (rows, columns)) + load_block(p.y, (rows, columns))

        store_block(p.out, (rows, ds(0, 4)), tl.fori_loop(0, tl.cdiv(p.N, 4), step, tl.zeros((4, 4))))

    op = tiny(body, {"x": ((M, N), F32), "y": ((M, N), F32)}, {"out": ((M, 4), F32)}, axes=(M, N), grid=(cdiv(M, 4),))
    program = legalise(program_of(op, {"x": X, "y": X}), EXECUTOR)
    (loop,) = (o for o in program.ops if o.code is Opcode.FOR)
    assert loop.region is not None
    count = {code: sum(o.code is code for o in program.ops) for code in (Opcode.ARANGE, Opcode.MIN)}
    assert count == {Opcode.ARANGE: 1, Opcode.MIN: 1}
    inside = [o.code for o in loop.region.ops if o.code in (Opcode.ARANGE, Opcode.MIN, Opcode.LT)]
    assert inside == [Opcode.LT]  # the mask of the columns, once for both arrays


@each_implementation
def test_one_index_of_a_dimension(implementation: str) -> None:
    """Pages of a table, of which rows [2, 6) are read; beyond `end` there are zeros although the array goes on."""

    def body(p: Any) -> None:
        page = tl.load(p.table, (tl.program_id(0),))
        rows = ds(2, 4, end=tl.program_id(0) + 4)
        store_block(p.out, (tl.program_id(0), ds(0, 4), ds(0, 8)), load_block(p.x, (page, rows, ds(0, 8))))

    x = np.arange(3 * 8 * 7, dtype=np.float32).reshape(3, 8, 7) + 1
    table = np.array([2, 0, 1], np.int32)
    inputs: Any = {"x": ((P, 8, N), F32), "table": ((P,), INT32)}
    op = tiny(body, inputs, {"out": ((P, 4, N), F32)}, axes=(P, N), grid=(P,))
    want = x[table, 2:6]
    for page in range(3):
        want[page, page + 2 :] = 0
    np.testing.assert_array_equal(run(op, {"x": x, "table": table}, implementation)["out"].view(np.float32), want)


def test_cost_counts_whole_blocks() -> None:
    found = cost(launch_of(copies(), {"x": X}))
    assert (found.traffic_read, found.traffic_written) == (6 * 8 * 4, 2 * 6 * 8 * 4)


def test_results_that_depend_on_undefined_elements_are_found() -> None:
    arrays = {"x": X}
    (wrong,) = misuses(checked(copies(UNDEFINED), arrays), arrays)
    assert wrong.startswith("'seen': ")
    assert wrong.endswith(" bytes depend on uninitialised memory or undefined padding")
    assert not misuses(checked(copies(ZERO), arrays), arrays)


def test_a_range_that_is_said_to_be_in_bounds_is_checked_by_the_checker() -> None:
    def body(p: Any) -> None:
        rows = ds(tl.program_id(0) * 4, 4)
        x = load_block(p.x, (ds(tl.program_id(0) * 4, 4, in_bounds=True),))
        store_block(p.out, (rows,), x)

    op = tiny(body, {"x": ((M,), F32)}, {"out": ((M,), F32)}, axes=(M,), grid=(cdiv(M, 4),))
    arrays = {"x": np.ones(6, np.float32)}
    assert "reads 'x' outside dimension 0 of size 6: 6 .. 7" in misuses(checked(op, arrays), arrays)[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda p: load_block(p.x, (ds(0, 4),)), "'x' takes 2 indices, got 1"),
        (lambda p: load_block(p.x, (ds(0, 3), 0)), "sizes are powers of two"),
        (lambda p: load_block(p.x, (tl.arange(4), ds(0, 4))), "has a tile for an index of a block"),
        (lambda p: load_block(p.x, (ds(tl.arange(4), 4), 0)), "a range that starts at int32[4]"),
        (lambda p: store_block(p.x, (ds(0, 4), 0), tl.zeros((4,))), "declared as an input"),
        (lambda p: store_block(p.out, (ds(0, 4), 0), tl.zeros((8,))), "store of f32[8] to a block f32[4] of 'out'"),
        (lambda p: store_block(p.out, (ds(0, 4), 0), tl.zeros((4,), INT32)), "store of int32[4] to a block f32[4]"),
    ],
)
def test_mistakes(body: Callable[[Any], None], message: str) -> None:
    op = tiny(body, {"x": ((M, N), F32)}, {"out": ((M, N), F32)}, axes=(M, N))
    with pytest.raises(SpecError) as refused:
        program_of(op, {"x": X})
    assert message in str(refused.value)
    assert "test_blocks.py" in str(refused.value)
