# mhc_fused_post_pre, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""hc_post_products: New streams, their products with fn, and their squares.

Generated. Specialised on
    x = bf16
    prev_post = f32
    prev_comb = f32
    residual = bf16
    fn = f32
    residual_cur = bf16
    partial = f32
    COLS = 24
    SPLITS = 32
    even_t = True
    even_h = True
    BLOCK_T = 128
    BLOCK_H = 32
    num_warps = 8
    num_stages = 2
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, transposed


def hc_post_products(
    x_ref, prev_post_ref, prev_comb_ref, residual_ref, fn_ref,
    residual_cur_ref, partial_ref,
    *, H,
):
    COLS = 24
    BLOCK_T = 128
    BLOCK_H = 32
    offs_t = pl.program_id(1) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/mhc/products.py:40
    prev_post = plgpu.load(prev_post_ref.at[offs_t, jnp.int32(0), jnp.int32(0)])
    post_j = prev_post[:, None]
    prev_post_1 = plgpu.load(prev_post_ref.at[offs_t, jnp.int32(1), jnp.int32(0)])
    post_j_1 = prev_post_1[:, None]
    prev_post_2 = plgpu.load(prev_post_ref.at[offs_t, jnp.int32(2), jnp.int32(0)])
    post_j_2 = prev_post_2[:, None]
    prev_post_3 = plgpu.load(prev_post_ref.at[offs_t, jnp.int32(3), jnp.int32(0)])
    post_j_3 = prev_post_3[:, None]
    prev_comb = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(0), jnp.int32(0)])
    comb_ij = prev_comb[:, None]
    prev_comb_1 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(1), jnp.int32(0)])
    comb_ij_1 = prev_comb_1[:, None]
    prev_comb_2 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(2), jnp.int32(0)])
    comb_ij_2 = prev_comb_2[:, None]
    prev_comb_3 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(3), jnp.int32(0)])
    comb_ij_3 = prev_comb_3[:, None]
    prev_comb_4 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(0), jnp.int32(1)])
    comb_ij_4 = prev_comb_4[:, None]
    prev_comb_5 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(1), jnp.int32(1)])
    comb_ij_5 = prev_comb_5[:, None]
    prev_comb_6 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(2), jnp.int32(1)])
    comb_ij_6 = prev_comb_6[:, None]
    prev_comb_7 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(3), jnp.int32(1)])
    comb_ij_7 = prev_comb_7[:, None]
    prev_comb_8 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(0), jnp.int32(2)])
    comb_ij_8 = prev_comb_8[:, None]
    prev_comb_9 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(1), jnp.int32(2)])
    comb_ij_9 = prev_comb_9[:, None]
    prev_comb_10 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(2), jnp.int32(2)])
    comb_ij_10 = prev_comb_10[:, None]
    prev_comb_11 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(3), jnp.int32(2)])
    comb_ij_11 = prev_comb_11[:, None]
    prev_comb_12 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(0), jnp.int32(3)])
    comb_ij_12 = prev_comb_12[:, None]
    prev_comb_13 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(1), jnp.int32(3)])
    comb_ij_13 = prev_comb_13[:, None]
    prev_comb_14 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(2), jnp.int32(3)])
    comb_ij_14 = prev_comb_14[:, None]
    prev_comb_15 = plgpu.load(prev_comb_ref.at[offs_t, jnp.int32(3), jnp.int32(3)])
    comb_ij_15 = prev_comb_15[:, None]
    split = pl.program_id(0)  # specs/mhc/products.py:57
    acc = jnp.full((BLOCK_T, 32), 0.0, jnp.float32)
    squares = jnp.full((BLOCK_T,), 0.0, jnp.float32)
    arange_32 = jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/mhc/products.py:44
    mask_cols = arange_32 < 24  # specs/mhc/products.py:67
    def step(k, carry):  # specs/mhc/products.py:73
        (acc_2, squares_2) = carry
        index = split * 128 + k * BLOCK_H  # specs/mhc/products.py:60
        offs_h = index + arange_32  # specs/mhc/products.py:44
        x = plgpu.load(x_ref.at[offs_t[:, None], offs_h[None, :]])
        x_1 = x.astype(jnp.float32)
        residual = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(0), offs_h[None, :]])
        stream = residual.astype(jnp.float32)
        residual_1 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(1), offs_h[None, :]])
        stream_1 = residual_1.astype(jnp.float32)
        residual_2 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(2), offs_h[None, :]])
        stream_2 = residual_2.astype(jnp.float32)
        residual_3 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(3), offs_h[None, :]])
        stream_3 = residual_3.astype(jnp.float32)
        # In the order of the definition wherever this is computed: mhc_fused_post_pre has the same bits.
        y = post_j * x_1  # specs/mhc/post.py:45
        y_1 = fma(comb_ij, stream, y)
        y_2 = fma(comb_ij_1, stream_1, y_1)
        y_3 = fma(comb_ij_2, stream_2, y_2)
        y_4 = fma(comb_ij_3, stream_3, y_3)
        # Rounded before they are multiplied: the products are of the streams as stored.
        x_2 = jnp.where(y_4 == 0.0, 0.0, y_4).astype(jnp.bfloat16)  # specs/mhc/products.py:47
        y_5 = post_j_1 * x_1  # specs/mhc/post.py:45
        y_6 = fma(comb_ij_4, stream, y_5)
        y_7 = fma(comb_ij_5, stream_1, y_6)
        y_8 = fma(comb_ij_6, stream_2, y_7)
        y_9 = fma(comb_ij_7, stream_3, y_8)
        x_3 = jnp.where(y_9 == 0.0, 0.0, y_9).astype(jnp.bfloat16)  # specs/mhc/products.py:47
        y_10 = post_j_2 * x_1  # specs/mhc/post.py:45
        y_11 = fma(comb_ij_8, stream, y_10)
        y_12 = fma(comb_ij_9, stream_1, y_11)
        y_13 = fma(comb_ij_10, stream_2, y_12)
        y_14 = fma(comb_ij_11, stream_3, y_13)
        x_4 = jnp.where(y_14 == 0.0, 0.0, y_14).astype(jnp.bfloat16)  # specs/mhc/products.py:47
        y_15 = post_j_3 * x_1  # specs/mhc/post.py:45
        y_16 = fma(comb_ij_12, stream, y_15)
        y_17 = fma(comb_ij_13, stream_1, y_16)
        y_18 = fma(comb_ij_14, stream_2, y_17)
        y_19 = fma(comb_ij_15, stream_3, y_18)
        x_5 = jnp.where(y_19 == 0.0, 0.0, y_19).astype(jnp.bfloat16)  # specs/mhc/products.py:47
        plgpu.store(residual_cur_ref.at[offs_t[:, None], jnp.int32(0), offs_h[None, :]], x_2)
        plgpu.store(residual_cur_ref.at[offs_t[:, None], jnp.int32(1), offs_h[None, :]], x_3)
        plgpu.store(residual_cur_ref.at[offs_t[:, None], jnp.int32(2), offs_h[None, :]], x_4)
        plgpu.store(residual_cur_ref.at[offs_t[:, None], jnp.int32(3), offs_h[None, :]], x_5)
        wide = x_2.astype(jnp.float32)  # specs/mhc/products.py:62
        value = jnp.sum(wide * wide, axis=1)
        squares_3 = squares_2 + value
        offs_fn1 = index + H * 0 + arange_32
        weight = plgpu.load(
            fn_ref.at[arange_32[:, None], offs_fn1[None, :]], mask=jnp.broadcast_to(mask_cols[:, None], (32, BLOCK_H)),
            other=0.0
        )
        high = weight.astype(jnp.bfloat16)  # specs/mhc/products.py:81
        rest = weight - high.astype(jnp.float32)
        # infinities and NaN have no more parts
        rest_1 = jnp.where(rest != rest, 0.0, rest)
        middle = rest_1.astype(jnp.bfloat16)
        part = (rest_1 - middle.astype(jnp.float32)).astype(jnp.bfloat16)
        acc_3 = acc_2 + jnp.dot(x_2, transposed(high), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_4 = acc_3 + jnp.dot(x_2, transposed(middle), preferred_element_type=jnp.float32)
        acc_5 = acc_4 + jnp.dot(x_2, transposed(part), preferred_element_type=jnp.float32)
        wide_1 = x_3.astype(jnp.float32)
        value_1 = jnp.sum(wide_1 * wide_1, axis=1)
        squares_4 = squares_3 + value_1
        offs_fn1_1 = index + H + arange_32
        weight_1 = plgpu.load(
            fn_ref.at[arange_32[:, None], offs_fn1_1[None, :]],
            mask=jnp.broadcast_to(mask_cols[:, None], (32, BLOCK_H)), other=0.0
        )
        high_1 = weight_1.astype(jnp.bfloat16)  # specs/mhc/products.py:81
        rest_2 = weight_1 - high_1.astype(jnp.float32)
        rest_3 = jnp.where(rest_2 != rest_2, 0.0, rest_2)
        middle_1 = rest_3.astype(jnp.bfloat16)
        part_1 = (rest_3 - middle_1.astype(jnp.float32)).astype(jnp.bfloat16)
        acc_6 = acc_5 + jnp.dot(x_3, transposed(high_1), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_7 = acc_6 + jnp.dot(x_3, transposed(middle_1), preferred_element_type=jnp.float32)
        acc_8 = acc_7 + jnp.dot(x_3, transposed(part_1), preferred_element_type=jnp.float32)
        wide_2 = x_4.astype(jnp.float32)
        value_2 = jnp.sum(wide_2 * wide_2, axis=1)
        squares_5 = squares_4 + value_2
        offs_fn1_2 = index + H * 2 + arange_32
        weight_2 = plgpu.load(
            fn_ref.at[arange_32[:, None], offs_fn1_2[None, :]],
            mask=jnp.broadcast_to(mask_cols[:, None], (32, BLOCK_H)), other=0.0
        )
        high_2 = weight_2.astype(jnp.bfloat16)  # specs/mhc/products.py:81
        rest_4 = weight_2 - high_2.astype(jnp.float32)
        rest_5 = jnp.where(rest_4 != rest_4, 0.0, rest_4)
        middle_2 = rest_5.astype(jnp.bfloat16)
        part_2 = (rest_5 - middle_2.astype(jnp.float32)).astype(jnp.bfloat16)
        acc_9 = acc_8 + jnp.dot(x_4, transposed(high_2), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_10 = acc_9 + jnp.dot(x_4, transposed(middle_2), preferred_element_type=jnp.float32)
        acc_11 = acc_10 + jnp.dot(x_4, transposed(part_2), preferred_element_type=jnp.float32)
        wide_3 = x_5.astype(jnp.float32)
        value_3 = jnp.sum(wide_3 * wide_3, axis=1)
        squares_6 = squares_5 + value_3
        offs_fn1_3 = index + H * 3 + arange_32
        weight_3 = plgpu.load(
            fn_ref.at[arange_32[:, None], offs_fn1_3[None, :]],
            mask=jnp.broadcast_to(mask_cols[:, None], (32, BLOCK_H)), other=0.0
        )
        high_3 = weight_3.astype(jnp.bfloat16)  # specs/mhc/products.py:81
        rest_6 = weight_3 - high_3.astype(jnp.float32)
        rest_7 = jnp.where(rest_6 != rest_6, 0.0, rest_6)
        middle_3 = rest_7.astype(jnp.bfloat16)
        part_3 = (rest_7 - middle_3.astype(jnp.float32)).astype(jnp.bfloat16)
        # specs/mhc/products.py:69
        acc_12 = acc_11 + jnp.dot(x_5, transposed(high_3), preferred_element_type=jnp.float32)
        acc_13 = acc_12 + jnp.dot(x_5, transposed(middle_3), preferred_element_type=jnp.float32)
        acc_14 = acc_13 + jnp.dot(x_5, transposed(part_3), preferred_element_type=jnp.float32)
        return (acc_14, squares_6)
    (acc_1, squares_1) = jax.lax.fori_loop(0, 128 // BLOCK_H, step, (acc, squares))  # specs/mhc/products.py:73
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc_15 = jnp.where((jnp.arange(32, dtype=jnp.int32) == COLS)[None, :], squares_1[:, None], acc_1)
    plgpu.store(partial_ref.at[offs_t[:, None], split, arange_32[None, :]], acc_15)
