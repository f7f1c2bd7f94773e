"""Caches of a layer: pages of the window, of compressed entries, of the indexer, and states of the compressors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from specs.decoder.v4.caches import cache_shapes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerCache:
    """Caches of a layer, None where its compression ratio has none.

    window, compressed: uint8 [pages, bytes], layout "v4". indexer: uint8 [pages, bytes], layout "indexer_fp8".
    state, index_state: float32 [pages, tokens, keys and scores].
    """

    window: torch.Tensor
    compressed: torch.Tensor | None = None
    state: torch.Tensor | None = None
    indexer: torch.Tensor | None = None
    index_state: torch.Tensor | None = None

    @classmethod
    def empty(cls, ratio: int, pages: Mapping[str, int], device: torch.device | str = "cpu") -> LayerCache:
        """Zeros; pages: how many of every group."""
        found = {}
        for name, shape in cache_shapes(ratio, pages).items():
            dtype = torch.float32 if len(shape) == 3 else torch.uint8
            found[name] = torch.zeros(shape, dtype=dtype, device=device)
        return cls(**found)
