# hc_head, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""hc_products: Products of streams with fn, and their squares.

Generated. Specialised on
    residual = bf16
    fn = f32
    partial = f32
    COLS = 4
    SPLITS = 16
    even_t = True
    even_h = True
    BLOCK_T = 128
    BLOCK_H = 64
    num_warps = 8
    num_stages = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, transposed


def hc_products(
    residual_ref, fn_ref,
    partial_ref,
    *, T, H,
):
    COLS = 4
    BLOCK_T = 128
    BLOCK_H = 64
    split = pl.program_id(0)  # specs/mhc/products.py:30
    last = pl.cdiv(T, BLOCK_T) - 1
    acc = jnp.full((BLOCK_T, 32), 0.0, jnp.float32)
    squares = jnp.full((BLOCK_T, BLOCK_H), 0.0, jnp.float32)
    offs_t = (last - pl.program_id(1)) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/mhc/products.py:36
    arange_64 = jnp.arange(BLOCK_H, dtype=jnp.int32)
    arange_32 = jnp.arange(32, dtype=jnp.int32)
    mask_cols = arange_32 < 4
    def step(k, carry):  # specs/mhc/products.py:49
        (acc_2, squares_2) = carry
        # One stream at a time: a short loop over many small tiles hides more of the time that loads take.
        i = jax.lax.rem(k, jnp.int32(4))  # specs/mhc/products.py:35
        index = split * 256 + jax.lax.div(k, jnp.int32(4)) * BLOCK_H
        offs_h = index + arange_64
        x = plgpu.load(residual_ref.at[offs_t[:, None], i, offs_h[None, :]])
        wide = x.astype(jnp.float32)
        # Added up by lanes: one reduction after the loop instead of one per step.
        squares_3 = fma(wide, wide, squares_2)
        offs_fn1 = index + H * i + arange_64
        weight = plgpu.load(
            fn_ref.at[arange_32[:, None], offs_fn1[None, :]], mask=jnp.broadcast_to(mask_cols[:, None], (32, BLOCK_H)),
            other=0.0
        )
        high = weight.astype(jnp.bfloat16)  # specs/mhc/products.py:57
        rest = weight - high.astype(jnp.float32)
        # infinities and NaN have no second part
        part = jnp.where(rest != rest, 0.0, rest).astype(jnp.bfloat16)
        acc_3 = acc_2 + jnp.dot(x, transposed(high), preferred_element_type=jnp.float32)  # specs/mhc/products.py:45
        acc_4 = acc_3 + jnp.dot(x, transposed(part), preferred_element_type=jnp.float32)
        return (acc_4, squares_3)
    (acc_1, squares_1) = jax.lax.fori_loop(0, 256 // BLOCK_H * 4, step, (acc, squares))  # specs/mhc/products.py:49
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    squares_1_sum = jnp.sum(squares_1, axis=1)
    acc_5 = jnp.where((arange_32 == COLS)[None, :], squares_1_sum[:, None], acc_1)
    plgpu.store(partial_ref.at[offs_t[:, None], split, arange_32[None, :]], acc_5)
