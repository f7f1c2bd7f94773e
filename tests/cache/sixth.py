"""A layout that no specification has: 96 columns of e5m2 and 32 of float16, bfloat16 scales at the end of the page."""

from __future__ import annotations

from specs.cache.layouts import groups, plain
from specs.lang.formats.blocks import ScaleRule
from specs.lang.formats.elements import BF16, E5M2, F16
from specs.lang.formats.paged import Field, Paged, ScalePlace


def sixth(group: int) -> Paged:
    """One scale per `group` columns."""
    return Paged(
        name=f"sixth_{group}",
        fields=(
            Field(count=96, format=groups(E5M2, group, BF16, ScaleRule.AMAX)),
            Field(count=32, format=plain(F16)),
        ),
        scales=ScalePlace.END_OF_PAGE,
        scale_bytes=10,
        values=96,
        page_multiple=66,
    )


THIRDS, HALVES = sixth(32), sixth(48)
