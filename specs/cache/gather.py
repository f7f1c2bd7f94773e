"""dequant_gather_k: the tail of every request's cached rows, dequantised into a dense workspace.

    out[b, offset + i] = decode(row p of request b),  p = seq_lens[b] - gather_lens[b] + i,  0 <= i < gather_lens[b]

Row p lies in page block_table[b, p // rows], at p % rows. Values are rounded to bfloat16, which is exact for layouts
whose scales are powers of two. Other rows of `out` are unchanged; a page outside the cache is not read, and its rows
are unchanged too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.arrays import (
    PAGE_BYTES,
    PAGES,
    ROWS,
    VALUES,
    D,
    cache,
    in_chunks,
    layout_attributes,
    pages_of,
    width_of_layout,
)
from specs.cache.layouts import BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.cache.sampling import block_table, filled, rows_of
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, INT32
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, load, maximum, program_id, store, when
from specs.tile.library.pages import PageRows, chunks
from specs.tuned import everywhere, tuned

B = Axis(name="B", doc="requests")
BO = Axis(name="BO", doc="requests that the workspace has room for")
M = Axis(name="M", doc="rows of the workspace per request")
TABLE = Axis(name="TABLE", doc="pages that a row of the block table has room for")


def gather_rows(p: Any) -> None:
    """BLOCK_T rows of one request."""
    request, tile = program_id(0), program_id(1)
    length = load(p.seq_lens, (request,))
    count = length if p.gather_lens is None else load(p.gather_lens, (request,))

    def rows() -> None:
        gather(p, request, tile * p.BLOCK_T + arange(p.BLOCK_T), length, count)

    # The grid covers the longest request that fits; programs past a short one exit at once.
    when(tile * p.BLOCK_T < count, rows)


def gather(p: Any, request: Tile, row: Tile, length: Tile, count: Tile) -> None:
    """Row `row` of a request's gathered rows."""
    # The last `count` rows: prefill attends to a window, not to the whole prefix.
    position = length - count + row
    goal = row + p.offset
    # gather_lens above seq_lens would start before the request, and offset + count may exceed the workspace.
    live = (row < count) & (position >= 0) & (goal < p.M)
    # Masked lanes too: // and % of negative numbers differ between targets.
    position = maximum(position, 0)
    entry = position // p.ROWS
    live = live & (entry < p.TABLE)
    # Page numbers are user data: -1 (none) and stale entries must not become addresses.
    page = load(p.block_table, (request, entry), live, other=-1)
    live = live & (page >= 0) & (page < p.PAGES)
    source = PageRows(p.cache, p.layout, p.ROWS, page, position % p.ROWS, live)
    # Chunk by chunk: a whole row of 512 columns at a time would spill. Unread rows keep what `out` had.
    for chunk in chunks(p.layout, p.CHUNK):
        store(p.out, (request, goal[:, None], chunk.columns()[None, :]), source.chunk(chunk), live[:, None])


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    out, layout, (pages, rows) = np.array(inputs["out"]), inputs["layout"], pages_of(inputs)
    lengths = np.asarray(inputs["seq_lens"], np.int64)
    counts = np.asarray(inputs.get("gather_lens", lengths), np.int64)
    for b, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        position = np.arange(length - count, length)
        page = np.asarray(inputs["block_table"], np.int64)[b, position // rows]
        fits = (page >= 0) & (page < len(pages))
        values = layout.read(pages, (page * rows + position % rows)[fits], rows)
        out[b, inputs["offset"] + np.flatnonzero(fits)] = BF16.decode(BF16.encode(values))
    return {"out": Reference(value=out)}


def sample(case: Sample) -> dict[str, Any]:
    """Requests of different lengths, empty ones among them; one page of a table lies outside the cache."""
    sizes, rows = case.sizes, rows_of(case)
    room = max(0, sizes["M"] - int(case.attributes["offset"]))  # type: ignore[call-overload]
    longest = min(sizes["TABLE"] * rows, room if "gather_lens" not in case.shapes else sizes["TABLE"] * rows)
    lengths = case.rng.integers(0, longest + 1, sizes["B"])
    lengths[:: max(1, sizes["B"] // 2)] = longest
    used = -(-lengths // rows)
    table = block_table(case, sizes["B"], sizes["TABLE"], used)
    if sizes["B"] > 1 and used[-1] > 1:
        table[-1, 0] = sizes["PAGES"] + 5
    return {
        "seq_lens": lengths,
        "gather_lens": np.minimum(case.rng.integers(0, room + 1, sizes["B"]), lengths),
        "block_table": table,
        "cache": filled(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows),
    }


def _index(name: str, doc: str, *dims: Any, **fields: Any) -> Array:
    inner = Inner.FREE if len(dims) == 1 else Inner.UNIT
    return Array(
        name=name, doc=doc, shapes=(dims,), formats=(INT32,), role=Role.INDEX, layout=Dense(inner=inner), **fields
    )


_KERNEL = Kernel(
    name="gather_rows",
    doc="Rows of a paged cache dequantised into a dense workspace.",
    axes=(B, BO, M, PAGES, PAGE_BYTES, ROWS, D, TABLE),
    arrays=(
        Array(
            name="out",
            doc="workspace; other rows stay as they are",
            shapes=((BO, M, D),),
            formats=VALUES,
            access=Access.INOUT,
        ),
        cache(Access.IN),
        _index("seq_lens", "rows that the cache holds of every request", B),
        _index("gather_lens", "how many of them, the last ones, are gathered; all if left out", B, optional=True),
        _index("block_table", "pages of every request in order", B, TABLE),
    ),
    attributes=(
        Attribute(name="offset", kind=int, default=0, minimum=0, doc="first row of the workspace that is written"),
        *layout_attributes(),
    ),
    tunables=(
        Tunable(name="BLOCK_T", values=(8, 16, 32, 64), doc="rows per program"),
        Tunable(name="CHUNK", values=(32, 64, 128, 256), doc="columns per load"),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
        Tunable(name="num_stages", values=(1,)),
    ),
    configs=(*everywhere("gather_rows"), *tuned("cuda.pallas", "gather_rows", every=None)),
    grid=(B, cdiv(M, Ref("BLOCK_T"))),
    body=gather_rows,
)


def _case(
    name: str,
    b: int,
    m: int,
    rows: int,
    table: int,
    layout: Paged | None = None,
    offset: int = 0,
    extra: int = 0,
    **fields: Any,
) -> Case:
    shape = layout or V4
    sizes = {"B": b, "BO": b + extra, "M": m, "D": shape.width, "TABLE": table}
    sizes |= {"PAGES": max(1, b * table), "PAGE_BYTES": shape.page_stride(rows)}
    attributes = (("block_size", rows), ("offset", offset), *((("layout", layout),) if layout else ()))
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


_ALL = ("gather_lens",)

DEQUANT_GATHER_K: Op = single(
    _KERNEL,
    name="dequant_gather_k",
    family="cache",
    definition=definition_of(__doc__),
    source="DeepSeek-V4 prefill over cached keys; layouts as in FlashMLA",
    constraints=(
        in_chunks(),
        width_of_layout("out", D),
        Constraint(argument="out", holds=B <= BO, message="room for every request"),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("out", Accuracy(exact=True)),),
    cases=(
        _case("whole", 3, 32, 16, 2, absent=_ALL),
        _case("tail", 3, 140, 64, 3, offset=5, extra=1),
        _case("two-rows-a-page", 2, 20, 2, 9),
        _case("v32", 2, 24, 8, 3, V32),
        _case("v41", 2, 24, 8, 3, V41),
        _case("v41-fp4", 2, 24, 8, 3, V41_FP4),
        _case("nvfp4", 2, 24, 8, 3, NVFP4_MLA),
        _case("bf16", 2, 12, 4, 3, BF16_512),
        _case("page-256", 5, 30, 256, 1),
        _case("no-requests", 0, 8, 16, 1),
        _case("large", 8, 4096, 64, 64, absent=_ALL, large=True, golden=True),
    ),
)
