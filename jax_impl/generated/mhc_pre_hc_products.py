# mhc_pre, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""hc_products: Products of streams with fn, and their squares.

Generated. Specialised on
    residual = bf16
    fn = f32
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

from jax_impl.platforms.triton_ops import transposed


def hc_products(
    residual_ref, fn_ref,
    partial_ref,
    *, H,
):
    COLS = 24
    BLOCK_T = 128
    BLOCK_H = 32
    split = pl.program_id(0)  # specs/mhc/products.py:57
    acc = jnp.full((BLOCK_T, 32), 0.0, jnp.float32)
    squares = jnp.full((BLOCK_T,), 0.0, jnp.float32)
    offs_t = pl.program_id(1) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/mhc/products.py:32
    arange_32 = jnp.arange(BLOCK_H, dtype=jnp.int32)
    mask_cols = arange_32 < 24  # specs/mhc/products.py:67
    def step(k, carry):  # specs/mhc/products.py:73
        (acc_2, squares_2) = carry
        index = split * 128 + k * BLOCK_H  # specs/mhc/products.py:60
        offs_h = index + arange_32  # specs/mhc/products.py:32
        x = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(0), offs_h[None, :]])
        x_1 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(1), offs_h[None, :]])
        x_2 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(2), offs_h[None, :]])
        x_3 = plgpu.load(residual_ref.at[offs_t[:, None], jnp.int32(3), offs_h[None, :]])
        wide = x.astype(jnp.float32)  # specs/mhc/products.py:62
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
        acc_3 = acc_2 + jnp.dot(x, transposed(high), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_4 = acc_3 + jnp.dot(x, transposed(middle), preferred_element_type=jnp.float32)
        acc_5 = acc_4 + jnp.dot(x, transposed(part), preferred_element_type=jnp.float32)
        wide_1 = x_1.astype(jnp.float32)
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
        acc_6 = acc_5 + jnp.dot(x_1, transposed(high_1), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_7 = acc_6 + jnp.dot(x_1, transposed(middle_1), preferred_element_type=jnp.float32)
        acc_8 = acc_7 + jnp.dot(x_1, transposed(part_1), preferred_element_type=jnp.float32)
        wide_2 = x_2.astype(jnp.float32)
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
        acc_9 = acc_8 + jnp.dot(x_2, transposed(high_2), preferred_element_type=jnp.float32)  # specs/mhc/products.py:69
        acc_10 = acc_9 + jnp.dot(x_2, transposed(middle_2), preferred_element_type=jnp.float32)
        acc_11 = acc_10 + jnp.dot(x_2, transposed(part_2), preferred_element_type=jnp.float32)
        wide_3 = x_3.astype(jnp.float32)
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
        acc_12 = acc_11 + jnp.dot(x_3, transposed(high_3), preferred_element_type=jnp.float32)
        acc_13 = acc_12 + jnp.dot(x_3, transposed(middle_3), preferred_element_type=jnp.float32)
        acc_14 = acc_13 + jnp.dot(x_3, transposed(part_3), preferred_element_type=jnp.float32)
        return (acc_14, squares_6)
    (acc_1, squares_1) = jax.lax.fori_loop(0, 128 // BLOCK_H, step, (acc, squares))  # specs/mhc/products.py:73
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc_15 = jnp.where((jnp.arange(32, dtype=jnp.int32) == COLS)[None, :], squares_1[:, None], acc_1)
    plgpu.store(partial_ref.at[offs_t[:, None], split, arange_32[None, :]], acc_15)
