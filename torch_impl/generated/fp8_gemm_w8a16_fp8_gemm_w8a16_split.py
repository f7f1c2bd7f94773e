# fp8_gemm_w8a16, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""fp8_gemm_w8a16_split: Product of 16-bit activations and an FP8 weight.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    invariant = False
    a = bf16
    b = e4m3
    b_scale = f32
    c = f32
    SPLITS = 2
    even_m = True
    even_n = True
    even_k = True
    batched = False
    BLOCK_M = 64
    BLOCK_N = 32
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 6
"""

import triton
import triton.language as tl


@triton.jit
def fp8_gemm_w8a16_split(
    a_ptr, b_ptr, b_scale_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b1,
    stride_b_scale1,
):
    group: tl.constexpr = 128
    SPLITS: tl.constexpr = 2
    BLOCK_M: tl.constexpr = 64
    BLOCK_N: tl.constexpr = 32
    BLOCK_K: tl.constexpr = 128
    split = tl.program_id(1)  # specs/gemm/scaled.py:45
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    tile_m = pid // tiles_n
    tile_n = pid % tiles_n
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/gemm/scaled.py:65
    steps = tl.cdiv(K, BLOCK_K)
    # Rows and columns over the edge are not stored, so anything is read for them: a mask would keep loads from
    # being asynchronous copies. Past the end of K both operands are zeros.
    offs_m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/gemm/scaled.py:55
    arange_128 = tl.arange(0, BLOCK_K)
    offs_n = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    for k in tl.range(tl.cdiv(steps - split, SPLITS), num_stages=6):  # specs/gemm/scaled.py:66
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        offs_k = k_1 * BLOCK_K + arange_128  # specs/gemm/scaled.py:55
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k[None, :]))
        b = tl.load(b_ptr + (offs_k[:, None] + offs_n[None, :] * stride_b1))
        scale = tl.load(b_scale_ptr + (k_1 + tile_n * BLOCK_N // group * stride_b_scale1))  # specs/gemm/tiles.py:81
        # Scales multiply the sum of their group in float32, so their range never limits the operands'.
        product = tl.dot(a, b.to(tl.bfloat16))  # specs/gemm/scaled.py:60
        acc = acc + product * scale
    tl.store(c_ptr + (split * (M * N) + offs_m[:, None] * N + offs_n[None, :]), acc)  # specs/gemm/tiles.py:71
