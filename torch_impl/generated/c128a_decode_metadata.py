# c128a_decode_metadata, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""c128a_decode_metadata: Cache slots of all compressed entries that a decode token sees.

Generated. Specialised on
    width = 8192
    ratio = 128
    block_size = 2
    positions = int32
    token_to_req = int32
    slot_mapping = int32
    block_table = int32
    indices = int32
    lens = int32
    BLOCK_W = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def c128a_decode_metadata(
    positions_ptr, token_to_req_ptr, slot_mapping_ptr, block_table_ptr,
    indices_ptr, lens_ptr,
    B, NB,
    stride_block_table0,
):
    width: tl.constexpr = 8192
    ratio: tl.constexpr = 128
    block_size: tl.constexpr = 2
    BLOCK_W: tl.constexpr = 256
    token = tl.program_id(0)  # specs/cache/compressed.py:50
    block = tl.program_id(1)
    column = block * BLOCK_W + tl.arange(0, BLOCK_W)
    # No slot: a token of padding, whose position may be stale.
    slot_mapping = tl.load(slot_mapping_ptr + token)
    position = tl.load(positions_ptr + token)  # specs/cache/compressed.py:43
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    # specs/cache/compressed.py:53
    count = tl.where(slot_mapping >= 0, tl.minimum(tl.maximum(position + 1, 0) // ratio, width), 0)
    request = tl.load(token_to_req_ptr + token)
    # -1 past the last entry, to the end of the row: captured graphs reuse the buffer.
    live = column < count
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = tl.where((request >= 0) & (request < B), NB, 0)  # specs/cache/lookup.py:70
    live_1 = live & (column >= 0)
    entry = tl.where(live_1, column, 0)
    page = entry // block_size
    live_2 = live_1 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block_1 = tl.load(block_table_ptr + (request * stride_block_table0 + page), mask=live_2, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = tl.where(block_1 >= 0, block_1 * block_size + entry % block_size, -1)
    tl.store(indices_ptr + (token * width + column), slot, mask=column < width)  # specs/cache/compressed.py:57
    # Every block of a token computes the same count; one stores it.
    tl.store(lens_ptr + token, count, mask=block == 0)
