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
    first = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:36
    ended = 0  # specs/cache/lookup.py:48
    for k in range((R + 255) // 256):  # specs/cache/lookup.py:48
        owner = k * 256 + tl.arange(0, 256)  # specs/cache/lookup.py:39
        inside = owner < R  # specs/cache/lookup.py:40
        query_start_loc = tl.load(query_start_loc_ptr + owner + 1, mask=inside, other=0)  # specs/cache/lookup.py:42
        end = query_start_loc - first  # specs/cache/lookup.py:42
        index = tl.sum((inside & (end <= token)).to(tl.int32), axis=0)  # specs/cache/lookup.py:44
        ended = ended + index
    live = ended < R  # specs/cache/metadata.py:77
    first_1 = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:54
    query_start_loc_1 = tl.load(query_start_loc_ptr + ended + 1, mask=live, other=0)  # specs/cache/lookup.py:55
    end_1 = query_start_loc_1 - first_1  # specs/cache/lookup.py:55
    length = tl.load(seq_lens_ptr + ended, mask=live, other=0)  # specs/cache/lookup.py:56
    position = tl.where(live, length - end_1 + token, -1)  # specs/cache/lookup.py:58
    slot_mapping = tl.load(slot_mapping_ptr + token)  # specs/cache/metadata.py:79
    live_1 = (slot_mapping >= 0) & (position >= 0)  # specs/cache/metadata.py:79
    low = tl.maximum(position - 127, 0)  # specs/cache/metadata.py:80
    count = tl.where(live_1, position + 1 - low, 0)  # specs/cache/metadata.py:81
    column = tl.arange(0, 128)  # specs/cache/metadata.py:83
    index_1 = low + column  # specs/cache/metadata.py:84
    live_2 = column < count  # specs/cache/metadata.py:84
    pages = tl.where((ended >= 0) & (ended < B), NB, 0)  # specs/cache/lookup.py:70
    live_3 = live_2 & (index_1 >= 0)  # specs/cache/lookup.py:71
    entry = tl.where(live_3, index_1, 0)  # specs/cache/lookup.py:72
    page = entry // 64  # specs/cache/lookup.py:73
    live_4 = live_3 & (page < pages)  # specs/cache/lookup.py:74
    block = tl.load(block_table_ptr + (ended * stride_block_table0 + page), mask=live_4, other=-1)  # specs/cache/lookup.py:76
    slot = tl.where(block >= 0, block * 64 + entry % 64, -1)  # specs/cache/lookup.py:78
    tl.store(indices_ptr + (token * 128 + column), slot, mask=column < 128)  # specs/cache/metadata.py:85
    tl.store(lens_ptr + token, count)  # specs/cache/metadata.py:86
