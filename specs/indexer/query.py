"""indexer_q_fp8 and indexer_q_mxfp4: queries of the indexer rotated, quantised, and their scales folded into weights.

    y[t, h] = rope(q[t, h], positions[t])            the last columns, as many as the table has, in pairs
    FP8:    s = 2^ceil(log2(max(amax, 1e-4) / 448)),  q_fp8 = e4m3(y / s)
            weights_out = ((w s) softmax_scale) head_scale
    MXFP4:  one E8M0 scale per 32 columns, e2m1 codes two per byte
            weights_out = (w softmax_scale) head_scale

Rotated columns are rounded correctly to bfloat16 (zeros positive); the others are unchanged. Rows with a position
outside the table are not rotated.

Source: DeepSeek-V4, sparse indexer; OCP Microscaling Formats (MX) 1.0 for MXFP4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.insert import scale_for
from specs.cache.qnorm import POSITIONS, H, rope_rounded, table
from specs.cache.rope import rotate_rounded
from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4, WIDTH
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Body, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, E4M3, E8M0, F32, INT32, INT64, UINT8
from specs.lang.formats.paged import Paged
from specs.quant.scaling import pack_pairs
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, join_pairs, load, maximum, program_id, reduce_max, split_pairs, store, where
from specs.tile.library.codec import encode, magnitude_bits
from specs.tuned import everywhere

T = Axis(name="T", doc="tokens")
ROPE = Axis(name="ROPE", static=True, minimum=2, maximum=WIDTH, multiple_of=2, doc="columns that are rotated")
_FREE = Dense(inner=Inner.FREE)


def quantise_query_fp8(p: Any) -> None:
    """BLOCK_H heads of one token."""
    quantise_query(p, INDEXER_FP8)


def quantise_query_mxfp4(p: Any) -> None:
    """BLOCK_H heads of one token."""
    quantise_query(p, INDEXER_MXFP4)


def quantise_query(p: Any, layout: Paged) -> None:
    """Rows quantised in the format of a layout."""
    token = program_id(0)
    head = program_id(1) * p.BLOCK_H + arange(p.BLOCK_H)
    live = head < p.H
    x = rotated(p, token, head, live)
    form = layout.fields[0].format
    group = form.block[1] or WIDTH
    # FP8 has one group per row, MXFP4 one per 32 columns; reshape keeps one body for both.
    blocks = x.reshape(p.BLOCK_H, WIDTH // group, group)
    scale = scale_for(reduce_max(magnitude_bits(blocks), axis=2), form)
    y = scale.divide(blocks, (p.BLOCK_H, WIDTH // group, 1)).reshape(p.BLOCK_H, WIDTH)
    weight = load(p.weights, (token, head), live).to(F32)
    if form.packing is None:
        store(p.q_fp8, (token, head[:, None], arange(WIDTH)[None, :]), y.to(form.element), live[:, None])
        # The one scale of an FP8 query is positive and passes through relu: folded into the head's weight here.
        weight = weight * scale.value.reshape(p.BLOCK_H)
    else:
        codes = pack_pairs(encode(y, form.element))
        store(p.q_packed, (token, head[:, None], arange(codes.shape[1])[None, :]), codes, live[:, None])
        place = (token, head[:, None], arange(WIDTH // group)[None, :])
        store(p.q_scale, place, scale.value.to(E8M0), live[:, None])
    # In this order, as vLLM multiplies: float32 products are not associative.
    store(p.weights_out, (token, head), (weight * p.softmax_scale) * p.head_scale, live)


def rotated(p: Any, token: Tile, head: Tile, live: Tile) -> Tile:
    """Rows with their last columns rotated, float32 [BLOCK_H, WIDTH]."""
    x = load(p.q, (token, head[:, None], arange(WIDTH)[None, :]), live[:, None]).to(F32)
    position = load(p.positions, (token,)).to(INT32)
    # The last columns rotate; pairs before them have negative numbers and pass through.
    pair = arange(WIDTH // 2) - (WIDTH - p.ROPE) // 2
    # Positions of padding are arbitrary and must not index the table.
    there = (pair >= 0) & (position >= 0) & (position < p.POSITIONS)
    pair = maximum(pair, 0)
    cosine = load(p.cos_sin, (position, pair), there).to(F32)[None, :]
    sine = load(p.cos_sin, (position, pair + p.ROPE // 2), there).to(F32)[None, :]
    even, odd = split_pairs(x)
    # Rounded to bfloat16 before quantising, as in the unfused pipeline; the FP8 codes depend on it.
    turned_even, turned_odd = rotate_rounded(even, odd, cosine, sine)
    turn = there[None, :]
    return join_pairs(where(turn, turned_even, even), where(turn, turned_odd, odd))


def oracle(layout: Paged, inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above; products of the weights in float32, in their order."""
    form = layout.fields[0].format
    x, position, rotary = np.array(inputs["q"]), np.asarray(inputs["positions"]), inputs["cos_sin"]
    first, known = x.shape[-1] - rotary.shape[1], (position >= 0) & (position < len(rotary))
    rows = rotary[np.where(known, position, 0)][:, None, :] if len(rotary) else np.zeros((len(x), 1, rotary.shape[1]))
    turned = rope_rounded(x[..., first:], np.broadcast_to(rows, x[..., first:].shape))
    x[..., first:] = np.where(known[:, None, None], turned, x[..., first:])
    coded = form.encode(x)
    weights = np.asarray(inputs["weights"], np.float32)
    assert coded.scale is not None
    found = {"q_packed": Reference(value=coded.data), "q_scale": Reference(value=coded.scale)}
    if form.packing is None:
        weights = weights * np.asarray(coded.scale)[..., 0].view(np.float32)
        found = {"q_fp8": Reference(value=coded.data)}
    weights = weights * np.float32(inputs["softmax_scale"]) * np.float32(inputs["head_scale"])
    return found | {"weights_out": Reference(value=weights.astype(np.float64))}


