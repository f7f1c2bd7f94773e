"""A mistake in a kernel body is refused while it is traced, at the author's line, with a hint where it helps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specs.lang.errors import SpecError
from specs.lang.formats.elements import BF16, E4M3, F32, INT32, UINT8
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cumsum,
    dot,
    exp2,
    fori_loop,
    full,
    load,
    program_id,
    reduce_max,
    store,
    where,
    zeros,
)
from tests.tile.kernels import program_of, tiny

HERE = Path(__file__).relative_to(Path(__file__).parents[2]).as_posix()
MARK = "# wrong"
N = 8

Body = Callable[[Any], None]
CASES: list[Any] = []


def misuse(message: str, hint: str | None = None) -> Callable[[Body], Body]:
    """Registers a body, one line of which (the marked one) is wrong."""

    def register(body: Body) -> Body:
        CASES.append(pytest.param(body, message, hint, id=body.__name__))
        return body

    return register


def row(p: Any) -> Tile:
    """x, f32 [8]."""
    return load(p.x, (arange(N),))


@misuse("add of f32[8] and int32[8]: element formats differ", "cast one operand")
def formats_differ(p: Any) -> None:
    x = row(p)
    y = x + arange(N)  # wrong
    store(p.y, (arange(N),), y)


@misuse("mul of f32[8] and f32[4]: shapes do not broadcast", "[:, None]")
def sizes_do_not_broadcast(p: Any) -> None:
    x = row(p)
    scaled = x * full((4,), 2.0, F32)  # wrong
    store(p.y, (arange(N),), scaled)


@misuse("add of f32[8] and f32[8, 1]: shapes do not broadcast", "same rank")
def ranks_do_not_broadcast(p: Any) -> None:
    x = row(p)
    return store(p.y, (arange(N),), x + x[:, None])  # wrong


@misuse("tile shape [6]: sizes are powers of two", "pad the tile and mask")
def arange_of_six(p: Any) -> None:
    x = load(p.x, (arange(6),))  # wrong
    store(p.y, (arange(6),), x)


@misuse("tile shape [2, 3]: sizes are powers of two", "pad the tile and mask")
def zeros_of_three(p: Any) -> None:
    row(p)
    zeros((2, 3))  # wrong


@misuse("tile shape [3]: sizes are powers of two", "pad the tile and mask")
def broadcast_to_three(p: Any) -> None:
    one = program_id(0)
    one.broadcast(3)  # wrong


@misuse("store to 'x', which is declared as an input")
def store_to_input(p: Any) -> None:
    x = row(p)
    store(p.x, (arange(N),), x)  # wrong


@misuse("store of int32 into 'y' of f32", "cast or encode it first")
def store_of_another_format(p: Any) -> None:
    store(p.y, (arange(N),), arange(N))  # wrong


@misuse("'x' takes 1 indices, got 2")
def too_many_indices(p: Any) -> None:
    columns = arange(N)
    load(p.x, (columns[:, None], columns[None, :]))  # wrong


@misuse("'grid2' takes 2 indices, got 1")
def too_few_indices(p: Any) -> None:
    load(p.grid2, (arange(N),))  # wrong


@misuse("'x' is indexed with f32[8], not integers")
def float_index(p: Any) -> None:
    load(p.x, (row(p),))  # wrong


@misuse("a mask of int32[8] does not fit an access of shape [8]")
def integer_mask(p: Any) -> None:
    columns = arange(N)
    load(p.x, (columns,), columns & 1)  # wrong


@misuse("a mask of bool[8, 1] does not fit an access of shape [8]")
def mask_of_another_rank(p: Any) -> None:
    columns = arange(N)
    load(p.x, (columns,), (columns < 3)[:, None])  # wrong


@misuse("a mask of bool[8] does not fit an access of shape []")
def mask_larger_than_access(p: Any) -> None:
    load(p.x, (0,), arange(N) < 3)  # wrong


@misuse("the loop carries f32[8] in and int32[8] out")
def loop_carries_another_format(p: Any) -> None:
    x = row(p)
    fori_loop(0, 3, lambda _, acc: acc.to(INT32), x)  # wrong


@misuse("the loop carries f32[8] in and f32[2, 4] out")
def loop_carries_another_shape(p: Any) -> None:
    x = row(p)

    def step(k: Tile, acc: Tile) -> Tile:
        return acc.reshape(2, 4)

    fori_loop(0, 3, step, x)  # wrong


@misuse("the loop carries 1 tile(s) in and 2 out")
def loop_carries_more(p: Any) -> None:
    x = row(p)
    fori_loop(0, 3, lambda _, acc: (acc, acc), x)  # wrong


@misuse("the loop carries 1 tile(s) in and 0 out")
def loop_carries_nothing_on(p: Any) -> None:
    x = row(p)

    def step(k: Tile, acc: Tile) -> None:
        store(p.y, (arange(N),), acc)

    fori_loop(0, 3, step, x)  # wrong


@misuse("sub of f32[8] and int32[]: element formats differ", "cast one operand")
def mistake_inside_a_loop(p: Any) -> None:
    x = row(p)

    def step(k: Tile, acc: Tile) -> Tile:
        return acc - k  # wrong

    fori_loop(0, 3, step, x)


@misuse("the bool of a tile is unknown while tracing", "where()")
def branch_on_a_tile(p: Any) -> None:
    x = row(p)
    if reduce_max(x, 0) > 0:  # wrong
        store(p.y, (arange(N),), x)


@misuse("the bool of a tile is unknown while tracing", "where()")
def chained_comparison(p: Any) -> None:
    columns = arange(N)
    inside = 2 < columns < 5  # wrong
    store(p.y, (columns,), row(p), inside)


@misuse("0.5 is not a value of int32", "cast the tile to a float format first")
def number_in_an_integer_tile(p: Any) -> None:
    half = arange(N) * 0.5  # wrong
    store(p.y, (arange(N),), half)


@misuse("the kernel declares nothing called 'scale'", "it has x, h, grid2, y")
def unknown_name(p: Any) -> None:
    x = row(p)
    store(p.y, (arange(N),), x * p.scale)  # wrong


@misuse("add is not defined on bf16", "cast with .to(F32)")
def narrow_arithmetic(p: Any) -> None:
    h = load(p.h, (arange(N),))
    store(p.y, (arange(N),), (h + h).to(F32))  # wrong


@misuse("lt is not defined on e4m3", "cast with .to(F32)")
def narrow_comparison(p: Any) -> None:
    x = row(p).to(E4M3)
    store(p.y, (arange(N),), row(p), x < x)  # wrong


@misuse("shl is not defined on uint8", "cast with .to(INT32)")
def byte_arithmetic(p: Any) -> None:
    codes = arange(N).to(UINT8)
    codes << 4  # wrong


@misuse("and is not defined on f32", "cast with .to(INT32)")
def bits_of_a_float(p: Any) -> None:
    row(p) & row(p)  # wrong


@misuse("exp2 is not defined on int32", "cast with .to(F32)")
def exp2_of_integers(p: Any) -> None:
    exp2(arange(N))  # wrong


@misuse("not is not defined on int32", "bool tiles")
def not_of_integers(p: Any) -> None:
    ~arange(N)  # wrong


@misuse("not is not defined on f32")
def not_of_floats(p: Any) -> None:
    ~row(p)  # wrong


@misuse("div is not defined on int32")
def division_of_integers(p: Any) -> None:
    arange(N) / 2  # wrong


@misuse("amax over bf16[8]: reductions are on 32-bit formats", "cast first")
def narrow_reduction(p: Any) -> None:
    reduce_max(load(p.h, (arange(N),)), 0)  # wrong


@misuse("amax over f32[]: a scalar has no axis")
def reduction_of_a_scalar(p: Any) -> None:
    reduce_max(load(p.x, (0,)), 0)  # wrong


@misuse("amax over f32[8]: there is no axis 1")
def reduction_along_no_axis(p: Any) -> None:
    reduce_max(row(p), 1)  # wrong


@misuse("cumsum of bf16[8]: running sums are on 32-bit formats", "cast first")
def narrow_running_sum(p: Any) -> None:
    cumsum(load(p.h, (arange(N),)), 0)  # wrong


@misuse("cumsum of f32[8]: there is no axis 1")
def running_sum_along_no_axis(p: Any) -> None:
    cumsum(row(p), 1)  # wrong


@misuse("where(int32[8], f32[8], f32[8]): formats differ")
def select_by_integers(p: Any) -> None:
    where(arange(N), row(p), row(p))  # wrong


@misuse("shapes [8] and [4] and [] do not broadcast")
def select_of_other_shapes(p: Any) -> None:
    where(arange(N) < 3, full((4,), 1.0, F32), 0.0)  # wrong


@misuse("where() of two numbers")
def select_of_numbers(p: Any) -> None:
    where(arange(N) < 3, 1.0, 0.0)  # wrong


@misuse("dot of f32[2, 4] and f32[2, 4]: inner sizes differ")
def dot_of_other_sizes(p: Any) -> None:
    x = row(p).reshape(2, 4)
    dot(x, x)  # wrong


@misuse("dot of f32[2, 4] and bf16[4, 2]: element formats differ", "cast one of them")
def dot_of_other_formats(p: Any) -> None:
    x = row(p).reshape(2, 4)
    dot(x, x.to(BF16).transpose())  # wrong


@misuse("dot of int32[2, 4] and int32[4, 2]: operands are floats", "cast")
def dot_of_integers(p: Any) -> None:
    x = arange(N).reshape(2, 4)
    dot(x, x.transpose())  # wrong


@misuse("dot accumulates into f32[2, 2], not f32[2, 1]")
def dot_into_another_shape(p: Any) -> None:
    x = row(p).reshape(2, 4)
    dot(x, x.transpose(), zeros((2, 1)))  # wrong


@misuse("reshape of f32[8] to [4, 4]: sizes differ")
def reshape_to_another_size(p: Any) -> None:
    row(p).reshape(4, 4)  # wrong


@misuse("f32[8] does not broadcast to [4]")
def broadcast_to_less(p: Any) -> None:
    row(p).broadcast(4)  # wrong


@misuse("transpose of f32[8, 1] by [0, 0]: not an order of its dimensions")
def transpose_by_no_permutation(p: Any) -> None:
    row(p)[:, None].transpose(0, 0)  # wrong


@misuse("bitcast from f32 to bf16: widths differ")
def bitcast_to_another_width(p: Any) -> None:
    row(p).bitcast(BF16)  # wrong


@misuse("tiles are indexed with ':' and None only, not 3")
def subscript(p: Any) -> None:
    row(p)[3]  # wrong


@misuse("tiles are indexed with ':' and None only")
def subscript_with_a_tile(p: Any) -> None:
    row(p)[arange(N)]  # wrong


@misuse("f32[8] has 1 dimension(s), the subscript asks for 2")
def subscript_of_another_rank(p: Any) -> None:
    row(p)[:, :, None]  # wrong


def _trace(body: Body) -> None:
    arrays = {"x": np.zeros(N, np.float32), "h": np.zeros(N, np.uint16), "grid2": np.zeros((N, N), np.float32)}
    inputs: dict[str, Any] = {"x": ((N,), F32), "h": ((N,), BF16), "grid2": ((N, N), F32)}
    program_of(tiny(body, inputs, {"y": ((N,), F32)}), arrays)


@pytest.mark.parametrize(("body", "message", "hint"), CASES)
def test_misuse_is_refused_where_it_stands(body: Body, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        _trace(body)
    lines, first = inspect.getsourcelines(body)
    (marked,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(MARK)]
    assert caught.value.where == f"{HERE}:{marked}"
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{HERE}:{marked}: ")
    assert hint is None or hint in (caught.value.hint or "")


def test_tiles_do_not_outlive_the_trace() -> None:
    kept: list[Tile] = []

    def body(p: Any) -> None:
        kept.append(row(p))

    _trace(body)
    with pytest.raises(SpecError, match=f"^{HERE}:.*only exist while a kernel body is traced"):
        kept[0] + kept[0]


def test_a_failed_trace_leaves_no_tracer_behind() -> None:
    with pytest.raises(SpecError):
        _trace(formats_differ)
    with pytest.raises(SpecError, match="only exist while"):
        arange(N)
