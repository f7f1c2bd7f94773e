"""Writing rows one by one touches their bytes and no other, in every layout in use."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cache.byte_maps import MAPS, Map, rows

maps = pytest.mark.parametrize("map_", MAPS, ids=lambda map_: map_.layout.name)


@maps
@pytest.mark.parametrize("count", [2, 16])
def test_only_the_bytes_of_the_row_change(map_: Map, count: int, rng: np.random.Generator) -> None:
    layout, x = map_.layout, rows(rng, 3, map_.layout.width)
    slots = rng.permutation(3 * count)[:3]
    expected = rng.integers(0, 256, (3, layout.page_stride(count) + 40), dtype=np.uint8)
    pages = expected.copy()
    layout.write(pages, slots, x, count)
    for slot, row in zip(slots, x, strict=True):
        page, t = divmod(int(slot), count)
        expected[page, map_.touched(t, count)] = np.concatenate(map_.encode(row))
    np.testing.assert_array_equal(pages, expected)


@maps
def test_slots_to_skip(map_: Map, rng: np.random.Generator) -> None:
    layout = map_.layout
    pages = rng.integers(0, 256, (2, layout.page_stride(4)), dtype=np.uint8)
    before = pages.copy()
    slots = [-1, -7, 8, 9, 10**12, -(2**40)]
    layout.write(pages, slots, rows(rng, len(slots), layout.width), 4)
    np.testing.assert_array_equal(pages, before)


@maps
def test_what_was_written_is_read(map_: Map, rng: np.random.Generator) -> None:
    layout, x = map_.layout, rows(rng, 10, map_.layout.width)
    pages = np.full((4, layout.page_stride(4)), 0xFF, np.uint8)
    slots = rng.permutation(16)[:10]
    layout.write(pages, slots, x, 4)
    np.testing.assert_array_equal(layout.read(pages, slots, 4), layout.decode(layout.encode(x), 10))
    pairs = layout.read(pages, slots.reshape(5, 2), 4)
    np.testing.assert_array_equal(pairs.reshape(10, -1), layout.read(pages, slots, 4))


@maps
def test_the_later_of_two_rows_of_one_slot_stays(map_: Map, rng: np.random.Generator) -> None:
    layout, x = map_.layout, rows(rng, 2, map_.layout.width)
    pages = np.zeros((1, layout.page_stride(4)), np.uint8)
    layout.write(pages, [3, 3], x, 4)
    alone = np.zeros_like(pages)
    layout.write(alone, [3], x[1:], 4)
    np.testing.assert_array_equal(pages, alone)
