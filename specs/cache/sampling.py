"""Test data of caches: slots, block tables, and pages filled with encoded rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.declare.op import Sample
from specs.lang.formats.elements import BF16, ElementFormat
from specs.lang.formats.paged import Paged

NDArray = np.ndarray[Any, Any]


def layout_of(sample: Sample) -> Paged:
    """The case's layout."""
    layout = sample.attributes["layout"]
    assert isinstance(layout, Paged)
    return layout


def rows_of(sample: Sample, block_size: str = "block_size") -> int:
    """Rows of a page in the case."""
    rows = sample.attributes[block_size]
    assert isinstance(rows, int)
    return rows


def slots(sample: Sample, count: int) -> NDArray:
    """Distinct slots of the cache, some replaced by invalid ones."""
    total = sample.sizes["PAGES"] * rows_of(sample)
    found = sample.rng.permutation(max(total, count)).astype(np.int64)[:count]
    drawn = sample.rng.random(count)
    # Past the last page, -1, and other negative numbers.
    return np.where(drawn < 1 / 8, np.where(drawn < 1 / 16, -1, -7), found)


def keys(sample: Sample, count: int, form: ElementFormat = BF16) -> NDArray:
    """Rows of a cache, float64 [count, width], values of `form` of very different magnitude."""
    width = layout_of(sample).width
    x = sample.rng.standard_normal((count, width)) * np.exp2(sample.rng.integers(-6, 7, (count, 1)))
    return form.decode(form.encode(np.where(sample.rng.random(x.shape) < 1 / 16, 0.0, x)))


def filled(sample: Sample, pages: int, page_bytes: int, rows: int, values: NDArray | None = None) -> NDArray:
    """Pages uint8 [pages, page_bytes] of `values` [pages * rows, width] (random keys if None), noise as padding."""
    layout = layout_of(sample)
    noise = sample.rng.integers(0, 256, (pages, page_bytes), dtype=np.uint8)
    x = keys(sample, pages * rows) if values is None else values
    if pages:
        noise[:, : layout.page_bytes(rows)] = layout.encode(x.reshape(pages, rows, layout.width))
    return noise


def block_table(sample: Sample, requests: int, width: int, used: NDArray) -> NDArray:
    """Distinct pages for the first used[b] entries of every row; an invalid page elsewhere."""
    table = np.full((requests, width), -1_000_000, np.int64)
    pages = sample.rng.permutation(sample.sizes["PAGES"])
    at = 0
    for b in range(requests if len(pages) else 0):
        n = min(int(used[b]), width)
        table[b, :n] = np.take(pages, np.arange(at, at + n), mode="wrap")
        at += n
    return table
