"""Every byte of every layout lies where the formats' documents put it, and holds what a second encoder puts there."""

from __future__ import annotations

import numpy as np
import pytest

from specs.cache.layouts import ALL, BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.lang.formats.elements import BF16, E4M3, E8M0
from tests.cache.byte_maps import MAPS, Map, rows

maps = pytest.mark.parametrize("map_", MAPS, ids=lambda map_: map_.layout.name)
page_rows = pytest.mark.parametrize("count", [1, 2, 16, 64])


def test_every_layout_has_a_map() -> None:
    assert {map_.layout.name for map_ in MAPS} == {layout.name for layout in ALL}


@maps
@page_rows
def test_the_bytes_of_a_page(map_: Map, count: int, rng: np.random.Generator) -> None:
    x = rows(rng, count, map_.layout.width)
    np.testing.assert_array_equal(map_.layout.encode(x), map_.page(x))


@maps
@page_rows
def test_pages_are_encoded_one_by_one(map_: Map, count: int, rng: np.random.Generator) -> None:
    layout, x = map_.layout, rows(rng, 3 * count, map_.layout.width).reshape(3, count, -1)
    np.testing.assert_array_equal(layout.encode(x), np.stack([layout.encode(page) for page in x]))


@maps
@page_rows
def test_rows_share_no_byte_and_leave_none_out(map_: Map, count: int) -> None:
    touched = np.concatenate([map_.touched(t, count) for t in range(count)])
    np.testing.assert_array_equal(np.sort(touched), np.arange(map_.layout.page_bytes(count)))
    assert map_.layout.row_bytes == map_.row_bytes == sum(part.length for part in map_.parts)


@pytest.mark.parametrize(
    ("layout", "count", "packed", "stride"),
    [
        (V4, 64, 37376, 37440),
        (V4, 2, 1168, 1728),
        (V4, 16, 9344, 9792),
        (V32, 64, 41984, 41984),
        (V41, 64, 33792, 33792),
        (V41_FP4, 64, 18432, 18432),
        (NVFP4_MLA, 64, 26624, 26624),
        (BF16_512, 64, 65536, 65536),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_sizes_of_pages(layout: object, count: int, packed: int, stride: int) -> None:
    assert (layout.page_bytes(count), layout.page_stride(count)) == (packed, stride)  # type: ignore[attr-defined]


def test_columns_that_are_values() -> None:
    assert {layout.name: (layout.width, layout.value_width) for layout in ALL} == {
        "v32": (576, 512),
        "v4": (512, 512),
        "v41": (512, 512),
        "v41_fp4": (512, 512),
        "nvfp4_mla": (576, 512),
        "bf16_512": (512, 512),
    }


def test_the_last_byte_of_a_v4_share_is_zero_whatever_was_there() -> None:
    x = np.ones((16, 512), np.float32)
    shares = V4.encode(x)[16 * 576 :].reshape(16, 8)
    assert (shares[:, 7] == 0).all()
    assert (shares[:, :7] != 0).all()
    pages = np.full((1, V4.page_stride(16)), 0xEE, np.uint8)
    V4.write(pages, [5], x[:1], 16)
    assert pages[0, 16 * 576 + 5 * 8 + 7] == 0


def test_the_pad_byte_is_not_read() -> None:
    page = V4.encode(rows(np.random.default_rng(8), 4, 512))
    spoiled = page.copy()
    spoiled[4 * 576 + 7 :: 8] = 0xFF
    np.testing.assert_array_equal(V4.decode(spoiled, 4), V4.decode(page, 4))


def test_words_are_little_endian() -> None:
    one = np.zeros((1, 512), np.float32)
    one[0, 0], one[0, 1] = 1.0, -2.0
    assert BF16_512.encode(one)[:4].tolist() == [0x80, 0x3F, 0x00, 0xC0]
    key = np.zeros((1, 576), np.float32)
    key[0, 0] = 448.0  # the first scale is one
    assert V32.encode(key)[512:516].tolist() == [0x00, 0x00, 0x80, 0x3F]


def test_a_group_of_zeros_is_scaled_for_the_floor() -> None:
    """1e-4 / 448 lies between 2**-23 and 2**-22."""
    page = V4.encode(np.zeros((1, 512), np.float32))
    assert page[576:583].tolist() == [105] * 7
    assert E8M0.decode(page[576:577])[0] == 2.0**-22


def test_the_even_code_of_a_byte_is_the_low_one() -> None:
    row = np.zeros((1, 512), np.float32)
    row[0, 0], row[0, 1], row[0, 2] = 6.0, -1.0, -6.0
    page = V41_FP4.encode(row)
    assert page[:2].tolist() == [0xA7, 0x0F]
    assert E4M3.decode(page[256:257])[0] == 1.0


@pytest.mark.parametrize("power", [-20, -3, 0, 7])
def test_scales_where_the_quotient_is_a_power_of_two(power: int) -> None:
    """amax / 448 = 2**power keeps the power; the next bfloat16 above takes the next power."""
    x = np.full((1, 512), 1.75 * 2.0 ** (power + 8), np.float32)
    above = BF16.decode(BF16.encode(x) + 1)
    for values, exponent in ((x, power), (above, power + 1)):
        page = V41.encode(values)
        assert page[512:].tolist() == [exponent + 127] * 16
        np.testing.assert_array_equal(V41.encode(-values)[512:], page[512:])
