# mhc_fused_post_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""mhc_post: The layer's output and the residual streams mixed into new streams.

Generated. Specialised on
    x = bf16
    residual = bf16
    post = f32
    comb = f32
    y = bf16
    even_h = True
    BLOCK_H = 1024
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def mhc_post(
    x_ptr, residual_ptr, post_ptr, comb_ptr,
    y_ptr,
    H,
    stride_x0,
    stride_residual0, stride_residual1,
    stride_post0, stride_post1,
    stride_comb0, stride_comb1,
):
    BLOCK_H: tl.constexpr = 1024
    row = tl.program_id(0)  # specs/mhc/post.py:33
    offs_h = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    x = tl.load(x_ptr + (row * stride_x0 + offs_h))
    x_1 = x.to(tl.float32)
    residual = tl.load(residual_ptr + (row * stride_residual0 + offs_h))
    stream = residual.to(tl.float32)
    residual_1 = tl.load(residual_ptr + (row * stride_residual0 + 1 * stride_residual1 + offs_h))
    stream_1 = residual_1.to(tl.float32)
    residual_2 = tl.load(residual_ptr + (row * stride_residual0 + 2 * stride_residual1 + offs_h))
    stream_2 = residual_2.to(tl.float32)
    residual_3 = tl.load(residual_ptr + (row * stride_residual0 + 3 * stride_residual1 + offs_h))
    stream_3 = residual_3.to(tl.float32)
    comb_ij = tl.load(comb_ptr + row * stride_comb0)
    comb_ij_1 = tl.load(comb_ptr + (row * stride_comb0 + 1 * stride_comb1))
    comb_ij_2 = tl.load(comb_ptr + (row * stride_comb0 + 2 * stride_comb1))
    comb_ij_3 = tl.load(comb_ptr + (row * stride_comb0 + 3 * stride_comb1))
    post_j = tl.load(post_ptr + row * stride_post0)
    y = post_j * x_1  # specs/mhc/post.py:44
    y_1 = y + comb_ij * stream
    y_2 = y_1 + comb_ij_1 * stream_1
    y_3 = y_2 + comb_ij_2 * stream_2
    y_4 = y_3 + comb_ij_3 * stream_3
    y_5 = tl.where(y_4 == 0.0, 0.0, y_4)
    tl.store(y_ptr + (row * (4 * H) + offs_h), y_5.to(tl.bfloat16))  # specs/mhc/post.py:39
    comb_ij_4 = tl.load(comb_ptr + (row * stride_comb0 + 1))
    comb_ij_5 = tl.load(comb_ptr + (row * stride_comb0 + 1 * stride_comb1 + 1))
    comb_ij_6 = tl.load(comb_ptr + (row * stride_comb0 + 2 * stride_comb1 + 1))
    comb_ij_7 = tl.load(comb_ptr + (row * stride_comb0 + 3 * stride_comb1 + 1))
    post_j_1 = tl.load(post_ptr + (row * stride_post0 + 1 * stride_post1))
    y_6 = post_j_1 * x_1  # specs/mhc/post.py:44
    y_7 = y_6 + comb_ij_4 * stream
    y_8 = y_7 + comb_ij_5 * stream_1
    y_9 = y_8 + comb_ij_6 * stream_2
    y_10 = y_9 + comb_ij_7 * stream_3
    y_11 = tl.where(y_10 == 0.0, 0.0, y_10)
    tl.store(y_ptr + (row * (4 * H) + 1 * H + offs_h), y_11.to(tl.bfloat16))  # specs/mhc/post.py:39
    comb_ij_8 = tl.load(comb_ptr + (row * stride_comb0 + 2))
    comb_ij_9 = tl.load(comb_ptr + (row * stride_comb0 + 1 * stride_comb1 + 2))
    comb_ij_10 = tl.load(comb_ptr + (row * stride_comb0 + 2 * stride_comb1 + 2))
    comb_ij_11 = tl.load(comb_ptr + (row * stride_comb0 + 3 * stride_comb1 + 2))
    post_j_2 = tl.load(post_ptr + (row * stride_post0 + 2 * stride_post1))
    y_12 = post_j_2 * x_1  # specs/mhc/post.py:44
    y_13 = y_12 + comb_ij_8 * stream
    y_14 = y_13 + comb_ij_9 * stream_1
    y_15 = y_14 + comb_ij_10 * stream_2
    y_16 = y_15 + comb_ij_11 * stream_3
    y_17 = tl.where(y_16 == 0.0, 0.0, y_16)
    tl.store(y_ptr + (row * (4 * H) + 2 * H + offs_h), y_17.to(tl.bfloat16))  # specs/mhc/post.py:39
    comb_ij_12 = tl.load(comb_ptr + (row * stride_comb0 + 3))
    comb_ij_13 = tl.load(comb_ptr + (row * stride_comb0 + 1 * stride_comb1 + 3))
    comb_ij_14 = tl.load(comb_ptr + (row * stride_comb0 + 2 * stride_comb1 + 3))
    comb_ij_15 = tl.load(comb_ptr + (row * stride_comb0 + 3 * stride_comb1 + 3))
    post_j_3 = tl.load(post_ptr + (row * stride_post0 + 3 * stride_post1))
    y_18 = post_j_3 * x_1  # specs/mhc/post.py:44
    y_19 = y_18 + comb_ij_12 * stream
    y_20 = y_19 + comb_ij_13 * stream_1
    y_21 = y_20 + comb_ij_14 * stream_2
    y_22 = y_21 + comb_ij_15 * stream_3
    y_23 = tl.where(y_22 == 0.0, 0.0, y_22)
    tl.store(y_ptr + (row * (4 * H) + 3 * H + offs_h), y_23.to(tl.bfloat16))  # specs/mhc/post.py:39
