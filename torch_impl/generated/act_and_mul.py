# act_and_mul, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""act_and_mul: Activation of the gates of every row, times its factors.

Generated. Specialised on
    kind = silu
    limit = 7.0
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
    stride_x0,
):
    BLOCK_M: tl.constexpr = 1
    BLOCK_N: tl.constexpr = 1024
    start = tl.program_id(1) * BLOCK_N  # specs/activation/mul.py:29
    columns = W // 2  # specs/activation/gated.py:94
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)
    arange_1024 = tl.arange(0, BLOCK_N)
    offs_w = start + arange_1024
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_w[None, :]))
    gate = x.to(tl.float32)
    offs_w_1 = start + columns + arange_1024
    x_1 = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_w_1[None, :]))
    up = x_1.to(tl.float32)
    y = (gate * tl.div_rn(1.0, 1.0 + tl.exp2(gate * -1.4426950408889634)) * up).to(tl.bfloat16)  # -log2(e)
    tl.store(y_ptr + (offs_m[:, None] * (W // 2) + offs_w[None, :]), y)  # specs/activation/mul.py:31
