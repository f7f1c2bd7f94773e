"""compress_norm_rope_insert: the bytes of compress_norm_rope and then the insert of its rows."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from specs.cache.layouts import V4
from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4
from specs.lang.errors import ConstraintViolated
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
    insert = ops.quantize_and_insert_k if layout == V4 else ops.indexer_k_insert
    paged = {"layout": layout, "block_size": ROWS}
    fused, apart = (jnp.asarray(pages) if jax else torch.from_numpy(pages.copy()) for _ in range(2))
    one = ops.compress_norm_rope_insert(*given.values(), fused, **paged, **options)
    other = insert(ops.compress_norm_rope(*given.values(), **options), apart, given["slot_mapping"], **paged, **how)
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
