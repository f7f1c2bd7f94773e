# mhc_fused_post_pre, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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
):
    repeat: tl.constexpr = 20
    COLS: tl.constexpr = 24
    SPLITS: tl.constexpr = 16
    BLOCK_R: tl.constexpr = 16
    BLOCK_H: tl.constexpr = 4096
    program = tl.program_id(0)  # specs/mhc/gates.py:60
    first = tl.cdiv(T, BLOCK_R)
    if program < first:
        row = program * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/mhc/gates.py:61
        live = row < T  # specs/mhc/gates.py:72
        i = tl.arange(0, 4)
        column = tl.arange(0, 16) + 8
        column_1 = tl.arange(0, 1) + COLS
        column_2 = i + 4
        squares = tl.full([BLOCK_R, 1], 0.0, tl.float32)  # specs/mhc/gates.py:100
        post = tl.full([BLOCK_R, 4], 0.0, tl.float32)
        comb = tl.full([BLOCK_R, 16], 0.0, tl.float32)
        for k in range(4):
            split = k * 4  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split * 32 + column_1[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_1 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split * 32 + column_2[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_2 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split * 32 + column[None, :]), mask=live[:, None],
                other=0.0
            )
            split_1 = split + 1  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_3 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_1 * 32 + column_1[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_4 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_1 * 32 + column_2[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_5 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_1 * 32 + column[None, :]), mask=live[:, None],
                other=0.0
            )
            split_2 = split + 2  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_6 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_2 * 32 + column_1[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_7 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_2 * 32 + column_2[None, :]), mask=live[:, None],
                other=0.0
            )
            partial_8 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_2 * 32 + column[None, :]), mask=live[:, None],
                other=0.0
            )
            split_3 = split + 3  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_9 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_3 * 32 + column_1[None, :]), mask=live[:, None],
                other=0.0
            )
            squares_1 = squares + partial + partial_3 + partial_6 + partial_9
            partial_10 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_3 * 32 + column_2[None, :]), mask=live[:, None],
                other=0.0
            )
            post_1 = post + partial_1 + partial_4 + partial_7 + partial_10
            partial_11 = tl.load(
                partial_ptr + (row[:, None] * (SPLITS * 32) + split_3 * 32 + column[None, :]), mask=live[:, None],
                other=0.0
            )
            comb_1 = comb + partial_2 + partial_5 + partial_8 + partial_11
            squares = squares_1
            post = post_1
            comb = comb_1
        squares_2 = tl.reshape(squares, [BLOCK_R])  # specs/mhc/gates.py:75
        inverse = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares_2, tl.cast(H * 4, tl.float32)) + 1e-06))[:, None]
        scale = tl.load(scale_ptr + 1)
        base = tl.load(base_ptr + column_2)
        x = post * inverse * scale + base[None, :]
        post_2 = tl.div_rn(1.0, 1.0 + tl.exp2(x * -1.4426950408889634)) * 2.0  # log2(e), -log2(e)
        tl.store(post_ptr + (row[:, None] * 4 + i[None, :]), post_2, mask=live[:, None])
        scale_1 = tl.load(scale_ptr + 2)
        base_1 = tl.load(base_ptr + column)
        comb_2 = comb * inverse * scale_1 + base_1[None, :]
        x_1 = tl.reshape(comb_2, [BLOCK_R, 4, 4])
        # of numbers: rows with a NaN are NaN by their sum
        largest = tl.max(tl.where(x_1 != x_1, 0.0, x_1), axis=2)  # specs/mhc/gates.py:106
        comb_3 = tl.exp2((x_1 - largest[:, :, None]) * 1.4426950408889634)  # log2(e)
        comb_3_sum = tl.sum(comb_3, axis=2)
        comb_4 = tl.div_rn(comb_3, comb_3_sum[:, :, None]) + 1e-06
        comb_4_sum = tl.sum(comb_4, axis=1)  # specs/mhc/gates.py:111
        factor = tl.div_rn(1.0, comb_4_sum + 1e-06)
        comb_5 = comb_4 * factor[:, None, :]
        for _ in range(repeat - 1):  # specs/mhc/gates.py:118
            comb_5_sum = tl.sum(comb_5, axis=2)  # specs/mhc/gates.py:115
            factor_1 = tl.div_rn(1.0, comb_5_sum + 1e-06)
            comb_6 = comb_5 * factor_1[:, :, None]
            comb_6_sum = tl.sum(comb_6, axis=1)  # specs/mhc/gates.py:111
            factor_2 = tl.div_rn(1.0, comb_6_sum + 1e-06)
            comb_5 = comb_6 * factor_2[:, None, :]
        # specs/mhc/gates.py:80
        tl.store(
            comb_ptr + (row[:, None][:, :, None] * (4 * 4) + i[None, :][:, :, None] * 4 + i[None, :][:, None, :]),
            comb_5, mask=live[:, None][:, :, None]
        )
    arange_4096 = tl.arange(0, BLOCK_H)  # specs/mhc/gates.py:130
    if program >= first:  # specs/mhc/gates.py:62
        program_1 = program - first  # specs/mhc/gates.py:62
        blocks = tl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:123
        row_1 = program_1 // blocks
        part = program_1 % blocks
        i_1 = tl.arange(0, 4)  # specs/mhc/gates.py:162
        column_3 = tl.arange(0, 1) + COLS
        split_4 = tl.arange(0, 16)  # specs/mhc/gates.py:171
        partial_12 = tl.load(partial_ptr + (row_1 * (SPLITS * 32) + split_4[:, None] * 32 + column_3[None, :]))
        squares_3 = tl.sum(partial_12, axis=0)
        # specs/mhc/gates.py:178
        inverse_1 = tl.div_rn(1.0, tl.sqrt(tl.div_rn(squares_3, tl.cast(H * 4, tl.float32)) + 1e-06))
        # specs/mhc/gates.py:173
        partial_13 = tl.load(partial_ptr + (row_1 * (SPLITS * 32) + split_4[:, None] * 32 + i_1[None, :]))
        partial_13_sum = tl.sum(partial_13, axis=0)
        scale_2 = tl.load(scale_ptr)  # specs/mhc/gates.py:164
        base_2 = tl.load(base_ptr + i_1)
        x_2 = partial_13_sum * inverse_1 * scale_2 + base_2
        gates = tl.div_rn(1.0, 1.0 + tl.exp2(x_2 * -1.4426950408889634)) + 1e-06  # log2(e), -log2(e)
        pre_0 = tl.sum(tl.where(i_1 == 0, gates, 0.0), axis=0)
        pre_1 = tl.sum(tl.where(i_1 == 1, gates, 0.0), axis=0)
        pre_2 = tl.sum(tl.where(i_1 == 2, gates, 0.0), axis=0)
        pre_3 = tl.sum(tl.where(i_1 == 3, gates, 0.0), axis=0)
        offs_h = part * BLOCK_H + arange_4096  # specs/mhc/gates.py:130
        residual = tl.load(residual_ptr + (row_1 * (4 * H) + offs_h))
        total = pre_0 * residual.to(tl.float32)
        residual_1 = tl.load(residual_ptr + (row_1 * (4 * H) + 1 * H + offs_h))
        total_1 = total + pre_1 * residual_1.to(tl.float32)
        residual_2 = tl.load(residual_ptr + (row_1 * (4 * H) + 2 * H + offs_h))
        total_2 = total_1 + pre_2 * residual_2.to(tl.float32)
        residual_3 = tl.load(residual_ptr + (row_1 * (4 * H) + 3 * H + offs_h))
        y = total_2 + pre_3 * residual_3.to(tl.float32)
        tl.store(layer_input_ptr + (row_1 * H + offs_h), y.to(tl.bfloat16))  # specs/mhc/gates.py:139
