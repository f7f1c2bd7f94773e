"""Every code that a cache can hold means what its format says, in the definition and in the gather."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import specs
from parity.judge.inputs import Inputs
from specs.cache.layouts import BF16_512, V4, V32, V41, V41_FP4
from specs.lang.call.bind import check_attributes
from specs.lang.formats.elements import BF16, INT32, UINT8
from specs.lang.formats.paged import Paged
from tests.cache.judging import judge

NDArray = np.ndarray[Any, Any]
LAYOUTS = (V32, V4, V41, V41_FP4, BF16_512)
# Compiling takes the others seconds per layout: one with codes of eight bits, one with codes of four.
CALLS = [(layout, "torch:eager") for layout in LAYOUTS]
CALLS += [(V4, "torch:interpret"), (V4, "jax:xla"), (V32, "jax:xla"), (V41_FP4, "jax:interpret")]


def pages_of(layout: Paged, rng: np.random.Generator, rows: int) -> NDArray:
    """A page of arbitrary bytes: every code there is, in every byte of a row."""
    page = (np.arange(layout.page_bytes(rows)) % 256).astype(np.uint8)
    rng.shuffle(page)
    return page[None]


def spread(scales: NDArray, group: int) -> NDArray:
    """Every group's scale at each of its columns."""
    return np.repeat(scales.astype(np.float64), group, axis=-1)


def values_of(layout: Paged, page: NDArray, rows: int) -> NDArray:
    """Values of a page, by ml_dtypes and the byte maps of the documents."""
    with np.errstate(invalid="ignore"):
        return np.stack([_row(layout, page, t, rows) for t in range(rows)])


def _row(layout: Paged, page: NDArray, t: int, rows: int) -> NDArray:
    def e4m3(first: int, count: int) -> NDArray:
        return page[first : first + count].view(ml_dtypes.float8_e4m3fn).astype(np.float64)

    def e8m0(first: int, count: int) -> NDArray:
        codes = page[first : first + count].astype(np.float64)
        return np.where(codes == 255, np.nan, np.exp2(codes - 127))

    def bf16(first: int, count: int) -> NDArray:
        return page[first : first + 2 * count].view("<u2").astype("=u2").view(ml_dtypes.bfloat16).astype(np.float64)

    if layout is V32:
        scales = page[656 * t + 512 : 656 * t + 528].view("<f4")
        return np.append(e4m3(656 * t, 512) * spread(scales, 128), bf16(656 * t + 528, 64))
    if layout is V4:
        return np.append(e4m3(576 * t, 448) * spread(e8m0(576 * rows + 8 * t, 7), 64), bf16(576 * t + 448, 64))
    if layout is V41:
        return e4m3(528 * t, 512) * spread(e8m0(528 * t + 512, 16), 32)
    if layout is V41_FP4:
        codes = page[288 * t : 288 * t + 256]
        pairs = np.stack([codes & 15, codes >> 4], axis=-1).reshape(-1)
        magnitudes = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])[pairs & 7]
        return np.where(pairs & 8, -magnitudes, magnitudes) * spread(e4m3(288 * t + 256, 32), 16)
    return bf16(1024 * t, 512)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_decode_of_arbitrary_bytes(layout: Paged, rng: np.random.Generator) -> None:
    page = pages_of(layout, rng, 64)[0]
    np.testing.assert_array_equal(layout.decode(page, 64), values_of(layout, page, 64))


def test_all_codes_of_e4m3_in_one_row() -> None:
    page = np.append(np.arange(512) % 256, np.full(16, 127)).astype(np.uint8)
    expected = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    np.testing.assert_array_equal(V41.decode(page, 1)[0], np.tile(expected, 2))


def test_all_codes_of_bfloat16() -> None:
    codes = np.arange(1 << 16).astype(np.uint16)
    page = codes.astype("<u2").view(np.uint8)
    with np.errstate(invalid="ignore"):  # signalling NaN
        values = codes.view(ml_dtypes.bfloat16).astype(np.float64)
    np.testing.assert_array_equal(BF16_512.decode(page, 128).reshape(-1), values)
    finite = np.isfinite(values)
    again = BF16_512.encode(BF16_512.decode(page, 128))
    np.testing.assert_array_equal(again.view("<u2")[finite], codes[finite])


def gather_of(layout: Paged, page: NDArray, rows: int) -> Inputs:
    """The gather of one page."""
    op = specs.get("dequant_gather_k")
    out = BF16.encode(np.zeros((1, rows, layout.width))).view(ml_dtypes.bfloat16)
    one = np.array([rows], np.int32)
    arrays = {"out": out, "cache": page, "seq_lens": one, "block_table": np.zeros((1, 1), np.int32)}
    formats = {"out": BF16, "cache": UINT8, "seq_lens": INT32, "block_table": INT32}
    attributes = check_attributes(op, {"layout": layout, "block_size": rows})
    return Inputs(op=op, arrays=arrays, formats=formats, attributes=attributes)


def any_scales(layout: Paged, page: NDArray, rows: int) -> NDArray:
    """The page with float32 scales that are powers of two, as cache writers leave them: from subnormal ones on.

    Of a product with another float32 the value is rounded twice. E8M0 scales stay what they are, NaN among them.
    """
    page = page.copy()
    if layout is V32:
        for t in range(rows):
            scales = page[0, 656 * t + 512 : 656 * t + 528].view("<f4")
            scales[:] = np.ldexp(np.float32(1), np.arange(4) * 67 + 8 * t - 149)
    return page


def every_scale(layout: Paged, page: NDArray, rows: int) -> NDArray:
    """The page with all codes of E8M0 as scales, in order."""
    page = page.copy()
    for t in range(rows):
        first, count = {V4: (576 * rows + 8 * t, 7), V41: (528 * t + 512, 16)}[layout]
        page[0, first : first + count] = np.arange(count) + count * t
    return page


@pytest.mark.parametrize(("layout", "backend"), CALLS, ids=lambda value: getattr(value, "name", value))
def test_gather_of_arbitrary_codes(layout: Paged, backend: str, rng: np.random.Generator) -> None:
    page = any_scales(layout, pages_of(layout, rng, 8), 8)
    judge(gather_of(layout, page, 8), backend)


@pytest.mark.parametrize("backend", ["torch:eager", "torch:interpret", "jax:xla", "jax:interpret"])
def test_gather_under_every_scale(backend: str, rng: np.random.Generator) -> None:
    """Codes 0 to 255 as scales of every code: subnormal bfloat16 values, overflow and NaN."""
    page = every_scale(V41, pages_of(V41, rng, 16), 16)
    results = judge(gather_of(V41, page, 16), backend)
    values = BF16.decode(results["out"].view(np.uint16))
    assert ((values != 0) & (np.abs(values) < BF16.min_normal)).any()
    assert np.isnan(values).any()
