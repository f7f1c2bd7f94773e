# per_tensor_quant_fp8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""tensor_quant: Codes of a tensor under one scale.

Generated. Specialised on
    element = e4m3
    x = bf16
    partial = int32
    q = e4m3
    scale = f32
    even_m = True
    even_n = True
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
    N,
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
    offs_n = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]))
    x_1 = x.to(tl.float32)
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.div_rn(x_1, value).to(tl.float8e4nv))
