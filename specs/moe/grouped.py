"""Pieces that every grouped product shares: which expert and rows a tile has, activations, epilogue, declarations.

Tiles are assigned to experts in the kernel: each program compares its number with what follows from `offsets` for every
expert, so there is no launch for the assignment and no array of it. The grid has as many row tiles as any distribution
of the rows can need, and those without rows do nothing.

    few rows    row tile s begins at row s, if that is the first, or a multiple of BLOCK_M after the first, of an expert
    many rows   expert e has the row tiles from offsets[e] // BLOCK_M + e on

Rows after the last expert's belong to one more expert, which has no weight: their results are zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from specs.cache.declared import index
from specs.gemm.oracle import product
from specs.gemm.scaled import FREE_TILES
from specs.gemm.tiles import span, tile_position
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv, emin
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Role
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Reference, Sample
from specs.lang.formats.elements import BF16, F16, F32, INT32
from specs.moe.declared import power_of_two
from specs.tile.blocks import UNDEFINED, Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, load, maximum, minimum, reduce_sum, where

TA = Axis(name="TA", doc="rows of the activations")
ENTRIES = Axis(name="ENTRIES", doc="entries of the order")
E = Axis(name="E", static=True, minimum=1, maximum=4096, doc="experts")
N = Axis(name="N", doc="columns of a weight")
K = Axis(name="K", minimum=1, doc="contracted size")
_GATHERED = Ref("has_order")
R = Axis(name="R", value=_GATHERED * ENTRIES + _GATHERED.equals(0) * TA, doc="rows of the result")
AXES = (TA, ENTRIES, E, N, K, R)
_BY_TILE = R // Ref("BLOCK_M") + E + 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a program. expert: whose weight it reads. rows: their range in the result, empty where there are none.

    source: rows of the activations [BLOCK_M]; None where they are the same as the result's. owned: whether an expert
    has them.
    """

    expert: Tile
    rows: Slice
    source: Tile | None
    owned: Tile


