"""sparse_attn_indexer: which compressed keys every token of a step attends to. Insertion, logits and top-k as one call.

Tokens come in the order of a step: decode requests (next_n tokens each), then prefill requests, then padding.

    cache[slot_mapping[t]]  = encode(k[t])                                          where k is passed
    topk_indices[t]         = top-k of paged_mqa_logits                             decode tokens
    topk_indices[t]         = top-k of mqa_logits over the gathered keys            prefill tokens
    topk_indices[t]         = -1                                                    padding

Either part may be left out. A row counts keys from its request's first one; results ascend. Rows of the buffer past the
last token are unchanged. Logits exist for as many rows at a time as `logits_bytes` has room for, and for no row that
sees no more keys than are chosen.

Source: DeepSeek-V3.2 and V4, sparse attention indexer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.cache.arrays import KEY_FORMATS, PAGE_BYTES, PAGES, ROWS, D, cache, pages_of
from specs.cache.declared import NB, B, index
from specs.cache.sampling import block_table, rows_of, slots
from specs.cache.write import INSERT_ROWS, TS, T, slot_mapping
from specs.indexer import arrays as declare
from specs.indexer.arrays import DATA, H
from specs.indexer.arrays import N as KEYS
from specs.indexer.gather import gather_kernel
from specs.indexer.insert import attributes as layout_attributes
from specs.indexer.layouts import INDEXER_FP8, INDEXER_FP8_PLAIN, INDEXER_MXFP4, fp8_rows
from specs.indexer.logits import M
from specs.indexer.logits import kernel as dense_kernel
from specs.indexer.logits import oracle as dense_oracle
from specs.indexer.oracle import top_k
from specs.indexer.paged_logits import columns, limits_of
from specs.indexer.paged_logits import kernel as paged_kernel
from specs.indexer.paged_logits import oracle as paged_oracle
from specs.indexer.sampling import codes, pages, query_scales, visible, weights
from specs.indexer.select import GROUP, LONGEST, MOST, bounds_of_queries, bounds_of_rows
from specs.indexer.topk import Selection, logits, next_n
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv, emax, emin
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Tunable
from specs.lang.declare.op import Case, Op, Reference, Sample, Step, definition_of
from specs.lang.errors import Unfit
from specs.lang.formats.elements import BF16, E4M3, E8M0, F16, F32, INT32, INT64, UINT8, ElementFormat
from specs.lang.formats.paged import Paged
from specs.tile.language import arange, full, program_id, store
from specs.tuned import everywhere

BUF = Axis(name="BUF", doc="rows of the buffer")
PB = Axis(name="PB", doc="prefill requests")
PNB = Axis(name="PNB", doc="pages that a row of their block table has room for")
TOPK, NEXT_N, WIDE = Ref("topk"), Ref("next_n"), Ref("max_model_len")
_ROOM = Ref("logits_bytes") // 4  # logits
DECODED = Axis(name="BN", value=B * NEXT_N, doc="decode tokens")
QUERIES = Axis(name="QUERIES", static=True, value=NEXT_N, doc="tokens of a decode request")
STARTS = Axis(name="STARTS", doc="prefill requests, and one")
N = replace(KEYS, value=Ref("gathered_rows"))
REQUESTS = Axis(
    name="BC", value=emax(1, emin(B, _ROOM // emax(1, WIDE * NEXT_N))), doc="decode requests that run together"
)
TOGETHER = Axis(
    name="MC", value=emax(1, emin(M, _ROOM // emax(1, Ref("gathered_rows")))), doc="prefill tokens that run together"
)
HAS_DECODE, HAS_PREFILL, HAS_KEYS = Ref("has_block_tables"), Ref("has_ks"), Ref("has_k")


def clear_rows(p: Any) -> None:
    """One row of padding."""
    column = arange(1 << (p.topk - 1).bit_length())
    # Tokens lie decode first, then prefill, then padding; rows of the buffer past T are not written.
    row = p.BN + p.M + program_id(0)
    # -1: attention of a captured batch reads these rows and must find no key.
    store(p.topk_indices, (row, column), full(column.shape, -1, INT32), column < p.topk)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, from the oracles of its parts."""
    layout, k = inputs["layout"], inputs["topk"]
    out, cached = np.array(inputs["topk_indices"]), np.array(inputs["cache"], order="C")
    inputs = {**inputs, "cache": cached}
    pages_, rows = pages_of(inputs)
    if "k" in inputs:
        slots_ = np.asarray(inputs["slot_mapping"])
        layout.write(pages_, slots_, inputs["k"][: len(slots_)], rows)
    decoded = len(inputs.get("block_tables", ())) * inputs["next_n"]
    rest = len(inputs.get("ks", ()))
    out[decoded + rest : len(inputs["q"])] = -1
    if decoded:
        found = paged_oracle({**inputs, **_queries(inputs, slice(0, decoded))})["logits"].value
        limits = limits_of(inputs["context_lens"], inputs["next_n"])
        for i, limit in enumerate(limits):
            out[i] = top_k(found[i], 0, min(limit, found.shape[1]), k)
    if rest:
        part = {**inputs, **_queries(inputs, slice(decoded, decoded + rest)), **_gathered(inputs, pages_, rows)}
        found = dense_oracle(part)["logits"].value
        for i, (start, end) in enumerate(zip(inputs["ks"], inputs["ke"], strict=True)):
            out[decoded + i] = top_k(found[i], int(start), min(int(end), found.shape[1]), k)
    return {"topk_indices": Reference(value=out), "cache": Reference(value=cached)}


