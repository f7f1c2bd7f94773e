# int4_gemm_w4a16, case "one-row", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 1deaf415321cc84a6291fd3d0df2f7c917204cbdcbe036728efbbf2b07d3afb2
"""int4_gemm_w4a16: Product of 16-bit activations and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    a = bf16
    b = int32
    b_scale = bf16
    c = bf16
    even_m = False
    even_n = True
    even_k = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 4
"""

import triton
import triton.language as tl


@triton.jit
def int4_gemm_w4a16(
    a_ptr, b_ptr, b_scale_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b1,
    stride_b_scale0,
):
    pid = tl.program_id(0)  # specs/gemm/tiles.py:18
    tiles_n = (N + 63) // 64  # specs/gemm/tiles.py:20
    tile_m = pid // tiles_n  # specs/gemm/tiles.py:22
    tile_n = pid % tiles_n  # specs/gemm/tiles.py:22
    rows = tile_m * 16 + tl.arange(0, 16)  # specs/gemm/tiles.py:33
    cols = tile_n * 64 + tl.arange(0, 64)  # specs/gemm/tiles.py:33
    a_rows = tl.minimum(rows, M - 1)  # specs/gemm/tiles.py:38
    acc = tl.full([16, 64], 0.0, tl.float32)  # specs/gemm/int4.py:56
    t = (K + 127) // 128  # specs/gemm/int4.py:57
    for k in range(t):  # specs/gemm/int4.py:57
        depth = k * 128 + tl.arange(0, 128)  # specs/gemm/tiles.py:33
        a = tl.load(a_ptr + (a_rows[:, None] * stride_a0 + depth[None, :]))  # specs/gemm/int4.py:50
        group = k * 128 // 128  # specs/gemm/int4.py:51
        word = k * 16 + tl.arange(0, 16)  # specs/gemm/tiles.py:33
        packed = tl.load(b_ptr + (word[:, None] + cols[None, :] * stride_b1))  # specs/gemm/int4.py:66
        shift = (tl.arange(0, 8) * 4)[None, :][:, :, None]  # specs/gemm/int4.py:67
        nibble = tl.reshape(packed[:, None, :] >> shift & 15, [128, 64])  # specs/gemm/int4.py:68
        value = (nibble | 0x4b000000).to(tl.float32, bitcast=True)  # specs/gemm/int4.py:69
        weight = (value - 8388616.0).to(tl.bfloat16)  # specs/gemm/int4.py:52
        t_1 = tl.load(b_scale_ptr + (group * stride_b_scale0 + cols))  # specs/gemm/int4.py:53
        scale = t_1.to(tl.float32)  # specs/gemm/int4.py:53
        t_2 = tl.dot(a, weight)  # specs/gemm/int4.py:54
        acc = acc + t_2 * scale[None, :]
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:46
    tl.store(c_ptr + (rows[:, None] * N + cols[None, :]), acc.to(tl.bfloat16), mask=mask)  # specs/gemm/tiles.py:48
