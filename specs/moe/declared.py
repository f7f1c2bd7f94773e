"""Shared declarations of mixture-of-experts operations: axes, and the index arrays that they pass on."""

from __future__ import annotations

from typing import Any

from specs.cache.declared import index
from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Access, Array, Attribute

MOST_EXPERTS = 4096
T = Axis(name="T", maximum=1 << 24, doc="tokens, padding included")
K = Axis(name="K", static=True, minimum=1, maximum=64, doc="experts per token")
PAIRS = T * K
"""Pairs of a token and one of its experts."""


def order(rows: Any, access: Access = Access.IN, **fields: Any) -> Array:
    """Pairs in the order of their experts."""
    doc = "pair t * K + j of every permuted row, experts ascending; -1 after the last"
    return index("order", doc, rows, access=access, **fields)


def offsets(count: Any, access: Access = Access.IN) -> Array:
    """Where the rows of experts begin."""
    return index("offsets", "first permuted row of every expert, and the end after the last", count, access=access)


def inverse(access: Access = Access.IN) -> Array:
    """Rows of pairs."""
    return index("inverse", "permuted row of every pair; -1 of those that are dropped", T, K, access=access)


def num_experts() -> Attribute:
    """Local experts."""
    return Attribute(
        name="num_experts", kind=int, required=True, minimum=1, maximum=MOST_EXPERTS, doc="experts on this device"
    )


def power_of_two(size: int) -> int:
    """The least power of two that is not below `size`."""
    return 1 << max(size - 1, 0).bit_length()
