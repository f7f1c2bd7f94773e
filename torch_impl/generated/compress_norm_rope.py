# compress_norm_rope, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""compress_norm_rope: Windows of tokens compressed to rows, normalised and rotated.

Generated. Specialised on
    ratio = 4
    overlap = True
    eps = 1e-06
    state_cache = f32
    positions = int32
    token_to_req = int32
    block_table = int32
    slot_mapping = int32
    norm_weight = bf16
    cos_sin = f32
    rows = bf16
    D = 512
    ROPE = 64
    BLOCK_R = 8
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def compress_norm_rope(
    state_cache_ptr, positions_ptr, token_to_req_ptr, block_table_ptr, slot_mapping_ptr, norm_weight_ptr, cos_sin_ptr,
    rows_ptr,
    STATE_PAGES, STATE_ROWS, B, NB, POSITIONS,
    stride_state_cache0, stride_state_cache1,
    stride_block_table0,
    stride_cos_sin0,
):
    ratio: tl.constexpr = 4
    D: tl.constexpr = 512
    ROPE: tl.constexpr = 64
    BLOCK_R: tl.constexpr = 8
    token = tl.program_id(0)  # specs/compressor/compress.py:78
    position = tl.load(positions_ptr + token)  # specs/compressor/compress.py:98
    slot = tl.load(slot_mapping_ptr + token)
    # Clamped, because // and % of negatives differ between targets.
    safe = tl.maximum(position, 0)
    phase = safe % ratio
    there = (position >= 0) & (slot >= 0) & (phase == ratio - 1)
    position_1 = safe - phase
    column = tl.arange(0, 512)  # specs/compressor/compress.py:107
    if there:  # specs/compressor/compress.py:81
        request = tl.load(token_to_req_ptr + token)  # specs/compressor/compress.py:121
        # A request outside the table has no pages: its row must not be read.
        pages = tl.where((request >= 0) & (request < B), NB, 0)
        first = safe - (ratio * 2 - 1)
        none = tl.full([512], 0.0, tl.float32)
        top = none + -3.4028234663852886e+38
        total = none
        acc = none
        for k in range(1):
            index = k * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/compressor/compress.py:127
            at = index + first
            live = at >= 0
            at_1 = tl.maximum(at, 0)
            entry = at_1 // STATE_ROWS
            row = at_1 % STATE_ROWS
            live_1 = live & (entry < pages)
            # Entries of pages that were evicted are arbitrary.
            page = tl.load(block_table_ptr + (request * stride_block_table0 + entry), mask=live_1, other=-1)
            live_2 = live_1 & (page >= 0) & (page < STATE_PAGES)
            mask = live_2[:, None]
            start = column[None, :]
            start_1 = ((index >= ratio).to(tl.int32) * D)[:, None] + start
            page_1 = page[:, None]
            row_1 = row[:, None]
            kv = tl.load(
                state_cache_ptr + (page_1 * stride_state_cache0 + row_1 * stride_state_cache1 + start_1), mask=mask,
                other=0.0
            )
            score = tl.load(
                state_cache_ptr + (page_1 * stride_state_cache0 + row_1 * stride_state_cache1 + start_1 + 2 * D),
                mask=mask, other=0.0
            )
            score_1 = tl.where(mask, score, -3.4028234663852886e+38)
            score_1_max = tl.max(score_1, axis=0)
            highest = tl.maximum(top, score_1_max)
            kept = tl.exp2((top - highest) * 1.4426950408889634)  # log2(e)
            weight = tl.exp2((score_1 - highest[None, :]) * 1.4426950408889634)  # log2(e)
            weight_1 = tl.where(mask, weight, 0.0)
            weight_1_sum = tl.sum(weight_1, axis=0)
            total_1 = total * kept + weight_1_sum
            value = tl.sum(weight_1 * kv, axis=0)
            acc_1 = acc * kept + value
            top = highest
            total = total_1
            acc = acc_1
        # Columns of padding, and windows without a token: 0, not 0 / 0.
        c = tl.div_rn(acc, tl.where(total == 0.0, 1.0, total))  # specs/compressor/compress.py:152
        value_1 = tl.sum(c * c, axis=0)  # specs/compressor/compress.py:158
        inverse = tl.div_rn(1.0, tl.sqrt(value_1 * 0.001953125 + 1e-06))  # 2**-9
        norm_weight = tl.load(norm_weight_ptr + column)
        y = c * inverse * norm_weight.to(tl.float32)
        known = position_1 < POSITIONS  # specs/compressor/compress.py:164
        pair = tl.arange(0, 256) - (D - ROPE) // 2
        turns = (pair >= 0) & (pair < ROPE // 2) & known
        # Masked lanes index the table too; keep them inside it.
        pair_1 = tl.maximum(pair, 0)
        cosine = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1), mask=turns, other=0.0)
        sine = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1 + ROPE // 2), mask=turns, other=0.0)
        even, odd = tl.split(tl.reshape(y, [256, 2]))
        # Interleaved pairs (GPT-J), not halves (NeoX).
        # specs/compressor/compress.py:81
        tl.store(
            rows_ptr + (token * D + column),
            tl.reshape(
                tl.join(
                    tl.where(turns, even * cosine - odd * sine, even), tl.where(turns, even * sine + odd * cosine, odd)
                ),
                [512]
            ).to(tl.bfloat16)
        )
    # Most tokens: they leave after these two loads.
    if ~there:  # specs/compressor/compress.py:83
        tl.store(rows_ptr + (token * D + column), tl.full([512], 0.0, tl.bfloat16))  # specs/compressor/compress.py:83