def tile_of(p: Any) -> tuple[Rows, Slice]:
    """The rows of this program, and its columns."""
    slot, tile_n = tile_position(p, 0, p.R if p.by_row else p.R // p.BLOCK_M + (p.E + 1))
    number = arange(power_of_two(p.E))
    exists = number < p.E

    def key(offset: Tile, number: Tile | int) -> Tile:
        return offset if p.by_row else offset // p.BLOCK_M + number

    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    passed = exists & ((key(load(p.offsets, (number,), exists), number) <= slot) | (number == 0))
    last = (key(load(p.offsets, (p.E,)), p.E) <= slot).to(INT32)
    expert = reduce_sum(passed.to(INT32), axis=0) + last - 1
    begin = where(expert == 0, 0, load(p.offsets, (expert,)))
    end = where(expert == p.E, p.R, minimum(load(p.offsets, (minimum(expert + 1, p.E),)), p.R))
    if p.by_row:
        first, starts = slot, (slot - begin) % p.BLOCK_M == 0
    else:
        first = begin + (slot - key(begin, expert)) * p.BLOCK_M
        starts = first >= 0
    live = starts & (first < end)
    rows = ds(first, p.BLOCK_M, end=where(live, end, 0))
    owned = live & (expert < p.E)
    return Rows(minimum(expert, p.E - 1), rows, _source(p, rows), owned), span(tile_n, p.BLOCK_N, UNDEFINED)


def _source(p: Any, rows: Slice) -> Tile | None:
    if p.order is None:
        return None
    row = rows.indices()
    pair = load(p.order, (row,), (row >= 0) & (row < p.R), other=0)
    return maximum(minimum(pair // p.topk, p.TA - 1), 0)


def steps_of(p: Any, at: Rows, depth: int) -> Tile:
    """Steps of the loop over K: none where a program has no rows."""
    count: Tile = where(at.owned, (p.K + (depth - 1)) // depth, 0)
    return count


def activations(p: Any, at: Rows, depth: Slice, own: bool = False) -> Tile:
    """[BLOCK_M, depth] of the activations; rows after the expert's are not stored, so anything is read for them.

    own: read nothing for them, where weights are so small that this would be much of what is read.
    """
    inside = None if p.even_k else (depth.indices() < p.K)[None, :]
    if own and at.source is not None:
        assert at.rows.end is not None
        inside = both(inside, (at.rows.indices() < at.rows.end)[:, None])
    return rows_of(p.a, at, depth, inside)


def rows_of(array: ArrayHandle, at: Rows, depth: Slice | Tile, inside: Tile | None = None) -> Tile:
    """Rows of the activations, or of their scales, at a range of columns or one column."""
    if at.source is None:
        return load_block(array, (ds(at.rows.start, at.rows.size, padding=UNDEFINED), depth))
    if not isinstance(depth, Slice):
        return load(array, (at.source, depth))
    return load(array, (at.source[:, None], depth.indices()[None, :]), inside)


def finish(p: Any, acc: Tile, at: Rows, cols: Slice) -> None:
    """Adds the expert's bias in float32, rounds once, and stores the expert's rows."""
    if p.bias is not None:
        acc = where(at.owned, acc + load_block(p.bias, (at.expert, cols)).to(F32)[None, :], acc)
    store_block(p.c, (at.rows, cols), acc.to(p.c.element))


# -- declarations -----------------------------------------------------------------------------------------------------

_FREE = Dense(inner=Inner.FREE)


def routing() -> tuple[Array, ...]:
    """Which rows experts have, and from where."""
    return (
        index("offsets", "first row of every expert, and the end after the last, as moe_permute gives them", E + 1),
        index("order", "pair of every row, of which row order[r] // topk of a is read", ENTRIES, optional=True),
    )


def bias() -> Array:
    """Addends of experts."""
    return Array(
        name="bias",
        doc="addend of every expert",
        shapes=((E, N),),
        formats=(F32, BF16, F16),
        optional=True,
        layout=_FREE,
        role=Role.ADDEND,
    )


def result(formats: Any) -> Array:
    """The result."""
    doc = "results; zeros in rows of no expert"
    return Array(name="c", doc=doc, shapes=((R, N),), formats=formats, access=Access.OUT)


def topk() -> Attribute:
    """Pairs per row."""
    doc = "entries of the order per row of a: experts per token"
    return Attribute(name="topk", kind=int, default=1, minimum=1, maximum=64, doc=doc)


ORDER_FITS = Constraint(
    argument="order",
    holds=_GATHERED.equals(0).or_(ENTRIES.equals(TA * Ref("topk"))),
    message="topk entries for every row of a",
    failure="order has {ENTRIES} entries, a has {TA} rows of topk = {topk} pairs each",
)


def static_conditions() -> tuple[tuple[str, Expr], ...]:
    """What holds of sizes, and how row tiles are numbered."""
    return (
        ("even_n", (N % Ref("BLOCK_N")).equals(0)),
        ("even_k", (K % Ref("BLOCK_K")).equals(0)),
        ("by_row", R <= _BY_TILE),
    )


def grid() -> tuple[Expr, ...]:
    """One program per tile, for any distribution of the rows."""
    return (emin(R, _BY_TILE) * cdiv(N, Ref("BLOCK_N")),)


def classes(few: int = 16, some: int = 64) -> dict[str, Expr | None]:
    """Classes of calls by rows per expert."""
    return {"few_rows": up_to(few), "some_rows": up_to(some), "rest": None}


def up_to(rows: int) -> Expr:
    """Calls with at most `rows` rows per expert, whose kernels may depend on how many there are."""
    return FREE_TILES.and_(cdiv(R, E) <= rows)


# -- oracle and sample ------------------------------------------------------------------------------------------------


def oracle(inputs: Mapping[str, Any], a: Any, weight: Callable[[int], Any]) -> dict[str, Reference]:
    """Products of the rows of every expert, float64. a: [rows, K]. weight: of an expert, [K, N]."""
    offsets = np.asarray(inputs["offsets"], np.int64)
    if inputs.get("order") is not None:
        a = a[np.clip(np.asarray(inputs["order"], np.int64) // int(inputs["topk"]), 0, max(len(a) - 1, 0))]
    bounds = np.clip(np.append(0, offsets[1:]), 0, len(a))
    columns = weight(0).shape[1]
    value, magnitude = np.zeros((len(a), columns)), np.zeros((len(a), columns))
    for e, (begin, end) in enumerate(pairwise(bounds)):
        if begin < end:
            own = inputs["bias"][e] if inputs.get("bias") is not None else None
            found = product(a[begin:end], weight(e), own)
            value[begin:end], magnitude[begin:end] = found.value, found.magnitude
    return {"c": Reference(value=value, magnitude=magnitude)}


def sample(case: Sample) -> dict[str, Any]:
    """Most rows with few experts, some experts without any; the last rows are of no expert."""
    experts, entries = case.shapes["offsets"][0] - 1, case.sizes["ENTRIES"]
    rows = entries if "order" in case.shapes else case.sizes["TA"]
    used = rows - rows // 8
    share = case.rng.random(experts) ** 3 * (case.rng.random(experts) < 3 / 4)
    share[case.rng.integers(experts)] += 0.1
    ends = np.round(np.cumsum(share) / share.sum() * used).astype(np.int64)
    pairs = case.rng.permutation(entries)
    return {"offsets": np.append(0, ends), "order": np.where(np.arange(entries) < used, pairs, -1)}


def case(
    name: str, rows: int, experts: int, n: int, k: int, pairs: int = 0, absent: tuple[str, ...] = (), **fields: Any
) -> Case:
    """rows: of the activations. pairs: per row, 0 for none, without an order."""
    attributes = {"weight_order": "nk", **fields.pop("attributes", {})}
    if pairs:
        attributes["topk"] = pairs
    sizes = (("TA", rows), ("ENTRIES", rows * max(pairs, 1)), ("E", experts), ("N", n), ("K", k))
    absent = absent if pairs else (*absent, "order")
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), absent=absent, **fields)
