"""The indexer in float64: decoded rows, logits with the magnitude of what was added up, and the selection of a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

NDArray = np.ndarray[Any, Any]


def decoded(values: NDArray, form: ElementFormat, layout: Paged, scale: NDArray | None) -> NDArray:
    """Rows float64 [.., 128] of codes: numbers that `form` makes of them, or bytes; scaled where scales are given."""
    (field,) = layout.fields
    codes = np.asarray(form.encode(values) if form.is_float else values, np.uint8)
    form_ = field.format
    if form_.packing is not None:
        assert scale is not None
        group = field.group
        pairs = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], 2 * codes.shape[-1])
        return form_.element.decode(pairs) * np.repeat(np.asarray(scale, np.float64), group, axis=-1)
    found = form_.element.decode(codes)
    return found if scale is None else found * np.asarray(scale, np.float64).reshape(*found.shape[:-1], 1)


def logits(q: NDArray, k: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
    """Values [M, N] and, for their bound, the sums of the absolute values of all terms.

    q [M, H, D], k [N, D], weights [M, H].
    """
    value, magnitude = np.zeros((2, len(q), len(k)))
    for m in range(len(q)):
        value[m] = weights[m] @ np.maximum(q[m] @ k.T, 0.0)
        magnitude[m] = np.abs(weights[m]) @ (np.abs(q[m]) @ np.abs(k).T)
    return value, magnitude


def top_k(row: NDArray, start: int, end: int, k: int) -> NDArray:
    """int64 [k]: numbers, from `start` on, of the k largest of row[start:end] in ascending order, -1 after the last.

    Of equal values the first ones are taken. NaN lies beyond the infinity of its sign.
    """
    found = np.full(k, -1)
    start = max(start, 0)
    inside = np.asarray(row[start : max(end, start)]) + 0.0  # one zero
    beyond = np.where(np.isnan(inside), np.where(np.signbit(inside), -1, 1), 0)
    order = np.lexsort((-np.where(beyond, 0.0, inside), -beyond))[:k]
    found[: len(order)] = np.sort(order)
    return found
