"""paged_mqa_logits: scores of cached keys for decode tokens, several per request.

    row i = b n + j, column c: key c of request b, in page block_tables[b, c // rows], at c % rows
    visible for c < context_lens[b, j] with a length per query, for c < context_lens[b] - n + j + 1 with one per request

Invisible columns, and keys whose page lies outside the cache, are -inf; with
fill=False columns past the limit are not written. All n queries of a request share one read of its keys. A
request of padding, length 0, is -inf throughout. Layouts as in `mqa_logits`, pages of any number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.arrays import PAGE_BYTES, PAGES, ROWS, cache, pages_of
from specs.cache.declared import NB, B
from specs.cache.sampling import block_table, rows_of
from specs.indexer import arrays as declare
from specs.indexer.arrays import H
from specs.indexer.keys import heads_of, paged_keys, row_of, score
from specs.indexer.layouts import INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4, fp8_rows, mxfp4_rows
from specs.indexer.logits import LOGITS_ACCURACY, MINUS_INFINITY, result
from specs.indexer.oracle import decoded, logits
from specs.indexer.sampling import codes, pages, query_scales, weights
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Attribute, Config, Dim, Kernel
from specs.lang.declare.op import Case, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import BF16, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    both,
    cdiv,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    store,
    when,
    where,
)
from specs.tuned import tuned

COLUMNS = Ref("max_model_len")
QUERIES = Axis(name="QUERIES", static=True, minimum=1, maximum=16, doc="queries of a request")
ALL_REQUESTS = Axis(name="BC", value=B, doc="requests of one launch")


def paged_mqa_logits(p: Any) -> None:
    """BLOCK_M queries of one request, and TILES tiles of its keys."""
    out_request, part = program_id(0), program_id(1)
    request = p.first + out_request

    def scores() -> None:
        request_scores(p, request, out_request, part)

    # The last launch over slices of the requests may reach past B.
    when(request < p.B, scores)


def limit_of(p: Any, request: Tile, query: Tile | int, there: Tile | None) -> Tile:
    """Number of keys that a query of a request sees; 0 if the query does not exist."""
    if p.lens == declare.PER_QUERY:
        length = load(p.context_lens, (request, query), there)
    else:
        # Speculative tokens: query j of n sees what was there before it and itself.
        length = load(p.context_lens, (request,)) - (p.QUERIES - 1 - query)
    # Columns of a logits row end at max_model_len, lengths of padding may not.
    limit = minimum(length, p.max_model_len)
    return limit if there is None else where(there, limit, 0)


def queries_of(p: Any) -> list[tuple[Tile | int, Tile | None]]:
    """Queries of this program by their index in the request, and a mask (None: all exist)."""
    if p.BLOCK_M >= p.QUERIES:
        return [(query, None) for query in range(p.QUERIES)]
    queries = [program_id(2) * p.BLOCK_M + j for j in range(p.BLOCK_M)]
    return [(query, query < p.QUERIES if p.QUERIES % p.BLOCK_M else None) for query in queries]


def request_scores(p: Any, request: Tile, out_request: Tile, part: Tile) -> None:
    """Scores of part `part` of a request's keys."""
    cut = row_of(p.layout, p.CHUNK)
    queries = queries_of(p)
    limits = [limit_of(p, request, query, there) for query, there in queries]
    # The longest limit bounds the read; shorter ones are masked per query.
    upper = limits[0]
    for other in limits[1:]:
        upper = maximum(upper, other)
    # Requests with at most `least` keys are not scored: top-k takes all of them anyway.
    upper = where(upper > p.least, upper, 0)
    first_tile = part * p.TILES
    last_tile = minimum(first_tile + p.TILES, cdiv(p.max_model_len, p.BLOCK_N))
    end_tile = minimum(maximum(cdiv(maximum(upper, 0), p.BLOCK_N), first_tile), last_tile)

    def run() -> None:
        known = request >= 0
        heads = []
        for query, there in queries:
            row = request * p.QUERIES + query
            # q is [B, n, H, D] or flattened to [B n, H, D].
            place: tuple[Tile | int, ...] = (request, query) if p.q.rank > 3 else (row,)
            heads.append(heads_of(p, cut, place, row, known if there is None else known & there))

        def step(k: Tile) -> None:
            column = k * p.BLOCK_N + arange(p.BLOCK_N)
            entry = column // p.ROWS
            live = (column < upper) & (entry < p.NB)
            page = load(p.block_tables, (request, entry), live, other=-1)
            live = live & (page >= 0) & (page < p.PAGES)
            # Page 0 where there is none: the address is computed for masked lanes too.
            keys = paged_keys(p.cache, p.layout, p.ROWS, cut, where(live, page, 0), column % p.ROWS, live)
            for (query, there), limit, own in zip(queries, limits, heads, strict=True):
                value = where(live & (column < limit), score(keys, own), MINUS_INFINITY).to(p.logits.element)
                # Without fill top-k never looks past the limit, and nothing is written there.
                mask = both(column < (p.max_model_len if p.fill else limit), there)
                store(p.logits, (out_request * p.QUERIES + query, column), value, mask)

        fori_loop(first_tile, end_tile, step, stages=p.num_stages)

    # The queries are loaded inside: programs past a short request do not load them.
    when(first_tile < end_tile, run)
    if p.fill:

        def blank(k: Tile) -> None:
            column = k * p.BLOCK_N + arange(p.BLOCK_N)
            for query, there in queries:
                value = full((p.BLOCK_N,), MINUS_INFINITY, F32).to(p.logits.element)
                store(p.logits, (out_request * p.QUERIES + query, column), value, both(column < p.max_model_len, there))

        fori_loop(end_tile, last_tile, blank)


