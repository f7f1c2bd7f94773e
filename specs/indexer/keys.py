"""Keys and queries of the indexer as operands of dots, and the score of a key for one query.

    score = scale[n] sum_h weights[h] relu( sum_d q[h, d] k[n, d] )

Codes go into the dots as they are: FP8 codes directly, e2m1 codes as the e4m3 codes of a 64th of their values (the same
bits, moved), so that no wider copy of an operand exists. One FP8 scale per key is a factor of the sum; MXFP4 scales,
one per 32 columns of query and key, are factors of the partial dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specs.lang.elements import E4M3, F32, INT32, UINT8
from specs.lang.paged import Paged
from specs.tile.language import (
    ArrayHandle,
    absolute,
    arange,
    dot,
    join_pairs,
    load,
    load_view,
    reduce_sum,
)
from specs.tile.trace import Tile, fail

_GROWN = 2.0**6  # undoes what e2m1 bits mean as e4m3, whose exponent bias is 7 instead of 1


@dataclass(frozen=True, slots=True)
class Keys:
    """One tile of keys. parts: operands e4m3 [n, columns]. scales: float32 [n], one per part, or one for all."""

    parts: tuple[Tile, ...]
    scales: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Heads:
    """Some heads of one query. parts: operands e4m3 [columns, heads], as those of keys.

    scales: float32 [heads], one per part; none in FP8. weight: float32 [heads], zero behind the last head.
    """

    parts: tuple[Tile, ...]
    scales: tuple[Tile, ...]
    weight: Tile


@dataclass(frozen=True, slots=True)
class Row:
    """How a row of 128 columns is cut into operands: bytes of each, and whether every part has a scale."""

    parts: int
    bytes: int
    packed: bool

    @property
    def scaled(self) -> bool:
        """Whether queries have scales of their own."""
        return self.packed


def row_of(layout: Paged, chunk: int) -> Row:
    """The cut of a layout's rows; FP8 rows in operands of `chunk` columns."""
    (field,) = layout.fields
    if field.format.packing is not None:
        return Row(field.groups, field.group // field.format.packing.per_word, True)
    if field.format.element != E4M3 or field.groups != 1:
        raise fail(f"layout '{layout.name}': the logits are of e4m3 rows with one scale, or of e2m1 rows")
    return Row(field.count // chunk, chunk, False)


def operand(codes: Tile, row: Row) -> Tile:
    """e4m3 [n, columns] of codes [n, bytes]."""
    if not row.packed:
        return codes if codes.element == E4M3 else codes.bitcast(E4M3)
    wide = (codes if codes.element == UINT8 else codes.bitcast(UINT8)).to(INT32)
    low = ((wide & 7) << 2) | ((wide & 8) << 4)
    high = ((wide & 112) >> 2) | (wide & 128)
    return join_pairs(low.to(UINT8), high.to(UINT8)).bitcast(E4M3)


def heads_of(p: Any, row: Row, query: tuple[Tile | int, ...], weights: Tile, live: Tile) -> list[Heads]:
    """All heads of one query, BLOCK_H at a time.

    query: its indices in q. weights: its row of the weights. live: whether there is such a query.
    """
    found = []
    for first in range(0, p.H, p.BLOCK_H):
        head = first + arange(p.BLOCK_H)
        inside = (head < p.H) & live
        column = arange(row.bytes)[None, :]
        codes = [
            load(p.q, (*query, head[:, None], column + part * row.bytes), inside[:, None]) for part in range(row.parts)
        ]
        parts = tuple(operand(code, row).transpose() for code in codes)
        scales: tuple[Tile, ...] = ()
        if row.scaled:
            scales = tuple(load(p.q_scale, (*query, head, part), inside).to(F32) for part in range(row.parts))
        found.append(Heads(parts, scales, load(p.weights, (weights, head), inside)))
    return found


def dense_keys(p: Any, row: Row, index: Tile, live: Tile) -> Keys:
    """Keys `index` [n] of arrays k and k_scale."""
    column = arange(row.bytes)[None, :]
    codes = [load(p.k, (index[:, None], column + part * row.bytes), live[:, None]) for part in range(row.parts)]
    parts = tuple(operand(code, row) for code in codes)
    if not row.packed:
        return Keys(parts, (load(p.k_scale, (index,), live).to(F32),))
    return Keys(parts, tuple(load(p.k_scale, (index, part), live).to(F32) for part in range(row.parts)))


def paged_keys(cache: ArrayHandle, layout: Paged, rows: int, row: Row, page: Tile, inside: Tile, live: Tile) -> Keys:
    """Keys of a paged cache: row `inside` of every `page` [n], of pages with `rows` rows."""
    place = layout.places[0]
    form = place.field.format
    assert form.scale is not None
    element = UINT8 if row.packed else form.element
    column, start = arange(row.bytes)[None, :], inside * layout.row_stride
    codes = [
        load_view(cache, page[:, None], (start + part * row.bytes)[:, None], column, element, live[:, None])
        for part in range(row.parts)
    ]
    shares = inside * layout.share + rows * layout.row_stride
    scales = [load_view(cache, page, shares, group, form.scale, live).to(F32) for group in range(place.field.groups)]
    return Keys(tuple(operand(code, row) for code in codes), tuple(scales))


def score(keys: Keys, heads: Sequence[Heads]) -> Tile:
    """Scores of all keys of a tile, float32 [n]."""
    total: Tile | None = None
    for some in heads:
        products = _products(keys, some)
        # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
        weighed = reduce_sum((products + absolute(products)) * (some.weight * 0.5)[None, :], axis=1)
        total = weighed if total is None else total + weighed
    assert total is not None
    return total if heads[0].scales else total * keys.scales[0]


def _products(keys: Keys, heads: Heads) -> Tile:
    """Dots of keys and heads, float32 [n, heads]."""
    total: Tile | None = None
    for number, (part, other) in enumerate(zip(keys.parts, heads.parts, strict=True)):
        product = dot(part, other)
        if heads.scales:
            product = product * ((keys.scales[number] * _GROWN)[:, None] * (heads.scales[number] * _GROWN)[None, :])
        total = product if total is None else total + product
    assert total is not None
    return total
