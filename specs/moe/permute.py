"""moe_permute: (token, slot) pairs sorted by expert.

    pair p = t K + j has expert e(p) = ids[t, j], or expert_map[ids[t, j]] under expert parallelism
    order     = pairs in the order of (e(p), p)
    offsets   = first row of every expert in this order; offsets[num_experts]: rows in all
    inverse   = row of pair (t, j)

The sort is stable. Pairs whose id, or whose entry of expert_map, is negative or none of the experts are dropped: their
inverse is -1, and `order` ends in as many -1. Every other pair is kept, whatever the number of pairs of an expert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.cache.declared import EXACT, index
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Kernel, Tunable
from specs.lang.declare.op import Case, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import INT32, INT64
from specs.moe.declared import PAIRS, K, T, inverse, num_experts, offsets, order
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, cdiv, cumsum, fori_loop, load, program_id, reduce_sum, store, where, zeros
from specs.tuned import everywhere

TILE = 128
"""Pairs of one tile, whose ranks are counted together."""
PART = 16
"""Pairs of a tile that all others are compared with at a time."""
EXPERTS = Ref("num_experts")
GLOBAL = Axis(name="GLOBAL", doc="experts on all devices")
TILES = Axis(name="TILES", value=cdiv(PAIRS, TILE), doc="tiles of pairs")


def expert_of(p: Any, pair: Tile) -> Tile:
    """Local expert of pairs, i32; `num_experts` of those that are dropped or do not exist."""
    inside = pair < p.T * p.K
    expert = load(p.ids, (pair // p.K, pair % p.K), inside, other=-1)
    if p.expert_map is not None:
        known = (expert >= 0) & (expert < p.GLOBAL.to(expert.element))
        expert = load(p.expert_map, (expert,), known, other=-1)
    return where((expert >= 0) & (expert < p.num_experts), expert, p.num_experts).to(INT32)


def count_pairs(p: Any) -> None:
    """BLOCK_E experts, among them one after the last, of the pairs that are dropped.

    Programs read all ids, so that `offsets` needs no sum over experts that another launch would take.
    """
    expert = program_id(0) * p.BLOCK_E + arange(p.BLOCK_E)
    exists = expert <= p.num_experts

    def step(k: Tile, before: Tile, below: Tile) -> tuple[Tile, Tile]:
        tile = k * p.STEP + arange(p.STEP)
        pair = tile[:, None] * TILE + arange(TILE)[None, :]
        given = expert_of(p, pair)[:, :, None]
        inside = (pair < p.T * p.K)[:, :, None]
        own = reduce_sum(((given == expert[None, None, :]) & inside).to(INT32), axis=1)
        # Tiles of a step count one after the other: pairs of earlier tiles come first.
        upto = cumsum(own, axis=0) if p.STEP > 1 else own
        mask = (tile < p.TILES)[:, None] & exists[None, :]
        store(p.earlier, (tile[:, None], expert[None, :]), before[None, :] + upto - own, mask)
        lower = reduce_sum(reduce_sum(((given < expert[None, None, :]) & inside).to(INT32), axis=1), axis=0)
        return before + reduce_sum(own, axis=0), below + lower

    none = zeros((p.BLOCK_E,), INT32)
    _, below = fori_loop(0, cdiv(p.TILES, p.STEP), step, none, none)
    store(p.offsets, (expert,), below, exists)


def place_pairs(p: Any) -> None:
    """One tile of pairs: the row of each is where its expert begins, plus the expert's pairs before it."""
    start = program_id(0) * TILE
    pair = start + arange(TILE)
    inside = pair < p.T * p.K
    expert = expert_of(p, pair)

    def count(k: Tile, rank: Tile) -> Tile:
        other = start + k * PART + arange(PART)
        same = (expert[:, None] == expert_of(p, other)[None, :]) & (other[None, :] < pair[:, None])
        return rank + reduce_sum(same.to(INT32), axis=1)

    # In parts, which stay in registers.
    rank = fori_loop(0, TILE // PART, count, zeros((TILE,), INT32))
    first = load(p.offsets, (expert,), inside)
    row = first + load(p.earlier, (pair // TILE, expert), inside) + rank
    kept = expert < p.num_experts
    # Dropped pairs have rows too, the last ones, so that every entry of `order` is written once.
    store(p.order, (row,), where(kept, pair, -1), inside)
    store(p.inverse, (pair // p.K, pair % p.K), where(kept, row, -1), inside)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """A stable sort."""
    ids, count = np.asarray(inputs["ids"], np.int64), int(inputs["num_experts"])
    expert = ids.reshape(-1)
    placed = inputs.get("expert_map")
    if placed is not None:
        known = (expert >= 0) & (expert < len(placed))
        expert = np.where(known, np.append(placed, -1)[np.where(known, expert, -1)], -1)
    expert = np.where((expert >= 0) & (expert < count), expert, count)
    by_expert = np.argsort(expert, kind="stable")
    row = np.empty(len(expert), np.int64)
    row[by_expert] = np.arange(len(expert))
    kept = expert < count
    return {
        "order": Reference(value=np.where(kept[by_expert], by_expert, -1)),
        "offsets": Reference(value=np.searchsorted(expert[by_expert], np.arange(count + 1))),
        "inverse": Reference(value=np.where(kept, row, -1).reshape(ids.shape)),
    }


def sample(case: Sample) -> dict[str, Any]:
    """Ids of experts that exist and of some that do not; few experts have most of the pairs."""
    rng, shape = case.rng, case.shapes["ids"]
    count = case.sizes["GLOBAL"]
    ids = np.minimum(rng.integers(0, count, shape), rng.integers(0, count, shape))
    if case.kind == "random":
        ids = np.where(rng.random(shape) < 1 / 8, rng.choice([-1, -7, count, 2**31 - 1], shape), ids)
    local = rng.permutation(case.sizes["GLOBAL"])
    return {"ids": ids, "expert_map": np.where(rng.random(len(local)) < 3 / 4, local, -1)}


def _ids() -> Array:
    doc = "experts of every token; negative: none, as of a token of padding"
    return index("ids", doc, T, K, formats=(INT32, INT64))


_MAP = index("expert_map", "local expert of every expert of all devices; negative: another device's", GLOBAL)
EXPERT_MAP = replace(_MAP, optional=True)
_WARPS = Tunable(name="num_warps", values=(1, 2, 4, 8))


def _earlier(access: Access) -> Array:
    doc = "pairs of every expert in the tiles before"
    return index("earlier", doc, TILES, EXPERTS + 1, access=access)


_COUNT = Kernel(
    name="count_pairs",
    doc="Where the rows of every expert begin, and how many pairs each has before every tile of pairs.",
    axes=(T, K, GLOBAL, TILES),
    arrays=(_ids(), EXPERT_MAP, offsets(EXPERTS + 1, Access.OUT), _earlier(Access.OUT)),
    attributes=(num_experts(),),
    tunables=(Tunable(name="BLOCK_E", values=(4, 8, 16, 32)), Tunable(name="STEP", values=(1, 2, 4, 8, 16)), _WARPS),
    configs=everywhere("count_pairs"),
    grid=(cdiv(EXPERTS + 1, Ref("BLOCK_E")),),
    body=count_pairs,
)
_PLACE = Kernel(
    name="place_pairs",
    doc="The row of every pair, and the pair of every row.",
    axes=(T, K, GLOBAL, TILES),
    arrays=(
        _ids(),
        EXPERT_MAP,
        offsets(EXPERTS + 1),
        _earlier(Access.IN),
        order(PAIRS, Access.OUT),
        inverse(Access.OUT),
    ),
    attributes=(num_experts(),),
    tunables=(_WARPS,),
    configs=everywhere("place_pairs"),
    grid=(TILES,),
    body=place_pairs,
)


def _case(name: str, tokens: int, k: int, experts: int, everyone: int = 0, **fields: Any) -> Case:
    return Case(
        name=name,
        sizes=(("T", tokens), ("K", k), ("GLOBAL", everyone or experts)),
        attributes=(("num_experts", experts),),
        absent=() if everyone else ("expert_map",),
        **fields,
    )


MOE_PERMUTE = Op(
    name="moe_permute",
    doc="Pairs of tokens and experts, sorted by expert.",
    definition=definition_of(__doc__),
    source="MegaBlocks (Gale et al., 2022), dropless mixture of experts",
    family="moe",
    axes=(T, K, GLOBAL),
    arrays=(
        _ids(),
        EXPERT_MAP,
        order(PAIRS, Access.OUT),
        offsets(EXPERTS + 1, Access.OUT),
        inverse(Access.OUT),
    ),
    attributes=(num_experts(),),
    temporaries=(_earlier(Access.OUT),),
    steps=(Step(kernel=_COUNT), Step(kernel=_PLACE)),
    sample=sample,
    oracle=oracle,
    accuracy=(("order", EXACT), ("offsets", EXACT), ("inverse", EXACT)),
    cases=(
        _case("decode", 5, 6, 384),
        _case("tiles", 257, 6, 32),
        _case("expert-parallel", 67, 8, 16, 64),
        _case("int64-ids", 9, 4, 8, 24, formats=(("ids", INT64),)),
        _case("one-expert", 130, 1, 1),
        _case("no-tokens", 0, 8, 256),
        _case("prefill", 4096, 6, 256, large=True, golden=True),
    ),
)
