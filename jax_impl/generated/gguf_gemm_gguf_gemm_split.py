# gguf_gemm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gguf_gemm_split: Product of activations and a weight in a block type of GGUF files.

Generated. Specialised on
    quant_type = Q4_K
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    c = f32
    SPLITS = 8
    even_m = True
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 64
    STEP = 256
    WIDE = 1
    SUM_BY_DOT = 0
    RUN = 0
    GROUP_M = 1
    num_warps = 2
    num_stages = 2
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, fnma, high_nibbles, low_nibbles, pipelined, split_pairs, transposed
from jax_impl.platforms.views import load_view


def gguf_gemm_split(
    a_ref, b_ref,
    c_ref,
    *, N, K,
):
    SPLITS = 8
    BLOCK_M = 16
    BLOCK_N = 64
    STEP = 256
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    # Columns after the last are not stored: the last one is read in their place, without a mask.
    column = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)  # specs/gguf/tiles.py:36
    split = pl.program_id(1)
    steps = K // STEP
    end = jax.lax.div(steps - split + (SPLITS - 1), jnp.int32(SPLITS))  # specs/gemm/tiles.py:42
    acc = jnp.full((BLOCK_N, BLOCK_M), 0.0, jnp.float32)  # specs/gguf/tiles.py:60
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gguf/tiles.py:74
    arange_32 = jnp.arange(32, dtype=jnp.int32)
    def step(k, carry):  # specs/gguf/tiles.py:61
        k = pipelined(k, 2, warps=2)
        (acc_2,) = carry
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        start = k_1 * 144
        start_1 = k_1 * STEP  # specs/gguf/tiles.py:55
        offs_k = start_1 + arange_32  # specs/gguf/tiles.py:74
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        a_1 = transposed(a)
        zero = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_2 = start + 16
        b = load_view(b_ref, column[:, None], start_2, arange_32[None, :], jnp.uint8)
        partial = jnp.dot(low_nibbles(b, jnp.bfloat16, zero), a_1, preferred_element_type=jnp.float32)
        value = jnp.sum(a_1.astype(jnp.float32), axis=0)
        total = value[None, :]
        place = jnp.arange(4, dtype=jnp.int32)[None, :]
        b_1 = load_view(b_ref, column[:, None], start, place, jnp.int32)
        even, odd = split_pairs(b_1.reshape(BLOCK_N, 2, 2))
        word, word_1 = split_pairs(even.reshape(BLOCK_N, 1, 2))
        word_2 = word.reshape(BLOCK_N)
        part = word_1.reshape(BLOCK_N)
        word_3, word_4 = split_pairs(odd.reshape(BLOCK_N, 1, 2))
        part_1 = word_3.reshape(BLOCK_N)
        part_2 = word_4.reshape(BLOCK_N)
        word_5 = part_1 & 0xf0f0f0f
        part_3 = (part_1 >> 4) & 0x3030303
        part_4 = part_3 << 4
        word_6 = word_5 | part_4
        code = word_6 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor = jax.lax.bitcast_convert_type(code | 0x4b000000, jnp.float32) - 8388608.0
        sums = partial * factor[:, None]  # specs/gguf/tiles.py:126
        word_7 = part & 0xf0f0f0f
        part_5 = (part >> 4) & 0x3030303
        part_6 = part_5 << 4
        word_8 = word_7 | part_6
        code_1 = word_8 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_1 = jax.lax.bitcast_convert_type(code_1 | 0x4b000000, jnp.float32) - 8388608.0
        lows = total * factor_1[:, None]
        offs_k_1 = start_1 + 32 + arange_32  # specs/gguf/tiles.py:74
        a_2 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_1[None, :]])
        a_3 = transposed(a_2)
        zero_1 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_1 = jnp.dot(high_nibbles(b, jnp.bfloat16, zero_1), a_3, preferred_element_type=jnp.float32)
        value_1 = jnp.sum(a_3.astype(jnp.float32), axis=0)
        total_1 = value_1[None, :]
        code_2 = (word_6 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_2 = jax.lax.bitcast_convert_type(code_2 | 0x4b000000, jnp.float32) - 8388608.0
        sums_1 = fma(partial_1, factor_2[:, None], sums)  # specs/gguf/tiles.py:126
        code_3 = (word_8 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_3 = jax.lax.bitcast_convert_type(code_3 | 0x4b000000, jnp.float32) - 8388608.0
        lows_1 = fma(total_1, factor_3[:, None], lows)
        offs_k_2 = start_1 + 64 + arange_32  # specs/gguf/tiles.py:74
        a_4 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_2[None, :]])
        a_5 = transposed(a_4)
        zero_2 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_3 = start + 48
        b_2 = load_view(b_ref, column[:, None], start_3, arange_32[None, :], jnp.uint8)
        partial_2 = jnp.dot(low_nibbles(b_2, jnp.bfloat16, zero_2), a_5, preferred_element_type=jnp.float32)
        value_2 = jnp.sum(a_5.astype(jnp.float32), axis=0)
        total_2 = value_2[None, :]
        code_4 = (word_6 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_4 = jax.lax.bitcast_convert_type(code_4 | 0x4b000000, jnp.float32) - 8388608.0
        sums_2 = fma(partial_2, factor_4[:, None], sums_1)  # specs/gguf/tiles.py:126
        code_5 = (word_8 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_5 = jax.lax.bitcast_convert_type(code_5 | 0x4b000000, jnp.float32) - 8388608.0
        lows_2 = fma(total_2, factor_5[:, None], lows_1)
        offs_k_3 = start_1 + 96 + arange_32  # specs/gguf/tiles.py:74
        a_6 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_3[None, :]])
        a_7 = transposed(a_6)
        zero_3 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_3 = jnp.dot(high_nibbles(b_2, jnp.bfloat16, zero_3), a_7, preferred_element_type=jnp.float32)
        value_3 = jnp.sum(a_7.astype(jnp.float32), axis=0)
        total_3 = value_3[None, :]
        code_6 = (word_6 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_6 = jax.lax.bitcast_convert_type(code_6 | 0x4b000000, jnp.float32) - 8388608.0
        sums_3 = fma(partial_3, factor_6[:, None], sums_2)  # specs/gguf/tiles.py:126
        code_7 = (word_8 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_7 = jax.lax.bitcast_convert_type(code_7 | 0x4b000000, jnp.float32) - 8388608.0
        lows_3 = fma(total_3, factor_7[:, None], lows_2)
        offs_k_4 = start_1 + 128 + arange_32  # specs/gguf/tiles.py:74
        a_8 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_4[None, :]])
        a_9 = transposed(a_8)
        zero_4 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_4 = start + 80
        b_3 = load_view(b_ref, column[:, None], start_4, arange_32[None, :], jnp.uint8)
        partial_4 = jnp.dot(low_nibbles(b_3, jnp.bfloat16, zero_4), a_9, preferred_element_type=jnp.float32)
        value_4 = jnp.sum(a_9.astype(jnp.float32), axis=0)
        total_4 = value_4[None, :]
        word_9 = part_2 & 0xf0f0f0f
        part_7 = (part_1 >> 6) & 0x3030303
        part_8 = part_7 << 4
        word_10 = word_9 | part_8
        code_8 = word_10 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_8 = jax.lax.bitcast_convert_type(code_8 | 0x4b000000, jnp.float32) - 8388608.0
        sums_4 = fma(partial_4, factor_8[:, None], sums_3)  # specs/gguf/tiles.py:126
        word_11 = (part_2 >> 4) & 0xf0f0f0f
        part_9 = (part >> 6) & 0x3030303
        part_10 = part_9 << 4
        word_12 = word_11 | part_10
        code_9 = word_12 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_9 = jax.lax.bitcast_convert_type(code_9 | 0x4b000000, jnp.float32) - 8388608.0
        lows_4 = fma(total_4, factor_9[:, None], lows_3)
        offs_k_5 = start_1 + 160 + arange_32  # specs/gguf/tiles.py:74
        a_10 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_5[None, :]])
        a_11 = transposed(a_10)
        zero_5 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_5 = jnp.dot(high_nibbles(b_3, jnp.bfloat16, zero_5), a_11, preferred_element_type=jnp.float32)
        value_5 = jnp.sum(a_11.astype(jnp.float32), axis=0)
        total_5 = value_5[None, :]
        code_10 = (word_10 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_10 = jax.lax.bitcast_convert_type(code_10 | 0x4b000000, jnp.float32) - 8388608.0
        sums_5 = fma(partial_5, factor_10[:, None], sums_4)  # specs/gguf/tiles.py:126
        code_11 = (word_12 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_11 = jax.lax.bitcast_convert_type(code_11 | 0x4b000000, jnp.float32) - 8388608.0
        lows_5 = fma(total_5, factor_11[:, None], lows_4)
        offs_k_6 = start_1 + 192 + arange_32  # specs/gguf/tiles.py:74
        a_12 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_6[None, :]])
        a_13 = transposed(a_12)
        zero_6 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_5 = start + 112
        b_4 = load_view(b_ref, column[:, None], start_5, arange_32[None, :], jnp.uint8)
        partial_6 = jnp.dot(low_nibbles(b_4, jnp.bfloat16, zero_6), a_13, preferred_element_type=jnp.float32)
        value_6 = jnp.sum(a_13.astype(jnp.float32), axis=0)
        total_6 = value_6[None, :]
        code_12 = (word_10 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_12 = jax.lax.bitcast_convert_type(code_12 | 0x4b000000, jnp.float32) - 8388608.0
        sums_6 = fma(partial_6, factor_12[:, None], sums_5)  # specs/gguf/tiles.py:126
        code_13 = (word_12 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_13 = jax.lax.bitcast_convert_type(code_13 | 0x4b000000, jnp.float32) - 8388608.0
        lows_6 = fma(total_6, factor_13[:, None], lows_5)
        offs_k_7 = start_1 + 224 + arange_32  # specs/gguf/tiles.py:74
        a_14 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_7[None, :]])
        a_15 = transposed(a_14)
        zero_7 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_7 = jnp.dot(high_nibbles(b_4, jnp.bfloat16, zero_7), a_15, preferred_element_type=jnp.float32)
        value_7 = jnp.sum(a_15.astype(jnp.float32), axis=0)
        total_7 = value_7[None, :]
        code_14 = (word_10 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_14 = jax.lax.bitcast_convert_type(code_14 | 0x4b000000, jnp.float32) - 8388608.0
        sums_7 = fma(partial_7, factor_14[:, None], sums_6)  # specs/gguf/tiles.py:126
        code_15 = (word_12 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_15 = jax.lax.bitcast_convert_type(code_15 | 0x4b000000, jnp.float32) - 8388608.0
        lows_7 = fma(total_7, factor_15[:, None], lows_6)
        # specs/gguf/tiles.py:88
        scale = jax.lax.bitcast_convert_type(
            (word_2 & 65535).astype(jnp.int16), jnp.float16
        ).astype(jnp.float32)[:, None]
        acc_3 = fma(sums_7, scale, acc_2)
        word_13 = word_2 >> 16
        low = jax.lax.bitcast_convert_type(
            (word_13 & 65535).astype(jnp.int16), jnp.float16
        ).astype(jnp.float32)[:, None]
        return (fnma(lows_7, low, acc_3),)
    (acc_1,) = jax.lax.fori_loop(0, end, step, (acc,))  # specs/gguf/tiles.py:61
    acc_4 = transposed(acc_1)
    plgpu.store(c_ref.at[split, offs_m[:, None], column[None, :]], acc_4)  # specs/gemm/tiles.py:71
