"""Shapes of the caches of a DeepSeek-V4 layer."""

from __future__ import annotations

from collections.abc import Mapping

from specs.cache.layouts import V4
from specs.decoder.v4.batch import PAGE_TOKENS
from specs.decoder.v4.config import HEAD_DIM, INDEX_DIM
from specs.indexer.layouts import INDEXER_FP8


def cache_shapes(ratio: int, pages: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Shapes of the caches of a layer by the names of `LayerCache`; three axes: float32, two: bytes.

    pages: how many pages every group of `specs.decoder.v4.batch.PAGE_TOKENS` has.
    """
    found: dict[str, tuple[int, ...]] = {"window": (pages["window"], V4.page_stride(PAGE_TOKENS["window"]))}
    if ratio == 0:
        return found
    group, width = ("c4", 2) if ratio == 4 else ("c128", 1)
    found["compressed"] = (pages[group], V4.page_stride(PAGE_TOKENS[group] // ratio))
    found["state"] = _state(pages, f"{group}_state", width * HEAD_DIM)
    if ratio == 4:
        found["indexer"] = (pages["indexer"], INDEXER_FP8.page_stride(PAGE_TOKENS["indexer"] // ratio))
        found["index_state"] = _state(pages, "indexer_state", width * INDEX_DIM)
    return found


def _state(pages: Mapping[str, int], group: str, width: int) -> tuple[int, ...]:
    """Keys, then scores, of every token."""
    return pages[group], PAGE_TOKENS[group], 2 * width
