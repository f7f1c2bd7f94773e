"""sparse_mla_decode_fp8: attention of decode tokens over rows of paged caches, straight from the quantised pages.

    keys of token t = comp[topk_indices[t, j]] for j < topk_lens[t], and swa[swa_indices[t, j]] for j < swa_lens[t]
    out[t, h] = softmax(sm_scale <q[t, h], keys>, attn_sink[h]) @ keys[:, :values]

One softmax over both lists. Entries that are negative or name no row of the cache are skipped, inside the length too;
entries past the length are ignored. A token without keys gives zeros. Keys and weights are rounded to the format of
the queries.

Source: DeepSeek-V4; FlashMLA conventions for the sink, max_logits and lse.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from specs.attention import arrays as declare
from specs.attention.arrays import SINKS, VALUES, D, H, T
from specs.attention.oracle import attention
from specs.attention.sampling import SCALE, Lists, lists, peak_of, queries, rows, sinks
from specs.attention.sparse import Segment, Source, finish, leading, position, programs, run
from specs.attention.splits import merge_kernel, partials, splits_attribute, splits_axis, store_partial
from specs.cache.arrays import in_chunks, pages_of, width_of_layout
from specs.cache.layouts import ALL, BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Constraint, Kernel, Role
from specs.lang.declare.layouts import Pages
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import F16, INT64, UINT8, ElementFormat
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, maximum
from specs.tile.library.pages import PageRows, chunks
from specs.tuned import tuned

W = Axis(name="W", doc="entries of a token's window list")
K = Axis(name="K", doc="entries of a token's top-k list")
SWA_PAGES, COMP_PAGES = (Axis(name=f"{name}_PAGES", doc="pages of the cache") for name in ("SWA", "COMP"))
SWA_BYTES, COMP_BYTES = (Axis(name=f"{name}_BYTES", doc="bytes of a page") for name in ("SWA", "COMP"))
SWA_ROWS, COMP_ROWS = (Axis(name=f"{name}_ROWS", static=True, doc="rows of a page") for name in ("SWA", "COMP"))
SPLITS = splits_axis(W + K)


def pages_source(cache: ArrayHandle, layout: Paged, page_rows: int, wide: ElementFormat) -> Source:
    """Loads rows of a paged cache by slot, as `wide`."""

    def source(slot: Tile, live: Tile) -> Any:
        # Skipped entries are -1; // and % of negative numbers differ between targets.
        slot = maximum(slot, 0)
        return PageRows(cache, layout, page_rows, slot // page_rows, slot % page_rows, live, wide).chunk

    return source


def sparse_mla_decode(p: Any) -> None:
    """BLOCK_H heads of one token, over one part of its keys."""
    at = position(p, p.SPLITS)
    columns = chunks(p.layout, p.CHUNK)
    values = leading(chunks(p.layout, p.VALUE_CHUNK or p.CHUNK), p.layout.value_width)
    segments = []
    if p.comp_cache is not None:
        source = pages_source(p.comp_cache, p.layout, p.COMP_ROWS, p.q.element)
        # The compressed cache first, then the window: one softmax runs over both lists, in this order everywhere.
        segments.append(Segment(p.topk_indices, p.topk_lens, p.K, p.COMP_PAGES * p.COMP_ROWS, source))
    source = pages_source(p.swa_cache, p.layout, p.SWA_ROWS, p.q.element)
    segments.append(Segment(p.swa_indices, p.swa_lens, p.W, p.SWA_PAGES * p.SWA_ROWS, source))
    # A split sees part of the keys only: a second kernel merges partial results, with the sink counted once there.
    store_results = partial(store_partial if p.SPLITS > 1 else finish, p, at)
    run(p, at, columns, values, segments, p.SPLITS, store_results)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, token by token."""
    layout, q, form = inputs["layout"], inputs["q"], inputs["formats"]["q"]
    found = []
    for t in range(len(q)):
        keys = [np.zeros((0, layout.width))]
        for cache, name, rows_ in (("comp", "topk", "comp_block_size"), ("swa", "swa", "block_size")):
            if f"{cache}_cache" not in inputs:
                continue
            pages, size = pages_of(inputs, f"{cache}_cache", rows_)
            listed = np.asarray(inputs[f"{name}_indices"], np.int64)[t].reshape(-1)
            listed = listed[: max(0, int(inputs[f"{name}_lens"][t]))]
            slots = listed[(listed >= 0) & (listed < len(pages) * size)]
            keys.append(form.decode(form.encode(layout.read(pages, slots, size))))
        sink = inputs.get("attn_sink")
        sink = None if sink is None else sink[: q.shape[1]]
        found.append(attention(q[t], np.concatenate(keys), inputs["sm_scale"], layout.value_width, sink, form))
    return references(found, q.shape[:2], layout.value_width, bool(inputs["return_lse"]))


