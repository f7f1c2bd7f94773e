# mhc_fused_post_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""hc_post_products: New streams, their products with fn, and their squares.

Generated. Specialised on
    x = bf16
    prev_post = f32
    prev_comb = f32
    residual = bf16
    fn = f32
    residual_cur = bf16
    partial = f32
    COLS = 24
    SPLITS = 32
    even_t = True
    even_h = True
    BLOCK_T = 128
    BLOCK_H = 32
    num_warps = 8
    num_stages = 2
"""

import triton
import triton.language as tl


@triton.jit
def hc_post_products(
    x_ptr, prev_post_ptr, prev_comb_ptr, residual_ptr, fn_ptr,
    residual_cur_ptr, partial_ptr,
    H,
    stride_x0,
    stride_prev_post0, stride_prev_post1,
    stride_prev_comb0, stride_prev_comb1,
    stride_residual0, stride_residual1,
    stride_fn0,
):
    COLS: tl.constexpr = 24
    SPLITS: tl.constexpr = 32
    BLOCK_T: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 32
    offs_t = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/mhc/products.py:40
    prev_post = tl.load(prev_post_ptr + offs_t * stride_prev_post0)
    post_j = prev_post[:, None]
    prev_post_1 = tl.load(prev_post_ptr + (offs_t * stride_prev_post0 + 1 * stride_prev_post1))
    post_j_1 = prev_post_1[:, None]
    prev_post_2 = tl.load(prev_post_ptr + (offs_t * stride_prev_post0 + 2 * stride_prev_post1))
    post_j_2 = prev_post_2[:, None]
    prev_post_3 = tl.load(prev_post_ptr + (offs_t * stride_prev_post0 + 3 * stride_prev_post1))
    post_j_3 = prev_post_3[:, None]
    prev_comb = tl.load(prev_comb_ptr + offs_t * stride_prev_comb0)
    comb_ij = prev_comb[:, None]
    prev_comb_1 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 1 * stride_prev_comb1))
    comb_ij_1 = prev_comb_1[:, None]
    prev_comb_2 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 2 * stride_prev_comb1))
    comb_ij_2 = prev_comb_2[:, None]
    prev_comb_3 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 3 * stride_prev_comb1))
    comb_ij_3 = prev_comb_3[:, None]
    prev_comb_4 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 1))
    comb_ij_4 = prev_comb_4[:, None]
    prev_comb_5 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 1 * stride_prev_comb1 + 1))
    comb_ij_5 = prev_comb_5[:, None]
    prev_comb_6 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 2 * stride_prev_comb1 + 1))
    comb_ij_6 = prev_comb_6[:, None]
    prev_comb_7 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 3 * stride_prev_comb1 + 1))
    comb_ij_7 = prev_comb_7[:, None]
    prev_comb_8 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 2))
    comb_ij_8 = prev_comb_8[:, None]
    prev_comb_9 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 1 * stride_prev_comb1 + 2))
    comb_ij_9 = prev_comb_9[:, None]
    prev_comb_10 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 2 * stride_prev_comb1 + 2))
    comb_ij_10 = prev_comb_10[:, None]
    prev_comb_11 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 3 * stride_prev_comb1 + 2))
    comb_ij_11 = prev_comb_11[:, None]
    prev_comb_12 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 3))
    comb_ij_12 = prev_comb_12[:, None]
    prev_comb_13 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 1 * stride_prev_comb1 + 3))
    comb_ij_13 = prev_comb_13[:, None]
    prev_comb_14 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 2 * stride_prev_comb1 + 3))
    comb_ij_14 = prev_comb_14[:, None]
    prev_comb_15 = tl.load(prev_comb_ptr + (offs_t * stride_prev_comb0 + 3 * stride_prev_comb1 + 3))
    comb_ij_15 = prev_comb_15[:, None]
    split = tl.program_id(0)  # specs/mhc/products.py:57
    acc = tl.full([BLOCK_T, 32], 0.0, tl.float32)
    squares = tl.full([BLOCK_T], 0.0, tl.float32)
    arange_32 = tl.arange(0, BLOCK_H)  # specs/mhc/products.py:44
    mask_cols = arange_32 < 24  # specs/mhc/products.py:67
    for k in range(128 // BLOCK_H):  # specs/mhc/products.py:73
        index = split * 128 + k * BLOCK_H  # specs/mhc/products.py:60
        offs_h = index + arange_32  # specs/mhc/products.py:44
        x = tl.load(x_ptr + (offs_t[:, None] * stride_x0 + offs_h[None, :]))
        x_1 = x.to(tl.float32)
        residual = tl.load(residual_ptr + (offs_t[:, None] * stride_residual0 + offs_h[None, :]))
        stream = residual.to(tl.float32)
        residual_1 = tl.load(
            residual_ptr + (offs_t[:, None] * stride_residual0 + 1 * stride_residual1 + offs_h[None, :])
        )
        stream_1 = residual_1.to(tl.float32)
        residual_2 = tl.load(
            residual_ptr + (offs_t[:, None] * stride_residual0 + 2 * stride_residual1 + offs_h[None, :])
        )
        stream_2 = residual_2.to(tl.float32)
        residual_3 = tl.load(
            residual_ptr + (offs_t[:, None] * stride_residual0 + 3 * stride_residual1 + offs_h[None, :])
        )
        stream_3 = residual_3.to(tl.float32)
        # In the order of the definition wherever this is computed: mhc_fused_post_pre has the same bits.
        y = post_j * x_1  # specs/mhc/post.py:45
        y_1 = y + comb_ij * stream
        y_2 = y_1 + comb_ij_1 * stream_1
        y_3 = y_2 + comb_ij_2 * stream_2
        y_4 = y_3 + comb_ij_3 * stream_3
        # Rounded before they are multiplied: the products are of the streams as stored.
        x_2 = tl.where(y_4 == 0.0, 0.0, y_4).to(tl.bfloat16)  # specs/mhc/products.py:47
        y_5 = post_j_1 * x_1  # specs/mhc/post.py:45
        y_6 = y_5 + comb_ij_4 * stream
        y_7 = y_6 + comb_ij_5 * stream_1
        y_8 = y_7 + comb_ij_6 * stream_2
        y_9 = y_8 + comb_ij_7 * stream_3
        x_3 = tl.where(y_9 == 0.0, 0.0, y_9).to(tl.bfloat16)  # specs/mhc/products.py:47
        y_10 = post_j_2 * x_1  # specs/mhc/post.py:45
        y_11 = y_10 + comb_ij_8 * stream
        y_12 = y_11 + comb_ij_9 * stream_1
        y_13 = y_12 + comb_ij_10 * stream_2
        y_14 = y_13 + comb_ij_11 * stream_3
        x_4 = tl.where(y_14 == 0.0, 0.0, y_14).to(tl.bfloat16)  # specs/mhc/products.py:47
        y_15 = post_j_3 * x_1  # specs/mhc/post.py:45
        y_16 = y_15 + comb_ij_12 * stream
        y_17 = y_16 + comb_ij_13 * stream_1
        y_18 = y_17 + comb_ij_14 * stream_2
        y_19 = y_18 + comb_ij_15 * stream_3
        x_5 = tl.where(y_19 == 0.0, 0.0, y_19).to(tl.bfloat16)  # specs/mhc/products.py:47
        tl.store(residual_cur_ptr + (offs_t[:, None] * (4 * H) + offs_h[None, :]), x_2)
        tl.store(residual_cur_ptr + (offs_t[:, None] * (4 * H) + 1 * H + offs_h[None, :]), x_3)
        tl.store(residual_cur_ptr + (offs_t[:, None] * (4 * H) + 2 * H + offs_h[None, :]), x_4)
        tl.store(residual_cur_ptr + (offs_t[:, None] * (4 * H) + 3 * H + offs_h[None, :]), x_5)
        wide = x_2.to(tl.float32)  # specs/mhc/products.py:62
        value = tl.sum(wide * wide, axis=1)
        squares_1 = squares + value
        offs_fn1 = index + H * 0 + arange_32
        weight = tl.load(
            fn_ptr + (arange_32[:, None] * stride_fn0 + offs_fn1[None, :]), mask=mask_cols[:, None], other=0.0
        )
        high = weight.to(tl.bfloat16)  # specs/mhc/products.py:81
        rest = weight - high.to(tl.float32)
        # infinities and NaN have no more parts
        rest_1 = tl.where(rest != rest, 0.0, rest)
        middle = rest_1.to(tl.bfloat16)
        part = (rest_1 - middle.to(tl.float32)).to(tl.bfloat16)
        acc_1 = tl.dot(x_2, tl.permute(high, [1, 0]), acc=acc)  # specs/mhc/products.py:69
        acc_2 = tl.dot(x_2, tl.permute(middle, [1, 0]), acc=acc_1)
        acc_3 = tl.dot(x_2, tl.permute(part, [1, 0]), acc=acc_2)
        wide_1 = x_3.to(tl.float32)
        value_1 = tl.sum(wide_1 * wide_1, axis=1)
        squares_2 = squares_1 + value_1
        offs_fn1_1 = index + H + arange_32
        weight_1 = tl.load(
            fn_ptr + (arange_32[:, None] * stride_fn0 + offs_fn1_1[None, :]), mask=mask_cols[:, None], other=0.0
        )
        high_1 = weight_1.to(tl.bfloat16)  # specs/mhc/products.py:81
        rest_2 = weight_1 - high_1.to(tl.float32)
        rest_3 = tl.where(rest_2 != rest_2, 0.0, rest_2)
        middle_1 = rest_3.to(tl.bfloat16)
        part_1 = (rest_3 - middle_1.to(tl.float32)).to(tl.bfloat16)
        acc_4 = tl.dot(x_3, tl.permute(high_1, [1, 0]), acc=acc_3)  # specs/mhc/products.py:69
        acc_5 = tl.dot(x_3, tl.permute(middle_1, [1, 0]), acc=acc_4)
        acc_6 = tl.dot(x_3, tl.permute(part_1, [1, 0]), acc=acc_5)
        wide_2 = x_4.to(tl.float32)
        value_2 = tl.sum(wide_2 * wide_2, axis=1)
        squares_3 = squares_2 + value_2
        offs_fn1_2 = index + H * 2 + arange_32
        weight_2 = tl.load(
            fn_ptr + (arange_32[:, None] * stride_fn0 + offs_fn1_2[None, :]), mask=mask_cols[:, None], other=0.0
        )
        high_2 = weight_2.to(tl.bfloat16)  # specs/mhc/products.py:81
        rest_4 = weight_2 - high_2.to(tl.float32)
        rest_5 = tl.where(rest_4 != rest_4, 0.0, rest_4)
        middle_2 = rest_5.to(tl.bfloat16)
        part_2 = (rest_5 - middle_2.to(tl.float32)).to(tl.bfloat16)
        acc_7 = tl.dot(x_4, tl.permute(high_2, [1, 0]), acc=acc_6)  # specs/mhc/products.py:69
        acc_8 = tl.dot(x_4, tl.permute(middle_2, [1, 0]), acc=acc_7)
        acc_9 = tl.dot(x_4, tl.permute(part_2, [1, 0]), acc=acc_8)
        wide_3 = x_5.to(tl.float32)
        value_3 = tl.sum(wide_3 * wide_3, axis=1)
        squares_4 = squares_3 + value_3
        offs_fn1_3 = index + H * 3 + arange_32
        weight_3 = tl.load(
            fn_ptr + (arange_32[:, None] * stride_fn0 + offs_fn1_3[None, :]), mask=mask_cols[:, None], other=0.0
        )
        high_3 = weight_3.to(tl.bfloat16)  # specs/mhc/products.py:81
        rest_6 = weight_3 - high_3.to(tl.float32)
        rest_7 = tl.where(rest_6 != rest_6, 0.0, rest_6)
        middle_3 = rest_7.to(tl.bfloat16)
        part_3 = (rest_7 - middle_3.to(tl.float32)).to(tl.bfloat16)
        acc_10 = tl.dot(x_5, tl.permute(high_3, [1, 0]), acc=acc_9)  # specs/mhc/products.py:69
        acc_11 = tl.dot(x_5, tl.permute(middle_3, [1, 0]), acc=acc_10)
        acc_12 = tl.dot(x_5, tl.permute(part_3, [1, 0]), acc=acc_11)
        acc = acc_12
        squares = squares_4
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc_13 = tl.where((tl.arange(0, 32) == COLS)[None, :], squares[:, None], acc)  # specs/mhc/products.py:75
    tl.store(partial_ptr + (offs_t[:, None] * (SPLITS * 32) + split * 32 + arange_32[None, :]), acc_13)
