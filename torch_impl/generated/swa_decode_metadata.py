# swa_decode_metadata, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 873d9f1f0c81dd599f6d98e348d77e114ec0db94b20c790f7aec670852f45d98
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
    token = tl.program_id(0)  # specs/cache/metadata.py:75
    # A slice of the batch's array: its first element is not 0.
    first = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:36
    ended = 0
    for k in range((R + 255) // 256):
        owner = k * 256 + tl.arange(0, 256)  # specs/cache/lookup.py:39
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
    low = tl.maximum(position - 127, 0)
    count = tl.where(live_1, position + 1 - low, 0)
    # One tile for the whole window, padded to a power of two; the store mask keeps the next row intact.
    column = tl.arange(0, 128)
    index_1 = low + column
    live_2 = column < count
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = tl.where((ended >= 0) & (ended < B), NB, 0)  # specs/cache/lookup.py:70
    live_3 = live_2 & (index_1 >= 0)
    entry = tl.where(live_3, index_1, 0)
    page = entry // 64
    live_4 = live_3 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = tl.load(block_table_ptr + (ended * stride_block_table0 + page), mask=live_4, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = tl.where(block >= 0, block * 64 + entry % 64, -1)
    tl.store(indices_ptr + (token * 128 + column), slot, mask=column < 128)  # specs/cache/metadata.py:85
    tl.store(lens_ptr + token, count)