def references(found: list[Any], shape: tuple[int, ...], width: int, with_lse: bool) -> dict[str, Reference]:
    """Results of all tokens."""

    def stacked(name: str, *rest: int) -> np.ndarray[Any, Any]:
        return np.array([getattr(row, name) for row in found]).reshape(*shape, *rest)

    out = {"out": Reference(value=stacked("out", width), magnitude=stacked("out_magnitude", width))}
    if with_lse:
        out["max_logits"] = Reference(value=stacked("peak"), magnitude=stacked("score_magnitude"))
        out["lse"] = Reference(value=stacked("lse"), magnitude=stacked("lse_magnitude"))
    return out


def sample(case: Sample) -> dict[str, Any]:
    """Disjoint rows per token; NaN in every row that no list names."""
    sizes, layout = case.sizes, case.attributes["layout"]
    assert isinstance(layout, Paged)
    peak = min(peak_of(field.format.element) for field in layout.fields)
    tokens, heads = sizes["T"], sizes["H"]
    has_comp, sink = "comp_cache" in case.shapes, "attn_sink" in case.shapes
    drawn: dict[str, Any] = {"q": queries(case, tokens, heads, sizes["D"])}
    drawn["attn_sink"] = sinks(case, sizes["SINKS"])  # always: lists do not depend on it
    caches = [("swa", "swa", "W", "block_size")] + [("comp", "topk", "K", "comp_block_size")] * has_comp
    named: list[tuple[str, int, int, Lists]] = []
    for cache, name, width, size in caches:
        rows_, pages = case.attributes[size], sizes[f"{cache.upper()}_PAGES"]
        assert isinstance(rows_, int)
        free = case.rng.permutation(pages * rows_)
        found = lists(case, free, tokens, sizes[width], pages * rows_)
        drawn |= {f"{name}_indices": found.index, f"{name}_lens": found.length}
        named.append((cache, pages, rows_, found))
    groups = [owners(found, pages * rows_) for _, pages, rows_, found in named]
    values = rows(case, sum(map(len, groups)), layout.width, np.concatenate(groups), sink, peak)
    at = 0
    for (cache, pages, rows_, _), group in zip(named, groups, strict=True):
        filled = np.full((pages, sizes[f"{cache.upper()}_BYTES"]), 0xFF, np.uint8)
        used = np.flatnonzero(group >= 0)
        layout.write(filled, used, values[at + used], rows_)
        drawn[f"{cache}_cache"] = filled
        at += len(group)
    return drawn


def owners(found: Lists, total: int) -> np.ndarray[Any, Any]:
    """Token that names each row, -1 for none."""
    group = np.full(total, -1)
    token = np.broadcast_to(np.arange(len(found.length))[:, None], found.index.shape)
    group[found.index[found.live]] = token[found.live]
    return group


def _cache(name: str, doc: str, pages: Axis, size: Axis, page_rows: Axis, attribute: str, optional: bool) -> Array:
    return Array(
        name=name,
        doc=doc,
        shapes=((pages, size),),
        formats=(UINT8,),
        layout=Pages(layout="layout", rows=page_rows, block_size=attribute),
        role=Role.CODES,
        optional=optional,
    )


_ROWS_DOC = "rows of a page of {}; may be left out where it is passed as [pages, rows, bytes of a row]"
_ARRAYS = (
    declare.query(),
    _cache("swa_cache", "pages of the window", SWA_PAGES, SWA_BYTES, SWA_ROWS, "block_size", False),
    declare.index_list("swa_indices", "slots of every token's window", W),
    declare.vector("swa_lens", "entries of every token's window list, clamped to 0 .. W", T),
    _cache("comp_cache", "pages of compressed keys", COMP_PAGES, COMP_BYTES, COMP_ROWS, "comp_block_size", True),
    declare.index_list("topk_indices", "slots of every token's chosen compressed keys", K, optional=True),
    declare.vector("topk_lens", "entries of every token's top-k list, clamped to 0 .. K", T, optional=True),
    declare.sink(),
    *declare.results(),
)
_ATTRIBUTES = (
    *declare.attributes(),
    Attribute(name="layout", kind=Paged, default=V4, choices=ALL, doc="what lies in a page"),
    Attribute(name="block_size", kind=int, minimum=1, doc=_ROWS_DOC.format("swa_cache")),
    Attribute(name="comp_block_size", kind=int, minimum=1, doc=_ROWS_DOC.format("comp_cache")),
    splits_attribute(),
)
_AXES = (T, H, D, W, K, SINKS, SWA_PAGES, SWA_BYTES, SWA_ROWS, COMP_PAGES, COMP_BYTES, COMP_ROWS)


def _configs(kernel: str) -> tuple[Config, ...]:
    return (
        # With all heads at once the warps of a block share no row; half of the sums fit into its registers.
        *tuned("cuda", "sparse_mla_decode", heads_16=H <= 16, heads_64=H <= 64, rest=None),
        # XLA's Triton has the warps of a block meet before every dot, and fewer dots take up to 4 % less time there.
        *tuned("cuda.pallas", "sparse_mla_decode", many_heads=H > 64),
        *tuned("xpu", kernel, every=None),
        *tuned("cpu", "sparse_mla_decode", every=None),
        *tuned("interpret", "sparse_mla_decode", every=None),
    )


