# hc_head, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma


def hc_head_sum(
    residual_ref, partial_ref, scale_ref, base_ref,
    layer_input_ref,
    *, T, H,
):
    COLS = 4
    BLOCK_H = 4096
    program = pl.program_id(0)  # specs/mhc/gates.py:68
    blocks = pl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:104
    row = jax.lax.div(program, jnp.int32(blocks))
    part = jax.lax.rem(program, jnp.int32(blocks))
    arange_1 = jnp.arange(1, dtype=jnp.int32)  # specs/mhc/gates.py:143
    rows = row + arange_1
    i = jnp.arange(4, dtype=jnp.int32)
    column = arange_1 + COLS
    total = jnp.full((1, 1), 0.0, jnp.float32)  # specs/mhc/gates.py:153
    split = jnp.arange(16, dtype=jnp.int32)
    mask = (rows < T)[:, None, None]
    partial = plgpu.load(
        partial_ref.at[rows[:, None, None], split[None, :, None], column[None, None, :]],
        mask=jnp.broadcast_to(mask, (1, 16, 1)), other=0.0
    )
    partial_sum = jnp.sum(partial, axis=1)
    squares = (total + partial_sum).reshape(1)  # specs/mhc/gates.py:144
    inverse = div_rn(
        jnp.full((1,), 1.0, jnp.float32),
        jnp.sqrt(div_rn(squares, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (1,))) + 1e-06)
    )[:, None]
    total_1 = jnp.full((1, 4), 0.0, jnp.float32)  # specs/mhc/gates.py:153
    partial_1 = plgpu.load(
        partial_ref.at[rows[:, None, None], split[None, :, None], i[None, None, :]],
        mask=jnp.broadcast_to(mask, (1, 16, 4)), other=0.0
    )
    partial_1_sum = jnp.sum(partial_1, axis=1)
    mix = (total_1 + partial_1_sum) * inverse  # specs/mhc/gates.py:145
    scale = plgpu.load(scale_ref.at[jnp.int32(0)])
    base = plgpu.load(base_ref.at[i])
    x = fma(mix, scale, base[None, :])
    gates = div_rn(jnp.full((1, 4), 1.0, jnp.float32), 1.0 + exp2(x * -1.4426950408889634)) + 1e-06  # -log2(e)
    gates_1 = gates.reshape(4)
    pre_0 = jnp.sum(jnp.where(i == 0, gates_1, 0.0), axis=0)
    pre_1 = jnp.sum(jnp.where(i == 1, gates_1, 0.0), axis=0)
    pre_2 = jnp.sum(jnp.where(i == 2, gates_1, 0.0), axis=0)
    pre_3 = jnp.sum(jnp.where(i == 3, gates_1, 0.0), axis=0)
    offs_h = part * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/mhc/gates.py:111
    residual = plgpu.load(residual_ref.at[row, jnp.int32(0), offs_h])
    total_2 = pre_0 * residual.astype(jnp.float32)
    residual_1 = plgpu.load(residual_ref.at[row, jnp.int32(1), offs_h])
    total_3 = fma(pre_1, residual_1.astype(jnp.float32), total_2)
    residual_2 = plgpu.load(residual_ref.at[row, jnp.int32(2), offs_h])
    total_4 = fma(pre_2, residual_2.astype(jnp.float32), total_3)
    residual_3 = plgpu.load(residual_ref.at[row, jnp.int32(3), offs_h])
    y = fma(pre_3, residual_3.astype(jnp.float32), total_4)
    plgpu.store(layer_input_ref.at[row, offs_h], y.astype(jnp.bfloat16))  # specs/mhc/gates.py:120
