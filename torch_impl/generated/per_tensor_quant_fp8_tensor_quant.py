# per_tensor_quant_fp8, case "dynamic", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 6a16b23deac0142d8a42badbf2179ffeacfaf5bf39c9cdb0c78ae4c1c6da1abf
"""tensor_quant: Codes of a tensor under one scale.

Generated. Specialised on
    element = e4m3
    x = bf16
    partial = int32
    q = e4m3
    scale = f32
    even_m = False
    even_n = False
    BLOCK_M = 4
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def tensor_quant(
    x_ptr, partial_ptr,
    q_ptr, scale_ptr,
    M, N,
    stride_x0,
):
    BLOCK_M: tl.constexpr = 4
    BLOCK_N: tl.constexpr = 1024
    tile_m = tl.program_id(0)  # specs/quant/tensor.py:75
    tile_n = tl.program_id(1)
    partial = tl.load(partial_ptr + tl.arange(0, 256))
    amax = tl.max(partial, axis=0)
    bits = tl.maximum(amax, 0x3b000000)  # float32 bits of 2**-9, specs/quant/scaling.py:56
    value = tl.cast(bits, tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    tl.store(scale_ptr, value, mask=(tile_m == 0) & (tile_n == 0))  # specs/quant/tensor.py:83
    offs_m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    mask_m = offs_m < M
    offs_n = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    mask_n = offs_n < N
    mask = mask_m[:, None] & mask_n[None, :]
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask, other=0.0)
    x_1 = x.to(tl.float32)
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.div_rn(x_1, value).to(tl.float8e4nv), mask=mask)
