# global_topk, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def global_topk(
    topk_indices_ptr, token_to_req_ptr, block_table_ptr, is_valid_ptr,
    indices_ptr, lens_ptr,
    B, NB,
    stride_topk_indices0,
    stride_block_table0,
):
    block_size: tl.constexpr = 64
    K: tl.constexpr = 1024
    token = tl.program_id(0)  # specs/cache/topk.py:42
    # The whole row in one tile: compaction needs the rank of every entry.
    column = tl.arange(0, 1024)
    inside = column < K
    # Past K: -1, which `slot_of` keeps at -1.
    local = tl.load(topk_indices_ptr + (token * stride_topk_indices0 + column), mask=inside, other=-1)
    request = tl.load(token_to_req_ptr + token)
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = tl.where((request >= 0) & (request < B), NB, 0)  # specs/cache/lookup.py:70
    live = inside & (local >= 0)
    entry = tl.where(live, local, 0)
    page = entry // block_size
    live_1 = live & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = tl.load(block_table_ptr + (request * stride_block_table0 + page), mask=live_1, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = tl.where(block >= 0, block * block_size + entry % block_size, -1)
    mask = slot >= 0  # specs/cache/topk.py:50
    kept = mask.to(tl.int32)
    # Readers stop at the length: entries that exist move left, in order, or those after a -1 would be cut off.
    rank = tl.cumsum(kept, axis=0)
    count = tl.sum(kept, axis=0)
    # A permutation: every column is written exactly once, so one masked scatter needs no -1 fill before it.
    place = tl.where(mask, rank - 1, count + (column - rank))
    tl.store(indices_ptr + (token * K + place), slot, mask=inside)
    valid = tl.load(is_valid_ptr + token)
    # Padding keeps its indices, but attends to none of them.
    tl.store(lens_ptr + token, tl.where(valid, count, 0))
