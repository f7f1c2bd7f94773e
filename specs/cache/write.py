"""quantize_and_insert_k: rows quantised and written into their slots of a paged cache.

    cache[slot_mapping[i]] = encode(k[i])      for every i whose slot is in the cache

Rows are already rotated, and of bfloat16, float16 or float32; they are rounded once, to the formats of the layout.
Slots that are negative (padding) or past the last page are skipped; no other byte of the cache changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.arrays import (
    INTEGERS,
    KEY_FORMATS,
    PAGE_BYTES,
    PAGES,
    ROWS,
    D,
    cache,
    layout_attributes,
    pages_of,
    width_of_layout,
)
from specs.cache.insert import destination_of, insert
from specs.cache.layouts import BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.cache.sampling import filled, keys, rows_of, slots
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import F16, F32, INT64
from specs.lang.formats.paged import Paged
from specs.tile.language import arange, load, program_id
from specs.tuned import everywhere

T = Axis(name="T", doc="rows of k")
TS = Axis(name="TS", doc="slots; further rows of k are not written")


def insert_rows(p: Any) -> None:
    """BLOCK_T rows."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    # slot_mapping may be shorter than k, whose last rows are padding then.
    live = token < p.TS
    # -1: no slot, and no byte is written.
    slot = load(p.slot_mapping, (token,), live, other=-1)
    insert(p.k, token, destination_of(p.cache, p.layout, p.ROWS, p.PAGES, slot, live))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, in bytes."""
    cached, slots_ = np.array(inputs["cache"], order="C"), np.asarray(inputs["slot_mapping"])
    pages, rows = pages_of({**inputs, "cache": cached})
    inputs["layout"].write(pages, slots_, inputs["k"][: len(slots_)], rows)
    return {"cache": Reference(value=cached)}


def sample(case: Sample) -> dict[str, Any]:
    """Distinct slots with some to be skipped, and pages with old rows."""
    sizes = case.sizes
    return {
        "k": keys(case, sizes["T"], case.formats["k"]),
        "slot_mapping": slots(case, sizes["TS"]),
        "cache": filled(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows_of(case)),
    }


def slot_mapping(doc: str = "slot = page * rows + row of every row; negative to skip it") -> Array:
    """The slots argument."""
    return Array(
        name="slot_mapping",
        doc=doc,
        shapes=((TS,),),
        formats=INTEGERS,
        layout=Dense(inner=Inner.FREE),
        role=Role.INDEX,
    )


def fits(argument: str) -> tuple[Constraint, ...]:
    """Conditions on sizes that insertions share."""
    return (
        width_of_layout(argument, D),
        Constraint(argument="slot_mapping", holds=TS <= T, message="no more slots than rows"),
    )


def _case(
    name: str, t: int, ts: int, pages: int, rows: int, layout: Paged | None = None, pad: int = 0, **fields: Any
) -> Case:
    attributes = (("block_size", rows), *((("layout", layout),) if layout else ()))
    shape = layout or V4
    sizes = (("T", t), ("TS", ts), ("PAGES", pages), ("PAGE_BYTES", shape.page_stride(rows) + pad), ("D", shape.width))
    return Case(name=name, sizes=sizes, attributes=attributes, **fields)


INSERT_ROWS = Kernel(
    name="insert_rows",
    doc="Rows quantised and written into their slots.",
    axes=(T, TS, PAGES, PAGE_BYTES, ROWS, D),
    arrays=(
        Array(name="k", doc="rows", shapes=((T, D),), formats=KEY_FORMATS),
        cache(Access.INOUT),
        slot_mapping(),
    ),
    attributes=layout_attributes(),
    tunables=(
        Tunable(name="BLOCK_T", values=(1, 2, 4, 8), doc="rows per program"),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
        Tunable(name="num_stages", values=(1,)),
    ),
    configs=everywhere("insert_rows"),
    grid=(cdiv(TS, Ref("BLOCK_T")),),
    body=insert_rows,
)

QUANTIZE_AND_INSERT_K: Op = single(
    INSERT_ROWS,
    name="quantize_and_insert_k",
    family="cache",
    definition=definition_of(__doc__),
    source="DeepSeek-V4 KV cache; layouts as in FlashMLA",
    constraints=fits("k"),
    sample=sample,
    oracle=oracle,
    accuracy=(("cache", Accuracy(exact=True)),),
    cases=(
        _case("v4", 17, 17, 3, 16),
        _case("v4-64", 70, 67, 2, 64),
        _case("two-rows-a-page", 9, 9, 8, 2),
        _case("v32", 12, 12, 2, 8, V32, pad=16),
        _case("v41", 12, 11, 2, 8, V41),
        _case("v41-fp4", 12, 12, 2, 8, V41_FP4),
        _case("nvfp4", 12, 12, 2, 8, NVFP4_MLA),
        _case("bf16", 5, 5, 2, 4, BF16_512),
        _case("f16", 9, 9, 2, 8, formats=(("k", F16),)),
        _case("f32", 9, 9, 2, 8, V32, formats=(("k", F32),)),
        _case("one-row", 1, 1, 1, 64),
        _case("int64-slots", 5, 4, 1, 8, formats=(("slot_mapping", INT64),)),
        _case("no-rows", 0, 0, 2, 16),
        _case("large", 8192, 8192, 160, 64, large=True, golden=True),
    ),
)
