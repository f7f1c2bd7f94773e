# combine_topk_swa, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""combine_topk_swa: For every prefill token, the workspace rows it attends to: chosen compressed entries, then its
window.

Generated. Specialised on
    window = 128
    ratio = 4
    topk = 1024
    max_image_tokens = 0
    topk_indices = int32
    query_start_loc = int32
    seq_lens = int32
    gather_lens = int32
    combined_indices = int32
    combined_lens = int32
    BLOCK_W = 512
    BLOCK_R = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def combine_topk_swa(
    topk_indices_ptr, query_start_loc_ptr, seq_lens_ptr, gather_lens_ptr,
    combined_indices_ptr, combined_lens_ptr,
    R, workspace_rows, compressed_rows,
    stride_topk_indices0,
):
    window: tl.constexpr = 128
    ratio: tl.constexpr = 4
    topk: tl.constexpr = 1024
    BLOCK_W: tl.constexpr = 512
    BLOCK_R: tl.constexpr = 256
    token = tl.program_id(0)  # specs/cache/combine.py:45
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
    live = ended < R  # specs/cache/combine.py:48
    first_1 = tl.load(query_start_loc_ptr)  # specs/cache/lookup.py:54
    query_start_loc_1 = tl.load(query_start_loc_ptr + ended + 1, mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = tl.load(seq_lens_ptr + ended, mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    position = tl.where(live, length - end_1 + token, -1)
    length_1 = tl.load(seq_lens_ptr + ended, mask=live, other=0)  # specs/cache/combine.py:50
    gathered = tl.load(gather_lens_ptr + ended, mask=live, other=0)
    # A compressed entry is visible once all `ratio` tokens that it covers are; position is -1 for padding.
    chosen = tl.minimum(tl.maximum(position + 1, 0) // ratio, topk)
    low = position - (window - 1)
    # The window of an early token begins before the sequence does.
    low_1 = tl.maximum(low, 0)
    # An extended window may end before it begins; padding has none.
    visible = tl.where(live & (position >= 0), tl.maximum(position - low_1 + 1, 0), 0)
    count = tl.minimum(chosen + visible, 1152)
    base = ended * workspace_rows
    # of the window, among the rows that were gathered
    first_row = low_1 - (length_1 - gathered)
    for k_1 in range(3):
        column = k_1 * BLOCK_W + tl.arange(0, BLOCK_W)  # specs/cache/combine.py:70
        # Chosen entries come first, so the window starts at column `chosen`.
        row = first_row + (column - chosen)
        # Window rows that were not gathered are -1: their workspace row belongs to another request or is stale.
        there = (column < count) & (row >= 0) & (row < gathered)
        entry = tl.where(there, base + compressed_rows + row, -1)
        mask = column < chosen
        local = tl.load(topk_indices_ptr + (token * stride_topk_indices0 + column), mask=mask, other=0)
        # -1 among the chosen entries stays -1: adding `base` would name a row of the previous request.
        real = (local >= 0) & (local < compressed_rows)
        entry_1 = tl.where(mask, tl.where(real, base + local, -1), entry)
        # To the end of the row: readers take whole blocks and skip -1.
        tl.store(combined_indices_ptr + (token * 1152 + column), entry_1, mask=column < 1152)
    tl.store(combined_lens_ptr + token, count)  # specs/cache/combine.py:85
