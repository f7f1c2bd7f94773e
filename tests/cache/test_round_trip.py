"""What a row loses in a cache: no more than the formats of its fields allow.

In units of a group's scale s, rounding to a code moves a value by at most half the spacing of the largest codes, and a
value beyond the last code is cut. How large and how small s may be follows from its rule:

    POW2_CEIL             from amax / max_finite to twice as much: nothing is cut
    AMAX, AMAX_QUOTIENT   amax / max_finite, rounded: what is cut is at most max_finite times what s has lost
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.cache.layouts import ALL, V4
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import F32
from specs.lang.formats.paged import Paged, Place
from tests.cache.byte_maps import rows

NDArray = np.ndarray[Any, Any]

layouts = pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)


def bound(place: Place, x: NDArray) -> NDArray:
    """Largest error of every column of a field that holds x [.., count]."""
    form = place.field.format
    if form.scale is None:
        return np.abs(x) * form.element.unit_roundoff + form.element.min_subnormal / 2
    groups = x.reshape(*x.shape[:-1], -1, place.field.group)
    amax = np.maximum(np.abs(groups).max(-1, keepdims=True), form.amax_floor)
    return np.broadcast_to(_largest(form, amax), groups.shape).reshape(x.shape)


def _largest(form: BlockFormat, amax: NDArray) -> NDArray:
    assert form.scale is not None
    element = form.element
    scale = amax / element.max_finite * (1 + 2 * F32.unit_roundoff)
    lost = amax / element.max_finite * 2 * F32.unit_roundoff
    if form.rule is ScaleRule.POW2_CEIL:
        scale = 2 * scale
    elif form.scale != F32:
        lost = lost + np.maximum(scale * form.scale.unit_roundoff, form.scale.min_subnormal / 2)
    half_step = 2.0 ** np.floor(np.log2(element.max_finite)) * element.unit_roundoff
    divided = 2 * F32.unit_roundoff * amax  # the quotient is rounded before it becomes a code
    return np.maximum(half_step * (scale + lost), element.max_finite * lost) + divided


@layouts
def test_error_of_every_column(layout: Paged, rng: np.random.Generator) -> None:
    x = rows(rng, 64, layout.width).astype(np.float64)
    error = np.abs(layout.decode(layout.encode(x), 64) - x)
    lossy = 0
    for place in layout.places:
        own = slice(place.column, place.column + place.field.count)
        allowed = bound(place, x[:, own])
        assert (error[:, own] <= allowed).all()
        lossy += int((error[:, own] > allowed / 8).sum())
    assert lossy or layout.name == "bf16_512", "a bound that nothing comes near says nothing"


@pytest.mark.parametrize("magnitude", [0.001, 1.0, 100.0])
def test_v4_keeps_sixteen_steps_of_its_scale(magnitude: float, rng: np.random.Generator) -> None:
    """Codes near 448 are 32 apart."""
    x = V4.decode(V4.encode(rng.standard_normal((16, 512)) * magnitude), 16)  # bfloat16 rope
    x[:, :448] = rng.standard_normal((16, 448)) * magnitude
    page = V4.encode(x)
    step = np.exp2(page[16 * 576 :].reshape(16, 8)[:, :7].astype(np.float64) - 127)
    decoded = V4.decode(page, 16)
    assert (np.abs(decoded - x)[:, :448] <= 16 * np.repeat(step, 64, axis=1)).all()
    np.testing.assert_array_equal(decoded[:, 448:], x[:, 448:])


@layouts
def test_what_was_read_is_written_back_as_it_was(layout: Paged, rng: np.random.Generator) -> None:
    """Decoded rows decode to themselves once more, where the scale keeps its value: the largest code is in use."""
    x = rows(rng, 32, layout.width).astype(np.float64)
    for place in layout.places:
        form, end = place.field.format, place.column + place.field.count
        if form.scale is not None:
            x[:, place.column : end : place.field.group] = form.element.max_finite
    once = layout.decode(layout.encode(x), 32)
    np.testing.assert_array_equal(layout.decode(layout.encode(once), 32), once)


@layouts
def test_values_of_powers_of_two_scales_are_bfloat16(layout: Paged, rng: np.random.Generator) -> None:
    """Then rounding to bfloat16 on the way to a dot product loses nothing."""
    powers = all(f.format.scale is None or f.format.scale.mantissa_bits < 4 for f in layout.fields)
    x = layout.decode(layout.encode(rows(rng, 32, layout.width)), 32)
    narrow = (x.astype(np.float32).view(np.uint32) & 0xFFFF) == 0
    assert narrow.all() == powers
