"""Keys of the indexer in pages, and dense: two declarations, and the shapes that follow from them.

    name                row        fields                                       scales, at the end of the page
    INDEXER_FP8         132 bytes  128 e4m3                                     1 float32, a power of two
    INDEXER_FP8_PLAIN   132 bytes  128 e4m3                                     1 float32, the quotient as it is
    INDEXER_MXFP4       68 bytes   128 e2m1, two per byte, the even one low     4 E8M0, one per 32 columns

Rows are rotated before they are quantised; the last 64 of their 128 columns are rotary.
"""

from __future__ import annotations

from specs.cache.layouts import KEY_FLOOR, groups
from specs.lang.formats.blocks import ScaleRule
from specs.lang.formats.elements import E2M1, E4M3, E8M0, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Field, Paged, ScalePlace

WIDTH = 128
MX_GROUP = 32
_FP4_FLOOR = 6.0 * 2.0**-126
_PAGE_MULTIPLE = 576  # of the allocator that all caches of the model share
_SOURCE = "DeepSeek-V4, cache of the sparse indexer"


def _layout(
    name: str,
    element: ElementFormat,
    group: int,
    scale: ElementFormat,
    rule: ScaleRule,
    floor: float,
    columns: int = WIDTH,
) -> Paged:
    return Paged(
        name=name,
        fields=(Field(count=columns, format=groups(element, group, scale, rule, floor)),),
        scales=ScalePlace.END_OF_PAGE,
        page_multiple=_PAGE_MULTIPLE,
        source=_SOURCE,
    )


INDEXER_FP8 = _layout("indexer_fp8", E4M3, WIDTH, F32, ScaleRule.POW2_CEIL, KEY_FLOOR)
INDEXER_FP8_PLAIN = _layout("indexer_fp8_plain", E4M3, WIDTH, F32, ScaleRule.AMAX_QUOTIENT, KEY_FLOOR)
INDEXER_MXFP4 = _layout("indexer_mxfp4", E2M1, MX_GROUP, E8M0, ScaleRule.POW2_CEIL, _FP4_FLOOR)
ALL = (INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4)


def fp8_rows(columns: int) -> Paged:
    """Rows like INDEXER_FP8's, with this many columns."""
    return _layout(f"indexer_fp8_{columns}", E4M3, columns, F32, ScaleRule.POW2_CEIL, KEY_FLOOR, columns)


def mxfp4_rows(columns: int) -> Paged:
    """Rows like INDEXER_MXFP4's, with this many columns."""
    return _layout(f"indexer_mxfp4_{columns}", E2M1, MX_GROUP, E8M0, ScaleRule.POW2_CEIL, _FP4_FLOOR, columns)


Shape = tuple[int, ...]


def workspace_shapes(rows: int, layout: Paged = INDEXER_FP8) -> tuple[tuple[Shape, ElementFormat], ...]:
    """Shapes and element formats of the workspace of `indexer_k_gather`: codes, then scales as bytes."""
    element = layout.fields[0].format.element
    return ((rows, layout.row_stride), element if element.bits == 8 else UINT8), ((rows, layout.share), UINT8)


def quant_view(pages: int, page_bytes: int, block_size: int, layout: Paged = INDEXER_FP8) -> tuple[Shape, Shape]:
    """Shape and strides, in bytes, of the view [pages, rows, 1, bytes of a row] that kernels of others take a cache in.

    Nominal: the scales of a page follow all of its codes, so only the first stride is meaningful.
    """
    row = layout.row_bytes
    return (pages, block_size, 1, row), (page_bytes, row, row, 1)
