# mhc_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""hc_gates: post, comb and layer_input from the sums of products.

Generated. Specialised on
    rms_eps = 1e-06
    pre_eps = 1e-06
    sinkhorn_eps = 1e-06
    post_mult = 2.0
    repeat = 20
    norm_eps = 1e-06
    residual = bf16
    partial = f32
    scale = f32
    base = f32
    post = f32
    comb = f32
    layer_input = bf16
    COLS = 24
    SPLITS = 16
    even_h = True
    BLOCK_R = 16
    BLOCK_H = 4096
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def hc_gates(
    residual_ptr, partial_ptr, scale_ptr, base_ptr,
    post_ptr, comb_ptr, layer_input_ptr,
    T, H,
    stride_residual0, stride_residual1,
):
    repeat: tl.constexpr = 20
    COLS: tl.constexpr = 24
    SPLITS: tl.constexpr = 16
    BLOCK_R: tl.constexpr = 16
    BLOCK_H: tl.constexpr = 4096
    program = tl.program_id(0)  # specs/mhc/gates.py:61
    first = tl.cdiv(T, BLOCK_R)
    if program < first:
        row = program * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/mhc/gates.py:62
        live = row < T  # specs/mhc/gates.py:73
        i = tl.arange(0, 4)
        column = tl.arange(0, 1) + COLS
        total = tl.full([BLOCK_R, 1], 0.0, tl.float32)  # specs/mhc/gates.py:153
        split = tl.arange(0, 16)
        mask = live[:, None][:, :, None]
        partial = tl.load(
            partial_ptr + (
                row[:, None][:, :, None] * (SPLITS * 32) + split[None, :, None] * 32 + column[None, None, :]
            ),
            mask=mask, other=0.0
        )
        partial_sum = tl.sum(partial, axis=1)
        squares = tl.reshape(total + partial_sum, [BLOCK_R])  # specs/mhc/gates.py:74
        inverse = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares, tl.cast(H * 4, tl.float32)) + 1e-06))[:, None]
        column_1 = i + 4
        total_1 = tl.full([BLOCK_R, 4], 0.0, tl.float32)  # specs/mhc/gates.py:153
        partial_1 = tl.load(
            partial_ptr + (
                row[:, None][:, :, None] * (SPLITS * 32) + split[None, :, None] * 32 + column_1[None, None, :]
            ),
            mask=mask, other=0.0
        )
        partial_1_sum = tl.sum(partial_1, axis=1)
        post = (total_1 + partial_1_sum) * inverse  # specs/mhc/gates.py:75
        scale = tl.load(scale_ptr + 1)
        base = tl.load(base_ptr + column_1)
        x = post * scale + base[None, :]
        post_1 = tl.div_rn(1.0, 1.0 + tl.exp2(x * -1.4426950408889634)) * 2.0  # log2(e), -log2(e)
        tl.store(post_ptr + (row[:, None] * 4 + i[None, :]), post_1, mask=live[:, None])
        column_2 = split + 8
        total_2 = tl.full([BLOCK_R, 16], 0.0, tl.float32)  # specs/mhc/gates.py:153
        partial_2 = tl.load(
            partial_ptr + (
                row[:, None][:, :, None] * (SPLITS * 32) + split[None, :, None] * 32 + column_2[None, None, :]
            ),
            mask=mask, other=0.0
        )
        partial_2_sum = tl.sum(partial_2, axis=1)
        comb = (total_2 + partial_2_sum) * inverse  # specs/mhc/gates.py:79
        scale_1 = tl.load(scale_ptr + 2)
        base_1 = tl.load(base_ptr + column_2)
        comb_1 = comb * scale_1 + base_1[None, :]
        x_1 = tl.reshape(comb_1, [BLOCK_R, 4, 4])
        # of numbers: rows with a NaN are NaN by their sum
        largest = tl.max(tl.where(x_1 != x_1, 0.0, x_1), axis=2)  # specs/mhc/gates.py:87
        comb_2 = tl.exp2((x_1 - largest[:, :, None]) * 1.4426950408889634)  # log2(e)
        comb_2_sum = tl.sum(comb_2, axis=2)
        comb_3 = tl.div_rn(comb_2, comb_2_sum[:, :, None]) + 1e-06
        comb_3_sum = tl.sum(comb_3, axis=1)  # specs/mhc/gates.py:92
        factor = tl.div_rn(1.0, comb_3_sum + 1e-06)
        comb_4 = comb_3 * factor[:, None, :]
        for _ in range(repeat - 1):  # specs/mhc/gates.py:99
            comb_4_sum = tl.sum(comb_4, axis=2)  # specs/mhc/gates.py:96
            factor_1 = tl.div_rn(1.0, comb_4_sum + 1e-06)
            comb_5 = comb_4 * factor_1[:, :, None]
            comb_5_sum = tl.sum(comb_5, axis=1)  # specs/mhc/gates.py:92
            factor_2 = tl.div_rn(1.0, comb_5_sum + 1e-06)
            comb_4 = comb_5 * factor_2[:, None, :]
        # specs/mhc/gates.py:82
        tl.store(
            comb_ptr + (row[:, None][:, :, None] * (4 * 4) + i[None, :][:, :, None] * 4 + i[None, :][:, None, :]),
            comb_4, mask=mask
        )
    arange_4096 = tl.arange(0, BLOCK_H)  # specs/mhc/gates.py:111
    if program >= first:  # specs/mhc/gates.py:63
        program_1 = program - first  # specs/mhc/gates.py:63
        blocks = tl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:104
        row_1 = program_1 // blocks
        part = program_1 % blocks
        arange_1 = tl.arange(0, 1)  # specs/mhc/gates.py:143
        rows = row_1 + arange_1
        i_1 = tl.arange(0, 4)
        column_3 = arange_1 + COLS
        total_3 = tl.full([1, 1], 0.0, tl.float32)  # specs/mhc/gates.py:153
        split_1 = tl.arange(0, 16)
        mask_1 = (rows < T)[:, None, None]
        partial_3 = tl.load(
            partial_ptr + (rows[:, None, None] * (SPLITS * 32) + split_1[None, :, None] * 32 + column_3[None, None, :]),
            mask=mask_1, other=0.0
        )
        partial_3_sum = tl.sum(partial_3, axis=1)
        squares_1 = tl.reshape(total_3 + partial_3_sum, [1])  # specs/mhc/gates.py:144
        inverse_1 = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares_1, tl.cast(H * 4, tl.float32)) + 1e-06))[:, None]
        total_4 = tl.full([1, 4], 0.0, tl.float32)  # specs/mhc/gates.py:153
        partial_4 = tl.load(
            partial_ptr + (rows[:, None, None] * (SPLITS * 32) + split_1[None, :, None] * 32 + i_1[None, None, :]),
            mask=mask_1, other=0.0
        )
        partial_4_sum = tl.sum(partial_4, axis=1)
        mix = (total_4 + partial_4_sum) * inverse_1  # specs/mhc/gates.py:145
        scale_2 = tl.load(scale_ptr)
        base_2 = tl.load(base_ptr + i_1)
        x_2 = mix * scale_2 + base_2[None, :]
        gates = tl.div_rn(1.0, 1.0 + tl.exp2(x_2 * -1.4426950408889634)) + 1e-06  # log2(e), -log2(e)
        gates_1 = tl.reshape(gates, [4])
        pre_0 = tl.sum(tl.where(i_1 == 0, gates_1, 0.0), axis=0)
        pre_1 = tl.sum(tl.where(i_1 == 1, gates_1, 0.0), axis=0)
        pre_2 = tl.sum(tl.where(i_1 == 2, gates_1, 0.0), axis=0)
        pre_3 = tl.sum(tl.where(i_1 == 3, gates_1, 0.0), axis=0)
        offs_h = part * BLOCK_H + arange_4096  # specs/mhc/gates.py:111
        residual = tl.load(residual_ptr + (row_1 * stride_residual0 + offs_h))
        total_5 = pre_0 * residual.to(tl.float32)
        residual_1 = tl.load(residual_ptr + (row_1 * stride_residual0 + 1 * stride_residual1 + offs_h))
        total_6 = total_5 + pre_1 * residual_1.to(tl.float32)
        residual_2 = tl.load(residual_ptr + (row_1 * stride_residual0 + 2 * stride_residual1 + offs_h))
        total_7 = total_6 + pre_2 * residual_2.to(tl.float32)
        residual_3 = tl.load(residual_ptr + (row_1 * stride_residual0 + 3 * stride_residual1 + offs_h))
        y = total_7 + pre_3 * residual_3.to(tl.float32)
        tl.store(layer_input_ptr + (row_1 * H + offs_h), y.to(tl.bfloat16))  # specs/mhc/gates.py:120
