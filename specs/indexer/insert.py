"""indexer_k_insert: keys of the indexer quantised and written into their slots.

The kernel of `quantize_and_insert_k`, with the layouts of the indexer. In DeepSeek-V4 the compressor writes
these rows itself; models without one (V3.2) insert them here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specs.cache.arrays import layout_attributes
from specs.cache.write import INSERT_ROWS, fits, oracle, sample
from specs.indexer.layouts import ALL, INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.kernel import Attribute
from specs.lang.declare.op import Case, Op, Step
from specs.lang.formats.elements import F16, F32, INT64
from specs.lang.formats.paged import Paged


def attributes() -> tuple[Attribute, ...]:
    """The layout attribute: one of the indexer's layouts."""
    layout, *rest = layout_attributes()
    return (replace(layout, default=INDEXER_FP8, choices=ALL), *rest)


def _case(name: str, t: int, pages: int, rows: int, layout: Paged = INDEXER_FP8, pad: int = 0, **fields: Any) -> Case:
    sizes = {"T": t, "TS": fields.pop("ts", t), "PAGES": pages, "PAGE_BYTES": layout.page_stride(rows) + pad}
    sizes |= {"D": layout.width}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=(("block_size", rows), ("layout", layout)), **fields)


INDEXER_K_INSERT = Op(
    name="indexer_k_insert",
    doc="Keys of the indexer quantised and written into their slots.",
    source="DeepSeek-V3.2 and V4, sparse indexer",
    family="indexer",
    axes=INSERT_ROWS.axes,
    arrays=INSERT_ROWS.arrays,
    attributes=attributes(),
    constraints=fits("k"),
    steps=(Step(kernel=INSERT_ROWS),),
    sample=sample,
    oracle=oracle,
    accuracy=(("cache", Accuracy(exact=True)),),
    cases=(
        _case("fp8", 70, 2, 64, ts=67),
        _case("fp8-plain", 17, 3, 16, INDEXER_FP8_PLAIN),
        _case("mxfp4", 70, 3, 64, INDEXER_MXFP4, pad=64),
        _case("two-rows-a-page", 9, 8, 2, formats=(("k", F16),)),
        _case("f32", 9, 2, 8, INDEXER_FP8_PLAIN, formats=(("k", F32),)),
        _case("int64-slots", 5, 1, 8, formats=(("slot_mapping", INT64),)),
        _case("no-rows", 0, 2, 64),
        _case("large", 8192, 160, 64, large=True, golden=True),
    ),
)