def limits_of(lens: Any, queries: int) -> np.ndarray[Any, Any]:
    """Keys that every row sees, int64 [rows], of lengths [requests, queries] or [requests]."""
    lens = np.asarray(lens, np.int64)
    own = lens if lens.ndim > 1 else lens[:, None] - queries + np.arange(queries)[None, :] + 1
    return np.asarray(own.reshape(-1))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    layout, width, (cached, rows) = inputs["layout"], inputs["max_model_len"], pages_of(inputs)
    q = decoded(inputs["q"], inputs["formats"]["q"], layout, inputs.get("q_scale"))
    q = q.reshape(-1, *q.shape[-2:])
    table, weights_ = np.asarray(inputs["block_tables"], np.int64), inputs["weights"]
    value, magnitude = np.full((len(q), width), -np.inf), np.zeros((len(q), width))
    queries = len(q) // max(len(table), 1)
    limits = np.minimum(limits_of(inputs["context_lens"], queries), width)
    for i, limit in enumerate(limits):
        if limit <= 0:
            continue
        column = np.arange(min(limit, table.shape[1] * rows))
        page = table[i // queries, column // rows]
        fits = np.flatnonzero((page >= 0) & (page < len(cached)))
        k = layout.read(cached, page[fits] * rows + column[fits] % rows, rows)
        found = logits(q[i : i + 1], k, weights_[i : i + 1])
        value[i, fits], magnitude[i, fits] = found[0][0], found[1][0]
    unwritten = None if inputs.get("fill", True) else np.arange(width) >= limits[:, None]
    return {"logits": Reference(value=value, magnitude=magnitude, unwritten=unwritten)}


def sample(case: Sample) -> dict[str, Any]:
    """Requests of different lengths, empty ones among them; one page of a table lies outside the cache."""
    sizes, rows, count = case.sizes, rows_of(case), case.shapes["context_lens"]
    width = case.attributes["max_model_len"]
    assert isinstance(width, int)
    longest = min(width, sizes["NB"] * rows)
    lens = case.rng.integers(0, longest + 1, count)
    lens.reshape(-1)[:: max(1, lens.size // 2)] = longest
    if lens.size > 3:
        lens.reshape(-1)[3] = 0
    if case.kind == "random":  # a request of padding, and lengths that lie outside
        lens.reshape(-1)[1:4] = (0, longest + width + 3, -4)[: max(0, lens.size - 1)]
    used = np.full(sizes["B"], sizes["NB"])
    table = block_table(case, sizes["B"], sizes["NB"], used)
    if sizes["B"] > 1 and sizes["NB"] > 1:
        table[0, 1] = sizes["PAGES"] + 5
    return {
        "q": codes(case, "q"),
        "weights": weights(case, sizes["B"] * sizes["QUERIES"], sizes["H"]),
        "cache": pages(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows),
        "context_lens": lens,
        "block_tables": table,
    } | query_scales(case)


def configs() -> tuple[Config, ...]:
    """Tile sizes; the ones for CUDA devices measured on an H200 at 64 requests of 8192 and 32768 keys."""
    return (
        *tuned("cuda", "paged_mqa_logits", narrow_packed=declare.NARROW_PACKED, packed=declare.PACKED, rest=None),
        *tuned("xpu", "paged_mqa_logits", heads_32=(H > 16).and_(H <= 32), rest=None),
        *tuned("cpu", "paged_mqa_logits", every=None),
        *tuned("interpret", "paged_mqa_logits", packed=declare.PACKED, rest=None),
    )


def columns() -> Attribute:
    """Columns of the result."""
    doc = "columns of the result: keys of the longest request"
    return Attribute(
        name="max_model_len", kind=int, required=True, minimum=0, maximum=(1 << 31) - 1, dynamic=True, doc=doc
    )


def kernel(requests: Axis = ALL_REQUESTS, tokens: Axis | None = None, each: Axis = QUERIES) -> Kernel:
    """The kernel, for launches of `requests` requests.

    tokens: rows of q and the weights, of which the first ones are queries of requests, `each` of every request; where
        it is left out, q has a dimension of requests and one of their queries, and no others.
    """
    rows: tuple[Dim, ...] = (B, each) if tokens is None else (tokens,)
    return Kernel(
        name="paged_mqa_logits",
        doc="Scores of cached keys for all queries of one request.",
        axes=(B, requests, H, NB, PAGES, PAGE_BYTES, ROWS, each),
        arrays=(
            declare.query(*rows),
            cache(Access.IN),
            declare.weights(B * each if tokens is None else tokens),
            declare.lengths("context_lens", "keys that queries see", B, each if tokens is None else Ref("next_n")),
            declare.bounds("block_tables", "pages of every request in order", B, NB),
            declare.query_scale(*rows),
            result((B if tokens is None else requests) * each, COLUMNS),
        ),
        attributes=(
            columns(),
            declare.layout(),
            Attribute(name="block_size", kind=int, minimum=1, doc="rows of a page"),
            declare.lens(),
            declare.fill(),
            declare.logits_dtype(),
            declare.first(),
            declare.least(),
        ),
        tunables=declare.tunables(),
        configs=configs(),
        grid=(requests, cdiv(COLUMNS, Ref("BLOCK_N") * Ref("TILES")), cdiv(each, Ref("BLOCK_M"))),
        body=paged_mqa_logits,
    )


def _case(
    name: str,
    b: int,
    n: int,
    width: int,
    rows: int,
    table: int,
    h: int = 64,
    layout: Paged = INDEXER_FP8,
    lens: str = declare.PER_QUERY,
    dtype: ElementFormat = F32,
    **fields: Any,
) -> Case:
    sizes = {"B": b, "QUERIES": n, "H": h, "NB": table, "PAGES": max(1, b * table)}
    sizes["PAGE_BYTES"] = layout.page_stride(rows)
    attributes = {"max_model_len": width, "block_size": rows, "layout": layout, "lens": lens, "logits_dtype": dtype}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), **fields)


_KERNEL = kernel()
_BYTES = (("q", UINT8),)

PAGED_MQA_LOGITS = Op(
    name="paged_mqa_logits",
    doc="Scores of all cached keys that a decode token sees.",
    definition=definition_of(__doc__),
    source="DeepSeek-V3.2 and V4, sparse indexer: decode",
    family="indexer",
    axes=(B, QUERIES, H, NB, PAGES, PAGE_BYTES, ROWS),
    arrays=_KERNEL.arrays,
    attributes=_KERNEL.attributes[:-2],
    constraints=(declare.layout_fits(),),
    steps=(Step(kernel=_KERNEL, attributes=(("first", 0), ("least", 0))),),
    sample=sample,
    oracle=oracle,
    accuracy=(("logits", LOGITS_ACCURACY),),
    cases=(
        _case("one-query", 2, 1, 200, 64, 3),
        _case("two-queries", 3, 2, 150, 16, 10),
        _case("four-1-d", 2, 4, 130, 64, 2, lens=declare.PER_REQUEST),
        _case("mxfp4", 2, 2, 140, 64, 3, layout=INDEXER_MXFP4, formats=_BYTES),
        _case("plain-scales", 2, 1, 70, 16, 4, 22, INDEXER_FP8_PLAIN),
        _case("short-table", 2, 1, 300, 16, 4, 8),
        _case("bf16", 3, 2, 100, 32, 4, 8, dtype=BF16, formats=(("weights", BF16),)),
        _case("columns-64", 3, 1, 150, 32, 5, 32, fp8_rows(64)),
        _case("mxfp4-64", 2, 1, 140, 64, 3, 16, mxfp4_rows(64), formats=_BYTES),
        _case("mxfp4-32", 2, 1, 140, 64, 3, 16, mxfp4_rows(32), formats=_BYTES),
        _case("no-requests", 0, 1, 64, 64, 1),
        _case("large", 8, 2, 8192, 64, 130, large=True, golden=True),
        _case("large-mxfp4", 8, 1, 8192, 64, 130, layout=INDEXER_MXFP4, formats=_BYTES, large=True),
    ),
)
