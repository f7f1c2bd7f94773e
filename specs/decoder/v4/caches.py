"""Caches of DeepSeek-V4: their shapes in a layer, and the groups of pages that a model has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from specs.cache.layouts import V4
from specs.decoder.groups import CacheGroup
from specs.decoder.v4.batch import PAGE_TOKENS, groups
from specs.decoder.v4.config import HEAD_DIM, INDEX_DIM
from specs.indexer.layouts import INDEXER_FP8

GROUP_OF: Final[Mapping[str, Mapping[int, str]]] = {
    "window": {0: "window", 4: "window", 128: "window"},
    "compressed": {4: "c4", 128: "c128"},
    "state": {4: "c4_state", 128: "c128_state"},
    "indexer": {4: "indexer"},
    "index_state": {4: "indexer_state"},
}
"""By the names of `LayerCache` and the ratio of a layer: the group whose pages the cache has."""


def cache_groups(ratios: Sequence[int], window: int) -> tuple[CacheGroup, ...]:
    """The groups that layers with these compression ratios have, first one that keeps all rows, if there is any.

    The window keeps `window` - 1 tokens before the next one. An entry of ratio 4 is made of the states of its own
    tokens and of the four before, one of ratio 128 of its own.
    """
    names = groups(ratios)
    back = {"window": window - 1, "c4_state": 4, "indexer_state": 4, "c128_state": 0}
    block = {"c4_state": 4, "indexer_state": 4, "c128_state": 128}
    size = dict.fromkeys(names, 0)
    for ratio in ratios:
        for name, shape in cache_shapes(ratio, dict.fromkeys(names, 1)).items():
            size[GROUP_OF[name][ratio]] += prod(shape) * (4 if len(shape) == 3 else 1)
    found = [
        CacheGroup(
            name=name,
            page_tokens=PAGE_TOKENS[name],
            page_bytes=size[name],
            back=back.get(name),
            block=block.get(name, 1),
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda group: group.back is not None))


def cache_shapes(ratio: int, pages: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Shapes of the caches of a layer by the names of `LayerCache`; three axes: float32, two: bytes.

    pages: how many pages every group of `specs.decoder.v4.batch.PAGE_TOKENS` has.
    """
    found: dict[str, tuple[int, ...]] = {"window": (pages["window"], V4.page_stride(PAGE_TOKENS["window"]))}
    if ratio == 0:
        return found
    group, width = GROUP_OF["compressed"][ratio], 2 if ratio == 4 else 1
    found["compressed"] = (pages[group], V4.page_stride(PAGE_TOKENS[group] // ratio))
    found["state"] = _state(pages, GROUP_OF["state"][ratio], width * HEAD_DIM)
    if ratio == 4:
        found["indexer"] = (pages["indexer"], INDEXER_FP8.page_stride(PAGE_TOKENS["indexer"] // ratio))
        found["index_state"] = _state(pages, "indexer_state", width * INDEX_DIM)
    return found


def _state(pages: Mapping[str, int], group: str, width: int) -> tuple[int, ...]:
    """Keys, then scores, of every token."""
    return pages[group], PAGE_TOKENS[group], 2 * width
