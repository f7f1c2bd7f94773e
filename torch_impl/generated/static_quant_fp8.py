# static_quant_fp8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""static_quant_fp8: FP8 codes under scales that are given: of the tensor, of every row or column, or of 2-D groups.

Generated. Specialised on
    scale_mode = token
    group_m = 128
    group_n = 128
    element = e4m3
    x = bf16
    scale = f32
    q = e4m3
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
def static_quant_fp8(
    x_ptr, scale_ptr,
    q_ptr,
    N,
    stride_x0,
):
    BLOCK_M: tl.constexpr = 4
    BLOCK_N: tl.constexpr = 1024
    offs_m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/quant/static.py:36
    offs_n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]))
    x_1 = x.to(tl.float32)
    scale = tl.load(scale_ptr + offs_m)  # specs/quant/static.py:46
    # specs/quant/static.py:37
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.div_rn(x_1, scale[:, None]).to(tl.float8e4nv))
