"""Integers that generated kernels take: the sizes and strides that they read, and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import specs
from parity.write.sources import emitters, sources
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Rows
from specs.lang.formats.elements import F32, INT32
from specs.tile import language as tl
from specs.tile.emit import triton
from specs.tile.ir import Lead, Opcode, Stride
from specs.tile.launch.cases import default_case
from specs.tile.passes.legalise import legalise
from specs.tile.targets import TRITON_CUDA
from tests.tile.kernels import bits, implementations, launch_of, run, tiny

R = Axis(name="R")
MY_LEAD = Axis(name="my_lead0")
X_LEAD = Axis(name="x_lead1")
UNREAD = Axis(name="UNREAD")


def unread(source: str) -> list[str]:
    """Integer parameters of the kernel that its body does not read."""
    return list(_unread(ast.parse(source)))


def _unread(tree: ast.Module) -> Iterator[str]:
    for kernel in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        read = {node.id for node in ast.walk(kernel) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for argument in (*kernel.args.args, *kernel.args.kwonlyargs):
            if not argument.arg.endswith(("_ptr", "_ref")) and argument.arg not in read:
                yield f"{kernel.name}: {argument.arg}"


@pytest.mark.parametrize("emitter", emitters())
@pytest.mark.parametrize("name", specs.names())
def test_kernels_read_every_integer_that_they_take(name: str, emitter: str) -> None:
    op = specs.get(name)
    for source in sources(op, emitter, default_case(op)).values():
        assert unread(source) == []


def test_integers_that_are_not_read_are_found() -> None:
    assert unread("def k(x_ptr, N, stride_x0, *, M):\n    return x_ptr + stride_x0\n") == ["k: N", "k: M"]


def rows_of(p: Any) -> None:
    """y[r, j] = (x[r, j] + my_lead0) * x_lead1, with dead code."""
    rows, columns = tl.program_id(0) * 4 + tl.arange(4), tl.arange(4)
    inside = (rows < p.R)[:, None] & (columns < p.my_lead0)[None, :]
    forgotten = p.UNREAD * 3
    _lost = tl.load(p.unread, (forgotten, 0))
    x = tl.load(p.x, (rows[:, None], columns[None, :]), inside)
    y = (x + p.my_lead0.to(F32)) * p.x_lead1.to(F32)
    tl.store(p.y, (rows[:, None], columns[None, :]), y, inside)


ROWS = tiny(
    rows_of,
    {"x": ((Rows(R), MY_LEAD), F32), "unread": ((UNREAD, X_LEAD), INT32)},
    {"y": ((Rows(R), MY_LEAD), F32)},
    axes=(R, MY_LEAD, X_LEAD, UNREAD),
    grid=(cdiv(R, 4),),
)
GAPS = (20, 5, 1)  # strides of x in elements: three rows, and the next three further on
ARRAYS = {"x": np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3), "unread": np.zeros((6, 7), np.int32)}


def test_axes_may_be_called_as_leading_dimensions_are() -> None:
    launch = launch_of(ROWS, ARRAYS, strides={"x": GAPS, "unread": (9, 1)})
    program = legalise(launch.program, TRITON_CUDA)
    assert Lead("x", 1) in program.sizes
    taken = triton.integers(program)
    assert taken == (Ref("R"), Ref("my_lead0"), Ref("x_lead1"), Lead("x", 1), Stride("x", 0), Stride("x", 1))
    assert [launch.number(integer) for integer in taken] == [6, 3, 7, 3, *GAPS[:2]]
    names = triton.arguments(program)[-len(taken) :]
    assert names == ["R", "my_lead0", "x_lead1", "x_lead1_", "stride_x0", "stride_x1"]
    assert unread(triton.emit(program)) == []


@pytest.mark.parametrize("implementation", implementations())
def test_such_axes_are_the_sizes_that_they_are(implementation: str) -> None:
    results = run(ROWS, ARRAYS, implementation)
    np.testing.assert_array_equal(results["y"], bits((ARRAYS["x"] + np.float32(3)) * np.float32(7)))


def test_rows_that_lie_apart_are_found_in_torch() -> None:
    import torch

    from torch_impl.launch import run as run_torch

    x = torch.from_numpy(np.arange(40, dtype=np.float32)).as_strided((2, 3, 3), GAPS)
    for implementation in ("eager", "interpret"):
        if f"torch:{implementation}" not in implementations():
            continue
        (y,) = run_torch(ROWS, [x, torch.zeros(6, 7, dtype=torch.int32)], (), implementation)
        np.testing.assert_array_equal(y.numpy(), (x.numpy() + np.float32(3)) * np.float32(7))


def test_what_nothing_depends_on_is_not_recorded() -> None:
    program = launch_of(ROWS, ARRAYS).program
    assert Ref("UNREAD") in program.sizes
    assert Ref("UNREAD") not in program.sizes_read
    assert [op.attrs["array"] for op in program.ops if op.code is Opcode.LOAD] == ["x"]


def test_sizes_of_packed_arrays_are_taken_for_their_strides() -> None:
    """The result is packed, so that its rows are as far apart as they are long; no operation reads that length."""

    def body(p: Any) -> None:
        tl.store(p.y, (tl.arange(4)[:, None], tl.arange(4)[None, :]), tl.zeros((4, 4)))

    width = Axis(name="WIDTH")
    op = tiny(body, {"x": ((R, width), F32)}, {"y": ((R, (width + 1) * 2), F32)}, axes=(R, width))
    program = launch_of(op, {"x": np.zeros((4, 1), np.float32)}).program
    assert program.sizes_read == ()
    assert triton.integers(legalise(program, TRITON_CUDA)) == (Ref("WIDTH"),)
    assert "[:, None] * ((WIDTH + 1) * 2)" in triton.emit(legalise(program, TRITON_CUDA))
