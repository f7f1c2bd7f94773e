"""indexer_k_gather: cached keys of several requests copied into one dense workspace, codes and scales unchanged.

    row cu_seq_lens[b] - cu_seq_lens[0] + i  =  row i of request b,   0 <= i < cu_seq_lens[b + 1] - cu_seq_lens[b]

Row i lies in page block_table[b, i // rows], at i % rows. Rows of the workspace after the last request are unchanged,
as are rows whose page is outside the cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.arrays import PAGE_BYTES, PAGES, ROWS, cache, pages_of
from specs.cache.declared import NB, B, index
from specs.cache.lookup import owner_of
from specs.cache.sampling import block_table, filled, rows_of
from specs.indexer.insert import attributes
from specs.indexer.layouts import INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Role, Tunable
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import E4M3, UINT8, ElementFormat
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, load, load_view, minimum, program_id, store, when, where
from specs.tuned import everywhere

TK = Axis(name="TK", doc="rows of the workspace")
DATA, SHARE = Ref("layout_data"), Ref("layout_share")


def gather_keys(p: Any, requests: Axis = B, table: Axis = NB, rows: Axis = TK) -> None:
    """BLOCK_T rows of the workspace."""
    first = program_id(0) * p.BLOCK_T
    count, entries, room = (getattr(p, axis.name) for axis in (requests, table, rows))
    # A slice of the batch's array: its first element is not 0.
    start = load(p.cu_seq_lens, (0,))
    # The workspace has room for an upper bound that the host knows; programs past the real total exit at once.
    total = minimum(load(p.cu_seq_lens, (count,)) - start, room)

    def copy() -> None:
        row = first + arange(p.BLOCK_T)
        request = owner_of(p.cu_seq_lens, count, p.BLOCK_R, row)
        live = (row < total) & (request < count)
        # 0 for masked rows: // and % below are defined for them.
        position = where(live, row - (load(p.cu_seq_lens, (request,), live) - start), 0)
        entry = position // p.ROWS
        live = live & (entry < entries)
        page = load(p.block_table, (request, entry), live, other=-1)
        # Page numbers are user data: -1 and stale entries must not become addresses.
        live = live & (page >= 0) & (page < p.PAGES)
        copy_keys(p, page, position % p.ROWS, row, live)

    when(first < total, copy)


def copy_keys(p: Any, page: Tile, inside: Tile, row: Tile, live: Tile) -> None:
    """Row `inside` of every page, to rows `row` of the workspace."""
    layout: Paged = p.layout
    _copy(p, p.dst_k, page, inside * layout.row_stride, row, live, layout.row_stride)
    # All scales of a page lie after its last row of codes.
    at_end = inside * layout.share + p.ROWS * layout.row_stride
    # float32 scales are copied as elements, E8M0 ones as bytes: neither is decoded.
    if p.dst_scale.rank == 1:
        store(p.dst_scale, (row,), load_view(p.cache, page, at_end, 0, p.dst_scale.element, live), live)
    elif layout.share:
        _copy(p, p.dst_scale, page, at_end, row, live, layout.share)


def _copy(p: Any, goal: ArrayHandle, page: Tile, byte: Tile, row: Tile, live: Tile, count: int) -> None:
    """`count` bytes of every row."""
    column = arange(1 << (count - 1).bit_length())[None, :]
    mask = live[:, None] if column.shape[1] == count else live[:, None] & (column < count)
    codes = load_view(p.cache, page[:, None], byte[:, None], column, goal.element, mask)
    store(goal, (row[:, None], column), codes, mask)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, in bytes."""
    layout, (pages, rows) = inputs["layout"], pages_of(inputs)
    stride, share = layout.row_stride, layout.share
    codes, scales = _raw(inputs["dst_k"], inputs["formats"]["dst_k"]), np.array(inputs["dst_scale"])
    starts = np.asarray(inputs["cu_seq_lens"], np.int64) - int(inputs["cu_seq_lens"][0])
    for b in range(len(starts) - 1):
        position = np.arange(starts[b + 1] - starts[b])
        page = np.asarray(inputs["block_table"], np.int64)[b, position // rows]
        fits = np.flatnonzero((page >= 0) & (page < len(pages)))
        page, at = page[fits, None], (position[fits] % rows)[:, None]
        codes[starts[b] + fits] = pages[page, at * stride + np.arange(stride)]
        scales[starts[b] + fits] = pages[page, rows * stride + at * share + np.arange(share)]
    return {"dst_k": Reference(value=codes), "dst_scale": Reference(value=scales)}


def _raw(values: np.ndarray[Any, Any], form: ElementFormat) -> np.ndarray[Any, Any]:
    """The codes that values were decoded from: e4m3 has two of NaN, which `decode` tells apart by their sign."""
    if not form.is_float:
        return np.array(values)
    sign = form.storage_dtype.type(1 << (form.bits - 1))
    return np.asarray(form.encode(values) | np.where(np.isnan(values) & np.signbit(values), sign, 0), np.uint8)


def sample(case: Sample) -> dict[str, Any]:
    """Requests of different lengths, empty ones among them; one page of a table lies outside the cache."""
    sizes, rows = case.sizes, rows_of(case)
    requests, most = sizes["B"], min(sizes["NB"] * rows, sizes["TK"] // max(sizes["B"], 1))
    lengths = case.rng.integers(0, most + 1, requests)
    lengths[:: max(1, requests // 2)] = most
    table = block_table(case, requests, sizes["NB"], -(-lengths // rows))
    if requests > 1 and lengths[0] > rows:
        table[0, 1] = sizes["PAGES"] + 5
    return {
        "cu_seq_lens": np.concatenate([[0], np.cumsum(lengths)]) + 3,
        "block_table": table,
        "cache": filled(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows),
    }


def _case(
    name: str, b: int, tk: int, rows: int, table: int, layout: Paged = INDEXER_FP8, pad: int = 0, **fields: Any
) -> Case:
    sizes = {"B": b, "TK": tk, "NB": table, "PAGES": max(1, b * table), "PAGE_BYTES": layout.page_stride(rows) + pad}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=(("block_size", rows), ("layout", layout)), **fields)


def gather_kernel(
    codes: Array, scales: Array, *, requests: Axis = B, table: Axis = NB, rows: Axis = TK, starts: Expr = B + 1
) -> Kernel:
    """The kernel that fills two arrays of a workspace: codes, and scales, as bytes or one element per row."""

    def body(p: Any) -> None:
        gather_keys(p, requests, table, rows)

    body.__qualname__ = "gather_keys"
    return Kernel(
        name="gather_keys",
        doc="Codes and scales of cached keys copied into a dense workspace.",
        axes=(rows, requests, table, PAGES, PAGE_BYTES, ROWS),
        arrays=(
            cache(Access.IN),
            codes,
            scales,
            index("block_table", "pages of every request in order", requests, table),
            index("cu_seq_lens", "where rows of requests begin, and the end after the last", starts),
        ),
        attributes=attributes(),
        tunables=(
            Tunable(name="BLOCK_T", values=(8, 16, 32, 64), doc="rows per program"),
            Tunable(name="BLOCK_R", values=(16, 64, 128), doc="requests looked at together"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=everywhere("gather_keys"),
        grid=(cdiv(rows, Ref("BLOCK_T")),),
        body=body,
    )


def workspace(name: str, doc: str, columns: Expr, formats: tuple[ElementFormat, ...]) -> Array:
    """An array that is filled."""
    return Array(name=name, doc=doc, shapes=((TK, columns),), formats=formats, access=Access.INOUT, role=Role.CODES)


INDEXER_K_GATHER: Op = single(
    gather_kernel(
        workspace("dst_k", "codes of the keys, as bytes or in their format", DATA, (E4M3, UINT8)),
        workspace("dst_scale", "scales of the keys, as bytes", SHARE, (UINT8,)),
    ),
    name="indexer_k_gather",
    family="indexer",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, sparse indexer: prefill",
    sample=sample,
    oracle=oracle,
    accuracy=(("dst_k", Accuracy(exact=True)), ("dst_scale", Accuracy(exact=True))),
    cases=(
        _case("fp8", 5, 400, 64, 3),
        _case("mxfp4", 3, 100, 16, 4, INDEXER_MXFP4, pad=32, formats=(("dst_k", UINT8),)),
        _case("fp8-bytes", 2, 20, 2, 9, formats=(("dst_k", UINT8),)),
        _case("many-requests", 70, 700, 8, 2, INDEXER_FP8_PLAIN),
        _case("no-requests", 0, 8, 16, 1),
        _case("no-rows", 3, 0, 16, 1),
        _case("large", 8, 65536, 64, 128, large=True, golden=True),
    ),
)
