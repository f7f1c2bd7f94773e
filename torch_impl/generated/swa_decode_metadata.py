# swa_decode_metadata, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""swa_decode_metadata: Cache slots of the window of every decode token, oldest first.

Generated. Specialised on
    window = 128
    block_size = 64
    query_start_loc = int32
    seq_lens = int32
    slot_mapping = int32
    block_table = int32
    indices = int32
    lens = int32
    BLOCK_R = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def swa_decode_metadata(
    query_start_loc_ptr, seq_lens_ptr, slot_mapping_ptr, block_table_ptr,
    indices_ptr, lens_ptr,
    R, B, NB,
    stride_block_table0,
):
    window: tl.constexpr = 128
    block_size: tl.constexpr = 64
    BLOCK_R: tl.constexpr = 256
    token = tl.program_id(0)  # specs/cache/metadata.py:75
    # A slice of the batch's array: its first element is not 0.
    first = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:36
    ended = 0
    for k in range(tl.cdiv(R, BLOCK_R)):
        owner = k * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/cache/lookup.py:39
        inside = owner < R
        # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts included.
        query_start_loc = tl.load(query_start_loc_ptr + owner + 1, mask=inside, other=0)
        end = query_start_loc - first
        index = tl.sum((inside & (end <= token)).to(tl.int32), axis=0)
        ended = ended + index
    live = ended < R  # specs/cache/metadata.py:77
    first_1 = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:54
    query_start_loc_1 = tl.load(query_start_loc_ptr + ended + 1, mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = tl.load(seq_lens_ptr + ended, mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    position = tl.where(live, length - end_1 + token, -1)
    # A token without a slot is padding of a captured batch; it attends to nothing.
    slot_mapping = tl.load(slot_mapping_ptr + token)  # specs/cache/metadata.py:79
    live_1 = (slot_mapping >= 0) & (position >= 0)
    low = tl.maximum(position - (window - 1), 0)
    count = tl.where(live_1, position + 1 - low, 0)
    # One tile for the whole window, padded to a power of two; the store mask keeps the next row intact.
    column = tl.arange(0, 128)
    index_1 = low + column
    live_2 = column < count
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = tl.where((ended >= 0) & (ended < B), NB, 0)  # specs/cache/lookup.py:70
    live_3 = live_2 & (index_1 >= 0)
    entry = tl.where(live_3, index_1, 0)
    page = entry // block_size
    live_4 = live_3 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = tl.load(block_table_ptr + (ended * stride_block_table0 + page), mask=live_4, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = tl.where(block >= 0, block * block_size + entry % block_size, -1)
    tl.store(indices_ptr + (token * window + column), slot, mask=column < window)  # specs/cache/metadata.py:85
    tl.store(lens_ptr + token, count)
