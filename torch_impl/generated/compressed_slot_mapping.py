# compressed_slot_mapping, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""compressed_slot_mapping: Slot of the compressed entry that a token completes, where it completes one.

Generated. Specialised on
    ratio = 4
    block_size = 256
    positions = int32
    token_to_req = int32
    slot_mapping = int32
    block_table = int32
    slots = int32
    BLOCK_T = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def compressed_slot_mapping(
    positions_ptr, token_to_req_ptr, slot_mapping_ptr, block_table_ptr,
    slots_ptr,
    T, P, B, NB,
    stride_block_table0,
):
    ratio: tl.constexpr = 4
    block_size: tl.constexpr = 256
    BLOCK_T: tl.constexpr = 256
    token = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/cache/compressed.py:71
    # slot_mapping and slots are padded to P; positions and requests have only the T tokens of the step.
    mask = token < P
    own = tl.load(slot_mapping_ptr + token, mask=mask, other=-1)
    live = (token < T) & (own >= 0)
    position = tl.load(positions_ptr + token, mask=live, other=-1)
    request = tl.load(token_to_req_ptr + token, mask=live, other=-1)
    # Before the modulo, whose sign for negative operands differs between targets.
    position_1 = tl.maximum(position, -1)
    # Only the last token of every `ratio` completes an entry, and only that one is written.
    live_1 = live & ((position_1 + 1) % ratio == 0) & (position_1 >= 0)
    entry = tl.maximum(position_1, 0) // ratio
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = tl.where((request >= 0) & (request < B), NB, 0)  # specs/cache/lookup.py:70
    live_2 = live_1 & (entry >= 0)
    entry_1 = tl.where(live_2, entry, 0)
    page = entry_1 // (block_size // ratio)
    live_3 = live_2 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = tl.load(block_table_ptr + (request * stride_block_table0 + page), mask=live_3, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = tl.where(block >= 0, block * (block_size // ratio) + entry_1 % (block_size // ratio), -1)
    tl.store(slots_ptr + token, slot, mask=mask)  # specs/cache/compressed.py:84
