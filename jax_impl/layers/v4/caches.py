"""Caches of a layer: pages of the window, of compressed entries, of the indexer, and states of the compressors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from specs.decoder.v4.caches import cache_shapes


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCache:
    """Caches of a layer, None where its compression ratio has none.

    window, compressed: uint8 [pages, bytes], layout "v4". indexer: uint8 [pages, bytes], layout "indexer_fp8".
    state, index_state: float32 [pages, tokens, keys and scores].
    """

    window: Any
    compressed: Any = None
    state: Any = None
    indexer: Any = None
    index_state: Any = None

    @classmethod
    def empty(cls, ratio: int, pages: Mapping[str, int]) -> LayerCache:
        """Zeros; pages: how many of every group."""
        shapes = cache_shapes(ratio, pages)
        return cls(
            **{k: jnp.zeros(shape, jnp.float32 if len(shape) == 3 else jnp.uint8) for k, shape in shapes.items()}
        )
