# topk_rows_decode, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_maxima_wide: Largest keys of groups of columns.

Generated. Specialised on
    topk = 1024
    next_n = 2
    lens = query
    logits = f32
    maxima = int32
    seq_lens = int32
    wide_maxima = int32
    LEVELS = 3
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_maxima_wide(
    logits_ptr, seq_lens_ptr,
    maxima_ptr, wide_maxima_ptr,
    R, W, first,
    stride_logits0,
    stride_seq_lens0,
):
    topk: tl.constexpr = 1024
    next_n: tl.constexpr = 2
    BLOCK: tl.constexpr = 4096
    block = tl.program_id(1)  # specs/indexer/select.py:142
    out_row = tl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < R
    request = row // next_n  # specs/indexer/select.py:134
    query = row % next_n
    start = row * 0
    end = tl.load(seq_lens_ptr + (request * stride_seq_lens0 + query), mask=live, other=0)
    start_1 = tl.maximum(start, 0)  # specs/indexer/select.py:106
    end_1 = tl.minimum(end, W)
    first_1 = block * BLOCK  # specs/indexer/select.py:143
    needed = live & (end_1 - start_1 > topk) & (first_1 < end_1) & (first_1 + BLOCK > start_1)
    # Blocks inside the row's range are read without a mask: wide loads, no compare per element.
    whole = (first_1 >= start_1) & (first_1 + BLOCK <= end_1)
    arange_512 = tl.arange(0, BLOCK // 8)
    column = first_1 + (arange_512 * 8)[:, None] + tl.arange(0, 8)[None, :]
    if needed & whole:
        value = tl.load(logits_ptr + (out_row * stride_logits0 + column))  # specs/indexer/select.py:150
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        keys = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        highest = tl.max(keys, axis=1)  # specs/indexer/select.py:164
        number = block * (BLOCK // 8) + arange_512
        # The last block reaches past the row; the next row's maxima begin there.
        tl.store(
            maxima_ptr + (out_row * (((W + 7) // 8 + 15) // 16 * 16) + number), highest, mask=number < tl.cdiv(W, 8)
        )
        wider = tl.max(tl.reshape(highest, [BLOCK // 8 // 8, 8]), axis=1)
        number_1 = block * (BLOCK // 8 // 8) + tl.arange(0, BLOCK // 8 // 8)
        tl.store(
            wide_maxima_ptr + (out_row * (((W + 63) // 64 + 15) // 16 * 16) + number_1), wider,
            mask=number_1 < tl.cdiv(W, 64)
        )
    if needed & ~whole:  # specs/indexer/select.py:158
        inside = (column >= start_1) & (column < end_1)  # specs/indexer/select.py:153
        value_1 = tl.load(logits_ptr + (out_row * stride_logits0 + column), mask=inside, other=0.0)
        bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:154
        keys_1 = tl.where(inside, tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)
        highest_1 = tl.max(keys_1, axis=1)  # specs/indexer/select.py:164
        number_2 = block * (BLOCK // 8) + arange_512
        tl.store(
            maxima_ptr + (out_row * (((W + 7) // 8 + 15) // 16 * 16) + number_2), highest_1,
            mask=number_2 < tl.cdiv(W, 8)
        )
        wider_1 = tl.max(tl.reshape(highest_1, [BLOCK // 8 // 8, 8]), axis=1)
        number_3 = block * (BLOCK // 8 // 8) + tl.arange(0, BLOCK // 8 // 8)
        tl.store(
            wide_maxima_ptr + (out_row * (((W + 63) // 64 + 15) // 16 * 16) + number_3), wider_1,
            mask=number_3 < tl.cdiv(W, 64)
        )
