"""compress_norm_rope_insert: the bytes of compress_norm_rope and then the insert of its rows."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jax_impl import ops as jax_ops
from specs.cache.layouts import V4
from specs.compressor import insert
from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4
from specs.lang.errors import ConstraintViolated
from specs.lang.formats.elements import BF16
from specs.lang.formats.paged import Paged
from tests.cache.sixth import HALVES
from torch_impl import ops as torch_ops

TOKENS, PAGES, ROWS = 24, 2, 4
"""More windows than slots: some of them are after the last page."""


def drawn(layout: Paged, ratio: int) -> dict[str, Any]:
    """Arguments of compress_norm_rope as numpy arrays, and pages with old bytes; of ratio 4 with overlap."""
    rng, d = np.random.default_rng(7), layout.width
    wide = d * (2 if ratio == 4 else 1)
    at = np.arange(TOKENS) * (1 if ratio == 4 else 32) + (0 if ratio == 4 else 31)
    slots = np.full(TOKENS, -1)
    ends = (at + 1) % ratio == 0
    slots[ends] = rng.permutation(PAGES * ROWS + 2)[: ends.sum()]
    angle = rng.random((1024, 32)) * 6
    return {
        "state_cache": rng.standard_normal((12, 64, 2 * wide)).astype(np.float32),
        "positions": at.astype(np.int32),
        "token_to_req": np.zeros(TOKENS, np.int32),
        "block_table": rng.permutation(12).astype(np.int32)[None, :],
        "slot_mapping": slots.astype(np.int32),
        "norm_weight": rng.standard_normal(d).astype(np.float32),
        "cos_sin": np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32),
        "pages": rng.integers(0, 256, (PAGES, layout.page_stride(ROWS)), dtype=np.uint8),
    }


@pytest.mark.parametrize(("layout", "ratio", "implementation"), [
    *((layout, 4, how) for how in ("eager", "interpret", "xla", "jax interpret") for layout in (V4, INDEXER_MXFP4)),
    (INDEXER_FP8, 4, "eager"),
    (V4, 128, "eager"),
])  # fmt: skip
def test_it_is_the_rows_and_then_the_insert(layout: Paged, ratio: int, implementation: str) -> None:
    arrays = drawn(layout, ratio)
    pages = arrays.pop("pages")
    jax = implementation in ("xla", "jax interpret")
    ops: Any = jax_ops if jax else torch_ops
    given = {name: jnp.asarray(x) if jax else torch.from_numpy(x) for name, x in arrays.items()}
    how = {"implementation": implementation.removeprefix("jax ")}
    options = {"ratio": ratio, "overlap": ratio == 4, **how}
    put = ops.quantize_and_insert_k if layout == V4 else ops.indexer_k_insert
    paged = {"layout": layout, "block_size": ROWS}
    fused, apart = (jnp.asarray(pages) if jax else torch.from_numpy(pages.copy()) for _ in range(2))
    one = ops.compress_norm_rope_insert(*given.values(), fused, **paged, **options)
    other = put(ops.compress_norm_rope(*given.values(), **options), apart, given["slot_mapping"], **paged, **how)
    found, expected = (np.asarray(x) for x in ((one, other) if jax else (fused, apart)))
    np.testing.assert_array_equal(found, expected)
    assert (found != pages).any()


@pytest.mark.parametrize(("columns", "layout", "expected"), [
    (V4, INDEXER_FP8, "norm_weight has 512 columns"),
    (INDEXER_FP8, HALVES, "groups are powers of two"),
])  # fmt: skip
def test_wrong_layouts(columns: Paged, layout: Paged, expected: str) -> None:
    arrays = {name: torch.from_numpy(x) for name, x in drawn(columns, 4).items()}
    arrays["pages"] = torch.zeros(PAGES, 5940, dtype=torch.uint8)
    with pytest.raises(ConstraintViolated, match=expected):
        torch_ops.compress_norm_rope_insert(*arrays.values(), ratio=4, overlap=True, layout=layout, block_size=ROWS)
    assert not arrays["pages"].any()


@given(low=st.integers(0, 0xFFFF), span=st.integers(0, 0x900), cancelled=st.booleans())
def test_bytes_of_every_number_within_an_error_are_within_the_bound(low: int, span: int, cancelled: bool) -> None:
    """Codes of bfloat16 in order of their values: those of negative numbers first, from the largest."""
    first = 0x7F80 - span // 2 if cancelled else min(low, 2 * 0x7F7F - span)
    order = np.arange(max(first, 0), min(first + span + 1, 2 * 0x7F80))
    codes = np.where(order < 0x7F80, 0xFF7F - order, order - 0x7F80).astype(np.uint16)
    numbers = BF16.decode(codes)
    middle, error = (numbers[0] + numbers[-1]) / 2, (numbers[-1] - numbers[0]) / 2
    rows = insert._neighbours(V4, np.full((1, V4.width), middle), np.full((1, V4.width), error))
    found, *others = (BF16.encode(row[0, -1:]).view(np.uint8) for row in rows)
    far = np.max([np.abs(other.astype(int) - found) for other in others], axis=0)
    assert (np.abs(codes[:, None].view(np.uint8).reshape(-1, 2).astype(int) - found) <= far).all()
