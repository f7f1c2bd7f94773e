# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""moe_combine: Weighted sums of the rows of every token's experts.

Generated. Specialised on
    out_dtype = bf16
    rows = bf16
    inverse = int32
    weights = f32
    base = bf16
    y = bf16
    K = 6
    even_h = True
    BLOCK_H = 2048
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def moe_combine(
    rows_ptr, inverse_ptr, weights_ptr, base_ptr,
    y_ptr,
    R, H,
    stride_weights0,
    stride_base0,
):
    K: tl.constexpr = 6
    BLOCK_H: tl.constexpr = 2048
    token = tl.program_id(0)  # specs/moe/combine.py:32
    column = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    base = tl.load(base_ptr + (token * stride_base0 + column))
    total = base.to(tl.float32)
    row = tl.load(inverse_ptr + token * K)
    # A row that is not there is not read, so that nothing of it, not even a NaN, reaches the sum.
    live = (row >= 0) & (row < R)
    rows = tl.load(rows_ptr + (row * H + column), mask=tl.broadcast_to(live, [BLOCK_H]), other=0.0)
    value = rows.to(tl.float32)
    weights = tl.load(weights_ptr + token * stride_weights0)
    value_1 = value * tl.where(live, weights, 0.0)
    total_1 = total + value_1
    row_1 = tl.load(inverse_ptr + (token * K + 1))
    live_1 = (row_1 >= 0) & (row_1 < R)
    rows_1 = tl.load(rows_ptr + (row_1 * H + column), mask=tl.broadcast_to(live_1, [BLOCK_H]), other=0.0)
    value_2 = rows_1.to(tl.float32)
    weights_1 = tl.load(weights_ptr + (token * stride_weights0 + 1))
    value_3 = value_2 * tl.where(live_1, weights_1, 0.0)
    total_2 = total_1 + value_3
    row_2 = tl.load(inverse_ptr + (token * K + 2))
    live_2 = (row_2 >= 0) & (row_2 < R)
    rows_2 = tl.load(rows_ptr + (row_2 * H + column), mask=tl.broadcast_to(live_2, [BLOCK_H]), other=0.0)
    value_4 = rows_2.to(tl.float32)
    weights_2 = tl.load(weights_ptr + (token * stride_weights0 + 2))
    value_5 = value_4 * tl.where(live_2, weights_2, 0.0)
    total_3 = total_2 + value_5
    row_3 = tl.load(inverse_ptr + (token * K + 3))
    live_3 = (row_3 >= 0) & (row_3 < R)
    rows_3 = tl.load(rows_ptr + (row_3 * H + column), mask=tl.broadcast_to(live_3, [BLOCK_H]), other=0.0)
    value_6 = rows_3.to(tl.float32)
    weights_3 = tl.load(weights_ptr + (token * stride_weights0 + 3))
    value_7 = value_6 * tl.where(live_3, weights_3, 0.0)
    total_4 = total_3 + value_7
    row_4 = tl.load(inverse_ptr + (token * K + 4))
    live_4 = (row_4 >= 0) & (row_4 < R)
    rows_4 = tl.load(rows_ptr + (row_4 * H + column), mask=tl.broadcast_to(live_4, [BLOCK_H]), other=0.0)
    value_8 = rows_4.to(tl.float32)
    weights_4 = tl.load(weights_ptr + (token * stride_weights0 + 4))
    value_9 = value_8 * tl.where(live_4, weights_4, 0.0)
    total_5 = total_4 + value_9
    row_5 = tl.load(inverse_ptr + (token * K + 5))
    live_5 = (row_5 >= 0) & (row_5 < R)
    rows_5 = tl.load(rows_ptr + (row_5 * H + column), mask=tl.broadcast_to(live_5, [BLOCK_H]), other=0.0)
    value_10 = rows_5.to(tl.float32)
    weights_5 = tl.load(weights_ptr + (token * stride_weights0 + 5))
    value_11 = value_10 * tl.where(live_5, weights_5, 0.0)
    total_6 = total_5 + value_11
    tl.store(y_ptr + (token * H + column), total_6.to(tl.bfloat16))
