# gemm, case "prefill", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""gemm: Product of unquantised activations and weights.

Generated. Specialised on
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = bf16
    b = bf16
    c = bf16
    SPLITS = 1
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    num_warps = 8
    num_stages = 4
"""

import triton
import triton.language as tl


@triton.jit
def gemm(
    a_ptr, b_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b1,
):
    BLOCK_M: tl.constexpr = 128
    BLOCK_N: tl.constexpr = 128
    BLOCK_K: tl.constexpr = 64
    GROUP_M: tl.constexpr = 8
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_m = tl.cdiv(M, BLOCK_M)
    tiles_n = tl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = pid // per_band
    first = band * GROUP_M
    height = tl.minimum(tiles_m - first, GROUP_M)
    inside = pid % per_band
    tile_m = first + inside % height
    tile_n = inside // height
    steps = tl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)
    arange_128 = tl.arange(0, BLOCK_M)  # specs/gemm/dense.py:44
    offs_m = tile_m * BLOCK_M + arange_128
    arange_64 = tl.arange(0, BLOCK_K)
    offs_n = tile_n * BLOCK_N + arange_128
    for k in range(steps):  # specs/gemm/dense.py:69
        offs_k = k * BLOCK_K + arange_64  # specs/gemm/dense.py:44
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k[None, :]))
        b = tl.load(b_ptr + (offs_k[:, None] + offs_n[None, :] * stride_b1))
        acc = tl.dot(a, b, acc=acc)
    # Rounded once.
    tl.store(c_ptr + (offs_m[:, None] * N + offs_n[None, :]), acc.to(tl.bfloat16))  # specs/gemm/tiles.py:76
