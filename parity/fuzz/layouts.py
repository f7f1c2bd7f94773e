"""Random cache layouts, beyond the built-in ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, INT8, UINT8, ElementFormat
from specs.lang.formats.packing import Packing
from specs.lang.formats.paged import Field, Paged, ScalePlace

T = TypeVar("T")

_PAIRS: Final = Packing(word=UINT8, per_word=2)


def pick(rng: np.random.Generator, values: Sequence[T]) -> T:
    """One of some values, which numpy would turn into its own."""
    return values[int(rng.integers(len(values)))]


def layout(rng: np.random.Generator) -> Paged:
    """One to four fields; scales in either place; rows and pages with and without padding."""
    while True:
        chosen = tuple(_field(rng) for _ in range(rng.integers(1, 5)))
        place = pick(rng, list(ScalePlace))
        needed = sum(field.scale_bytes for field in chosen)
        spare = int(rng.integers(0, 10)) if place is ScalePlace.END_OF_PAGE and needed else 0
        try:
            return Paged(
                name="drawn",
                fields=chosen,
                scales=place,
                scale_bytes=needed + spare if spare else 0,
                page_multiple=pick(rng, [1, 7, 64]),
            )
        except SpecError:  # elements that would lie across their alignment
            continue


def _field(rng: np.random.Generator) -> Field:
    """One to eight groups, or columns without scales."""
    element = pick(rng, [E4M3, E5M2, E2M1, BF16, F16, F32, INT8])
    group = pick(rng, [2, 6, 8, 12, 16, 24, 48])
    scales: list[ElementFormat | None] = [F32, BF16, E8M0, E4M3] if element.bits <= 8 else []
    # Codes that share bytes have scales in every layout.
    scale = pick(rng, scales if element.bits == 4 else [*scales, None])
    rule = ScaleRule.POW2_CEIL if scale == E8M0 else pick(rng, [ScaleRule.AMAX, ScaleRule.AMAX_QUOTIENT])
    count = group * pick(rng, [1, 2, 3, 4, 8])
    return Field(count=count, format=_format(element, scale, None if rng.random() < 1 / 2 else group, rule))


def _format(element: ElementFormat, scale: ElementFormat | None, group: int | None, rule: ScaleRule) -> BlockFormat:
    return BlockFormat(
        name=f"{element.name}_{group}_{scale.name if scale else ''}",
        element=element,
        block=(1, group),
        scale=scale,
        rule=rule,
        amax_floor=element.max_finite / 64,
        packing=_PAIRS if element.bits == 4 else None,
    )
