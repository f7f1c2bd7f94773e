"""mqa_logits: scores of dense keys for every query of a prefill chunk.

    logits[m, n] = k_scale[n] sum_h weights[m, h] relu( sum_d q[m, h, d] k[n, d] )   for ks[m] <= n < ke[m], else -inf

In MXFP4 q and k are codes times their scales, and k_scale is no factor of its own. With fill=False the other columns
are not written: consumers must apply ks and ke. A row of padding, ks >= ke, is -inf throughout. Any layout works whose
rows are like the indexer's, with 32, 64 or 128 columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.indexer import arrays as declare
from specs.indexer.arrays import H, N
from specs.indexer.keys import dense_keys, heads_of, row_of, score
from specs.indexer.layouts import INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4, WIDTH, fp8_rows, mxfp4_rows
from specs.indexer.oracle import decoded, logits
from specs.indexer.sampling import codes, key_scales, query_scales, visible, weights
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref
from specs.lang.declare.kernel import Access, Array, Config, Kernel
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import BF16, E8M0, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, cdiv, fori_loop, full, load, maximum, minimum, program_id, store, where
from specs.tuned import tuned

M = Axis(name="M", doc="queries")
ALL_ROWS = Axis(name="MC", value=M, doc="queries of one launch")
MINUS_INFINITY = float("-inf")
LOGITS_ACCURACY = Accuracy(terms=H + WIDTH, extra=6)  # of the widest rows


def mqa_logits(p: Any, skip: Tile | int = 0) -> None:
    """BLOCK_M queries and TILES tiles of keys, of which only those that some of the queries see are read.

    skip: offset in q and the weights of the first query of ks and ke.
    """
    row = program_id(0) * p.BLOCK_M
    cut = row_of(p.layout, p.CHUNK)
    # An empty range, as scalars of the kernel: widened by every query that sees keys.
    rows, lower, upper = [], p.N, row * 0
    for j in range(p.BLOCK_M):
        # Launches take slices of the queries that fit into the logits buffer; `first` is the slice's start.
        query = p.first + row + j
        live = (row + j < p.MC) & (query < p.M)
        # Bounds are user data, clamped to the keys that exist; masked rows load 0, 0 and see none.
        start, end = maximum(load(p.ks, (query,), live), 0), minimum(load(p.ke, (query,), live), p.N)
        # Rows with at most `least` keys are not scored: top-k takes all of them anyway.
        seen = end - start > p.least
        lower = where(seen, minimum(lower, start), lower)
        upper = where(seen, maximum(upper, end), upper)
        rows.append((row + j, live, start, end, heads_of(p, cut, (query + skip,), query + skip, live)))
    first_tile = program_id(1) * p.TILES
    last_tile = minimum(first_tile + p.TILES, cdiv(p.N, p.BLOCK_N))
    # Causal bounds leave whole tiles unseen at both ends; they are not read.
    begin = minimum(maximum(lower // p.BLOCK_N, first_tile), last_tile)
    end_tile = maximum(minimum(cdiv(upper, p.BLOCK_N), last_tile), begin)

    def step(k: Tile) -> None:
        column = k * p.BLOCK_N + arange(p.BLOCK_N)
        keys = dense_keys(p, cut, k * p.BLOCK_N, p.BLOCK_N)
        # One read of a tile of keys serves all BLOCK_M queries.
        for out_row, live, start, end, heads in rows:
            inside = (column >= start) & (column < end)
            value = score(keys, heads)
            if p.fill:
                # -inf up to N: consumers of the full matrix (torch.topk) read every column.
                value = where(inside, value, MINUS_INFINITY).to(p.logits.element)
                store(p.logits, (out_row, column), value, (column < p.N) & live)
            else:
                store(p.logits, (out_row, column), value.to(p.logits.element), inside & live)

    def blank(k: Tile) -> None:
        column = k * p.BLOCK_N + arange(p.BLOCK_N)
        for out_row, live, _, _, _ in rows:
            value = full((p.BLOCK_N,), MINUS_INFINITY, F32).to(p.logits.element)
            store(p.logits, (out_row, column), value, (column < p.N) & live)

    fori_loop(begin, end_tile, step, stages=p.num_stages)
    if p.fill:
        # Tiles outside the range need no keys, only -inf.
        fori_loop(first_tile, begin, blank)
        fori_loop(end_tile, last_tile, blank)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    layout = inputs["layout"]
    q = decoded(inputs["q"], inputs["formats"]["q"], layout, inputs.get("q_scale"))
    k = decoded(inputs["k"], inputs["formats"]["k"], layout, inputs["k_scale"])
    column = np.arange(len(k))[None, :]
    seen = (column >= inputs["ks"][:, None]) & (column < inputs["ke"][:, None])
    value, magnitude = logits(q, k, inputs["weights"])
    unwritten = None if inputs.get("fill", True) else ~seen
    value, magnitude = np.where(seen, value, -np.inf), np.where(seen, magnitude, 0.0)
    return {"logits": Reference(value=value, magnitude=magnitude, unwritten=unwritten)}


def sample(case: Sample) -> dict[str, Any]:
    """Queries that see different keys, some of them none."""
    sizes = case.sizes
    start, end = visible(case, sizes["M"], sizes["N"])
    return {
        "q": codes(case, "q"),
        "k": codes(case, "k"),
        "weights": weights(case, sizes["M"], sizes["H"]),
        "k_scale": key_scales(case, "k_scale"),
        "ks": start,
        "ke": end,
    } | query_scales(case)


def result(rows: Expr, columns: Any) -> Array:
    """The logits."""
    return Array(
        name="logits",
        doc="scores; -inf where a query sees no key",
        shapes=((rows, columns),),
        formats="logits_dtype",
        access=Access.OUT,
    )


def configs() -> tuple[Config, ...]:
    """Tile sizes; the ones for CUDA devices measured on an H200 at 1024 x 16384."""
    return (
        *tuned("cuda", "mqa_logits", narrow_packed=declare.NARROW_PACKED, packed=declare.PACKED, rest=None),
        *tuned("xpu", "mqa_logits", heads_32=(H > 16).and_(H <= 32), rest=None),
        *tuned("cpu", "mqa_logits", every=None),
        *tuned("interpret", "mqa_logits", packed=declare.PACKED, rest=None),
    )


def kernel(rows: Axis = ALL_ROWS, queries: Axis = M, skip: Axis | None = None) -> Kernel:
    """The kernel, for launches of `rows` queries out of M, which follow `skip` others in arrays of `queries`."""

    def body(p: Any) -> None:
        mqa_logits(p, 0 if skip is None else getattr(p, skip.name))

    body.__qualname__ = "mqa_logits"
    return Kernel(
        name="mqa_logits",
        doc="Scores of dense keys for BLOCK_M queries.",
        axes=(M, rows, N, H, *([] if skip is None else [skip])),
        arrays=(
            declare.query(queries),
            declare.keys(),
            declare.weights(queries),
            declare.bounds("ks", "first key that every query sees", M),
            declare.bounds("ke", "the key after the last one", M),
            declare.key_scale(),
            declare.query_scale(queries),
            result(rows, N),
        ),
        attributes=(declare.layout(), declare.fill(), declare.logits_dtype(), declare.first(), declare.least()),
        tunables=declare.tunables(),
        configs=configs(),
        grid=(cdiv(rows, Ref("BLOCK_M")), cdiv(N, Ref("BLOCK_N") * Ref("TILES"))),
        body=body,
    )


def _case(
    name: str, m: int, n: int, h: int, layout: Paged = INDEXER_FP8, dtype: ElementFormat = F32, **fields: Any
) -> Case:
    attributes = (("layout", layout), ("logits_dtype", dtype))
    return Case(name=name, sizes=(("M", m), ("N", n), ("H", h)), attributes=attributes, **fields)


_PAIRS = (("q", UINT8), ("k", UINT8), ("k_scale", E8M0))
_KERNEL = kernel()

MQA_LOGITS = Op(
    name="mqa_logits",
    doc="Scores of all dense keys that a query sees, for every query.",
    definition=definition_of(__doc__),
    source="DeepSeek-V3.2 and V4, sparse indexer: prefill",
    family="indexer",
    independent=(Independent(M),),
    axes=(M, N, H),
    arrays=tuple(result(M, N) if array.name == "logits" else array for array in _KERNEL.arrays),
    attributes=(declare.layout(), declare.fill(), declare.logits_dtype()),
    constraints=(declare.layout_fits(),),
    steps=(Step(kernel=_KERNEL, attributes=(("first", 0), ("least", 0))),),
    sample=sample,
    oracle=oracle,
    accuracy=(("logits", LOGITS_ACCURACY),),
    cases=(
        _case("fp8", 33, 300, 64),
        _case("mxfp4", 9, 200, 64, INDEXER_MXFP4, formats=_PAIRS),
        _case("fp8-bytes", 5, 131, 22, INDEXER_FP8_PLAIN, formats=(("q", UINT8), ("k", UINT8))),
        _case("one-query", 1, 1, 1),
        _case("bf16", 7, 150, 24, dtype=BF16, formats=(("weights", BF16),)),
        _case("columns-32", 5, 140, 64, fp8_rows(32)),
        _case("mxfp4-64", 5, 140, 16, mxfp4_rows(64), formats=_PAIRS),
        _case("no-keys", 3, 0, 64),
        _case("no-queries", 0, 8, 64),
        _case("large", 100, 9000, 64, large=True, golden=True),
        _case(
            "large-mxfp4",
            40,
            5000,
            64,
            INDEXER_MXFP4,
            large=True,
            formats=_PAIRS,
        ),
    ),
)