def _kernel(split: bool) -> Kernel:
    given = {array.name: array for array in _ARRAYS}
    if split:
        for name in ("out", "max_logits", "lse", "attn_sink"):
            del given[name]
    parts = partials(SPLITS, Access.OUT) if split else ()
    name = "sparse_mla_decode_part" if split else "sparse_mla_decode"
    return Kernel(
        name=name,
        doc="Attention of one token's heads over rows of paged caches.",
        axes=(*_AXES, VALUES, SPLITS),
        arrays=(*given.values(), *parts),
        attributes=_ATTRIBUTES,
        tunables=declare.tunables(),
        configs=_configs(name),
        grid=(programs(T, H), SPLITS),
        body=sparse_mla_decode,
    )


def _case(
    name: str,
    t: int,
    h: int,
    w: int,
    k: int = 0,
    rows_: int = 16,
    comp_rows: int = 2,
    layout: Paged = V4,
    **fields: Any,
) -> Case:
    sizes = {"T": t, "H": h, "D": layout.width, "W": w, "K": k, "SINKS": fields.pop("sinks", h)}
    sizes |= {"SWA_PAGES": max(1, -(-t * w // rows_)), "SWA_BYTES": layout.page_stride(rows_)}
    sizes |= {"COMP_PAGES": max(1, -(-t * k // comp_rows)), "COMP_BYTES": layout.page_stride(comp_rows)}
    attributes = {"sm_scale": SCALE, "layout": layout, "block_size": rows_, "comp_block_size": comp_rows}
    attributes |= fields.pop("attributes", {})
    absent = fields.pop("absent", ()) + (() if k else ("comp_cache", "topk_indices", "topk_lens"))
    return Case(name=name, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), absent=absent, **fields)


_BOTH = Ref("has_comp_cache").equals(Ref("has_topk_indices")).and_(Ref("has_comp_cache").equals(Ref("has_topk_lens")))
_ACCURACY = Accuracy(extra=1)
_LOGARITHM = Accuracy(extra=1, exact_for_exact_sums=False)
_LSE = {"return_lse": True}

SPARSE_MLA_DECODE_FP8 = Op(
    name="sparse_mla_decode_fp8",
    doc="Attention of decode tokens over listed rows of paged, quantised caches.",
    definition=definition_of(__doc__),
    source="DeepSeek-V4; FlashMLA",
    family="attention",
    independent=(Independent(T),),
    axes=_AXES,
    arrays=_ARRAYS,
    attributes=_ATTRIBUTES,
    temporaries=partials(SPLITS, Access.OUT),
    steps=(
        Step(kernel=_kernel(split=False), when=SPLITS.equals(1)),
        Step(kernel=_kernel(split=True), when=SPLITS.differs(1)),
        Step(
            kernel=merge_kernel(
                SPLITS,
                tuple(a for a in _ARRAYS if a.name in ("attn_sink", "out", "max_logits", "lse")),
                declare.attributes(),
            ),
            when=SPLITS.differs(1),
        ),
    ),
    constraints=(
        in_chunks("swa_cache"),
        width_of_layout("q", D),
        Constraint(
            argument="comp_cache", holds=_BOTH, message="comp_cache, topk_indices and topk_lens together or not at all"
        ),
        Constraint(
            argument="attn_sink",
            holds=Ref("has_attn_sink").equals(0).or_(SINKS >= H),
            message="a sink for every head",
            failure="{SINKS} sinks for {H} heads",
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("out", _ACCURACY), ("max_logits", _ACCURACY), ("lse", _LOGARITHM)),
    cases=(
        _case("v4", 4, 8, 40, 70, attributes=_LSE),
        _case("window-only", 3, 22, 66, absent=("attn_sink",), attributes=_LSE),
        _case("one-part", 4, 16, 33, 40, attributes={"splits": 1}, sinks=20),
        _case("many-parts", 3, 8, 128, 300, attributes={"splits": 7, **_LSE}),
        _case("v32", 3, 5, 20, 40, layout=V32, attributes=_LSE),
        _case("nvfp4", 3, 5, 20, 40, layout=NVFP4_MLA),
        _case("v41", 3, 8, 20, 40, layout=V41),
        _case("v41-fp4", 3, 8, 20, 40, layout=V41_FP4),
        _case("bf16", 3, 8, 20, 40, layout=BF16_512, absent=("attn_sink",)),
        _case("f16", 3, 8, 20, 40, formats=(("q", F16),), attributes={"splits": 2, **_LSE}),
        _case("one-head", 1, 1, 1, 1),
        _case("int64-indices", 2, 2, 5, 3, formats=(("swa_indices", INT64), ("topk_indices", INT64))),
        _case("no-entries", 3, 4, 0),
        _case("no-tokens", 0, 8, 16, 16),
        _case("h128", 8, 128, 128, 1024, 64, 64, large=True, attributes=_LSE),
        _case("h64", 40, 64, 128, 512, 64, 2, large=True, golden=True, attributes=_LSE),
    ),
)
