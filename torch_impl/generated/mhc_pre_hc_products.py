# mhc_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""hc_products: Products of streams with fn, and their squares.

Generated. Specialised on
    residual = bf16
    fn = f32
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
def hc_products(
    residual_ptr, fn_ptr,
    partial_ptr,
    H,
    stride_residual0, stride_residual1,
    stride_fn0,
):
    COLS: tl.constexpr = 24
    SPLITS: tl.constexpr = 32
    BLOCK_T: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 32
    split = tl.program_id(0)  # specs/mhc/products.py:57
    acc = tl.full([BLOCK_T, 32], 0.0, tl.float32)
    squares = tl.full([BLOCK_T], 0.0, tl.float32)
    offs_t = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/mhc/products.py:32
    arange_32 = tl.arange(0, BLOCK_H)
    mask_cols = arange_32 < 24  # specs/mhc/products.py:67
    for k in range(128 // BLOCK_H):  # specs/mhc/products.py:73
        index = split * 128 + k * BLOCK_H  # specs/mhc/products.py:60
        offs_h = index + arange_32  # specs/mhc/products.py:32
        x = tl.load(residual_ptr + (offs_t[:, None] * stride_residual0 + offs_h[None, :]))
        x_1 = tl.load(residual_ptr + (offs_t[:, None] * stride_residual0 + 1 * stride_residual1 + offs_h[None, :]))
        x_2 = tl.load(residual_ptr + (offs_t[:, None] * stride_residual0 + 2 * stride_residual1 + offs_h[None, :]))
        x_3 = tl.load(residual_ptr + (offs_t[:, None] * stride_residual0 + 3 * stride_residual1 + offs_h[None, :]))
        wide = x.to(tl.float32)  # specs/mhc/products.py:62
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
        acc_1 = tl.dot(x, tl.permute(high, [1, 0]), acc=acc)  # specs/mhc/products.py:69
        acc_2 = tl.dot(x, tl.permute(middle, [1, 0]), acc=acc_1)
        acc_3 = tl.dot(x, tl.permute(part, [1, 0]), acc=acc_2)
        wide_1 = x_1.to(tl.float32)
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
        acc_4 = tl.dot(x_1, tl.permute(high_1, [1, 0]), acc=acc_3)  # specs/mhc/products.py:69
        acc_5 = tl.dot(x_1, tl.permute(middle_1, [1, 0]), acc=acc_4)
        acc_6 = tl.dot(x_1, tl.permute(part_1, [1, 0]), acc=acc_5)
        wide_2 = x_2.to(tl.float32)
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
        acc_7 = tl.dot(x_2, tl.permute(high_2, [1, 0]), acc=acc_6)  # specs/mhc/products.py:69
        acc_8 = tl.dot(x_2, tl.permute(middle_2, [1, 0]), acc=acc_7)
        acc_9 = tl.dot(x_2, tl.permute(part_2, [1, 0]), acc=acc_8)
        wide_3 = x_3.to(tl.float32)
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
        acc_10 = tl.dot(x_3, tl.permute(high_3, [1, 0]), acc=acc_9)  # specs/mhc/products.py:69
        acc_11 = tl.dot(x_3, tl.permute(middle_3, [1, 0]), acc=acc_10)
        acc_12 = tl.dot(x_3, tl.permute(part_3, [1, 0]), acc=acc_11)
        acc = acc_12
        squares = squares_4
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc_13 = tl.where((tl.arange(0, 32) == COLS)[None, :], squares[:, None], acc)  # specs/mhc/products.py:75
    tl.store(partial_ptr + (offs_t[:, None] * (SPLITS * 32) + split * 32 + arange_32[None, :]), acc_13)
