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
    T, H,
    stride_residual0, stride_residual1,
):
    COLS: tl.constexpr = 4
    SPLITS: tl.constexpr = 16
    BLOCK_H: tl.constexpr = 4096
    program = tl.program_id(0)  # specs/mhc/gates.py:68
    blocks = tl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:104
    row = program // blocks
    part = program % blocks
    arange_1 = tl.arange(0, 1)  # specs/mhc/gates.py:143
    rows = row + arange_1
    i = tl.arange(0, 4)
    column = arange_1 + COLS
    total = tl.full([1, 1], 0.0, tl.float32)  # specs/mhc/gates.py:153
    split = tl.arange(0, 16)
    mask = (rows < T)[:, None, None]
    partial = tl.load(
        partial_ptr + (rows[:, None, None] * (SPLITS * 32) + split[None, :, None] * 32 + column[None, None, :]),
        mask=mask, other=0.0
    )
    partial_sum = tl.sum(partial, axis=1)
    squares = tl.reshape(total + partial_sum, [1])  # specs/mhc/gates.py:144
    inverse = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares, tl.cast(H * 4, tl.float32)) + 1e-06))[:, None]
    total_1 = tl.full([1, 4], 0.0, tl.float32)  # specs/mhc/gates.py:153
    partial_1 = tl.load(
        partial_ptr + (rows[:, None, None] * (SPLITS * 32) + split[None, :, None] * 32 + i[None, None, :]), mask=mask,
        other=0.0
    )
    partial_1_sum = tl.sum(partial_1, axis=1)
    mix = (total_1 + partial_1_sum) * inverse  # specs/mhc/gates.py:145
    scale = tl.load(scale_ptr)
    base = tl.load(base_ptr + i)
    x = mix * scale + base[None, :]
    gates = tl.div_rn(1.0, 1.0 + tl.exp2(x * -1.4426950408889634)) + 1e-06  # -log2(e)
    gates_1 = tl.reshape(gates, [4])
    pre_0 = tl.sum(tl.where(i == 0, gates_1, 0.0), axis=0)
    pre_1 = tl.sum(tl.where(i == 1, gates_1, 0.0), axis=0)
    pre_2 = tl.sum(tl.where(i == 2, gates_1, 0.0), axis=0)
    pre_3 = tl.sum(tl.where(i == 3, gates_1, 0.0), axis=0)
    offs_h = part * BLOCK_H + tl.arange(0, BLOCK_H)  # specs/mhc/gates.py:111
    residual = tl.load(residual_ptr + (row * stride_residual0 + offs_h))
    total_2 = pre_0 * residual.to(tl.float32)
    residual_1 = tl.load(residual_ptr + (row * stride_residual0 + 1 * stride_residual1 + offs_h))
    total_3 = total_2 + pre_1 * residual_1.to(tl.float32)
    residual_2 = tl.load(residual_ptr + (row * stride_residual0 + 2 * stride_residual1 + offs_h))
    total_4 = total_3 + pre_2 * residual_2.to(tl.float32)
    residual_3 = tl.load(residual_ptr + (row * stride_residual0 + 3 * stride_residual1 + offs_h))
    y = total_4 + pre_3 * residual_3.to(tl.float32)
    tl.store(layer_input_ptr + (row * H + offs_h), y.to(tl.bfloat16))  # specs/mhc/gates.py:120
