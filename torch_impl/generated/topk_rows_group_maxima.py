# topk_rows, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_maxima: Largest keys of groups of columns.

Generated. Specialised on
    topk = 1024
    logits = f32
    maxima = int32
    row_starts = int32
    row_ends = int32
    LEVELS = 2
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_maxima(
    logits_ptr, row_starts_ptr, row_ends_ptr,
    maxima_ptr,
    R, W, first,
    stride_logits0,
):
    topk: tl.constexpr = 1024
    BLOCK: tl.constexpr = 4096
    block = tl.program_id(1)  # specs/indexer/select.py:142
    out_row = tl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < R
    start = tl.load(row_starts_ptr + row, mask=live, other=0)  # specs/indexer/select.py:129
    end = tl.load(row_ends_ptr + row, mask=live, other=0)
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
    if needed & ~whole:  # specs/indexer/select.py:158
        inside = (column >= start_1) & (column < end_1)  # specs/indexer/select.py:153
        value_1 = tl.load(logits_ptr + (out_row * stride_logits0 + column), mask=inside, other=0.0)
        bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:154
        keys_1 = tl.where(inside, tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)
        highest_1 = tl.max(keys_1, axis=1)  # specs/indexer/select.py:164
        number_1 = block * (BLOCK // 8) + arange_512
        tl.store(
            maxima_ptr + (out_row * (((W + 7) // 8 + 15) // 16 * 16) + number_1), highest_1,
            mask=number_1 < tl.cdiv(W, 8)
        )
