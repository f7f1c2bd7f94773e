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
    *, H,
):
    COLS = 4
    BLOCK_H = 4096
    program = pl.program_id(0)  # specs/mhc/gates.py:67
    blocks = pl.cdiv(H, BLOCK_H)  # specs/mhc/gates.py:123
    row = jax.lax.div(program, jnp.int32(blocks))
    part = jax.lax.rem(program, jnp.int32(blocks))
    i = jnp.arange(4, dtype=jnp.int32)  # specs/mhc/gates.py:162
    column = jnp.arange(1, dtype=jnp.int32) + COLS
    split = jnp.arange(16, dtype=jnp.int32)  # specs/mhc/gates.py:171
    partial = plgpu.load(partial_ref.at[row, split[:, None], column[None, :]])
    squares = jnp.sum(partial, axis=0)
    # specs/mhc/gates.py:178
    inverse = div_rn(
        jnp.full((1,), 1.0, jnp.float32),
        jnp.sqrt(div_rn(squares, jnp.broadcast_to(jnp.asarray(H * 4, jnp.float32), (1,))) + 1e-06)
    )
    partial_1 = plgpu.load(partial_ref.at[row, split[:, None], i[None, :]])  # specs/mhc/gates.py:173
    partial_1_sum = jnp.sum(partial_1, axis=0)
    scale = plgpu.load(scale_ref.at[jnp.int32(0)])  # specs/mhc/gates.py:164
    base = plgpu.load(base_ref.at[i])
    x = fma(partial_1_sum * inverse, scale, base)
    gates = div_rn(jnp.full((4,), 1.0, jnp.float32), 1.0 + exp2(x * -1.4426950408889634)) + 1e-06  # -log2(e)
    pre_0 = jnp.sum(jnp.where(i == 0, gates, 0.0), axis=0)
    pre_1 = jnp.sum(jnp.where(i == 1, gates, 0.0), axis=0)
    pre_2 = jnp.sum(jnp.where(i == 2, gates, 0.0), axis=0)
    pre_3 = jnp.sum(jnp.where(i == 3, gates, 0.0), axis=0)
    offs_h = part * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/mhc/gates.py:130
    residual = plgpu.load(residual_ref.at[row, jnp.int32(0), offs_h])
    total = pre_0 * residual.astype(jnp.float32)
    residual_1 = plgpu.load(residual_ref.at[row, jnp.int32(1), offs_h])
    total_1 = fma(pre_1, residual_1.astype(jnp.float32), total)
    residual_2 = plgpu.load(residual_ref.at[row, jnp.int32(2), offs_h])
    total_2 = fma(pre_2, residual_2.astype(jnp.float32), total_1)
    residual_3 = plgpu.load(residual_ref.at[row, jnp.int32(3), offs_h])
    y = fma(pre_3, residual_3.astype(jnp.float32), total_2)
    plgpu.store(layer_input_ref.at[row, offs_h], y.astype(jnp.bfloat16))  # specs/mhc/gates.py:139
