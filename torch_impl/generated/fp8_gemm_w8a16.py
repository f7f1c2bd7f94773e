# fp8_gemm_w8a16, case "one-row", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 1116e687e11978c316fad9b6fc344a56b9da3be5c35b2524f861099122edbb5c
"""fp8_gemm_w8a16: Product of 16-bit activations and an FP8 weight.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    a = bf16
    b = e4m3
    b_scale = f32
    bias = f32
    c = bf16
    even_m = False
    even_n = True
    even_k = True
    batched = False
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
"""

import triton
import triton.language as tl


@triton.jit
def fp8_gemm_w8a16(
    a_ptr, b_ptr, b_scale_ptr, bias_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b1,
    stride_b_scale1,
):
    pid = tl.program_id(0)  # specs/gemm/tiles.py:17
    tiles_n = (N + 63) // 64  # specs/gemm/tiles.py:19
    tile_m = pid // tiles_n  # specs/gemm/tiles.py:21
    tile_n = pid % tiles_n  # specs/gemm/tiles.py:21
    rows = tile_m * 16 + tl.arange(0, 16)  # specs/gemm/tiles.py:32
    cols = tile_n * 64 + tl.arange(0, 64)  # specs/gemm/tiles.py:32
    a_rows = tl.minimum(rows, M - 1)  # specs/gemm/tiles.py:37
    acc = tl.full([16, 64], 0.0, tl.float32)  # specs/gemm/scaled.py:61
    for k in tl.range((K + 127) // 128, num_stages=5):  # specs/gemm/scaled.py:62
        depth = k * 128 + tl.arange(0, 128)  # specs/gemm/tiles.py:32
        a = tl.load(a_ptr + (a_rows[:, None] * stride_a0 + depth[None, :]))  # specs/gemm/scaled.py:52
        b = tl.load(b_ptr + (depth[:, None] + cols[None, :] * stride_b1))  # specs/gemm/scaled.py:53
        scale = tl.load(b_scale_ptr + (k + tile_n * 64 // 128 * stride_b_scale1))  # specs/gemm/tiles.py:57
        product = tl.dot(a, b.to(tl.bfloat16))  # specs/gemm/scaled.py:56
        acc = acc + product * scale
    bias = tl.load(bias_ptr + cols)  # specs/gemm/tiles.py:44
    acc_1 = acc + bias[None, :]  # specs/gemm/tiles.py:44
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:50
    tl.store(c_ptr + (rows[:, None] * N + cols[None, :]), acc_1.to(tl.bfloat16), mask=mask)  # specs/gemm/tiles.py:52
