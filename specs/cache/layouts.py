"""The paged cache layouts in use, each a value of `specs.lang.formats.paged.Paged`.

    name      row         fields                                       scales
    V32       656 bytes   512 e4m3, 64 bf16 (rope)                     4 float32, after the codes
    V4        584 bytes   448 e4m3, 64 bf16 (rope)                     7 E8M0 and a zero, at the end of the page
    V41       528 bytes   512 e4m3                                     16 E8M0, after the codes
    V41_FP4   288 bytes   512 e2m1, two per byte, the even one low     32 e4m3, after the codes
    NVFP4_MLA 416 bytes   512 e2m1 in NVFP4, 64 bf16 (rope)            32 e4m3, after the codes
    BF16_512  1024 bytes  512 bf16                                     none

A column of V32, V41, V41_FP4 and NVFP4_MLA is a code times its scale, rounded to bfloat16 where it does not fit (V32
only: the others have products of few bits). NVFP4's second level of scales is a constant of the layout, a power of two:
`nvfp4_mla(g)`; g = 448 * 6 / amax, rounded down to a power of two, serves keys of any magnitude.
"""

from __future__ import annotations

from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import BF16, E2M1, E4M3, E8M0, F32, UINT8, ElementFormat
from specs.lang.formats.named import nvfp4
from specs.lang.formats.packing import Packing
from specs.lang.formats.paged import Field, Paged, ScalePlace

KEY_FLOOR = 1e-4  # smallest magnitude that a group of a key is scaled for
_FLASHMLA = "FlashMLA"


def groups(
    element: ElementFormat, group: int, scale: ElementFormat, rule: ScaleRule, floor: float = KEY_FLOOR
) -> BlockFormat:
    """Codes of one row with one scale per `group` columns; narrow codes two per byte, the first one low."""
    return BlockFormat(
        name=f"key_{element.name}_{group}_{scale.name}",
        element=element,
        block=(1, group),
        scale=scale,
        rule=rule,
        amax_floor=floor,
        packing=Packing(word=UINT8, per_word=2) if element.bits == 4 else None,
    )


def plain(element: ElementFormat) -> BlockFormat:
    """Values as they are."""
    return BlockFormat(name=f"key_{element.name}", element=element, scale=None)


V32 = Paged(
    name="v32",
    fields=(
        Field(count=512, format=groups(E4M3, 128, F32, ScaleRule.AMAX_QUOTIENT)),
        Field(count=64, format=plain(BF16)),
    ),
    values=512,
    source=f"{_FLASHMLA}, FP8 KV cache of DeepSeek-V3.2",
)
V4 = Paged(
    name="v4",
    fields=(Field(count=448, format=groups(E4M3, 64, E8M0, ScaleRule.POW2_CEIL)), Field(count=64, format=plain(BF16))),
    scales=ScalePlace.END_OF_PAGE,
    scale_bytes=8,
    page_multiple=576,
    source=f"{_FLASHMLA}, MODEL1 layout",
)
V41 = Paged(
    name="v41",
    fields=(Field(count=512, format=groups(E4M3, 32, E8M0, ScaleRule.POW2_CEIL)),),
    source=f"{_FLASHMLA}, V4.1 layout",
)
V41_FP4 = Paged(
    name="v41_fp4",
    fields=(Field(count=512, format=groups(E2M1, 16, E4M3, ScaleRule.AMAX, floor=6.0 * 2.0**-9)),),
    source=f"{_FLASHMLA}, V4.1 layout in FP4",
)


def nvfp4_mla(constant: float = 1.0) -> Paged:
    """512 columns in NVFP4 under a constant tensor scale, and 64 rotary ones as they are; the order of V3.2's row."""
    return Paged(
        name="nvfp4_mla" if constant == 1.0 else f"nvfp4_mla_{constant:g}",
        fields=(Field(count=512, format=nvfp4(constant)), Field(count=64, format=plain(BF16))),
        values=512,
        source="NVFP4 as in specs.lang.formats.named, columns as in FlashMLA's FP8 KV cache of DeepSeek-V3.2",
    )


NVFP4_MLA = nvfp4_mla()
BF16_512 = Paged(name="bf16_512", fields=(Field(count=512, format=plain(BF16)),), source="unquantised pages")

ALL = (V32, V4, V41, V41_FP4, NVFP4_MLA, BF16_512)
