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
    program = pl.program_id(0)  # specs/mhc/gates.py:61
    first = pl.cdiv(T, BLOCK_R)
    @pl.when(program < first)
    def branch():
        row = program * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/mhc/gates.py:62
        live = row < T  # specs/mhc/gates.py:73
        i = jnp.arange(4, dtype=jnp.int32)
        column = jnp.arange(1, dtype=jnp.int32) + COLS
        total = jnp.full((BLOCK_R, 1), 0.0, jnp.float32)  # specs/mhc/gates.py:153
        split = jnp.arange(16, dtype=jnp.int32)
        mask = live[:, None][:, :, None]
        partial = plgpu.load(
            partial_ref.at[row[:, None][:, :, None], split[None, :, None], column[None, None, :]],
            mask=jnp.broadcast_to(mask, (BLOCK_R, 16, 1)), other=0.0
        )
        partial_sum = jnp.sum(partial, axis=1)
        squares = (total + partial_sum).reshape(BLOCK_R)  # specs/mhc/gates.py:74
        inverse = div_rn(
            jnp.full((BLOCK_R,), 1.0, jnp.float32),
            jnp.sqrt(div_rn(squares, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (BLOCK_R,))) + 1e-06)
        )[:, None]
        column_1 = i + 4
        total_1 = jnp.full((BLOCK_R, 4), 0.0, jnp.float32)  # specs/mhc/gates.py:153
        partial_1 = plgpu.load(
            partial_ref.at[row[:, None][:, :, None], split[None, :, None], column_1[None, None, :]],
            mask=jnp.broadcast_to(mask, (BLOCK_R, 16, 4)), other=0.0
        )
        partial_1_sum = jnp.sum(partial_1, axis=1)
        post = (total_1 + partial_1_sum) * inverse  # specs/mhc/gates.py:75
        scale = plgpu.load(scale_ref.at[jnp.int32(1)])
        base = plgpu.load(base_ref.at[column_1])
        x = fma(post, scale, base[None, :])
        # 1.4426950408889634 is log2(e), -1.4426950408889634 is -log2(e)
        post_1 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), 1.0 + exp2(x * -1.4426950408889634)) * 2.0
        plgpu.store(
            post_ref.at[row[:, None], i[None, :], jnp.int32(0)], post_1,
            mask=jnp.broadcast_to(live[:, None], (BLOCK_R, 4))
        )
        column_2 = split + 8
        total_2 = jnp.full((BLOCK_R, 16), 0.0, jnp.float32)  # specs/mhc/gates.py:153
        partial_2 = plgpu.load(
            partial_ref.at[row[:, None][:, :, None], split[None, :, None], column_2[None, None, :]],
            mask=jnp.broadcast_to(mask, (BLOCK_R, 16, 16)), other=0.0
        )
        partial_2_sum = jnp.sum(partial_2, axis=1)
        comb = (total_2 + partial_2_sum) * inverse  # specs/mhc/gates.py:79
        scale_1 = plgpu.load(scale_ref.at[jnp.int32(2)])
        base_1 = plgpu.load(base_ref.at[column_2])
        comb_1 = fma(comb, scale_1, base_1[None, :])
        x_1 = comb_1.reshape(BLOCK_R, 4, 4)
        # of numbers: rows with a NaN are NaN by their sum
        largest = jnp.max(jnp.where(x_1 != x_1, 0.0, x_1), axis=2)  # specs/mhc/gates.py:87
        comb_2 = exp2((x_1 - largest[:, :, None]) * 1.4426950408889634)  # log2(e)
        comb_2_sum = jnp.sum(comb_2, axis=2)
        comb_3 = div_rn(comb_2, jnp.broadcast_to(comb_2_sum[:, :, None], (BLOCK_R, 4, 4))) + 1e-06
        comb_3_sum = jnp.sum(comb_3, axis=1)  # specs/mhc/gates.py:92
        factor = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_3_sum + 1e-06)
        comb_4 = comb_3 * factor[:, None, :]
        def step(_, carry):  # specs/mhc/gates.py:99
            (comb_6,) = carry
            comb_6_sum = jnp.sum(comb_6, axis=2)  # specs/mhc/gates.py:96
            factor_1 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_6_sum + 1e-06)
            comb_7 = comb_6 * factor_1[:, :, None]
            comb_7_sum = jnp.sum(comb_7, axis=1)  # specs/mhc/gates.py:92
            factor_2 = div_rn(jnp.full((BLOCK_R, 4), 1.0, jnp.float32), comb_7_sum + 1e-06)
            return (comb_7 * factor_2[:, None, :],)
        (comb_5,) = jax.lax.fori_loop(0, repeat - 1, step, (comb_4,))  # specs/mhc/gates.py:99
        # specs/mhc/gates.py:82
        plgpu.store(
            comb_ref.at[row[:, None][:, :, None], i[None, :][:, :, None], i[None, :][:, None, :]], comb_5,
            mask=jnp.broadcast_to(mask, (BLOCK_R, 4, 4))
        )
    arange_4096 = jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/mhc/gates.py:111
    @pl.when(program >= first)  # specs/mhc/gates.py:63
    def branch_1():
        program_1 = program - first  # specs/mhc/gates.py:63
        blocks = pl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:104
        row_1 = jax.lax.div(program_1, jnp.int32(blocks))
        part = jax.lax.rem(program_1, jnp.int32(blocks))
        arange_1 = jnp.arange(1, dtype=jnp.int32)  # specs/mhc/gates.py:143
        rows = row_1 + arange_1
        i_1 = jnp.arange(4, dtype=jnp.int32)
        column_3 = arange_1 + COLS
        total_3 = jnp.full((1, 1), 0.0, jnp.float32)  # specs/mhc/gates.py:153
        split_1 = jnp.arange(16, dtype=jnp.int32)
        mask_1 = (rows < T)[:, None, None]
        partial_3 = plgpu.load(
            partial_ref.at[rows[:, None, None], split_1[None, :, None], column_3[None, None, :]],
            mask=jnp.broadcast_to(mask_1, (1, 16, 1)), other=0.0
        )
        partial_3_sum = jnp.sum(partial_3, axis=1)
        squares_1 = (total_3 + partial_3_sum).reshape(1)  # specs/mhc/gates.py:144
        inverse_1 = div_rn(
            jnp.full((1,), 1.0, jnp.float32),
            jnp.sqrt(div_rn(squares_1, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (1,))) + 1e-06)
        )[:, None]
        total_4 = jnp.full((1, 4), 0.0, jnp.float32)  # specs/mhc/gates.py:153
        partial_4 = plgpu.load(
            partial_ref.at[rows[:, None, None], split_1[None, :, None], i_1[None, None, :]],
            mask=jnp.broadcast_to(mask_1, (1, 16, 4)), other=0.0
        )
        partial_4_sum = jnp.sum(partial_4, axis=1)
        mix = (total_4 + partial_4_sum) * inverse_1  # specs/mhc/gates.py:145
        scale_2 = plgpu.load(scale_ref.at[jnp.int32(0)])
        base_2 = plgpu.load(base_ref.at[i_1])
        x_2 = fma(mix, scale_2, base_2[None, :])
        # 1.4426950408889634 is log2(e), -1.4426950408889634 is -log2(e)
        gates = div_rn(jnp.full((1, 4), 1.0, jnp.float32), 1.0 + exp2(x_2 * -1.4426950408889634)) + 1e-06
        gates_1 = gates.reshape(4)
        pre_0 = jnp.sum(jnp.where(i_1 == 0, gates_1, 0.0), axis=0)
        pre_1 = jnp.sum(jnp.where(i_1 == 1, gates_1, 0.0), axis=0)
        pre_2 = jnp.sum(jnp.where(i_1 == 2, gates_1, 0.0), axis=0)
        pre_3 = jnp.sum(jnp.where(i_1 == 3, gates_1, 0.0), axis=0)
        offs_h = part * BLOCK_H + arange_4096  # specs/mhc/gates.py:111
        residual = plgpu.load(residual_ref.at[row_1, jnp.int32(0), offs_h])
        total_5 = pre_0 * residual.astype(jnp.float32)
        residual_1 = plgpu.load(residual_ref.at[row_1, jnp.int32(1), offs_h])
        total_6 = fma(pre_1, residual_1.astype(jnp.float32), total_5)
        residual_2 = plgpu.load(residual_ref.at[row_1, jnp.int32(2), offs_h])
        total_7 = fma(pre_2, residual_2.astype(jnp.float32), total_6)
        residual_3 = plgpu.load(residual_ref.at[row_1, jnp.int32(3), offs_h])
        y = fma(pre_3, residual_3.astype(jnp.float32), total_7)
        plgpu.store(layer_input_ref.at[row_1, offs_h], y.astype(jnp.bfloat16))  # specs/mhc/gates.py:120
