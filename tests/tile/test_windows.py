"""Places that are known beforehand: windows and boxes, slices of arrays, and the same results as by indices."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from specs.tile.interpret.windows import Window, place, slice_of


def offsets(
    sizes: tuple[int, ...], strides: tuple[int, ...], base: int = 0
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    total = np.full((1,) * len(sizes), base, np.int32)
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        total = total + (np.arange(size, dtype=np.int32) * stride).reshape(
            [-1 if d == axis else 1 for d in range(len(sizes))]
        )
    return total


def elements(window: Window) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return offsets(window.sizes, window.strides, window.base)


@pytest.mark.parametrize("rows", [1, 2, 5, 6, 8])
def test_a_masked_tile_is_the_window_inside(rows: int) -> None:
    """Rows in tiles of 4, columns 3 of 8: a box of the tile, or of its rows counted through."""
    at = offsets((2, 4, 8), (40, 10, 1), base=7)
    row = np.arange(8).reshape(2, 4, 1)
    mask = (row < rows) & (np.arange(8) < 3)
    found = place(at, mask, (2,))
    assert found is not None
    assert prod(found.axes) == at.size
    tile = np.full(found.axes, -1, np.int64)
    tile[found.inside] = elements(found.window)
    np.testing.assert_array_equal(tile.reshape(at.shape), np.where(mask, at, -1))


def test_a_grid_of_two_dimensions_is_split() -> None:
    tokens, parts = np.divmod(np.arange(6, dtype=np.int32), 2)
    at = (tokens * 100 + parts * 7)[:, None] + np.arange(4, dtype=np.int32)
    found = place(at, (parts == 1)[:, None], (3, 2))
    assert found is not None
    assert found.window == Window(7, (3, 1, 4), (100, 7, 1))
    assert found.first == (0, 1, 0)


@pytest.mark.parametrize(
    ("at", "mask"),
    [
        (np.array([[0, 1, 3, 4]], np.int32) ** 2, None),
        (np.arange(8, dtype=np.int32)[None], (np.arange(8) % 2 == 0)[None]),
        (np.minimum(np.arange(8, dtype=np.int32), 5)[None], None),
        (np.array([[[0, 1], [2, 5]]], np.int32), None),
    ],
)
def test_others_are_no_windows(
    at: np.ndarray[tuple[int, ...], np.dtype[np.int32]], mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None
) -> None:
    assert place(at, mask, (1,)) is None


@pytest.mark.parametrize(
    ("window", "within", "distinct"),
    [
        (Window(4, (2, 3), (6, 1)), True, True),
        (Window(5, (2, 3), (6, 1)), True, True),
        (Window(6, (2, 3), (6, 1)), False, True),
        (Window(10, (2, 3), (6, 1)), False, True),
        (Window(-1, (2,), (1,)), False, True),
        (Window(3, (4,), (-1,)), True, True),
        (Window(0, (2, 3), (2, 1)), True, False),
        (Window(0, (2, 3), (0, 1)), True, False),
    ],
)
def test_what_windows_reach(window: Window, within: bool, distinct: bool) -> None:
    assert window.within(14) is within
    assert window.distinct is distinct


@pytest.mark.parametrize(
    "window",
    [
        Window(0, (4, 6), (6, 1)),
        Window(7, (3, 2), (6, 1)),
        Window(7, (2, 3), (1, 6)),
        Window(2, (2, 2, 2), (12, 2, 1)),
        Window(5, (), ()),
        Window(8, (3, 2), (0, 6)),
        Window(1, (3,), (8,)),
        Window(4, (2, 2), (7, 1)),
    ],
)
def test_a_window_is_a_slice(window: Window) -> None:
    flat = np.arange(24)
    found = slice_of(window, 24)
    assert found is not None
    part = flat[found.start : found.end].reshape(found.shape)
    part = part[tuple(slice(low, high) for low, high in zip(found.first, found.last, strict=True))]
    part = np.broadcast_to(part.reshape(found.sizes).transpose(found.order), window.sizes)
    np.testing.assert_array_equal(part, elements(window))


@pytest.mark.parametrize(
    "window", [Window(0, (2, 2), (5, 3)), Window(0, (2, 2), (2, 2)), Window(3, (2,), (-1,)), Window(4, (2, 4), (6, 1))]
)
def test_no_slice(window: Window) -> None:
    assert slice_of(window, 24) is None
