"""combine_topk_swa: for every prefill token, one list of workspace rows, chosen compressed entries before the window."""

from __future__ import annotations

from typing import Any

from specs.cache.index_oracle import combine_oracle
from specs.cache.lookup import position_of, request_of
from specs.cache.samples import combine_sample
from specs.lang.accuracy import Accuracy
from specs.lang.axes import Axis, Expr, ExprLike, Ref, cdiv
from specs.lang.elements import INT32
from specs.lang.kernel import Access, Array, Attribute, Config, Constraint, Kernel, Role, Shape, Tunable
from specs.lang.op import Case, Op, single
from specs.tile.language import arange, fori_loop, load, maximum, minimum, program_id, store, where
from specs.tile.trace import Tile

LARGEST = (1 << 31) - 1  # of an int32
ROW_MULTIPLE = 128  # readers take lists in steps of this many entries

T = Axis(name="T", doc="prefill tokens, padding included")
K = Axis(name="K", doc="entries of a row of topk_indices")
R = Axis(name="R", doc="requests")


def width_of(window: ExprLike, topk: ExprLike, max_image_tokens: ExprLike) -> Expr:
    """Entries of a list: what the longest one has, rounded up."""
    longest = cdiv(topk, 1) + window + max_image_tokens
    return cdiv(longest, ROW_MULTIPLE) * ROW_MULTIPLE


