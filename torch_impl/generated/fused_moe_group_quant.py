# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 128
    element = e4m3
    scale_format = f32
    ue8m0 = False
    eps = 1e-10
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
    scale = f32
    even_m = True
    even_g = True
    BLOCK_M = 4
    BLOCK_G = 8
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_quant(
    x_ptr,
    q_ptr, scale_ptr,
    N,
):
    group: tl.constexpr = 128
    BLOCK_M: tl.constexpr = 4
    BLOCK_G: tl.constexpr = 8
    index = tl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/quant/group.py:66
    offs_n = index * group + tl.arange(0, BLOCK_G * group)
    x = tl.load(x_ptr + (offs_m[:, None] * N + offs_n[None, :]))
    x_1 = tl.reshape(x, [BLOCK_M, BLOCK_G, group]).to(tl.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    q = tl.div_rn(x_1, tl.reshape(scale, [BLOCK_M, BLOCK_G, 1]))  # specs/quant/scaling.py:42
    offs_scale1 = index + tl.arange(0, BLOCK_G)  # specs/quant/group.py:98
    tl.store(scale_ptr + (offs_m[:, None] * (N // group) + offs_scale1[None, :]), scale)
    codes = q.to(tl.float8e4nv)  # specs/quant/group.py:59
    # specs/quant/group.py:75
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.reshape(codes, [BLOCK_M, BLOCK_G * group]))
