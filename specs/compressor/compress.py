"""compress_norm_rope: windows of tokens compressed to rows, normalised and rotated.

For every token t that ends a window, with pos = positions[t], (pos + 1) mod ratio = 0 and slot_mapping[t] >= 0:

    n     = 2 ratio with overlap, else ratio                      tokens at pos - n + 1 .. pos, without negative ones
    a     = softmax of their scores, column by column
    c[d]  = sum_i a[i, d] kv[i, d]
    y     = c / sqrt(mean(c^2) + eps) norm_weight
    rows[t] = y, with its last columns, as many as the table has, rotated by the angle of position pos - ratio + 1

and zeros for any other token. Keys and scores are those that save_partial_states wrote: the token at position i has its
row i mod R of page block_table[token_to_req[t], i / R], R the rows of a page, keys in its first half, scores in its
second. With overlap each half is 2 D columns wide, of which the first D count for tokens of the window before, the last
D for tokens of this window. A token whose request or page does not exist counts as none; without any, c is 0.

Everything is float32 and rounded once, to bfloat16. Pairs are interleaved: e' = e cos - o sin, o' = e sin + o cos. A
row whose position is outside the table is not rotated.

Rows go to the cache by `quantize_and_insert_k` (D = 512) or `indexer_k_insert` (D = 128) with the same slot_mapping,
which `compressed_slot_mapping` makes; `compress_norm_rope_insert` does both.

Source: DeepSeek-V4, KV compressor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2 as log2_of
from typing import Any

import numpy as np

from specs.cache.arrays import D
from specs.cache.declared import NB, B, T, block_table, positions, token_to_req
from specs.cache.declared import slot_mapping as slots
from specs.cache.qnorm import LEAST_EPS, POSITIONS, ROPE, rope, rope_magnitude, table
from specs.cache.rope import rotate
from specs.compressor.save import STATE_PAGES, STATE_ROWS
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Tunable
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F32, INT32, INT64
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    both,
    exp2,
    fori_loop,
    join_pairs,
    load,
    maximum,
    program_id,
    reduce_max,
    reduce_sum,
    split_pairs,
    sqrt,
    store,
    when,
    where,
    zeros,
)
from specs.tuned import everywhere

LOWEST = -F32.max_finite
LOG2E = log2_of(np.e)
LONGEST = 128
MOST = 2 * LONGEST  # tokens that a row is compressed from
_WIDE: Expr = D * (Ref("overlap") + 1)  # columns of keys, and of scores
EXTRA = 24
"""Rounded operations on a term besides the sums: exp2 and its argument, the quotient, the norm, the rotation."""
ACCURACY = Accuracy(terms=D + MOST, extra=EXTRA, exact_for_exact_sums=False)


def compress_norm_rope(p: Any) -> None:
    """One token."""
    token = program_id(0)
    ends = window_of(p, token)
    column, inside = columns_of(p)
    when(ends.there, lambda: store(p.rows, (token, column), compressed(p, token, ends), inside))
    # Most tokens: they leave after these two loads.
    when(~ends.there, lambda: store(p.rows, (token, column), zeros(column.shape, BF16), inside))


@dataclass(frozen=True, slots=True)
class Window:
    """The window that a token ends: its slot, whether there are both, and positions of its last and first token."""

    slot: Tile
    there: Tile
    last: Tile
    first: Tile


def window_of(p: Any, token: Tile) -> Window:
    """The window that a token ends."""
    position, slot = load(p.positions, (token,)), load(p.slot_mapping, (token,))
    # Clamped, because // and % of negatives differ between targets.
    safe = maximum(position, 0)
    phase = safe % p.ratio
    return Window(slot, (position >= 0) & (slot >= 0) & (phase == p.ratio - 1), safe, safe - phase)


def columns_of(p: Any) -> tuple[Tile, Tile | None]:
    """Columns of a row, padded to a power of two, and which of them it has; None: all."""
    column = arange(1 << (p.D - 1).bit_length())
    return column, None if column.shape[0] == p.D else column < p.D


def compressed(p: Any, token: Tile, ends: Window) -> Tile:
    """The row of the window that a token ends, bfloat16 [columns]."""
    column, inside = columns_of(p)
    c = pooled(p, token, ends.last, column, inside)
    return rotated(p, normalised(p, c, column, inside), ends.first).to(BF16)


def pooled(p: Any, token: Tile, position: Tile, column: Tile, inside: Tile | None) -> Tile:
    """c of the window that ends at a position, float32 [columns]."""
    count = p.ratio * 2 if p.overlap else p.ratio
    request = load(p.token_to_req, (token,))
    # A request outside the table has no pages: its row must not be read.
    pages = where((request >= 0) & (request < p.B), p.NB, 0).to(position.element)
    first = position - (count - 1)

    def step(k: Tile, top: Tile, total: Tile, acc: Tile) -> tuple[Tile, Tile, Tile]:
        index = k * p.BLOCK_R + arange(p.BLOCK_R)
        at = index.to(position.element) + first
        live = both(at >= 0, None if count % p.BLOCK_R == 0 else index < count)
        at = maximum(at, 0)
        entry, row = at // p.STATE_ROWS.to(at.element), at % p.STATE_ROWS.to(at.element)
        live = live & (entry < pages)
        # Entries of pages that were evicted are arbitrary.
        page = load(p.block_table, (request, entry), live, other=-1)
        live = live & (page >= 0) & (page < p.STATE_PAGES)
        mask = live[:, None] if inside is None else live[:, None] & inside[None, :]
        start = column[None, :]
        if p.overlap:
            start = ((index >= p.ratio).to(INT32) * p.D)[:, None] + start
        page, row = page[:, None], row[:, None]
        kv = load(p.state_cache, (page, row, start), mask).to(F32)
        score = load(p.state_cache, (page, row, start + (2 * p.D if p.overlap else p.D)), mask).to(F32)
        score = where(mask, score, LOWEST)
        highest = maximum(top, reduce_max(score, axis=0))
        kept, weight = exp2((top - highest) * LOG2E), exp2((score - highest[None, :]) * LOG2E)
        weight = where(mask, weight, 0.0)
        return highest, total * kept + reduce_sum(weight, axis=0), acc * kept + reduce_sum(weight * kv, axis=0)

    blocks, none = -(-count // p.BLOCK_R), zeros(column.shape)
    _, total, acc = fori_loop(0, blocks, step, none + LOWEST, none, none)
    # Columns of padding, and windows without a token: 0, not 0 / 0.
    c: Tile = acc / where(total == 0.0, 1.0, total)
    return c


def normalised(p: Any, c: Tile, column: Tile, inside: Tile | None) -> Tile:
    """c / sqrt(mean(c^2) + eps) norm_weight."""
    inverse = 1.0 / sqrt(reduce_sum(c * c, axis=0) * (1.0 / p.D) + p.eps)
    return c * inverse * load(p.norm_weight, (column,), inside).to(F32)


def rotated(p: Any, y: Tile, position: Tile) -> Tile:
    """y with its last columns rotated."""
    known = position < p.POSITIONS.to(position.element)
    pair, half = arange(y.shape[0] // 2) - (p.D - p.ROPE) // 2, p.ROPE // 2
    turns = (pair >= 0) & (pair < half) & known
    # Masked lanes index the table too; keep them inside it.
    pair, position = maximum(pair, 0), position.to(INT32)
    cosine = load(p.cos_sin, (position, pair), turns).to(F32)
    sine = load(p.cos_sin, (position, pair + half), turns).to(F32)
    even, odd = split_pairs(y)
    turned = rotate(even, odd, cosine, sine)
    return join_pairs(where(turns, turned[0], even), where(turns, turned[1], odd))


# -- the definition in float64 ---------------------------------------------------------------------------


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, window by window."""
    at, weight = np.asarray(inputs["positions"], np.int64), np.asarray(inputs["norm_weight"], np.float64)
    ratio, rows = inputs["ratio"], np.zeros((len(at), len(weight)))
    magnitude = np.zeros(rows.shape)
    for t in np.flatnonzero((at >= 0) & ((at + 1) % ratio == 0) & (np.asarray(inputs["slot_mapping"]) >= 0)):
        c, size = _pooled(inputs, int(inputs["token_to_req"][t]), int(at[t]), len(weight))
        square = (c * c).mean() + np.float64(np.float32(inputs["eps"]))
        # The error of every c moves the mean of squares, and so every column; next to an infinity they are 0 exactly.
        common = (np.abs(c) * size).mean() / square if np.isfinite(square) else 0.0
        y, scale = c / np.sqrt(square) * weight, np.abs(weight) / np.sqrt(square)
        rows[t], magnitude[t] = y, np.nan_to_num(scale * (size + np.abs(c) * (1 + common)))
        cos_sin, start = inputs["cos_sin"], int(at[t]) - ratio + 1
        if start < len(cos_sin):
            last = slice(len(weight) - cos_sin.shape[1], None)
            rows[t, last] = rope(y[last], cos_sin[start])
            magnitude[t, last] = rope_magnitude(magnitude[t, last], cos_sin[start])
    return {"rows": Reference(value=rows, magnitude=magnitude)}


