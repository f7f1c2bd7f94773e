# mhc_fused_post_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""hc_products: Products of streams with fn, and their squares.

Generated. Specialised on
    residual = bf16
    fn = f32
    partial = f32
    COLS = 24
    SPLITS = 16
    even_t = True
    even_h = True
    BLOCK_T = 128
    BLOCK_H = 64
    num_warps = 8
    num_stages = 4
"""

import triton
import triton.language as tl


@triton.jit
def hc_products(
    residual_ptr, fn_ptr,
    partial_ptr,
    T, H,
    stride_fn0,
):
    COLS: tl.constexpr = 24
    SPLITS: tl.constexpr = 16
    BLOCK_T: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 64
    split = tl.program_id(0)  # specs/mhc/products.py:30
    last = tl.cdiv(T, BLOCK_T) - 1
    acc = tl.full([BLOCK_T, 32], 0.0, tl.float32)
    squares = tl.full([BLOCK_T, BLOCK_H], 0.0, tl.float32)
    offs_t = (last - tl.program_id(1)) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/mhc/products.py:36
    arange_64 = tl.arange(0, BLOCK_H)
    arange_32 = tl.arange(0, 32)
    mask_cols = arange_32 < 24
    for k in range(256 // BLOCK_H * 4):  # specs/mhc/products.py:49
        # One stream at a time: a short loop over many small tiles hides more of the time that loads take.
        i = k % 4  # specs/mhc/products.py:35
        index = split * 256 + k // 4 * BLOCK_H
        offs_h = index + arange_64
        x = tl.load(residual_ptr + (offs_t[:, None] * (4 * H) + i * H + offs_h[None, :]))
        wide = x.to(tl.float32)
        # Added up by lanes: one reduction after the loop instead of one per step.
        squares_1 = squares + wide * wide
        offs_fn1 = index + H * i + arange_64
        weight = tl.load(
            fn_ptr + (arange_32[:, None] * stride_fn0 + offs_fn1[None, :]), mask=mask_cols[:, None], other=0.0
        )
        high = weight.to(tl.bfloat16)  # specs/mhc/products.py:57
        rest = weight - high.to(tl.float32)
        # infinities and NaN have no second part
        part = tl.where(rest != rest, 0.0, rest).to(tl.bfloat16)
        acc_1 = tl.dot(x, tl.permute(high, [1, 0]), acc=acc)  # specs/mhc/products.py:45
        acc_2 = tl.dot(x, tl.permute(part, [1, 0]), acc=acc_1)
        acc = acc_2
        squares = squares_1
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    squares_sum = tl.sum(squares, axis=1)  # specs/mhc/products.py:51
    acc_3 = tl.where((arange_32 == COLS)[None, :], squares_sum[:, None], acc)
    tl.store(partial_ptr + (offs_t[:, None] * (SPLITS * 32) + split * 32 + arange_32[None, :]), acc_3)
