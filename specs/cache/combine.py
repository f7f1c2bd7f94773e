"""combine_topk_swa: for every prefill token, one list of workspace rows: chosen compressed entries, then its window.

The workspace has `workspace_rows` rows per request (M): first `compressed_rows` of them (N) for compressed entries,
then the window rows, of which the last one gathered is that of the request's last token. For token t of request b, at
position pos:

    M b + topk_indices[t, j]                        j < min((pos + 1) // ratio, topk)
    M b + N + (p - (seq_lens[b] - gather_lens[b]))  lo <= p <= pos + right,
                                                    lo = max(pos - (W - 1) - max(left - (W - 1), 0), 0)

then -1 to the end of the row. An entry whose row does not exist (-1 among the chosen ones, a window row that was not
gathered) is -1 in its place. Tokens after the last request's have no entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.cache.batches import Arrays, batch, starts
from specs.cache.declared import EXACT, R, T, index, query_start_loc, result, seq_lens, tunables, whole
from specs.cache.index_oracle import combine_oracle
from specs.cache.lookup import position_of, request_of
from specs.lang.declare.axes import Axis, Expr, ExprLike, Ref, as_expr, cdiv
from specs.lang.declare.kernel import Constraint, Kernel
from specs.lang.declare.op import Case, Op, Sample, definition_of, single
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, fori_loop, load, maximum, minimum, program_id, store, where
from specs.tuned import everywhere

ROW_MULTIPLE = 128  # readers take lists in steps of this many entries

K = Axis(name="K", doc="entries of a row of topk_indices")


def width_of(window: ExprLike, topk: ExprLike, max_image_tokens: ExprLike) -> Expr:
    """Entries of a list: the longest one's, rounded up."""
    longest = as_expr(topk) + window + max_image_tokens
    return cdiv(longest, ROW_MULTIPLE) * ROW_MULTIPLE


