# token_metadata, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""token_metadata: Request, position and validity of every token of a step.

Generated. Specialised on
    query_start_loc = int32
    seq_lens = int32
    slot_mapping = int32
    token_to_req = int32
    positions = int32
    is_valid = bool
    BLOCK_T = 64
    BLOCK_R = 64
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def token_metadata(
    query_start_loc_ptr, seq_lens_ptr, slot_mapping_ptr,
    token_to_req_ptr, positions_ptr, is_valid_ptr,
    T, R,
):
    BLOCK_T: tl.constexpr = 64
    BLOCK_R: tl.constexpr = 64
    token = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/cache/metadata.py:41
    inside = token < T
    # A slice of the batch's array: its first element is not 0.
    first = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:36
    ended = tl.full([BLOCK_T], 0, tl.int32)
    for k in range(tl.cdiv(R, BLOCK_R)):
        owner = k * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/cache/lookup.py:39
        inside_1 = owner < R
        # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts included.
        query_start_loc = tl.load(query_start_loc_ptr + owner + 1, mask=inside_1, other=0)
        end = query_start_loc - first
        over = inside_1[None, :] & (end[None, :] <= token[:, None])
        index = tl.sum(over.to(tl.int32), axis=1)
        ended = ended + index
    live = inside & (ended < R)  # specs/cache/metadata.py:44
    first_1 = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:54
    query_start_loc_1 = tl.load(query_start_loc_ptr + ended + 1, mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = tl.load(seq_lens_ptr + ended, mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    # Padding gets position 0, a valid index of the rotary table, not -1.
    position = tl.maximum(tl.where(live, length - end_1 + token, -1), 0)  # specs/cache/metadata.py:46
    slot = tl.load(slot_mapping_ptr + token, mask=inside, other=-1)
    # All of the padded range is written: captured graphs read it without knowing T of the step.
    tl.store(token_to_req_ptr + token, tl.where(live, ended, -1), mask=inside)
    tl.store(positions_ptr + token, position, mask=inside)
    tl.store(is_valid_ptr + token, live & (slot >= 0), mask=inside)
