# gguf_gemm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gguf_gemm_split: Product of activations and a weight in packed blocks.

Generated. Specialised on
    quant_type = Q4_K
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    c = f32
    SPLITS = 16
    even_m = True
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 128
    STEP = 256
    GROUP_M = 1
    num_warps = 2
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_nibbles, low_nibbles, pipelined
from jax_impl.platforms.views import load_view


def gguf_gemm_split(
    a_ref, b_ref,
    c_ref,
    *, N, K,
):
    SPLITS = 16
    BLOCK_M = 16
    BLOCK_N = 128
    STEP = 256
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    # Columns after the last are not stored: the last one is read in their place, without a mask.
    column = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)  # specs/gguf/tiles.py:32
    split = pl.program_id(1)
    steps = K // STEP
    steps_1 = jax.lax.div(steps - split + (SPLITS - 1), jnp.int32(SPLITS))  # specs/gemm/splits.py:43
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/gguf/tiles.py:53
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gguf/tiles.py:67
    arange_32 = jnp.arange(32, dtype=jnp.int32)
    def step(k, carry):  # specs/gguf/tiles.py:53
        k = pipelined(k, 3, warps=2)
        (acc_2,) = carry
        k_1 = k * SPLITS + split  # specs/gemm/splits.py:52
        start = k_1 * 144
        start_1 = k_1 * STEP  # specs/gguf/tiles.py:50
        offs_k = start_1 + arange_32  # specs/gguf/tiles.py:67
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        zero = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_2 = start + 16
        b = load_view(b_ref, column[None, :], start_2, arange_32[:, None], jnp.uint8)
        partial = jnp.dot(a, low_nibbles(b, jnp.bfloat16, zero), preferred_element_type=jnp.float32)
        total = jnp.dot(a, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        word = load_view(b_ref, column, start, jnp.int32(0), jnp.int32)
        index = word & 65535
        number = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_1 = load_view(b_ref, column, start + 4, jnp.int32(0), jnp.int32)
        code = word_1 & 15
        word_2 = word_1 >> 4
        part = word_2 & 3
        part_1 = part << 4
        code_1 = code | part_1
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale = (number * (jax.lax.bitcast_convert_type(code_1 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_3 = fma(partial, scale, acc_2)
        word_3 = word >> 16
        index_1 = word_3 & 65535
        number_1 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_4 = load_view(b_ref, column, start + 8, jnp.int32(0), jnp.int32)
        code_2 = word_4 & 15
        word_5 = word_4 >> 4
        part_2 = word_5 & 3
        part_3 = part_2 << 4
        code_3 = code_2 | part_3
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low = number_1 * (jax.lax.bitcast_convert_type(code_3 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_4 = fma(total, (low * -1.0)[None, :], acc_3)
        offs_k_1 = start_1 + 32 + arange_32
        a_1 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_1[None, :]])
        zero_1 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_1 = jnp.dot(a_1, high_nibbles(b, jnp.bfloat16, zero_1), preferred_element_type=jnp.float32)
        total_1 = jnp.dot(a_1, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_2 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_6 = word_1 >> 8
        code_4 = word_6 & 15
        word_7 = word_1 >> 12
        part_4 = word_7 & 3
        part_5 = part_4 << 4
        code_5 = code_4 | part_5
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_1 = (number_2 * (jax.lax.bitcast_convert_type(code_5 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_5 = fma(partial_1, scale_1, acc_4)
        number_3 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_8 = word_4 >> 8
        code_6 = word_8 & 15
        word_9 = word_4 >> 12
        part_6 = word_9 & 3
        part_7 = part_6 << 4
        code_7 = code_6 | part_7
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_1 = number_3 * (jax.lax.bitcast_convert_type(code_7 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_6 = fma(total_1, (low_1 * -1.0)[None, :], acc_5)
        offs_k_2 = start_1 + 64 + arange_32
        a_2 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_2[None, :]])
        zero_2 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_3 = start + 48
        b_1 = load_view(b_ref, column[None, :], start_3, arange_32[:, None], jnp.uint8)
        partial_2 = jnp.dot(a_2, low_nibbles(b_1, jnp.bfloat16, zero_2), preferred_element_type=jnp.float32)
        total_2 = jnp.dot(a_2, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_4 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_10 = word_1 >> 16
        code_8 = word_10 & 15
        word_11 = word_1 >> 20
        part_8 = word_11 & 3
        part_9 = part_8 << 4
        code_9 = code_8 | part_9
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_2 = (number_4 * (jax.lax.bitcast_convert_type(code_9 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_7 = fma(partial_2, scale_2, acc_6)
        number_5 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_12 = word_4 >> 16
        code_10 = word_12 & 15
        word_13 = word_4 >> 20
        part_10 = word_13 & 3
        part_11 = part_10 << 4
        code_11 = code_10 | part_11
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_2 = number_5 * (jax.lax.bitcast_convert_type(code_11 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_8 = fma(total_2, (low_2 * -1.0)[None, :], acc_7)
        offs_k_3 = start_1 + 96 + arange_32
        a_3 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_3[None, :]])
        zero_3 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_3 = jnp.dot(a_3, high_nibbles(b_1, jnp.bfloat16, zero_3), preferred_element_type=jnp.float32)
        total_3 = jnp.dot(a_3, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_6 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_14 = word_1 >> 24
        code_12 = word_14 & 15
        word_15 = word_1 >> 28
        part_12 = word_15 & 3
        part_13 = part_12 << 4
        code_13 = code_12 | part_13
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_3 = (number_6 * (jax.lax.bitcast_convert_type(code_13 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_9 = fma(partial_3, scale_3, acc_8)
        number_7 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_16 = word_4 >> 24
        code_14 = word_16 & 15
        word_17 = word_4 >> 28
        part_14 = word_17 & 3
        part_15 = part_14 << 4
        code_15 = code_14 | part_15
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_3 = number_7 * (jax.lax.bitcast_convert_type(code_15 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_10 = fma(total_3, (low_3 * -1.0)[None, :], acc_9)
        offs_k_4 = start_1 + 128 + arange_32
        a_4 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_4[None, :]])
        zero_4 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_4 = start + 80
        b_2 = load_view(b_ref, column[None, :], start_4, arange_32[:, None], jnp.uint8)
        partial_4 = jnp.dot(a_4, low_nibbles(b_2, jnp.bfloat16, zero_4), preferred_element_type=jnp.float32)
        total_4 = jnp.dot(a_4, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_8 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_18 = load_view(b_ref, column, start + 12, jnp.int32(0), jnp.int32)
        code_16 = word_18 & 15
        word_19 = word_1 >> 6
        part_16 = word_19 & 3
        part_17 = part_16 << 4
        code_17 = code_16 | part_17
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_4 = (number_8 * (jax.lax.bitcast_convert_type(code_17 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_11 = fma(partial_4, scale_4, acc_10)
        number_9 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_20 = word_18 >> 4
        code_18 = word_20 & 15
        word_21 = word_4 >> 6
        part_18 = word_21 & 3
        part_19 = part_18 << 4
        code_19 = code_18 | part_19
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_4 = number_9 * (jax.lax.bitcast_convert_type(code_19 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_12 = fma(total_4, (low_4 * -1.0)[None, :], acc_11)
        offs_k_5 = start_1 + 160 + arange_32
        a_5 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_5[None, :]])
        zero_5 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_5 = jnp.dot(a_5, high_nibbles(b_2, jnp.bfloat16, zero_5), preferred_element_type=jnp.float32)
        total_5 = jnp.dot(a_5, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_10 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_22 = word_18 >> 8
        code_20 = word_22 & 15
        word_23 = word_1 >> 14
        part_20 = word_23 & 3
        part_21 = part_20 << 4
        code_21 = code_20 | part_21
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_5 = (number_10 * (jax.lax.bitcast_convert_type(code_21 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_13 = fma(partial_5, scale_5, acc_12)
        number_11 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_24 = word_18 >> 12
        code_22 = word_24 & 15
        word_25 = word_4 >> 14
        part_22 = word_25 & 3
        part_23 = part_22 << 4
        code_23 = code_22 | part_23
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_5 = number_11 * (jax.lax.bitcast_convert_type(code_23 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_14 = fma(total_5, (low_5 * -1.0)[None, :], acc_13)
        offs_k_6 = start_1 + 192 + arange_32
        a_6 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_6[None, :]])
        zero_6 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_5 = start + 112
        b_3 = load_view(b_ref, column[None, :], start_5, arange_32[:, None], jnp.uint8)
        partial_6 = jnp.dot(a_6, low_nibbles(b_3, jnp.bfloat16, zero_6), preferred_element_type=jnp.float32)
        total_6 = jnp.dot(a_6, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_12 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_26 = word_18 >> 16
        code_24 = word_26 & 15
        word_27 = word_1 >> 22
        part_24 = word_27 & 3
        part_25 = part_24 << 4
        code_25 = code_24 | part_25
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_6 = (number_12 * (jax.lax.bitcast_convert_type(code_25 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_15 = fma(partial_6, scale_6, acc_14)
        number_13 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_28 = word_18 >> 20
        code_26 = word_28 & 15
        word_29 = word_4 >> 22
        part_26 = word_29 & 3
        part_27 = part_26 << 4
        code_27 = code_26 | part_27
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_6 = number_13 * (jax.lax.bitcast_convert_type(code_27 | 0x4b000000, jnp.float32) - 8388608.0)
        acc_16 = fma(total_6, (low_6 * -1.0)[None, :], acc_15)
        offs_k_7 = start_1 + 224 + arange_32
        a_7 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_7[None, :]])
        zero_7 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_7 = jnp.dot(a_7, high_nibbles(b_3, jnp.bfloat16, zero_7), preferred_element_type=jnp.float32)
        total_7 = jnp.dot(a_7, jnp.full((32, BLOCK_N), 1.0, jnp.bfloat16), preferred_element_type=jnp.float32)
        number_14 = jax.lax.bitcast_convert_type(index.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_30 = word_18 >> 24
        code_28 = word_30 & 15
        word_31 = word_1 >> 30
        part_28 = word_31 & 3
        part_29 = part_28 << 4
        code_29 = code_28 | part_29
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_7 = (number_14 * (jax.lax.bitcast_convert_type(code_29 | 0x4b000000, jnp.float32) - 8388608.0))[None, :]
        acc_17 = fma(partial_7, scale_7, acc_16)
        number_15 = jax.lax.bitcast_convert_type(index_1.astype(jnp.int16), jnp.float16).astype(jnp.float32)
        word_32 = word_18 >> 28
        code_30 = word_32 & 15
        word_33 = word_4 >> 30
        part_30 = word_33 & 3
        part_31 = part_30 << 4
        code_31 = code_30 | part_31
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_7 = number_15 * (jax.lax.bitcast_convert_type(code_31 | 0x4b000000, jnp.float32) - 8388608.0)
        return (fma(total_7, (low_7 * -1.0)[None, :], acc_17),)
    (acc_1,) = jax.lax.fori_loop(0, steps_1, step, (acc,))  # specs/gguf/tiles.py:53
    plgpu.store(c_ref.at[split, offs_m[:, None], column[None, :]], acc_1)