def sample(case: Sample) -> dict[str, Any]:
    """Positions in the table, in random data some outside; weights whose products are normal numbers."""
    sizes = case.sizes
    weights = case.rng.integers(-3, 4, (sizes["T"], sizes["H"])) if case.kind == "exact" else None
    drawn = case.rng.integers(0, max(sizes["POSITIONS"], 1), sizes["T"])
    if case.kind == "random" and sizes["T"] > 2:
        drawn[1], drawn[2] = -3, sizes["POSITIONS"]
    return {
        "positions": drawn,
        "cos_sin": table(case, sizes["POSITIONS"], sizes["ROPE"])[case.rng.permutation(sizes["POSITIONS"])],
        "weights": case.rng.standard_normal((sizes["T"], sizes["H"])) if weights is None else weights * 1.0,
    }


def _arrays(results: tuple[Array, ...]) -> tuple[Array, ...]:
    positions = Array(
        name="positions",
        doc="position of every token",
        shapes=((T,),),
        formats=(INT32, INT64),
        layout=_FREE,
        role=Role.INDEX,
    )
    weights_out = Array(
        name="weights_out", doc="weights for `mqa_logits`", shapes=((T, H),), formats=(F32,), access=Access.OUT
    )
    return (
        positions,
        Array(name="q", doc="queries", shapes=((T, H, WIDTH),), formats=(BF16,), layout=_FREE),
        Array(name="cos_sin", doc="cosines, then sines", shapes=((POSITIONS, ROPE),), formats=(F32, BF16)),
        Array(name="weights", doc="weights of the heads", shapes=((T, H),), formats=(BF16, F32), layout=_FREE),
        *results,
        weights_out,
    )


def _result(name: str, doc: str, columns: int, form: Any, role: Role = Role.DATA) -> Array:
    return Array(name=name, doc=doc, shapes=((T, H, columns),), formats=(form,), access=Access.OUT, role=role)


_FP8_RESULTS = (_result("q_fp8", "codes", WIDTH, E4M3),)
_FP4_RESULTS = (
    _result("q_packed", "codes, two per byte", WIDTH // 2, UINT8),
    _result("q_scale", "scales, one per 32 columns", WIDTH // 32, E8M0, Role.SCALE),
)


def _factor(name: str, doc: str) -> Attribute:
    return Attribute(name=name, kind=float, required=True, doc=doc)


_FACTORS = (
    _factor("softmax_scale", "factor of the scores, usually the inverse root of their columns; applied to the weights"),
    _factor("head_scale", "factor of the sum over heads, usually the inverse root of their number; likewise"),
)


def _kernel(name: str, results: tuple[Array, ...], body: Body) -> Kernel:
    return Kernel(
        name=name,
        doc="Queries of the indexer rotated and quantised, and the weights of their heads.",
        axes=(T, H, POSITIONS, ROPE),
        arrays=_arrays(results),
        attributes=_FACTORS,
        tunables=(
            Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16, 32, 64), doc="heads per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=everywhere("indexer_query"),
        grid=(T, cdiv(H, Ref("BLOCK_H"))),
        body=body,
    )


def _case(name: str, t: int, h: int, rope: int = 64, positions: int = 97, **fields: Any) -> Case:
    sizes = (("T", t), ("H", h), ("POSITIONS", positions), ("ROPE", rope))
    attributes = (("softmax_scale", WIDTH**-0.5), ("head_scale", float(h) ** -0.5))
    return Case(name=name, sizes=sizes, attributes=attributes, **fields)


_WIDE = (("positions", INT64),)
_EXACT = Accuracy(exact=True)


def _op(name: str, layout: Paged, results: tuple[Array, ...], body: Body, *cases: Case) -> Op:
    return single(
        _kernel(name, results, body),
        family="indexer",
        independent=(Independent(T),),
        definition=definition_of(__doc__),
        source="DeepSeek-V4, sparse indexer",
        sample=sample,
        oracle=lambda inputs: oracle(layout, inputs),
        accuracy=(*((array.name, _EXACT) for array in results), ("weights_out", _EXACT)),
        cases=(
            _case("v4", 7, 64),
            _case("bf16-table", 5, 8, formats=(("cos_sin", BF16), ("weights", F32))),
            _case("few-columns", 33, 3, 16),
            _case("no-tokens", 0, 64),
            *cases,
        ),
    )


INDEXER_Q_FP8 = _op(
    "indexer_q_fp8",
    INDEXER_FP8,
    _FP8_RESULTS,
    quantise_query_fp8,
    _case("int64-positions", 4, 16, formats=_WIDE),
    _case("large", 1024, 64, positions=65536, large=True, golden=True),
)
INDEXER_Q_MXFP4 = _op(
    "indexer_q_mxfp4",
    INDEXER_MXFP4,
    _FP4_RESULTS,
    quantise_query_mxfp4,
    _case("int64-positions", 4, 16, formats=_WIDE),
    _case("large", 1024, 64, positions=65536, large=True, golden=True),
)