def _pooled(inputs: Mapping[str, Any], request: int, end: int, d: int) -> tuple[np.ndarray[Any, Any], ...]:
    """c of a window, and the sum of the absolute values of its terms, each with the amplification of exp."""
    state, pages_of, ratio = inputs["state_cache"], np.asarray(inputs["block_table"]), inputs["ratio"]
    kv, score = [], []
    for i in range(end - ratio * (1 + inputs["overlap"]) + 1, end + 1):
        entry, row = divmod(i, state.shape[1])
        if i < 0 or not 0 <= request < len(pages_of) or entry >= pages_of.shape[1]:
            continue
        page, start = pages_of[request, entry], d if inputs["overlap"] and i > end - ratio else 0
        if 0 <= page < len(state):
            kv.append(state[page, row, start : start + d])
            score.append(state[page, row, state.shape[2] // 2 + start :][:d])
    if not kv:
        return np.zeros(d), np.zeros(d)
    keys, below = np.asarray(kv, np.float64), np.asarray(score, np.float64)
    below = below - np.maximum(below.max(0), LOWEST)
    weight = np.exp(below)
    total = weight.sum(0)
    weight = weight / np.where(total == 0, 1.0, total)
    # exp amplifies the error of its argument by the argument; where a weight is 0, so is its error.
    grown = weight * (1 + np.where(weight == 0, 0.0, np.abs(below)))
    c = (weight * keys).sum(0)
    return c, (grown * np.abs(keys)).sum(0) + np.abs(c) * grown.sum(0)


def sample(case: Sample) -> dict[str, Any]:
    """Windows of every request, most of them whole; in random data some requests, pages and slots do not exist."""
    sizes, rng, ratio = case.sizes, case.rng, int(str(case.attributes["ratio"]))
    count, pages = sizes["T"], sizes["B"] * sizes["NB"]
    at = rng.integers(0, max(sizes["NB"] * sizes["STATE_ROWS"], 1), count)
    at = np.where(rng.random(count) < 3 / 4, at // ratio * ratio + ratio - 1, at)
    request, slot = rng.integers(0, max(sizes["B"], 1), count), rng.permutation(count)
    pages_ = rng.permutation(max(pages, sizes["STATE_PAGES"]))[:pages] % max(sizes["STATE_PAGES"], 1)
    if case.kind == "random":
        at[4::9], slot[3::7], request[5::11] = -1, -1, sizes["B"]
        pages_[1::9], pages_[2::13] = -1_000_000, sizes["STATE_PAGES"]
    return {
        "positions": at,
        "slot_mapping": slot,
        "token_to_req": request,
        "block_table": pages_.reshape(sizes["B"], sizes["NB"]),
        "cos_sin": table(case, sizes["POSITIONS"], sizes["ROPE"]),
    }


# -- declarations ----------------------------------------------------------------------------------------


def sized(
    name: str, t: int, d: int, ratio: int, overlap: bool, pages: tuple[int, int, int, int], **fields: Any
) -> Case:
    """A case. pages: of the state, tokens of each, requests, pages of each."""
    sizes = {"T": t, "D": d, **dict(zip(("STATE_PAGES", "STATE_ROWS", "B", "NB"), pages, strict=True))}
    sizes |= {"POSITIONS": fields.pop("table", 600), "ROPE": fields.pop("rope", 64)}
    sizes |= fields.pop("sizes", {})
    attributes = (("ratio", ratio), ("overlap", overlap), *fields.pop("attributes", ()))
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


_INT64 = (("positions", INT64), ("slot_mapping", INT64), ("norm_weight", F32))
_BF16 = (("state_cache", BF16), ("cos_sin", BF16))

COMPRESS_ROWS = Kernel(
    name="compress_norm_rope",
    doc="Windows of tokens compressed to rows, normalised and rotated.",
    axes=(T, D, STATE_PAGES, STATE_ROWS, B, NB, POSITIONS, ROPE),
    arrays=(
        Array(
            name="state_cache",
            doc="keys, then scores with their bias, of every token; pages may lie further apart than they are long",
            shapes=((STATE_PAGES, STATE_ROWS, _WIDE * 2),),
            formats=(F32, BF16),
        ),
        positions(),
        token_to_req(),
        block_table(),
        slots(),
        Array(name="norm_weight", doc="factor of every column", shapes=((D,),), formats=(BF16, F32)),
        Array(name="cos_sin", doc="cosines, then sines", shapes=((POSITIONS, ROPE),), formats=(F32, BF16)),
        Array(
            name="rows",
            doc="compressed rows; zeros for tokens that end no window",
            shapes=((T, D),),
            formats=(BF16,),
            access=Access.OUT,
        ),
    ),
    attributes=(
        Attribute(name="ratio", kind=int, required=True, minimum=1, maximum=LONGEST, doc="tokens of a window"),
        Attribute(
            name="overlap", kind=bool, default=False, doc="compress every window together with the one before it"
        ),
        Attribute(name="eps", kind=float, default=1e-6, minimum=LEAST_EPS, doc="added to the mean square"),
    ),
    tunables=(
        Tunable(name="BLOCK_R", values=(1, 2, 4, 8, 16, 32), doc="tokens of a window at a time"),
        Tunable(name="num_warps", values=(1, 2, 4, 8, 16)),
    ),
    configs=everywhere("compress_norm_rope"),
    grid=(T,),
    body=compress_norm_rope,
)

COMPRESS_NORM_ROPE: Op = single(
    COMPRESS_ROWS,
    family="compressor",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, KV compressor",
    constraints=(
        Constraint(argument="cos_sin", holds=ROPE <= D, message="no more rotated columns than a row has"),
        Constraint(argument="norm_weight", holds=(D % 2).equals(0), message="an even number of columns"),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("rows", ACCURACY),),
    cases=(
        sized("c4a", 17, 512, 4, True, (9, 4, 1, 9)),
        sized("c4a-indexer-int64", 19, 128, 4, True, (9, 4, 3, 3), formats=_INT64),
        sized("c128a", 5, 64, 128, False, (70, 8, 2, 33), rope=32),
        sized("bf16-ragged", 7, 72, 4, True, (8, 16, 2, 3), formats=_BF16, rope=16),
        sized("short-table", 6, 96, 6, False, (6, 4, 1, 6), table=9, rope=32),
        sized("no-tokens", 0, 64, 4, True, (2, 4, 1, 2)),
        sized("no-requests", 3, 64, 4, True, (0, 4, 0, 2)),
        sized("large", 4096, 512, 4, True, (2048, 4, 2, 1024), table=65536, large=True, golden=True),
    ),
)
