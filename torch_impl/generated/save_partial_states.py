# save_partial_states, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""save_partial_states: Keys and scores of a step's tokens, into the state that windows are compressed from.

Generated. Specialised on
    kv = f32
    score = f32
    ape = f32
    positions = int32
    state_cache = f32
    slot_mapping = int32
    even_w = True
    BLOCK_T = 1
    BLOCK_W = 1024
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def save_partial_states(
    kv_ptr, score_ptr, ape_ptr, positions_ptr, slot_mapping_ptr,
    state_cache_ptr,
    T, W, R, STATE_PAGES, STATE_ROWS,
    stride_kv0,
    stride_score0,
    stride_ape0,
    stride_state_cache0, stride_state_cache1,
):
    BLOCK_T: tl.constexpr = 1
    BLOCK_W: tl.constexpr = 1024
    token = tl.program_id(0) + tl.arange(0, BLOCK_T)  # specs/compressor/save.py:35
    column = tl.program_id(1) * BLOCK_W + tl.arange(0, BLOCK_W)
    live = token < T
    slot = tl.load(slot_mapping_ptr + token, mask=live, other=-1)
    position = tl.load(positions_ptr + token, mask=live, other=-1)
    # Clamped, because // and % of negatives differ between targets; masked below.
    safe = tl.maximum(slot, 0)
    phase = tl.maximum(position, 0) % R
    page = safe // STATE_ROWS
    row = safe % STATE_ROWS
    live_1 = live & (slot >= 0) & (position >= 0) & (page < STATE_PAGES)
    mask = live_1[:, None]
    page_1 = page[:, None]
    row_1 = row[:, None]
    kv = tl.load(kv_ptr + (token[:, None] * stride_kv0 + column[None, :]), mask=mask, other=0.0)
    score = tl.load(score_ptr + (token[:, None] * stride_score0 + column[None, :]), mask=mask, other=0.0)
    ape = tl.load(ape_ptr + (phase[:, None] * stride_ape0 + column[None, :]), mask=mask, other=0.0)
    score_1 = score + ape
    tl.store(
        state_cache_ptr + (page_1 * stride_state_cache0 + row_1 * stride_state_cache1 + column[None, :]), kv, mask=mask
    )
    tl.store(
        state_cache_ptr + (page_1 * stride_state_cache0 + row_1 * stride_state_cache1 + (column + W)[None, :]), score_1,
        mask=mask
    )