def combine_topk_swa(p: Any) -> None:
    """One token."""
    token = program_id(0)
    # Padding tokens lie past the last request's: `request` is R for them, and every load by request is masked.
    request = request_of(p, token)
    live = request < p.R
    position = position_of(p, token, request, live)
    length = load(p.seq_lens, (request,), live)
    gathered = load(p.gather_lens, (request,), live)
    # A compressed entry is visible once all `ratio` tokens that it covers are; position is -1 for padding.
    chosen = minimum(maximum(position + 1, 0) // p.ratio, p.topk)
    low, high = position - (p.window - 1), position
    if p.left_visible is not None:
        # The left reach counts only where it exceeds the window's own.
        low = low - maximum(load(p.left_visible, (token,)) - (p.window - 1), 0)
    if p.right_visible is not None:
        high = high + load(p.right_visible, (token,))
    # The window of an early token begins before the sequence does.
    low = maximum(low, 0)
    width = width_of(p.window, p.topk, p.max_image_tokens).evaluate({})
    # An extended window may end before it begins; padding has none.
    visible = where(live & (position >= 0), maximum(high - low + 1, 0), 0)
    count = minimum(chosen + visible, width)
    base = request * p.workspace_rows
    first_row = low - (length - gathered)  # of the window, among the rows that were gathered

    def write(k: Tile) -> None:
        column = k * p.BLOCK_W + arange(p.BLOCK_W)
        # Chosen entries come first, so the window starts at column `chosen`.
        row = first_row + (column - chosen)
        # Window rows that were not gathered are -1: their workspace row belongs to another request or is stale.
        there = (column < count) & (row >= 0) & (row < gathered)
        entry = where(there, base + p.compressed_rows + row, -1)
        if p.topk:
            local = load(p.topk_indices, (token, column), column < chosen)
            # -1 among the chosen entries stays -1: adding `base` would name a row of the previous request.
            real = (local >= 0) & (local < p.compressed_rows)
            entry = where(column < chosen, where(real, base + local, -1), entry)
        # To the end of the row: readers take whole blocks and skip -1.
        store(p.combined_indices, (token, column), entry, column < width)

    fori_loop(0, -(-width // p.BLOCK_W), write)
    store(p.combined_lens, (token,), count)


_WIDTH = width_of(Ref("window"), Ref("topk"), Ref("max_image_tokens"))
_TOPK_DOC = "compressed entries chosen for every token, counted from its request's first; negative: none"
_KERNEL = Kernel(
    name="combine_topk_swa",
    doc="For every prefill token, the workspace rows it attends to: chosen compressed entries, then its window.",
    axes=(T, K, R),
    arrays=(
        index("topk_indices", _TOPK_DOC, T, K),
        query_start_loc(),
        seq_lens(),
        index("gather_lens", "window rows gathered for every request, the last of them that of its last token", R),
        index("left_visible", "tokens before it that a token of an image sees", T, optional=True),
        index("right_visible", "tokens after it that a token of an image sees", T, optional=True),
        result("combined_indices", "rows of the workspace, -1 after the last", T, _WIDTH),
        result("combined_lens", "entries of every list; 0 for tokens of no request", T),
    ),
    attributes=(
        whole("window", "sliding window, the token itself included", required=True),
        whole("ratio", "original tokens per compressed entry, 1 in layers that have none", required=True),
        whole("topk", "most compressed entries of a token; at 0 topk_indices is not read", 0, required=True),
        whole("workspace_rows", "rows of the workspace per request (M)", 0, required=True, dynamic=True),
        whole("compressed_rows", "rows of them that hold compressed entries (N)", 0, required=True, dynamic=True),
        whole("max_image_tokens", "most tokens that images add to a window", 0, default=0),
    ),
    tunables=tunables(BLOCK_W=(128, 256, 512, 1024), BLOCK_R=(16, 64, 256, 1024)),
    configs=everywhere("combine_topk_swa"),
    grid=(T,),
    body=combine_topk_swa,
)


def sample(case: Sample) -> Arrays:
    """Lists with holes; of the window just the rows that its first token needs, or all of them."""
    window, ratio = int(case.attributes["window"]), int(case.attributes["ratio"])  # type: ignore[call-overload]
    found, rng = batch(case, window, ratio), case.rng
    shape, rows = case.shapes["topk_indices"], int(case.attributes["compressed_rows"])  # type: ignore[call-overload]
    chosen = rng.integers(0, max(rows, 1), shape)
    if case.kind == "random":
        chosen = np.where(rng.random(shape) < 1 / 8, np.where(rng.random(shape) < 1 / 2, -1, rows + 3), chosen)
    extra = int(case.attributes["max_image_tokens"])  # type: ignore[call-overload]
    before = np.minimum(found.lengths - found.queries, window - 1 + extra)
    left = rng.integers(0, window + extra, shape[0])
    return {
        **starts(found),
        "topk_indices": chosen,
        "gather_lens": np.where(rng.random(len(before)) < 1 / 4, found.lengths, found.queries + before),
        "left_visible": np.where(rng.random(shape[0]) < 1 / 4, 0, left),
        "right_visible": rng.integers(0, extra // 2 + 1, shape[0]),
    }


def _case(name: str, tokens: int, requests: int, k: int, *settings: int, images: int = 0, **fields: Any) -> Case:
    names = ("window", "ratio", "topk", "workspace_rows", "compressed_rows", "max_image_tokens")
    attributes = tuple(zip(names, (*settings, images), strict=True))
    absent = () if images else ("left_visible", "right_visible")
    return Case(
        name=name, sizes=(("T", tokens), ("R", requests), ("K", k)), attributes=attributes, absent=absent, **fields
    )


COMBINE_TOPK_SWA: Op = single(
    _KERNEL,
    family="cache",
    definition=definition_of(__doc__),
    source="DeepSeek-V4 sparse attention: prefill over gathered rows",
    constraints=(Constraint(argument="topk_indices", holds=Ref("topk") <= K, message="topk entries or more in a row"),),
    sample=sample,
    oracle=combine_oracle,
    accuracy=(("combined_indices", EXACT), ("combined_lens", EXACT)),
    cases=(
        _case("c4a", 37, 4, 16, 8, 4, 16, 4096, 1024),
        _case("window-only", 29, 5, 3, 128, 1, 0, 900, 0),
        _case("c4a-512", 23, 3, 512, 128, 4, 512, 3000, 700),
        _case("c4a-1024", 9, 2, 1024, 128, 4, 1024, 3000, 1500),
        _case("c128a", 40, 8, 256, 128, 128, 128, 3000, 128),
        _case("one-token-requests", 8, 8, 20, 16, 4, 16, 100, 60),
        _case("one-request", 150, 1, 64, 64, 4, 64, 1000, 200),
        _case("images", 61, 3, 32, 16, 4, 32, 500, 200, images=24),
        _case("many-requests", 64, 300, 8, 4, 4, 8, 100, 40),
        _case("no-tokens", 0, 2, 16, 8, 4, 16, 100, 40),
        _case("no-requests", 5, 0, 16, 8, 4, 16, 100, 40),
        _case("large", 1024, 16, 1024, 128, 4, 1024, 1 << 20, 1 << 18, large=True, golden=True),
    ),
)
