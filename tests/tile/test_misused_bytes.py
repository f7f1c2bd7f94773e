"""Mistakes around views of bytes, branches and pairs are refused while a body is traced, at the author's line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specs.lang.errors import SpecError
from specs.lang.formats.elements import BF16, BOOL, F32, F64, INT32, INT64, UINT8
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    fori_loop,
    join_pairs,
    load,
    load_view,
    program_id,
    split_pairs,
    store,
    store_view,
    when,
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


@misuse("a view of 'x', which is no array of bytes [pages, bytes]")
def view_of_floats(p: Any) -> None:
    load_view(p.x, 0, 0, arange(N), BF16)  # wrong


@misuse("a view of 'line', which is no array of bytes [pages, bytes]")
def view_of_bytes_without_pages(p: Any) -> None:
    load_view(p.line, 0, 0, arange(N), BF16)  # wrong


@misuse("a view of bytes as f64: elements have 8, 16 or 32 bits")
def view_of_wide_elements(p: Any) -> None:
    load_view(p.pages, 0, 0, arange(N), F64)  # wrong


@misuse("a view of bytes as bool: elements have 8, 16 or 32 bits")
def view_of_truth_values(p: Any) -> None:
    load_view(p.pages, 0, 0, arange(N), BOOL)  # wrong


@misuse("'pages' is addressed with int64[8], not int32")
def view_at_a_wide_page(p: Any) -> None:
    load_view(p.pages, arange(N).to(INT64), 0, arange(N), F32)  # wrong


@misuse("'pages' is addressed with f32[8], not int32")
def view_at_a_fraction(p: Any) -> None:
    load_view(p.pages, 0, load(p.x, (arange(N),)), 0, F32)  # wrong


@misuse("shapes [8] and [] and [4] do not broadcast")
def view_at_indices_that_do_not_fit(p: Any) -> None:
    load_view(p.pages, arange(N), 0, arange(4), F32)  # wrong


@misuse("a mask of bool[4] does not fit an access of shape [8]")
def view_under_another_mask(p: Any) -> None:
    load_view(p.pages, 0, 0, arange(N), F32, arange(4) < 3)  # wrong


@misuse("a mask of int32[8] does not fit an access of shape [8]")
def view_under_integers(p: Any) -> None:
    load_view(p.pages, 0, 0, arange(N), F32, arange(N))  # wrong


@misuse("store to 'pages', which is declared as an input")
def view_stored_to_an_input(p: Any) -> None:
    store_view(p.pages, 0, 0, arange(N), load(p.x, (arange(N),)))  # wrong


@misuse("a view of 'y', which is no array of bytes [pages, bytes]")
def view_stored_to_floats(p: Any) -> None:
    store_view(p.y, 0, 0, arange(N), load(p.x, (arange(N),)).to(BF16))  # wrong


@misuse("a view of bytes as bool: elements have 8, 16 or 32 bits")
def truth_values_stored(p: Any) -> None:
    store_view(p.cache, 0, 0, arange(N), arange(N) < 3)  # wrong


@misuse("a mask of bool[8, 1] does not fit an access of shape [8]")
def view_stored_under_another_mask(p: Any) -> None:
    store_view(p.cache, 0, 0, arange(N), arange(N), (arange(N) < 3)[:, None])  # wrong


@misuse("when(bool[8]): the condition is a scalar bool", "use a mask for tiles")
def branch_on_a_mask(p: Any) -> None:
    when(arange(N) < 3, lambda: store(p.y, (0,), load(p.x, (0,))))  # wrong


@misuse("when(int32[]): the condition is a scalar bool")
def branch_on_a_number(p: Any) -> None:
    when(program_id(0), lambda: store(p.y, (0,), load(p.x, (0,))))  # wrong


@misuse("store of int32 into 'y' of f32", "cast or encode it first")
def mistake_inside_a_branch(p: Any) -> None:
    def body() -> None:
        store(p.y, (0,), program_id(0))  # wrong

    when(program_id(0) > 0, body)


@misuse("join_pairs of f32[8] and int32[8]: types differ")
def pairs_of_two_formats(p: Any) -> None:
    join_pairs(load(p.x, (arange(N),)), arange(N))  # wrong


@misuse("join_pairs of int32[8] and int32[4]: types differ")
def pairs_of_two_sizes(p: Any) -> None:
    join_pairs(arange(N), arange(4))  # wrong


@misuse("join_pairs of int32[] and int32[]: types differ, or there is no dimension")
def pairs_of_scalars(p: Any) -> None:
    join_pairs(program_id(0), program_id(0))  # wrong


@misuse("split_pairs of int32[1]: the last dimension is not even")
def half_of_one(p: Any) -> None:
    split_pairs(arange(1))  # wrong


@misuse("belongs to a loop or a branch, and is used outside of it", "store it inside")
def tile_out_of_a_branch(p: Any) -> None:
    kept: list[Tile] = []
    when(program_id(0) < 1, lambda: kept.append(load(p.x, (arange(N),))))
    store(p.y, (arange(N),), kept[0])  # wrong


@misuse("belongs to a loop or a branch, and is used outside of it", "let the loop carry it")
def index_out_of_a_loop(p: Any) -> None:
    kept: list[Tile] = []
    fori_loop(0, 3, kept.append)
    last = kept[0] + 1  # wrong
    store(p.y, (last,), load(p.x, (0,)))


@misuse("belongs to a loop or a branch, and is used outside of it", "store it inside")
def tile_from_one_branch_to_another(p: Any) -> None:
    kept: list[Tile] = []
    when(program_id(0) < 1, lambda: kept.append(load(p.x, (arange(N),))))
    when(program_id(0) < 2, lambda: store(p.y, (arange(N),), kept[0]))  # wrong


def _trace(body: Body) -> None:
    arrays = {"x": np.zeros(N, np.float32), "line": np.zeros(N, np.uint8), "pages": np.zeros((2, 64), np.uint8)}
    inputs: dict[str, Any] = {"x": ((N,), F32), "line": ((N,), UINT8), "pages": ((2, 64), UINT8)}
    program_of(tiny(body, inputs, {"y": ((N,), F32), "cache": ((2, 64), UINT8)}), arrays)


@pytest.mark.parametrize(("body", "message", "hint"), CASES)
def test_misuse_is_refused_where_it_stands(body: Body, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        _trace(body)
    lines, first = inspect.getsourcelines(body)
    (marked,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(MARK)]
    assert caught.value.where == f"{HERE}:{marked}"
    assert message in str(caught.value)
    assert hint is None or hint in (caught.value.hint or "")


def test_what_is_right_is_not_refused() -> None:
    """The same calls without their mistakes."""

    def body(p: Any) -> None:
        x = load_view(p.pages, 1, 0, arange(N), F32, arange(N) < 3)
        store_view(p.cache, 1, 0, arange(2 * N), join_pairs(x, x), arange(2 * N) < 5)
        when(program_id(0) < 3, lambda: store(p.y, (arange(N),), x + arange(N).to(F32)))
        even, odd = split_pairs(arange(N))
        store_view(p.cache, 0, 0, arange(N // 2), (even + odd).to(INT32))

    _trace(body)