def combine_topk_swa(p: Any) -> None:
    """One token."""
    token = program_id(0)
    request = request_of(p, token)
    live = request < p.R
    position = position_of(p, token, request, live)
    length = load(p.seq_lens, (request,), live)
    gathered = load(p.gather_lens, (request,), live)
    chosen = minimum(maximum(position + 1, 0) // p.ratio, p.topk)
    low, high = position - (p.window - 1), position
    if p.left_visible is not None:
        low = low - maximum(load(p.left_visible, (token,)) - (p.window - 1), 0)
    if p.right_visible is not None:
        high = high + load(p.right_visible, (token,))
    low = maximum(low, 0)
    width = width_of(p.window, p.topk, p.max_image_tokens).evaluate({})
    visible = where(live & (position >= 0), maximum(high - low + 1, 0), 0)
    count = minimum(chosen + visible, width)
    base = request * p.workspace_rows
    first_row = low - (length - gathered)  # of the window, among the rows that were gathered

    def write(k: Tile) -> None:
        column = k * p.BLOCK_W + arange(p.BLOCK_W)
        row = first_row + (column - chosen)
        there = (column < count) & (row >= 0) & (row < gathered)
        entry = where(there, base + p.compressed_rows + row, -1)
        if p.topk:
            local = load(p.topk_indices, (token, column), column < chosen)
            real = (local >= 0) & (local < p.compressed_rows)
            entry = where(column < chosen, where(real, base + local, -1), entry)
        store(p.combined_indices, (token, column), entry, column < width)

    fori_loop(0, -(-width // p.BLOCK_W), write)
    store(p.combined_lens, (token,), count)


def _array(name: str, doc: str, shape: Shape, **fields: Any) -> Array:
    return Array(name=name, doc=doc, shapes=(shape,), formats=(INT32,), role=Role.INDEX, **fields)


_WIDTH = width_of(Ref("window"), Ref("topk"), Ref("max_image_tokens"))
_ARRAYS = (
    _array("topk_indices", "compressed entries chosen for a token, counted from its request's first; -1 is none", (T, K)),
    _array("query_start_loc", "first token of every request, and the end; counted from its first element", (R + 1,)),
    _array("seq_lens", "tokens of every request, those of this step included", (R,)),
    _array("gather_lens", "window rows gathered for every request, the last of which is its last token's", (R,)),
    _array("left_visible", "tokens before it that a token of an image sees, where more than the window", (T,), optional=True),
    _array("right_visible", "tokens behind it that a token of an image sees", (T,), optional=True),
    _array("combined_indices", "rows of the workspace, -1 behind the last", (T, _WIDTH), access=Access.OUT),
    _array("combined_lens", "entries of every list", (T,), access=Access.OUT),
)


def _attribute(name: str, doc: str, minimum: int = 0, **fields: Any) -> Attribute:
    return Attribute(name=name, kind=int, doc=doc, minimum=minimum, maximum=LARGEST, **fields)


_ATTRIBUTES = (
    _attribute("window", "sliding window, the token itself included", 1, required=True),
    _attribute("ratio", "original tokens per compressed entry; 1 in layers without", 1, required=True),
    _attribute("topk", "most compressed entries of a token; 0: topk_indices is not read", required=True),
    _attribute("workspace_rows", "rows of the workspace per request (M)", required=True, dynamic=True),
    _attribute("compressed_rows", "those of them, the first, that hold compressed entries (N)", required=True, dynamic=True),
    _attribute("max_image_tokens", "most tokens that image visibility adds to a window", default=0),
)


def _config(target: str, width: int, requests: int, warps: int) -> Config:
    values = (("BLOCK_W", width), ("BLOCK_R", requests), ("num_warps", warps))
    return Config(target=target, values=values)


_KERNEL = Kernel(
    name="combine_topk_swa",
    doc="For every prefill token, the workspace rows it attends to: chosen compressed entries, then its window.",
    axes=(T, K, R),
    arrays=_ARRAYS,
    attributes=_ATTRIBUTES,
    tunables=(
        Tunable(name="BLOCK_W", values=(128, 256, 512, 1024)),
        Tunable(name="BLOCK_R", values=(16, 64, 256, 1024)),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
    ),
    configs=(_config("cuda", 512, 256, 4), _config("xpu", 512, 256, 4), _config("cpu", 512, 64, 4))
    + (_config("interpret", 512, 16, 4),),
    grid=(T,),
    body=combine_topk_swa,
)


def _case(name: str, tokens: int, requests: int, k: int, *, window: int, ratio: int, topk: int, **fields: Any) -> Case:
    settings = dict(window=window, ratio=ratio, topk=topk, workspace_rows=4096, compressed_rows=1024)
    settings |= fields.pop("attributes", {})
    images = ("left_visible", "right_visible")
    fields.setdefault("absent", () if settings.get("max_image_tokens") else images)
    sizes = (("T", tokens), ("R", requests), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(settings.items()), **fields)


_WINDOW_ONLY: dict[str, object] = {"compressed_rows": 0}

COMBINE_TOPK_SWA: Op = single(
    _KERNEL,
    family="cache",
    constraints=(
        Constraint(argument="topk_indices", holds=Ref("topk") <= K, message="topk entries or more in a row"),
    ),
    oracle=combine_oracle,
    accuracy=(("combined_indices", Accuracy(exact=True)), ("combined_lens", Accuracy(exact=True))),
    sample=combine_sample,
    cases=(
        _case("c4a", 37, 4, 16, window=8, ratio=4, topk=16),
        _case("window-only", 29, 5, 3, window=128, ratio=1, topk=0, attributes=_WINDOW_ONLY),
        _case("c4a-512", 23, 3, 512, window=128, ratio=4, topk=512),
        _case("c4a-1024", 9, 2, 1024, window=128, ratio=4, topk=1024),
        _case("c128a", 40, 8, 256, window=128, ratio=128, topk=128),
        _case("one-token-requests", 8, 8, 20, window=16, ratio=4, topk=16),
        _case("one-request", 150, 1, 64, window=64, ratio=4, topk=64),
        _case("images", 61, 3, 32, window=16, ratio=4, topk=32, attributes={"max_image_tokens": 24}),
        _case("many-requests", 64, 300, 8, window=4, ratio=4, topk=8),
        _case("no-tokens", 0, 2, 16, window=8, ratio=4, topk=16),
        _case("no-requests", 5, 0, 16, window=8, ratio=4, topk=16),
        _case("large", 8192, 16, 1024, window=128, ratio=4, topk=1024, large=True),
    ),
)
