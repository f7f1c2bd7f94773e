"""Codes of keys and values in caches: as they are, FP8 under scales that are given, or a scale per token and head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from specs.lang.formats.elements import F32, INT8, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, divide, floor, load, maximum, minimum, reduce_max, where
from specs.tile.library.codec import is_nan, magnitude_bits

NDArray = np.ndarray[Any, Any]

LEAST_SCALE = 1e-6  # of a token and head
_BELOW_HALF = float(np.nextafter(np.float32(0.5), np.float32(0)))


def given_scale(scales: ArrayHandle, count: Tile, head: Tile) -> Tile:
    """The scale of each head [n]: one for all of them, or its own."""
    return load(scales, (minimum(head, count - 1),))


def static_codes(x: Tile, scale: Tile | None, form: ElementFormat) -> Tile:
    """x / scale in FP8. x: float32 [tokens, heads, columns]; scale: [heads], None for 1."""
    return (x if scale is None else divide(x, scale[None, :, None])).to(form)


def dynamic_codes(parts: Sequence[Tile], form: ElementFormat) -> tuple[list[Tile], Tile]:
    """Codes under one scale per token and head, and these scales [tokens, heads].

    parts: the columns of rows, float32 [tokens, heads, columns] each.
    """
    amax = reduce(maximum, (reduce_max(magnitude_bits(x), axis=2) for x in parts)).bitcast(F32)
    scale = amax / form.max_finite
    scale = where(scale < LEAST_SCALE, LEAST_SCALE, scale)  # NaN stays NaN
    inverse = (1.0 / scale)[:, :, None]
    quotients = [x * inverse for x in parts]
    return [(_half_away(y) if form == INT8 else y).to(form) for y in quotients], scale


def _half_away(y: Tile) -> Tile:
    """The nearest integer, ties away from zero; 0 of NaN."""
    size = magnitude_bits(y).bitcast(F32)
    whole = floor(size)
    # A comparison, not trunc(y + 0.5): a compiler would contract that sum with the product that y is. The float32 below
    # 0.5 goes up, as in the sum, which rounds to 1.
    half = where(whole == 0.0, _BELOW_HALF, whole + 0.5)
    rounded = where(size >= half, whole + 1.0, whole)
    rounded = where(is_nan(y), 0.0, rounded)
    return where(y < 0.0, -rounded, rounded)


def static_reference(x: NDArray, scale: NDArray | None, form: ElementFormat) -> NDArray:
    """Codes of `static_codes`, in numpy. x: [tokens, heads, columns]; scale: one element, one per head, or None."""
    x32 = np.asarray(x, np.float32)
    if scale is not None:
        x32 = x32 / np.asarray(scale, np.float32).reshape(1, -1, 1)
    return form.encode(x32.astype(np.float64))


def dynamic_reference(x: NDArray, form: ElementFormat) -> tuple[NDArray, NDArray]:
    """Codes and scales of `dynamic_codes`, in numpy, by the sum that rounds half away from zero."""
    x32, one, least = np.asarray(x, np.float32), np.float32(1), np.float32(LEAST_SCALE)
    scale = np.abs(x32).max(-1, initial=0) / np.float32(form.max_finite)
    scale = np.where(scale < least, least, scale)
    y = x32 * (one / scale)[..., None]
    if form == INT8:
        y = np.trunc(y + np.copysign(np.float32(0.5), y))
        y = np.clip(np.where(np.isnan(y), 0, y), form.min_finite, form.max_finite)
    return form.encode(y.astype(np.float64)), scale
