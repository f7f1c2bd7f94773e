"""Keys and queries of the indexer as operands of dots, and the score of a key for one query.

    score = scale[n] sum_h weights[h] relu( sum_d q[h, d] k[n, d] )

FP8 codes are dot operands directly, and the one scale of a key is a factor of the sum. MXFP4 has a scale per 32
columns of query and key. A code times a power of two is exact in BF16, so both become BF16 and one sum goes over all
columns: scales as factors of partial dots, four per score, cost more than the dots. Sums may go over columns in any
order, so the even ones, in low nibbles, are one operand and the odd ones another; with CHUNK = 128 they are joined, for
machines that multiply without matrix units, on which each dot costs registers of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specs.lang.formats.elements import BF16, E4M3, F32, UINT8
from specs.lang.formats.paged import Paged
from specs.tile.blocks import ds, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    ArrayHandle,
    absolute,
    arange,
    dot,
    join_pairs,
    load,
    load_view,
    reduce_sum,
    rescale,
    scaled_nibble,
)

_SHRUNK = 0.25
"""Factor of `scaled_nibble` on each operand in MXFP4; the weights undo it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """One tile of keys. parts: operands [n, columns]. scale: float32 [n], None where it is in them."""

    parts: tuple[Tile, ...]
    scale: Tile | None


@dataclass(frozen=True, slots=True)
class Heads:
    """Some heads of one query. parts: operands [columns, heads], like the keys'.

    weight: float32 [heads], zero after the last head; halved, and in MXFP4 divided by the factor of both operands.
    """

    parts: tuple[Tile, ...]
    weight: Tile


@dataclass(frozen=True, slots=True)
class Row:
    """How the bytes of a row are read: `parts` parts of `bytes` bytes.

    packed: two codes per byte, and a scale per part; the parts are one tile then, else each is an operand.
    joined: whether even and odd columns of packed rows make one operand, not two.
    """

    parts: int
    bytes: int
    packed: bool
    joined: bool = False


def row_of(layout: Paged, chunk: int) -> Row:
    """The cut of a layout's rows (see `arrays.layout_fits`); FP8 rows in operands of at most `chunk` columns."""
    (field,) = layout.fields
    if field.format.packing is not None:
        return Row(field.groups, field.group // field.format.packing.per_word, True, joined=chunk >= field.count)
    chunk = min(chunk, field.count)
    return Row(field.count // chunk, chunk, False)


def operand(codes: Tile) -> Tile:
    """Codes as e4m3."""
    return codes if codes.element == E4M3 else codes.bitcast(E4M3)


def operands(codes: Tile, scales: Tile, row: Row) -> tuple[Tile, ...]:
    """BF16 [n, 64] of the even columns and of the odd ones, or [n, 128]: codes [n, parts, bytes], scales [n, parts]."""
    n, parts, count = codes.shape
    codes = codes if codes.element == UINT8 else codes.bitcast(UINT8)
    # E8M0 has bfloat16's exponents: exact, and so is the product with an e2m1 code.
    factor = scales.to(F32).to(BF16)[:, :, None]
    even, odd = (scaled_nibble(codes, high, factor).reshape(n, parts * count) for high in (False, True))
    return (join_pairs(even, odd),) if row.joined else (even, odd)


def heads_of(p: Any, row: Row, query: tuple[Tile | int, ...], weights: Tile, live: Tile) -> list[Heads]:
    """All heads of one query, BLOCK_H at a time.

    query: its indices in q. weights: its row of the weights. live: whether the query exists.
    """
    found = []
    # Unrolled: all heads of a query stay in registers while its keys stream by.
    for first in range(0, p.H, p.BLOCK_H):
        head = first + arange(p.BLOCK_H)
        inside = (head < p.H) & live
        weight = load(p.weights, (weights, head), inside).to(F32)
        if row.packed:
            at, column = packed_columns(row)
            codes = load(p.q, (*query, head[:, None, None], column), inside[:, None, None])
            scales = load(p.q_scale, (*query, head[:, None], at), inside[:, None])
            parts = operands(codes, scales, row)
            # Powers of two, so undoing the operands' scaling in the weights is exact.
            weight = weight * _SHRUNK**-2
        else:
            column = arange(row.bytes)[None, :]
            parts = tuple(
                operand(load(p.q, (*query, head[:, None], column + part * row.bytes), inside[:, None]))
                for part in range(row.parts)
            )
        # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
        found.append(Heads(tuple(part.transpose() for part in parts), weight * 0.5))
    return found


def packed_columns(row: Row) -> tuple[Tile, Tile]:
    """Numbers of scales [1, parts] and of bytes [1, parts, bytes] of a packed row."""
    at = arange(row.parts)[None, :]
    return at, at[:, :, None] * row.bytes + arange(row.bytes)[None, None, :]


def dense_keys(p: Any, row: Row, first: Tile, count: int) -> Keys:
    """Keys [first, first + count) of arrays k and k_scale, zeros past the last one."""
    index = first + arange(count)
    live = index < p.N
    if row.packed:
        at, column = packed_columns(row)
        codes = load(p.k, (index[:, None, None], column), live[:, None, None])
        return Keys(operands(codes, load(p.k_scale, (index[:, None], at), live[:, None]), row), None)
    parts = [
        load_block(p.k, (ds(first, count), ds(part * row.bytes, row.bytes, in_bounds=True)))
        for part in range(row.parts)
    ]
    return Keys(tuple(operand(part) for part in parts), load(p.k_scale, (index,), live).to(F32))


def paged_keys(cache: ArrayHandle, layout: Paged, rows: int, row: Row, page: Tile, inside: Tile, live: Tile) -> Keys:
    """Keys of a paged cache: row `inside` of every `page` [n], of pages with `rows` rows."""
    form = layout.places[0].field.format
    assert form.scale is not None
    start, shares = inside * layout.row_stride, inside * layout.share + rows * layout.row_stride
    if row.packed:
        at, column = packed_columns(row)
        # Masked: pages come from a block table, and a missing one must not be read.
        place, mask = (page[:, None, None], start[:, None, None]), live[:, None, None]
        codes = load_view(cache, *place, column, UINT8, mask)
        scales = load_view(cache, page[:, None], shares[:, None], at, form.scale, live[:, None])
        return Keys(operands(codes, scales, row), None)
    column = arange(row.bytes)[None, :]
    parts = [
        load_view(cache, page[:, None], (start + part * row.bytes)[:, None], column, form.element, live[:, None])
        for part in range(row.parts)
    ]
    scale = load_view(cache, page, shares, 0, form.scale, live).to(F32)
    return Keys(tuple(operand(part) for part in parts), scale)


def score(keys: Keys, heads: Sequence[Heads]) -> Tile:
    """Scores of all keys of a tile, float32 [n]."""
    total: Tile | None = None
    for some in heads:
        products: Tile | None = None
        for part, other in zip(keys.parts, some.parts, strict=True):
            # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
            product = dot(part, other, products if keys.scale is None else None)
            products = product if products is None or keys.scale is None else products + product
        assert products is not None
        # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
        weighed = reduce_sum((products + absolute(products)) * some.weight[None, :], axis=1)
        total = weighed if total is None else total + weighed
    assert total is not None
    # Once per key instead of once per head and key; relu commutes with a positive factor.
    return total if keys.scale is None else rescale(total, keys.scale)
