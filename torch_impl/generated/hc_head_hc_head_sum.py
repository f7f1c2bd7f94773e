# hc_head, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""hc_head_sum: Weighted sum of the streams.

Generated. Specialised on
    rms_eps = 1e-06
    pre_eps = 1e-06
    residual = bf16
    partial = f32
    scale = f32
    base = f32
    layer_input = bf16
    COLS = 4
    SPLITS = 16
    even_h = True
    BLOCK_H = 4096
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def hc_head_sum(
    residual_ptr, partial_ptr, scale_ptr, base_ptr,
    layer_input_ptr,
    H,
    stride_residual0, stride_residual1,
):
    COLS: tl.constexpr = 4
    SPLITS: tl.constexpr = 16
    BLOCK_H: tl.constexpr = 4096
    program = tl.program_id(0)  # specs/mhc/gates.py:67
    blocks = tl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:123
    row = program // blocks
    part = program % blocks
    i = tl.arange(0, 4)  # specs/mhc/gates.py:162
    column = tl.arange(0, 1) + COLS
    split = tl.arange(0, 16)  # specs/mhc/gates.py:171
    partial = tl.load(partial_ptr + (row * (SPLITS * 32) + split[:, None] * 32 + column[None, :]))
    squares = tl.sum(partial, axis=0)
    inverse = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares, tl.cast(H * 4, tl.float32)) + 1e-06))  # specs/mhc/gates.py:178
    # specs/mhc/gates.py:173
    partial_1 = tl.load(partial_ptr + (row * (SPLITS * 32) + split[:, None] * 32 + i[None, :]))
    partial_1_sum = tl.sum(partial_1, axis=0)
    scale = tl.load(scale_ptr)  # specs/mhc/gates.py:164
    base = tl.load(base_ptr + i)
    x = partial_1_sum * inverse * scale + base
    gates = tl.div_rn(1.0, 1.0 + tl.exp2(x * -1.4426950408889634)) + 1e-06  # -log2(e)
    pre_0 = tl.sum(tl.where(i == 0, gates, 0.0), axis=0)
    pre_1 = tl.sum(tl.where(i == 1, gates, 0.0), axis=0)
    pre_2 = tl.sum(tl.where(i == 2, gates, 0.0), axis=0)
    pre_3 = tl.sum(tl.where(i == 3, gates, 0.0), axis=0)
    offs_h = part * BLOCK_H + tl.arange(0, BLOCK_H)  # specs/mhc/gates.py:130
    residual = tl.load(residual_ptr + (row * stride_residual0 + offs_h))
    total = pre_0 * residual.to(tl.float32)
    residual_1 = tl.load(residual_ptr + (row * stride_residual0 + 1 * stride_residual1 + offs_h))
    total_1 = total + pre_1 * residual_1.to(tl.float32)
    residual_2 = tl.load(residual_ptr + (row * stride_residual0 + 2 * stride_residual1 + offs_h))
    total_2 = total_1 + pre_2 * residual_2.to(tl.float32)
    residual_3 = tl.load(residual_ptr + (row * stride_residual0 + 3 * stride_residual1 + offs_h))
    y = total_2 + pre_3 * residual_3.to(tl.float32)
    tl.store(layer_input_ptr + (row * H + offs_h), y.to(tl.bfloat16))  # specs/mhc/gates.py:139
