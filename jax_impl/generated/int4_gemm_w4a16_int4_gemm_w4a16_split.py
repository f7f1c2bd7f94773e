# int4_gemm_w4a16, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""int4_gemm_w4a16_split: Product of 16-bit activations and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    invariant = False
    a = bf16
    b = uint8
    b_scale = bf16
    c = f32
    SPLITS = 4
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 1
    num_stages = 3
    UNROLL = 2
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_nibbles, low_nibbles, pipelined, split_pairs


def int4_gemm_w4a16_split(
    a_ref, b_ref, b_scale_ref,
    c_ref,
    *, N, K,
):
    SPLITS = 4
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    UNROLL = 2
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    split = pl.program_id(1)  # specs/gemm/int4_tiles.py:52
    steps = pl.cdiv(K, BLOCK_K * UNROLL)
    steps_1 = jax.lax.div(steps - split + (SPLITS - 1), jnp.int32(SPLITS))  # specs/gemm/tiles.py:42
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/gemm/int4_tiles.py:62
    # Rows after the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/int4_tiles.py:87
    arange_128 = jnp.arange(BLOCK_K, dtype=jnp.int32)
    arange_64 = jnp.arange(BLOCK_K // 2, dtype=jnp.int32)  # specs/gemm/int4_tiles.py:119
    offs_n = tile_n * BLOCK_N + arange_64
    # scales as well as what is multiplied
    def step(k, carry):  # specs/gemm/int4_tiles.py:63
        k = pipelined(k, 3, warps=1)
        (acc_2,) = carry
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        k_2 = k_1 * UNROLL  # specs/gemm/int4_tiles.py:59
        offs_k = k_2 * BLOCK_K + arange_128  # specs/gemm/int4_tiles.py:87
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        a_even, a_odd = split_pairs(a.reshape(BLOCK_M, BLOCK_K // 2, 2))  # specs/gemm/int4_tiles.py:71
        offs_b0 = k_2 * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:119
        packed = plgpu.load(b_ref.at[offs_n[None, :], offs_b0[:, None]])
        b_even = low_nibbles(packed, jnp.bfloat16)
        b_odd = high_nibbles(packed, jnp.bfloat16)
        product = jnp.dot(a_even, b_even, preferred_element_type=jnp.float32)  # specs/gemm/int4_tiles.py:75
        partial = product + jnp.dot(a_odd, b_odd, preferred_element_type=jnp.float32)
        b_scale = plgpu.load(b_scale_ref.at[k_2, offs_n])
        scale = b_scale.astype(jnp.float32)
        acc_3 = fma(partial, scale[None, :], acc_2)
        k_3 = k_2 + 1  # specs/gemm/int4_tiles.py:59
        offs_k_1 = k_3 * BLOCK_K + arange_128  # specs/gemm/int4_tiles.py:87
        a_1 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_1[None, :]])
        a_even_1, a_odd_1 = split_pairs(a_1.reshape(BLOCK_M, BLOCK_K // 2, 2))  # specs/gemm/int4_tiles.py:71
        offs_b0_1 = k_3 * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:119
        packed_1 = plgpu.load(b_ref.at[offs_n[None, :], offs_b0_1[:, None]])
        b_even_1 = low_nibbles(packed_1, jnp.bfloat16)
        b_odd_1 = high_nibbles(packed_1, jnp.bfloat16)
        product_1 = jnp.dot(a_even_1, b_even_1, preferred_element_type=jnp.float32)  # specs/gemm/int4_tiles.py:75
        partial_1 = product_1 + jnp.dot(a_odd_1, b_odd_1, preferred_element_type=jnp.float32)
        b_scale_1 = plgpu.load(b_scale_ref.at[k_3, offs_n])
        scale_1 = b_scale_1.astype(jnp.float32)
        return (fma(partial_1, scale_1[None, :], acc_3),)
    (acc_1,) = jax.lax.fori_loop(0, steps_1, step, (acc,))  # specs/gemm/int4_tiles.py:63
    plgpu.store(c_ref.at[split, offs_m[:, None], offs_n[None, :]], acc_1)  # specs/gemm/tiles.py:71
