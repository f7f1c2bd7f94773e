"""global_topk: compressed positions of requests become cache slots, compacted to the left.

    slot(i) = block_table[b, i // block_size] * block_size + i % block_size,  b = token_to_req[t]

Entries without a slot (negative, past the block table's pages, a page that is missing, a request that does not exist)
are left out; those that remain keep their order, and -1 follows. A token that is not valid has length 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.cache.batches import FAR, Arrays, owners, table
from specs.cache.declared import (
    EXACT,
    NB,
    B,
    T,
    block_table,
    index,
    result,
    token_to_req,
    tunables,
    whole,
)
from specs.cache.index_oracle import global_topk_oracle
from specs.cache.lookup import slot_of
from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Kernel
from specs.lang.declare.op import Case, Independent, Op, Sample, definition_of, single
from specs.lang.formats.elements import BOOL, INT32
from specs.tile.language import arange, cumsum, load, program_id, reduce_sum, store, where
from specs.tuned import everywhere

K = Axis(name="K", static=True, maximum=8192, doc="entries of a list")


def global_topk(p: Any) -> None:
    """One token. Existing entries first, skipped ones after them, in one store."""
    token = program_id(0)
    # The whole row in one tile: compaction needs the rank of every entry.
    column = arange(1 << max(p.K - 1, 0).bit_length())
    inside = column < p.K
    # Past K: -1, which `slot_of` keeps at -1.
    local = load(p.topk_indices, (token, column), inside, other=-1)
    request = load(p.token_to_req, (token,))
    slot = slot_of(p, request, local, inside, p.block_size)
    kept = (slot >= 0).to(INT32)
    # Readers stop at the length: entries that exist move left, in order, or those after a -1 would be cut off.
    rank, count = cumsum(kept, axis=0), reduce_sum(kept, axis=0)
    # A permutation: every column is written exactly once, so one masked scatter needs no -1 fill before it.
    place = where(slot >= 0, rank - 1, count + (column - rank))
    store(p.indices, (token, place), slot, inside)
    valid = load(p.is_valid, (token,))
    # Padding keeps its indices, but attends to none of them.
    store(p.lens, (token,), where(valid, count, 0))


_KERNEL = Kernel(
    name="global_topk",
    doc="Cache slots of the compressed entries that were chosen for every token.",
    axes=(T, K, B, NB),
    arrays=(
        index("topk_indices", "entries chosen for every token, counted from its request's first; -1: none", T, K),
        token_to_req(),
        block_table(),
        index("is_valid", "whether a token is none of padding", T, formats=(BOOL,)),
        result("indices", "slots, -1 after the last", T, K),
        result("lens", "slots of every list; 0 for tokens of padding", T),
    ),
    attributes=(whole("block_size", "entries of a page", required=True),),
    tunables=tunables(),
    configs=everywhere("global_topk"),
    grid=(T,),
    body=global_topk,
)


def sample(case: Sample) -> Arrays:
    """Lists with holes anywhere, entries past the table, requests that do not exist; exact data is well-formed."""
    rng, (tokens, k) = case.rng, case.shapes["topk_indices"]
    entries = case.sizes["NB"] * int(case.attributes["block_size"])  # type: ignore[call-overload]
    local = rng.integers(0, max(entries, 1), (tokens, k))
    if case.kind == "exact":
        local = np.where(np.arange(k)[None, :] < rng.integers(0, k + 1, (tokens, 1)), local, -1)
    else:
        local = np.where(rng.random(local.shape) < 1 / 4, rng.choice([-1, -7, entries, FAR], local.shape), local)
    return {
        "topk_indices": local,
        "token_to_req": owners(case, tokens),
        "block_table": table(case),
        "is_valid": rng.random(tokens) < 7 / 8,
    }


def _case(name: str, tokens: int, k: int, rows: int, pages: int, block_size: int = 64, **fields: Any) -> Case:
    sizes = (("T", tokens), ("K", k), ("B", rows), ("NB", pages))
    return Case(name=name, sizes=sizes, attributes=(("block_size", block_size),), **fields)


GLOBAL_TOPK: Op = single(
    _KERNEL,
    family="cache",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source="DeepSeek-V4 sparse attention: decode",
    sample=sample,
    oracle=global_topk_oracle,
    accuracy=(("indices", EXACT), ("lens", EXACT)),
    cases=(
        _case("ragged", 11, 37, 3, 5, 16),
        _case("v4-flash", 6, 512, 4, 9),
        _case("v4-pro", 4, 1024, 8, 17),
        _case("v32", 3, 2048, 1, 33),
        _case("two-rows-a-page", 9, 128, 8, 70, 2),
        _case("one-entry", 5, 1, 2, 1, 1),
        _case("no-entries", 4, 0, 2, 3),
        _case("no-tokens", 0, 16, 2, 3),
        _case("no-table", 3, 16, 0, 0),
        _case("large", 256, 1024, 1024, 4096, large=True, golden=True),
    ),
)
