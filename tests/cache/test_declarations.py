"""What no layout can be is refused where it is declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specs.cache.layouts import V4, groups, plain
from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import BF16, E2M1, E4M3, E8M0, F32, INT32
from specs.lang.formats.packing import Packing
from specs.lang.formats.paged import Field, Paged, ScalePlace

POWERS = groups(E4M3, 32, E8M0, ScaleRule.POW2_CEIL)
KEYS = Field(count=64, format=POWERS)
PAIRS = groups(E2M1, 16, E8M0, ScaleRule.POW2_CEIL)
FLOATS = groups(E4M3, 2, F32, ScaleRule.AMAX)


def block(*sides: int | None) -> BlockFormat:
    """e4m3 with a scale per block."""
    return BlockFormat(name="block", element=E4M3, block=sides, amax_floor=1.0)  # type: ignore[arg-type]


def test_the_good_one_is_accepted() -> None:
    layout = Paged(name="good", fields=(KEYS, Field(count=32, format=plain(BF16))))
    assert (layout.width, layout.row_bytes, layout.share, layout.row_stride) == (96, 130, 0, 130)


@pytest.mark.parametrize(
    ("fields", "others", "words"),
    [
        ((Field(count=48, format=POWERS),), {}, "do not tile 48 columns"),
        ((Field(count=16, format=POWERS),), {}, "do not tile 16 columns"),
        ((Field(count=0, format=plain(BF16)),), {}, "do not tile 0 columns"),
        ((Field(count=64, format=block(2, 32)),), {}, "each row by itself"),
        ((Field(count=64, format=block(None, 32)),), {}, "each row by itself"),
        ((Field(count=64, format=replace(POWERS, rule=ScaleRule.GIVEN)),), {}, "each row by itself"),
        ((Field(count=32, format=plain(E2M1)),), {}, "packed and scaled"),
        ((Field(count=32, format=replace(PAIRS, packing=None)),), {}, "packed and scaled"),
        ((Field(count=32, format=replace(PAIRS, packing=Packing(word=INT32, per_word=8))),), {}, "into bytes"),
        ((Field(count=33, format=replace(PAIRS, block=(1, 11))),), {}, "not whole bytes"),
        ((), {}, "no fields"),
        ((KEYS,), {"values": 0}, "0 value columns of 64"),
        ((KEYS,), {"values": 65}, "65 value columns of 64"),
        ((KEYS,), {"page_multiple": 0}, "multiple of 0 bytes"),
        ((Field(count=32, format=POWERS), Field(count=16, format=plain(BF16))), {}, "bf16 elements .* multiples of 2"),
        ((Field(count=2, format=plain(E4M3)), Field(count=4, format=FLOATS)), {}, "f32 scales .* multiples of 4"),
        ((KEYS,), {"scale_bytes": 4}, "only scales at the end"),
        ((KEYS,), {"scale_bytes": 1, "scales": ScalePlace.END_OF_PAGE}, "do not fit into 1 bytes"),
        ((KEYS, KEYS), {"scale_bytes": 3, "scales": ScalePlace.END_OF_PAGE}, "do not fit into 3 bytes"),
    ],
    ids=str,
)
def test_refused(fields: tuple[Field, ...], others: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        Paged(name="bad", fields=fields, **others)
    assert "'bad'" in str(caught.value)


def test_a_share_that_the_scales_just_fill() -> None:
    layout = Paged(name="full", fields=(KEYS,), scales=ScalePlace.END_OF_PAGE, scale_bytes=2)
    assert layout.share == 2
    assert layout == Paged(name="full", fields=(KEYS,), scales=ScalePlace.END_OF_PAGE, scale_bytes=2)
    assert layout != Paged(name="full", fields=(KEYS,), scales=ScalePlace.END_OF_PAGE)


def test_one_scale_for_the_whole_field() -> None:
    layout = Paged(name="whole", fields=(Field(count=64, format=block(1, None)),))
    (place,) = layout.places
    assert (place.field.groups, place.scale_byte, layout.row_bytes) == (1, 64, 68)


def test_fields_without_scales_leave_no_share() -> None:
    layout = Paged(name="plain", fields=(Field(count=8, format=plain(F32)),), scales=ScalePlace.END_OF_PAGE)
    assert (layout.share, layout.row_bytes) == (0, 32)


def test_layouts_of_one_name_are_still_different() -> None:
    other = Paged(name=V4.name, fields=V4.fields, scales=V4.scales, page_multiple=64, scale_bytes=8)
    assert hash(other) == hash(V4)
    assert other != V4
