# global_topk, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""global_topk: Cache slots of the compressed entries that were chosen for every token.

Generated. Specialised on
    block_size = 64
    topk_indices = int32
    token_to_req = int32
    block_table = int32
    is_valid = bool
    indices = int32
    lens = int32
    K = 1024
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def global_topk(
    topk_indices_ref, token_to_req_ref, block_table_ref, is_valid_ref,
    indices_ref, lens_ref,
    *, B, NB,
):
    block_size = 64
    K = 1024
    token = pl.program_id(0)  # specs/cache/topk.py:42
    # The whole row in one tile: compaction needs the rank of every entry.
    column = jnp.arange(1024, dtype=jnp.int32)
    inside = column < K
    # Past K: -1, which `slot_of` keeps at -1.
    local = plgpu.load(topk_indices_ref.at[token, column], mask=inside, other=-1)
    request = plgpu.load(token_to_req_ref.at[token])
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = jnp.where((request >= 0) & (request < B), jnp.int32(NB), jnp.int32(0))  # specs/cache/lookup.py:70
    live = inside & (local >= 0)
    entry = jnp.where(live, local, 0)
    page = jax.lax.div(entry, jnp.full((1024,), block_size, jnp.int32))
    live_1 = live & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = plgpu.load(block_table_ref.at[request, page], mask=live_1, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = jnp.where(block >= 0, block * block_size + jax.lax.rem(entry, jnp.full((1024,), block_size, jnp.int32)), -1)
    mask = slot >= 0  # specs/cache/topk.py:50
    kept = mask.astype(jnp.int32)
    # Readers stop at the length: entries that exist move left, in order, or those after a -1 would be cut off.
    rank = jax.lax.cumsum(kept, axis=0)
    count = jnp.sum(kept, axis=0, dtype=jnp.int32)
    # A permutation: every column is written exactly once, so one masked scatter needs no -1 fill before it.
    place = jnp.where(mask, rank - 1, count + (column - rank))
    plgpu.store(indices_ref.at[token, place], slot, mask=inside)
    valid = plgpu.load(is_valid_ref.at[token])
    # Padding keeps its indices, but attends to none of them.
    plgpu.store(lens_ref.at[token], jnp.where(valid, count, 0))
