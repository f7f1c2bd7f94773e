# mhc_fused_post_pre, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""mhc_post: The layer's output and the residual streams mixed into new streams.

Generated. Specialised on
    x = bf16
    residual = bf16
    post = f32
    comb = f32
    y = bf16
    even_h = True
    BLOCK_H = 1024
    num_warps = 4
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma


def mhc_post(
    x_ref, residual_ref, post_ref, comb_ref,
    y_ref,
):
    BLOCK_H = 1024
    row = pl.program_id(0)  # specs/mhc/post.py:33
    offs_h = pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    x = plgpu.load(x_ref.at[row, offs_h])
    x_1 = x.astype(jnp.float32)
    residual = plgpu.load(residual_ref.at[row, jnp.int32(0), offs_h])
    stream = residual.astype(jnp.float32)
    residual_1 = plgpu.load(residual_ref.at[row, jnp.int32(1), offs_h])
    stream_1 = residual_1.astype(jnp.float32)
    residual_2 = plgpu.load(residual_ref.at[row, jnp.int32(2), offs_h])
    stream_2 = residual_2.astype(jnp.float32)
    residual_3 = plgpu.load(residual_ref.at[row, jnp.int32(3), offs_h])
    stream_3 = residual_3.astype(jnp.float32)
    comb_ij = plgpu.load(comb_ref.at[row, jnp.int32(0), jnp.int32(0)])
    comb_ij_1 = plgpu.load(comb_ref.at[row, jnp.int32(1), jnp.int32(0)])
    comb_ij_2 = plgpu.load(comb_ref.at[row, jnp.int32(2), jnp.int32(0)])
    comb_ij_3 = plgpu.load(comb_ref.at[row, jnp.int32(3), jnp.int32(0)])
    post_j = plgpu.load(post_ref.at[row, jnp.int32(0), jnp.int32(0)])
    y = post_j * x_1  # specs/mhc/post.py:44
    y_1 = fma(comb_ij, stream, y)
    y_2 = fma(comb_ij_1, stream_1, y_1)
    y_3 = fma(comb_ij_2, stream_2, y_2)
    y_4 = fma(comb_ij_3, stream_3, y_3)
    y_5 = jnp.where(y_4 == 0.0, 0.0, y_4)
    plgpu.store(y_ref.at[row, jnp.int32(0), offs_h], y_5.astype(jnp.bfloat16))  # specs/mhc/post.py:39
    comb_ij_4 = plgpu.load(comb_ref.at[row, jnp.int32(0), jnp.int32(1)])
    comb_ij_5 = plgpu.load(comb_ref.at[row, jnp.int32(1), jnp.int32(1)])
    comb_ij_6 = plgpu.load(comb_ref.at[row, jnp.int32(2), jnp.int32(1)])
    comb_ij_7 = plgpu.load(comb_ref.at[row, jnp.int32(3), jnp.int32(1)])
    post_j_1 = plgpu.load(post_ref.at[row, jnp.int32(1), jnp.int32(0)])
    y_6 = post_j_1 * x_1  # specs/mhc/post.py:44
    y_7 = fma(comb_ij_4, stream, y_6)
    y_8 = fma(comb_ij_5, stream_1, y_7)
    y_9 = fma(comb_ij_6, stream_2, y_8)
    y_10 = fma(comb_ij_7, stream_3, y_9)
    y_11 = jnp.where(y_10 == 0.0, 0.0, y_10)
    plgpu.store(y_ref.at[row, jnp.int32(1), offs_h], y_11.astype(jnp.bfloat16))  # specs/mhc/post.py:39
    comb_ij_8 = plgpu.load(comb_ref.at[row, jnp.int32(0), jnp.int32(2)])
    comb_ij_9 = plgpu.load(comb_ref.at[row, jnp.int32(1), jnp.int32(2)])
    comb_ij_10 = plgpu.load(comb_ref.at[row, jnp.int32(2), jnp.int32(2)])
    comb_ij_11 = plgpu.load(comb_ref.at[row, jnp.int32(3), jnp.int32(2)])
    post_j_2 = plgpu.load(post_ref.at[row, jnp.int32(2), jnp.int32(0)])
    y_12 = post_j_2 * x_1  # specs/mhc/post.py:44
    y_13 = fma(comb_ij_8, stream, y_12)
    y_14 = fma(comb_ij_9, stream_1, y_13)
    y_15 = fma(comb_ij_10, stream_2, y_14)
    y_16 = fma(comb_ij_11, stream_3, y_15)
    y_17 = jnp.where(y_16 == 0.0, 0.0, y_16)
    plgpu.store(y_ref.at[row, jnp.int32(2), offs_h], y_17.astype(jnp.bfloat16))  # specs/mhc/post.py:39
    comb_ij_12 = plgpu.load(comb_ref.at[row, jnp.int32(0), jnp.int32(3)])
    comb_ij_13 = plgpu.load(comb_ref.at[row, jnp.int32(1), jnp.int32(3)])
    comb_ij_14 = plgpu.load(comb_ref.at[row, jnp.int32(2), jnp.int32(3)])
    comb_ij_15 = plgpu.load(comb_ref.at[row, jnp.int32(3), jnp.int32(3)])
    post_j_3 = plgpu.load(post_ref.at[row, jnp.int32(3), jnp.int32(0)])
    y_18 = post_j_3 * x_1  # specs/mhc/post.py:44
    y_19 = fma(comb_ij_12, stream, y_18)
    y_20 = fma(comb_ij_13, stream_1, y_19)
    y_21 = fma(comb_ij_14, stream_2, y_20)
    y_22 = fma(comb_ij_15, stream_3, y_21)
    y_23 = jnp.where(y_22 == 0.0, 0.0, y_22)
    plgpu.store(y_ref.at[row, jnp.int32(3), offs_h], y_23.astype(jnp.bfloat16))  # specs/mhc/post.py:39
