# mhc_fused_post_pre, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma


def hc_gates(
    residual_ref, partial_ref, scale_ref, base_ref,
    post_ref, comb_ref, layer_input_ref,
    *, T, H,
):
    repeat = 20
    COLS = 24
    BLOCK_R = 16
    BLOCK_H = 4096
    program = pl.program_id(0)  # specs/mhc/gates.py:60
    first = pl.cdiv(T, BLOCK_R)
    @pl.when(program < first)
    def branch():
        row = program * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/mhc/gates.py:61
        live = row < T  # specs/mhc/gates.py:72
        i = jnp.arange(4, dtype=jnp.int32)
        column = jnp.arange(16, dtype=jnp.int32) + 8
        column_1 = jnp.arange(1, dtype=jnp.int32) + COLS
        column_2 = i + 4
        squares = jnp.full((BLOCK_R, 1), 0.0, jnp.float32)  # specs/mhc/gates.py:100
        post = jnp.full((BLOCK_R, 4), 0.0, jnp.float32)
        comb = jnp.full((BLOCK_R, 16), 0.0, jnp.float32)
        def step(k, carry):
            (squares_2, post_2, comb_2) = carry
            split = k * 4  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial = plgpu.load(partial_ref.at[row[:, None], split, column_1[None, :]], mask=live[:, None], other=0.0)
            partial_1 = plgpu.load(
                partial_ref.at[row[:, None], split, column_2[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4)), other=0.0
            )
            partial_2 = plgpu.load(
                partial_ref.at[row[:, None], split, column[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 16)), other=0.0
            )
            split_1 = split + 1  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_3 = plgpu.load(
                partial_ref.at[row[:, None], split_1, column_1[None, :]], mask=live[:, None], other=0.0
            )
            partial_4 = plgpu.load(
                partial_ref.at[row[:, None], split_1, column_2[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4)), other=0.0
            )
            partial_5 = plgpu.load(
                partial_ref.at[row[:, None], split_1, column[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 16)), other=0.0
            )
            split_2 = split + 2  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_6 = plgpu.load(
                partial_ref.at[row[:, None], split_2, column_1[None, :]], mask=live[:, None], other=0.0
            )
            partial_7 = plgpu.load(
                partial_ref.at[row[:, None], split_2, column_2[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4)), other=0.0
            )
            partial_8 = plgpu.load(
                partial_ref.at[row[:, None], split_2, column[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 16)), other=0.0
            )
            split_3 = split + 3  # specs/mhc/gates.py:93
            # specs/mhc/gates.py:97
            partial_9 = plgpu.load(
                partial_ref.at[row[:, None], split_3, column_1[None, :]], mask=live[:, None], other=0.0
            )
            squares_3 = squares_2 + partial + partial_3 + partial_6 + partial_9
            partial_10 = plgpu.load(
                partial_ref.at[row[:, None], split_3, column_2[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4)), other=0.0
            )
            post_3 = post_2 + partial_1 + partial_4 + partial_7 + partial_10
            partial_11 = plgpu.load(
                partial_ref.at[row[:, None], split_3, column[None, :]],
                mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 16)), other=0.0
            )
            comb_3 = comb_2 + partial_2 + partial_5 + partial_8 + partial_11
            return (squares_3, post_3, comb_3)
        (squares_1, post_1, comb_1) = jax.lax.fori_loop(0, 4, step, (squares, post, comb))  # specs/mhc/gates.py:101
        squares_4 = squares_1.reshape(BLOCK_R)  # specs/mhc/gates.py:75
        inverse = div_rn(
            jnp.full((BLOCK_R,), 1.0, jnp.float32),
            jnp.sqrt(div_rn(squares_4, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (BLOCK_R,))) + 1e-06)
        )[:, None]
        scale = plgpu.load(scale_ref.at[jnp.int32(1)])
        base = plgpu.load(base_ref.at[column_2])
        x = fma(post_1 * inverse, scale, base[None, :])
        # 1.4426950408889634 is log2(e), -1.4426950408889634 is -log2(e)
        post_4 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), 1.0 + exp2(x * -1.4426950408889634)) * 2.0
        plgpu.store(
            post_ref.at[row[:, None], i[None, :], jnp.int32(0)], post_4,
            mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4))
        )
        scale_1 = plgpu.load(scale_ref.at[jnp.int32(2)])
        base_1 = plgpu.load(base_ref.at[column])
        comb_4 = fma(comb_1 * inverse, scale_1, base_1[None, :])
        x_1 = comb_4.reshape(BLOCK_R, 4, 4)
        # of numbers: rows with a NaN are NaN by their sum
        largest = jnp.max(jnp.where(x_1 != x_1, 0.0, x_1), axis=2)  # specs/mhc/gates.py:106
        comb_5 = exp2((x_1 - largest[:, :, None]) * 1.4426950408889634)  # log2(e)
        comb_5_sum = jnp.sum(comb_5, axis=2)
        comb_6 = div_rn(comb_5, jnp.broadcast_to(comb_5_sum[:, :, None], (BLOCK_R, 4, 4))) + 1e-06
        comb_6_sum = jnp.sum(comb_6, axis=1)  # specs/mhc/gates.py:111
        factor = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_6_sum + 1e-06)
        comb_7 = comb_6 * factor[:, None, :]
        def step_1(_, carry):  # specs/mhc/gates.py:118
            (comb_9,) = carry
            comb_9_sum = jnp.sum(comb_9, axis=2)  # specs/mhc/gates.py:115
            factor_1 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_9_sum + 1e-06)
            comb_10 = comb_9 * factor_1[:, :, None]
            comb_10_sum = jnp.sum(comb_10, axis=1)  # specs/mhc/gates.py:111
            factor_2 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_10_sum + 1e-06)
            return (comb_10 * factor_2[:, None, :],)
        (comb_8,) = jax.lax.fori_loop(0, repeat - 1, step_1, (comb_7,))  # specs/mhc/gates.py:118
        # specs/mhc/gates.py:80
        plgpu.store(
            comb_ref.at[row[:, None][:, :, None], i[None, :][:, :, None], i[None, :][:, None, :]], comb_8,
            mask=jnp.broadcast_to(live[:, None][:, :, None], (BLOCK_R, 4, 4))
        )
    arange_4096 = jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/mhc/gates.py:130
    @pl.when(program >= first)  # specs/mhc/gates.py:62
    def branch_1():
        program_1 = program - first  # specs/mhc/gates.py:62
        blocks = pl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:123
        row_1 = jax.lax.div(program_1, jnp.int32(blocks))
        part = jax.lax.rem(program_1, jnp.int32(blocks))
        i_1 = jnp.arange(4, dtype=jnp.int32)  # specs/mhc/gates.py:162
        column_3 = jnp.arange(1, dtype=jnp.int32) + COLS
        split_4 = jnp.arange(16, dtype=jnp.int32)  # specs/mhc/gates.py:171
        partial_12 = plgpu.load(partial_ref.at[row_1, split_4[:, None], column_3[None, :]])
        squares_5 = jnp.sum(partial_12, axis=0)
        # specs/mhc/gates.py:178
        inverse_1 = div_rn(
            jnp.full((1,), 1.0, jnp.float32),
            jnp.sqrt(div_rn(squares_5, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (1,))) + 1e-06)
        )
        partial_13 = plgpu.load(partial_ref.at[row_1, split_4[:, None], i_1[None, :]])  # specs/mhc/gates.py:173
        partial_13_sum = jnp.sum(partial_13, axis=0)
        scale_2 = plgpu.load(scale_ref.at[jnp.int32(0)])  # specs/mhc/gates.py:164
        base_2 = plgpu.load(base_ref.at[i_1])
        x_2 = fma(partial_13_sum * inverse_1, scale_2, base_2)
        # 1.4426950408889634 is log2(e), -1.4426950408889634 is -log2(e)
        gates = div_rn(jnp.full((4,), 1.0, jnp.float32), 1.0 + exp2(x_2 * -1.4426950408889634)) + 1e-06
        pre_0 = jnp.sum(jnp.where(i_1 == 0, gates, 0.0), axis=0)
        pre_1 = jnp.sum(jnp.where(i_1 == 1, gates, 0.0), axis=0)
        pre_2 = jnp.sum(jnp.where(i_1 == 2, gates, 0.0), axis=0)
        pre_3 = jnp.sum(jnp.where(i_1 == 3, gates, 0.0), axis=0)
        offs_h = part * BLOCK_H + arange_4096  # specs/mhc/gates.py:130
        residual = plgpu.load(residual_ref.at[row_1, jnp.int32(0), offs_h])
        total = pre_0 * residual.astype(jnp.float32)
        residual_1 = plgpu.load(residual_ref.at[row_1, jnp.int32(1), offs_h])
        total_1 = fma(pre_1, residual_1.astype(jnp.float32), total)
        residual_2 = plgpu.load(residual_ref.at[row_1, jnp.int32(2), offs_h])
        total_2 = fma(pre_2, residual_2.astype(jnp.float32), total_1)
        residual_3 = plgpu.load(residual_ref.at[row_1, jnp.int32(3), offs_h])
        y = fma(pre_3, residual_3.astype(jnp.float32), total_2)
        plgpu.store(layer_input_ref.at[row_1, offs_h], y.astype(jnp.bfloat16))  # specs/mhc/gates.py:139
