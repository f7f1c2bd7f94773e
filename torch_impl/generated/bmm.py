# bmm, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""bmm: Products of unquantised activations, one weight per batch.

Generated. Specialised on
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = bf16
    b = bf16
    c = bf16
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 64
    BLOCK_N = 64
    BLOCK_K = 64
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
"""

import triton
import triton.language as tl


@triton.jit
def bmm(
    a_ptr, b_ptr,
    c_ptr,
    G, N, K,
    stride_a0, stride_a1,
    stride_b0, stride_b2,
):
    BLOCK_M: tl.constexpr = 64
    BLOCK_N: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 64
    batch = tl.program_id(1)  # specs/gemm/batched.py:38
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    tile_m = pid // tiles_n
    tile_n = pid % tiles_n
    steps = tl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)
    arange_64 = tl.arange(0, BLOCK_M)  # specs/gemm/batched.py:42
    offs_m = tile_m * BLOCK_M + arange_64
    offs_n = tile_n * BLOCK_N + arange_64
    for k in range(steps):  # specs/gemm/dense.py:69
        offs_k = k * BLOCK_K + arange_64  # specs/gemm/batched.py:42
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + batch * stride_a1 + offs_k[None, :]))
        b = tl.load(b_ptr + (batch * stride_b0 + offs_k[:, None] + offs_n[None, :] * stride_b2))
        acc = tl.dot(a, b, acc=acc)
    # specs/gemm/batched.py:45
    tl.store(c_ptr + (offs_m[:, None] * (G * N) + batch * N + offs_n[None, :]), acc.to(tl.bfloat16))
