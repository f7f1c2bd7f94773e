"""Layouts that nobody uses, drawn at random."""

from __future__ import annotations

from hypothesis import reject
from hypothesis import strategies as st

from specs.lang.blocks import BlockFormat, ScaleRule
from specs.lang.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, INT8, UINT8, ElementFormat
from specs.lang.errors import SpecError
from specs.lang.packing import Packing
from specs.lang.paged import Field, Paged, ScalePlace

_PAIRS = Packing(word=UINT8, per_word=2)


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


@st.composite
def fields(draw: st.DrawFn) -> Field:
    """One to six groups, or columns without scales."""
    element = draw(st.sampled_from([E4M3, E5M2, E2M1, BF16, F16, F32, INT8]))
    group = draw(st.sampled_from([2, 6, 8, 12, 16, 24, 48]))
    scales = [F32, BF16, E8M0, E4M3] if element.bits <= 8 else []
    # Codes that share bytes have scales in every layout there is.
    scale = draw(st.sampled_from([*scales, *([] if element.bits == 4 else [None])]))
    rule = ScaleRule.POW2_CEIL if scale == E8M0 else draw(st.sampled_from([ScaleRule.AMAX, ScaleRule.AMAX_QUOTIENT]))
    count = group * draw(st.sampled_from([1, 2, 3, 4, 8]))
    whole = draw(st.booleans())
    return Field(count=count, format=_format(element, scale, None if whole else group, rule))


@st.composite
def layouts(draw: st.DrawFn) -> Paged:
    """One to four fields; scales in either place; rows and pages with and without padding."""
    chosen = tuple(draw(st.lists(fields(), min_size=1, max_size=4)))
    place = draw(st.sampled_from(list(ScalePlace)))
    needed = sum(field.scale_bytes for field in chosen)
    spare = draw(st.integers(0, 9)) if place is ScalePlace.END_OF_PAGE and needed else 0
    try:
        return Paged(
            name="drawn",
            fields=chosen,
            scales=place,
            scale_bytes=needed + spare if spare else 0,
            page_multiple=draw(st.sampled_from([1, 7, 64])),
        )
    except SpecError:  # elements that would lie across their alignment
        reject()
