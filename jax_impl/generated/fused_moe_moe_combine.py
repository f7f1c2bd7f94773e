# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""moe_combine: Weighted sums of the rows of every token's experts.

Generated. Specialised on
    out_dtype = bf16
    rows = bf16
    inverse = int32
    weights = f32
    base = bf16
    y = bf16
    K = 6
    even_h = True
    BLOCK_H = 2048
    num_warps = 4
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def moe_combine(
    rows_ref, inverse_ref, weights_ref, base_ref,
    y_ref,
    *, R,
):
    BLOCK_H = 2048
    token = pl.program_id(0)  # specs/moe/combine.py:32
    column = pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    base = plgpu.load(base_ref.at[token, column])
    total = base.astype(jnp.float32)
    row = plgpu.load(inverse_ref.at[token, jnp.int32(0)])
    # A row that is not there is not read, so that nothing of it, not even a NaN, reaches the sum.
    live = (row >= 0) & (row < R)
    rows = plgpu.load(rows_ref.at[row, column], mask=jnp.broadcast_to(live, (BLOCK_H,)), other=0.0)
    value = rows.astype(jnp.float32)
    weights = plgpu.load(weights_ref.at[token, jnp.int32(0)])
    value_1 = value * jnp.where(live, weights, 0.0)
    total_1 = total + value_1
    row_1 = plgpu.load(inverse_ref.at[token, jnp.int32(1)])
    live_1 = (row_1 >= 0) & (row_1 < R)
    rows_1 = plgpu.load(rows_ref.at[row_1, column], mask=jnp.broadcast_to(live_1, (BLOCK_H,)), other=0.0)
    value_2 = rows_1.astype(jnp.float32)
    weights_1 = plgpu.load(weights_ref.at[token, jnp.int32(1)])
    value_3 = value_2 * jnp.where(live_1, weights_1, 0.0)
    total_2 = total_1 + value_3
    row_2 = plgpu.load(inverse_ref.at[token, jnp.int32(2)])
    live_2 = (row_2 >= 0) & (row_2 < R)
    rows_2 = plgpu.load(rows_ref.at[row_2, column], mask=jnp.broadcast_to(live_2, (BLOCK_H,)), other=0.0)
    value_4 = rows_2.astype(jnp.float32)
    weights_2 = plgpu.load(weights_ref.at[token, jnp.int32(2)])
    value_5 = value_4 * jnp.where(live_2, weights_2, 0.0)
    total_3 = total_2 + value_5
    row_3 = plgpu.load(inverse_ref.at[token, jnp.int32(3)])
    live_3 = (row_3 >= 0) & (row_3 < R)
    rows_3 = plgpu.load(rows_ref.at[row_3, column], mask=jnp.broadcast_to(live_3, (BLOCK_H,)), other=0.0)
    value_6 = rows_3.astype(jnp.float32)
    weights_3 = plgpu.load(weights_ref.at[token, jnp.int32(3)])
    value_7 = value_6 * jnp.where(live_3, weights_3, 0.0)
    total_4 = total_3 + value_7
    row_4 = plgpu.load(inverse_ref.at[token, jnp.int32(4)])
    live_4 = (row_4 >= 0) & (row_4 < R)
    rows_4 = plgpu.load(rows_ref.at[row_4, column], mask=jnp.broadcast_to(live_4, (BLOCK_H,)), other=0.0)
    value_8 = rows_4.astype(jnp.float32)
    weights_4 = plgpu.load(weights_ref.at[token, jnp.int32(4)])
    value_9 = value_8 * jnp.where(live_4, weights_4, 0.0)
    total_5 = total_4 + value_9
    row_5 = plgpu.load(inverse_ref.at[token, jnp.int32(5)])
    live_5 = (row_5 >= 0) & (row_5 < R)
    rows_5 = plgpu.load(rows_ref.at[row_5, column], mask=jnp.broadcast_to(live_5, (BLOCK_H,)), other=0.0)
    value_10 = rows_5.astype(jnp.float32)
    weights_5 = plgpu.load(weights_ref.at[token, jnp.int32(5)])
    value_11 = value_10 * jnp.where(live_5, weights_5, 0.0)
    total_6 = total_5 + value_11
    plgpu.store(y_ref.at[token, column], total_6.astype(jnp.bfloat16))
