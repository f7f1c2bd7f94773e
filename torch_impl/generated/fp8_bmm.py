# fp8_bmm, case "o-projection", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 41541acdd789c3aff794b67505bedbd4166a74e68ed9255bdae811bfd07fc090
"""fp8_bmm: Batched W8A8 product, one weight per batch.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    out_dtype = bf16
    a = e4m3
    b = e4m3
    a_scale = f32
    b_scale = f32
    bias = f32
    c = bf16
    even_m = False
    even_n = True
    even_k = True
    batched = True
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
def fp8_bmm(
    a_ptr, b_ptr, a_scale_ptr, b_scale_ptr, bias_ptr,
    c_ptr,
    G, M, N, K,
    stride_a0, stride_a1,
    stride_b0, stride_b2,
    stride_a_scale0, stride_a_scale1,
    stride_b_scale0, stride_b_scale1,
):
    count = tl.program_id(1)  # specs/gemm/scaled.py:31
    pid = tl.program_id(0)  # specs/gemm/tiles.py:18
    tiles_n = (N + 63) // 64  # specs/gemm/tiles.py:20
    tile_m = pid // tiles_n  # specs/gemm/tiles.py:22
    tile_n = pid % tiles_n  # specs/gemm/tiles.py:22
    rows = tile_m * 16 + tl.arange(0, 16)  # specs/gemm/tiles.py:33
    cols = tile_n * 64 + tl.arange(0, 64)  # specs/gemm/tiles.py:33
    a_rows = tl.minimum(rows, M - 1)  # specs/gemm/tiles.py:38
    acc = tl.full([16, 64], 0.0, tl.float32)  # specs/gemm/scaled.py:50
    count_1 = (K + 127) // 128  # specs/gemm/scaled.py:51
    for k in tl.range(count_1, num_stages=5):  # specs/gemm/scaled.py:51
        depth = k * 128 + tl.arange(0, 128)  # specs/gemm/tiles.py:33
        a = tl.load(a_ptr + (count * stride_a0 + a_rows[:, None] * stride_a1 + depth[None, :]))  # specs/gemm/scaled.py:41
        b = tl.load(b_ptr + (count * stride_b0 + depth[:, None] + cols[None, :] * stride_b2))  # specs/gemm/scaled.py:42
        b_scale = tl.load(b_scale_ptr + (count * stride_b_scale0 + k * stride_b_scale1 + tile_n * 64 // 128))  # specs/gemm/tiles.py:58
        a_scale = tl.load(a_scale_ptr + (count * stride_a_scale0 + a_rows * stride_a_scale1 + k))  # specs/gemm/tiles.py:58
        scale = (a_scale * b_scale)[:, None]  # specs/gemm/scaled.py:81
        product = tl.dot(a, b)  # specs/gemm/scaled.py:45
        acc = acc + product * scale
    bias = tl.load(bias_ptr + cols)  # specs/gemm/tiles.py:45
    acc_1 = acc + bias[None, :]  # specs/gemm/tiles.py:45
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:51
    tl.store(c_ptr + (count * (M * N) + rows[:, None] * N + cols[None, :]), acc_1.to(tl.bfloat16), mask=mask)  # specs/gemm/tiles.py:53