def _queries(inputs: Mapping[str, Any], part: slice) -> dict[str, Any]:
    return {name: inputs[name][part] for name in ("q", "weights", "q_scale") if name in inputs}


def _gathered(inputs: Mapping[str, Any], cached: np.ndarray[Any, Any], rows: int) -> dict[str, Any]:
    """Codes and scales of the prefill requests' keys, as `mqa_logits` takes them."""
    layout, count = inputs["layout"], inputs["gathered_rows"]
    stride, share, form = layout.row_stride, layout.share, layout.fields[0].format.scale
    starts = np.minimum(np.asarray(inputs["cu_seq_lens"], np.int64) - int(inputs["cu_seq_lens"][0]), count)
    data, raw = np.zeros((count, stride), np.uint8), np.zeros((count, share), np.uint8)
    for b in range(len(starts) - 1):
        position = np.arange(starts[b + 1] - starts[b])
        page = np.asarray(inputs["block_table"], np.int64)[b, position // rows][:, None]
        at = (position % rows)[:, None]
        data[starts[b] + position] = cached[page, at * stride + np.arange(stride)]
        raw[starts[b] + position] = cached[page, rows * stride + at * share + np.arange(share)]
    scales = form.decode(np.ascontiguousarray(raw).view(f"<u{form.storage_bits // 8}"))
    formats = {**inputs["formats"], "k": UINT8}
    return {"k": data, "k_scale": scales[:, 0] if scales.shape[1] == 1 else scales, "formats": formats}


def sample(case: Sample) -> dict[str, Any]:
    """A step whose logits are integers, with many ties, in either kind of data."""
    case = replace(case, kind="exact")
    sizes, rows = case.sizes, rows_of(case)
    if not sizes["PAGES"] and "block_table" in case.shapes:
        raise Unfit("prompts whose keys lie in no page")
    given = case.attributes
    count, wide = (int(given[name]) for name in ("gathered_rows", "max_model_len"))  # type: ignore[call-overload]
    drawn: dict[str, Any] = {
        "topk_indices": case.rng.integers(-9, 9, case.shapes["topk_indices"]),
        "cache": pages(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows),
        "q": codes(case, "q"),
        "weights": weights(case, sizes["T"], sizes["H"]),
    } | query_scales(case)
    if "k" in case.shapes:
        values = case.rng.integers(-3, 4, (sizes["T"], sizes["D"])) * 1.0
        values[:, ::32] = 3.0
        drawn |= {"k": values, "slot_mapping": slots(case, sizes["TS"])}
    if "block_tables" in case.shapes:
        lens = case.rng.integers(0, min(wide, sizes["NB"] * rows) + 1, case.shapes["context_lens"])
        lens.reshape(-1)[:1] = min(wide, sizes["NB"] * rows)
        table = block_table(case, sizes["B"], sizes["NB"], np.full(sizes["B"], sizes["NB"]))
        drawn |= {"block_tables": table, "context_lens": lens}
    if "ks" in case.shapes:
        last = min(count, sizes["PB"] * sizes["PNB"] * rows)
        table = block_table(case, sizes["PB"], sizes["PNB"], np.full(sizes["PB"], sizes["PNB"]))
        start, end = visible(case, sizes["M"], last)
        starts = np.linspace(0, last, sizes["PB"] + 1).astype(int) + 2
        drawn |= {"block_table": table, "cu_seq_lens": starts, "ks": start, "ke": end}
    return drawn


# -- declarations -----------------------------------------------------------------------------------------------------

_BUFFER = Array(
    name="topk_indices",
    doc="keys chosen for every token, ascending; -1 after the last",
    shapes=((BUF, TOPK),),
    formats=(INT32,),
    access=Access.INOUT,
    role=Role.INDEX,
)
_DENSE = dense_kernel(TOGETHER, T, DECODED)
_PAGED = paged_kernel(REQUESTS, T, QUERIES)


def _workspace(name: str, doc: str, shape: tuple[Any, ...], form: ElementFormat) -> Array:
    return Array(name=name, doc=doc, shapes=(shape,), formats=(form,), access=Access.OUT, role=Role.CODES)


_GATHERED = (
    _workspace("gathered", "codes of the keys", (N, DATA), E4M3),
    _workspace("gathered_scale", "scales of the keys", (N,), F32),
)
_GATHERED_PAIRS = (
    _workspace("gathered_pairs", "codes of the keys, two per byte", (N, DATA), UINT8),
    _workspace("gathered_scales", "scales of the keys", (N, declare.PARTS), E8M0),
)
_DECODE = Selection(
    rows=REQUESTS * QUERIES,
    total=DECODED,
    columns=WIDE,
    axes=(DECODED, B, REQUESTS, QUERIES),
    attributes=(columns(), next_n(), declare.lens()),
    bounds=bounds_of_queries,
    given=(declare.lengths("seq_lens", "keys that tokens see", B, NEXT_N),),
    result=_BUFFER,
    prefix="decode_",
).part(name="decode_top_k", doc="Keys of decode tokens.", axes=(BUF, B))
_PREFILL = Selection(
    rows=TOGETHER,
    total=M,
    columns=N,
    axes=(M, TOGETHER, N, DECODED),
    bounds=bounds_of_rows,
    given=(
        declare.bounds("row_starts", "first key that every token sees", M),
        declare.bounds("row_ends", "the key after the last", M),
    ),
    result=_BUFFER,
    skip=DECODED,
    prefix="prefill_",
).part(name="prefill_top_k", doc="Keys of prefill tokens.", axes=(BUF, M))


_CLEAR = Kernel(
    name="clear_rows",
    doc="-1 in the rows of tokens of padding.",
    axes=(T, BUF, M, B, DECODED),
    arrays=(_BUFFER,),
    attributes=(Attribute(name="topk", kind=int, required=True, minimum=1, maximum=MOST, doc="entries of a row"),),
    tunables=(Tunable(name="num_warps", values=(1, 2, 4, 8, 16)),),
    configs=everywhere("clear_rows"),
    grid=(emax(0, T - DECODED - M),),
    body=clear_rows,
)


_SCORES: tuple[tuple[str, object], ...] = (("fill", False), ("logits_dtype", F32), ("first", 0), ("least", TOPK))


def _top_k(op: Op, prefix: str, when: Expr, times: Expr, by: Expr, **bounds: str) -> Step:
    """The selection of a part of the tokens, whose temporaries have a prefix."""
    arrays = (("logits", f"{prefix}logits"), *bounds.items())
    return Step(op=op, prefix=prefix, arrays=arrays, when=when, repeat=times, advance=("first", by))


def _prefill_steps() -> list[Step]:
    times = cdiv(M, TOGETHER)
    gathers, scores = [], []
    for packed, (codes_, scales_) in enumerate((_GATHERED, _GATHERED_PAIRS)):
        when = HAS_PREFILL.and_(declare.PACKED.equals(packed))
        renamed = (replace(codes_, name="dst_k"), replace(scales_, name="dst_scale"))
        name = "gather_packed_keys" if packed else "gather_keys"
        kernel = replace(gather_kernel(*renamed, requests=PB, table=PNB, rows=N, starts=STARTS), name=name)
        filled = (("dst_k", codes_.name), ("dst_scale", scales_.name))
        gathers.append(Step(kernel=kernel, arrays=filled, when=when))
        names = (("k", codes_.name), ("k_scale", scales_.name), ("logits", "prefill_logits"))
        advance = ("first", TOGETHER)
        scores.append(Step(kernel=_DENSE, arrays=names, attributes=_SCORES, when=when, repeat=times, advance=advance))
    top_k = _top_k(_PREFILL, "prefill_", HAS_PREFILL, times, TOGETHER, row_starts="ks", row_ends="ke")
    return [*gathers, *scores, top_k]


def _decode_steps() -> list[Step]:
    times = cdiv(B, REQUESTS)
    scores = Step(
        kernel=_PAGED,
        arrays=(("logits", "decode_logits"),),
        attributes=_SCORES,
        when=HAS_DECODE,
        repeat=times,
        advance=("first", REQUESTS),
    )
    return [scores, _top_k(_DECODE, "decode_", HAS_DECODE, times, REQUESTS * QUERIES, seq_lens="context_lens")]


_TEMPORARIES = (
    *_GATHERED,
    *_GATHERED_PAIRS,
    replace(logits(TOGETHER, N), name="prefill_logits", access=Access.OUT),
    replace(logits(REQUESTS * QUERIES, WIDE), name="decode_logits", access=Access.OUT),
)


def _whole(name: str, default: int, doc: str, maximum: int = LONGEST * GROUP * GROUP, **fields: Any) -> Attribute:
    return Attribute(name=name, kind=int, default=default, minimum=0, maximum=maximum, doc=doc, **fields)


_ARRAYS = (
    _BUFFER,
    cache(Access.INOUT, doc="pages of keys"),
    declare.query(T),
    declare.weights(T),
    declare.lengths("context_lens", "keys that decode tokens see", B, NEXT_N, optional=True),
    declare.bounds("block_tables", "pages of every decode request in order", B, NB, optional=True),
    declare.bounds("ks", "first gathered key that every prefill token sees", M, optional=True),
    declare.bounds("ke", "the gathered key after the last", M, optional=True),
    replace(index("block_table", "pages of every prefill request in order", PB, PNB), optional=True),
    replace(
        index("cu_seq_lens", "where gathered rows of prefill requests begin, and the end after the last", STARTS),
        optional=True,
    ),
    Array(name="k", doc="keys to insert, rotated", shapes=((T, D),), formats=KEY_FORMATS, optional=True),
    replace(slot_mapping(), optional=True),
    declare.query_scale(T),
)
_LOGITS_DOC = "bytes that logits may take at a time; one row, or request, takes what it takes"
_ATTRIBUTES = (
    Attribute(name="topk", kind=int, required=True, minimum=1, maximum=MOST, doc="keys chosen per token"),
    next_n(),
    declare.lens(),
    _whole("max_model_len", 0, "keys of the longest decode request", dynamic=True),
    _whole("gathered_rows", 0, "keys of all prefill requests together, or more", dynamic=True),
    _whole("logits_bytes", 512 << 20, _LOGITS_DOC, (1 << 31) - 1),
    *layout_attributes(),
)


def _together(*names: str) -> Expr:
    """True if all or none of these optional arguments are passed."""
    first, *others = (Ref(f"has_{name}") for name in names)
    found: Expr = Ref("topk") > 0
    for other in others:
        found = found.and_(first.equals(other))
    return found


_DECODE_NAMES, _PREFILL_NAMES = ("block_tables", "context_lens"), ("ks", "ke", "block_table", "cu_seq_lens")
_CONSTRAINTS = (
    Constraint(
        argument="block_tables", holds=_together(*_DECODE_NAMES), message="with context_lens, or neither of them"
    ),
    Constraint(
        argument="ks", holds=_together(*_PREFILL_NAMES), message="with ke, block_table and cu_seq_lens, or none of them"
    ),
    Constraint(argument="k", holds=_together("k", "slot_mapping"), message="with slot_mapping, or neither of them"),
    Constraint(
        argument="k",
        holds=HAS_KEYS.equals(0).or_(D.equals(Ref("layout_width"))),
        message="as many columns as the layout",
        failure="k has {D} columns, layout '{layout}' has {layout_width}",
    ),
    Constraint(argument="slot_mapping", holds=TS <= T, message="no more slots than tokens"),
    declare.layout_fits(),
    Constraint(
        argument="layout",
        holds=declare.PACKED.or_(Ref("layout_scale").equals(F32)),
        message="e4m3 rows with a float32 scale, or e2m1 rows",
    ),
    Constraint(
        argument="cu_seq_lens",
        holds=HAS_PREFILL.equals(0).or_(STARTS.equals(PB + 1)),
        message="one more than prefill requests",
    ),
    Constraint(argument="q", holds=B * NEXT_N + M <= T, message="a row for every decode and prefill token"),
    Constraint(argument="topk_indices", holds=BUF >= T, message="a row for every token"),
)


def _case(
    name: str,
    decode: tuple[int, int, int] = (0, 1, 0),
    prefill: tuple[int, int, int] = (0, 0, 0),
    topk: int = 16,
    padding: int = 3,
    layout: Paged = INDEXER_FP8,
    insert: bool = True,
    rows: int = 16,
    heads: int = 64,
    **fields: Any,
) -> Case:
    """decode: requests, tokens of each, keys of the longest. prefill: requests, tokens in all, keys in all."""
    (b, n, wide), (pb, m, gathered) = decode, prefill
    tokens = b * n + m + padding
    sizes = {"T": tokens, "BUF": tokens + 2, "H": heads, "B": b, "NB": -(-wide // rows), "M": m, "PB": pb}
    sizes["STARTS"] = pb + 1
    sizes |= {"PNB": -(-gathered // (rows * max(pb, 1))) + 1, "TS": tokens, "D": layout.width}
    sizes |= {"PAGES": max(1, b * sizes["NB"] + pb * sizes["PNB"]), "PAGE_BYTES": layout.page_stride(rows)}
    absent = (() if b else _DECODE_NAMES) + (() if pb else _PREFILL_NAMES) + (() if insert else ("k", "slot_mapping"))
    attributes: dict[str, object] = {"topk": topk, "next_n": n, "max_model_len": wide, "gathered_rows": gathered}
    attributes |= {"block_size": rows, "layout": layout, **fields.pop("attributes", {})}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), absent=absent, **fields)


_WIDE, _HALF = (("k", F32),), (("k", F16), ("weights", BF16))
_SMALL = {"logits_bytes": 700, "lens": declare.PER_REQUEST}

SPARSE_ATTN_INDEXER = Op(
    name="sparse_attn_indexer",
    doc="Keys that every token of a step attends to: insertion, logits and top-k.",
    definition=definition_of(__doc__),
    source="DeepSeek-V3.2 and V4, sparse attention indexer",
    family="indexer",
    axes=(BUF, PAGES, PAGE_BYTES, ROWS, T, H, B, NB, M, PB, PNB, STARTS, D, TS),
    arrays=_ARRAYS,
    attributes=_ATTRIBUTES,
    temporaries=_TEMPORARIES,
    constraints=_CONSTRAINTS,
    steps=(
        Step(kernel=INSERT_ROWS, when=HAS_KEYS),
        Step(kernel=_CLEAR),
        *_prefill_steps(),
        *_decode_steps(),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("topk_indices", Accuracy(exact=True)), ("cache", Accuracy(exact=True))),
    cases=(
        _case("decode", decode=(3, 1, 100), golden=True),
        _case("prefill", prefill=(2, 9, 90), insert=False),
        _case("mixed", decode=(2, 2, 70), prefill=(2, 7, 80)),
        _case("mxfp4", decode=(2, 1, 60), prefill=(1, 4, 50), layout=INDEXER_MXFP4, formats=(("q", UINT8),)),
        _case("in-parts", decode=(3, 2, 64), prefill=(2, 7, 64), attributes=_SMALL),
        _case("plain-scales", decode=(1, 1, 40), prefill=(1, 3, 20), layout=INDEXER_FP8_PLAIN, formats=_HALF),
        _case("padding-only", padding=4),
        _case("columns-64", decode=(2, 1, 60), prefill=(1, 4, 50), layout=fp8_rows(64), formats=_WIDE),
        _case("int64-slots", decode=(1, 1, 10), formats=(("slot_mapping", INT64),)),
        _case("large", decode=(8, 2, 17000), prefill=(3, 30, 17000), topk=512, rows=64, large=True),
    ),
)
