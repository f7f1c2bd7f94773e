# act_and_mul_quant, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""act_and_mul_quant: FP8 codes of the products of gated activations, with one scale per group.

Generated. Specialised on
    kind = silu
    limit = 7.0
    alpha = 1.702
    beta = 1.0
    linear_beta = 0.0
    group = 128
    scale_format = f32
    ue8m0 = False
    scale_layout = row
    x = bf16
    q = e4m3
    scale = f32
    even_m = True
    even_n = True
    BLOCK_M = 1
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def act_and_mul_quant(
    x_ptr,
    q_ptr, scale_ptr,
    W,
    stride_x0,
):
    group: tl.constexpr = 128
    BLOCK_M: tl.constexpr = 1
    BLOCK_N: tl.constexpr = 1024
    start = tl.program_id(1) * BLOCK_N  # specs/activation/quant.py:38
    columns = W // 2  # specs/activation/gated.py:94
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)
    arange_1024 = tl.arange(0, BLOCK_N)
    offs_w = start + arange_1024
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_w[None, :]))
    gate = x.to(tl.float32)
    offs_w_1 = start + columns + arange_1024
    x_1 = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_w_1[None, :]))
    up = x_1.to(tl.float32)
    # -1.4426950408889634 is -log2(e), specs/activation/quant.py:39
    y = tl.reshape(
        (gate * tl.div_rn(1.0, 1.0 + tl.exp2(gate * -1.4426950408889634)) * up).to(tl.bfloat16),
        [BLOCK_M, BLOCK_N // group, group]
    )
    x_2 = y.to(tl.float32)  # specs/quant/fused.py:41
    amax = tl.max(tl.abs(x_2).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    offs_scale1 = tl.program_id(1) * (BLOCK_N // group) + tl.arange(0, BLOCK_N // group)  # specs/quant/group.py:98
    tl.store(scale_ptr + (offs_m[:, None] * (W // 2 // group) + offs_scale1[None, :]), scale)
    # specs/quant/fused.py:47
    codes = tl.div_rn(x_2, tl.reshape(scale, [BLOCK_M, BLOCK_N // group, 1])).to(tl.float8e4nv)
    # specs/activation/quant.py:41
    tl.store(q_ptr + (offs_m[:, None] * (W // 2) + offs_w[None, :]), tl.reshape(codes, [BLOCK_M, BLOCK_N]))
