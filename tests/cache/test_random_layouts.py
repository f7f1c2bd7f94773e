"""Any layout that can be declared: its bytes, its encoder and decoder, and rows written and read one by one agree."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from specs.lang.formats.paged import Paged
from tests.cache.drawn_layouts import layouts

NDArray = np.ndarray[Any, Any]

seeds = st.integers(0, 2**32 - 1)
row_counts = st.integers(1, 9)


def keys(layout: Paged, count: int, seed: int) -> NDArray:
    """Rows float64 [count, width]."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, layout.width)) * np.exp2(rng.integers(-6, 7, (count, 1)))


def own_bytes(layout: Paged, t: int, rows: int) -> NDArray:
    """Indices of the bytes of row t, added up from the declaration."""
    behind = not layout.gathered
    stride = sum(f.code_bytes + (f.scale_bytes if behind else 0) for f in layout.fields)
    share = 0 if behind else max(layout.scale_bytes, sum(f.scale_bytes for f in layout.fields))
    return np.concatenate([t * stride + np.arange(stride), rows * stride + t * share + np.arange(share)])


@given(layouts(), row_counts)
def test_rows_share_no_byte_and_leave_none_out(layout: Paged, rows: int) -> None:
    own = np.concatenate([own_bytes(layout, t, rows) for t in range(rows)])
    np.testing.assert_array_equal(np.sort(own), np.arange(layout.page_bytes(rows)))
    stride = layout.page_stride(rows)
    assert stride % layout.page_multiple == 0
    assert 0 <= stride - layout.page_bytes(rows) < layout.page_multiple


@given(layouts(), row_counts, seeds)
def test_a_page_is_its_fields(layout: Paged, rows: int, seed: int) -> None:
    x = keys(layout, rows, seed)
    decoded = layout.decode(layout.encode(x), rows)
    for place in layout.places:
        own = slice(place.column, place.column + place.field.count)
        form = place.field.format
        np.testing.assert_array_equal(decoded[:, own], form.decode(form.encode(x[:, own])))


@given(layouts(), row_counts, seeds)
def test_a_row_written_alone_is_the_row_of_the_page(layout: Paged, rows: int, seed: int) -> None:
    """And the bytes of other rows, and the padding, stay what they were."""
    rng = np.random.default_rng(seed)
    pages, x = 3, keys(layout, 2 * rows, seed)
    slots = rng.permutation(pages * rows)[: 2 * rows]
    canary = rng.integers(0, 256, (pages, layout.page_stride(rows)), dtype=np.uint8)
    found = canary.copy()
    layout.write(found, slots, x, rows)
    whole = np.zeros((pages, rows, layout.width))
    whole.reshape(-1, layout.width)[slots] = x
    expected, encoded = canary.copy(), layout.encode(whole)
    for page, row in zip(*np.divmod(slots, rows), strict=True):
        own = own_bytes(layout, row, rows)
        expected[page, own] = encoded[page, own]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(layout.read(found, slots, rows), layout.decode(layout.encode(x), 2 * rows))


@given(layouts(), row_counts, seeds)
def test_arbitrary_bytes_are_read_as_they_are_decoded(layout: Paged, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pages = rng.integers(0, 256, (2, layout.page_stride(rows)), dtype=np.uint8)
    decoded = layout.decode(pages, rows).reshape(-1, layout.width)
    slots = rng.permutation(2 * rows).reshape(2, rows)
    np.testing.assert_array_equal(layout.read(pages, slots, rows), decoded[slots])


@given(layouts(), row_counts, st.lists(st.integers(-20, 40), max_size=8, unique=True))
def test_slots_that_the_cache_does_not_have_are_skipped(layout: Paged, rows: int, slots: list[int]) -> None:
    pages = np.full((2, layout.page_stride(rows)), 0x5A, np.uint8)
    layout.write(pages, slots, keys(layout, len(slots), len(slots)), rows)
    inside = [slot for slot in slots if 0 <= slot < 2 * rows]
    only = np.full_like(pages, 0x5A)
    layout.write(only, inside, keys(layout, len(slots), len(slots))[[slots.index(slot) for slot in inside]], rows)
    np.testing.assert_array_equal(pages, only)
    assert inside or (pages == 0x5A).all()
