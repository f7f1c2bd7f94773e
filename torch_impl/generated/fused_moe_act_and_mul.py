# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""act_and_mul: Activation of the gates of every row, times its factors.

Generated. Specialised on
    kind = clamp
    limit = 10.0
    alpha = 1.702
    beta = 1.0
    linear_beta = 0.0
    x = bf16
    y = bf16
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
def act_and_mul(
    x_ptr,
    y_ptr,
    W,
):
    BLOCK_M: tl.constexpr = 1
    BLOCK_N: tl.constexpr = 1024
    start = tl.program_id(1) * BLOCK_N  # specs/activation/mul.py:29
    columns = W // 2  # specs/activation/gated.py:94
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)
    arange_1024 = tl.arange(0, BLOCK_N)
    offs_w = start + arange_1024
    x = tl.load(x_ptr + (offs_m[:, None] * W + offs_w[None, :]))
    gate = x.to(tl.float32)
    offs_w_1 = start + columns + arange_1024
    x_1 = tl.load(x_ptr + (offs_m[:, None] * W + offs_w_1[None, :]))
    up = x_1.to(tl.float32)
    gate_1 = tl.where(gate > 10.0, 10.0, gate)  # specs/activation/gated.py:136
    up_1 = tl.where(up < -10.0, -10.0, tl.where(up > 10.0, 10.0, up))  # specs/activation/gated.py:140
    # -1.4426950408889634 is -log2(e), specs/activation/gated.py:103
    y = (gate_1 * tl.div_rn(1.0, 1.0 + tl.exp2(gate_1 * -1.4426950408889634)) * up_1).to(tl.bfloat16)
    tl.store(y_ptr + (offs_m[:, None] * (W // 2) + offs_w[None, :]), y)  # specs/activation/mul.py:31
