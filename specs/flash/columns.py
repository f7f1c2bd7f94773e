"""Columns of queries, keys and values that one dot takes."""

from __future__ import annotations

from specs.attention.columns import Span, padded_spans

LEAST = 64
"""Columns that a dot has at least where tiles are that large.

With 16 or 32 columns of values, torch with Triton 3.6 lost keys 16 to 63 of 64 on an H200; JAX did not, and
the assembler (CUDA 12.8) is suspected. On Intel GPUs one wide dot spills less than two narrow ones.
"""


def spans(width: int, limit: int) -> tuple[Span, ...]:
    """`width` columns as runs of at most `limit`, and no fewer than `LEAST` unless that is more."""
    return padded_spans(width, limit, LEAST)
