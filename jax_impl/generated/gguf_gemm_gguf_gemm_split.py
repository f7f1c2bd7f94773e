# gguf_gemm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gguf_gemm_split: Product of activations and a weight in packed blocks.

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
    WIDE = 0
    GROUP_M = 1
    num_warps = 2
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_nibbles, low_nibbles, pipelined, transposed
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
    column = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)  # specs/gguf/tiles.py:35
    split = pl.program_id(1)
    steps = K // STEP
    steps_1 = jax.lax.div(steps - split + (SPLITS - 1), jnp.int32(SPLITS))  # specs/gemm/splits.py:43
    acc = jnp.full((BLOCK_N, BLOCK_M), 0.0, jnp.float32)  # specs/gguf/tiles.py:56
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gguf/tiles.py:72
    arange_32 = jnp.arange(32, dtype=jnp.int32)
    def step(k, carry):  # specs/gguf/tiles.py:56
        k = pipelined(k, 3, warps=2)
        (acc_2,) = carry
        k_1 = k * SPLITS + split  # specs/gemm/splits.py:52
        start = k_1 * 144
        start_1 = k_1 * STEP  # specs/gguf/tiles.py:53
        offs_k = start_1 + arange_32  # specs/gguf/tiles.py:72
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        a_1 = transposed(a)
        zero = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_2 = start + 16
        b = load_view(b_ref, column[:, None], start_2, arange_32[None, :], jnp.uint8)
        partial = jnp.dot(low_nibbles(b, jnp.bfloat16, zero), a_1, preferred_element_type=jnp.float32)
        none = b.astype(jnp.int32) >> 8
        total = jnp.dot((none + 1).astype(jnp.float32).astype(jnp.bfloat16), a_1, preferred_element_type=jnp.float32)
        part = load_view(b_ref, column, start + 4, jnp.int32(0), jnp.int32)
        word = part & 0xf0f0f0f
        part_1 = (part >> 4) & 0x3030303
        part_2 = part_1 << 4
        word_1 = word | part_2
        code = word_1 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor = jax.lax.bitcast_convert_type(code | 0x4b000000, jnp.float32) - 8388608.0
        sums = partial * factor[:, None]  # specs/gguf/tiles.py:96
        part_3 = load_view(b_ref, column, start + 8, jnp.int32(0), jnp.int32)
        word_2 = part_3 & 0xf0f0f0f
        part_4 = (part_3 >> 4) & 0x3030303
        part_5 = part_4 << 4
        word_3 = word_2 | part_5
        code_1 = word_3 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_1 = jax.lax.bitcast_convert_type(code_1 | 0x4b000000, jnp.float32) - 8388608.0
        lows = total * factor_1[:, None]
        offs_k_1 = start_1 + 32 + arange_32  # specs/gguf/tiles.py:72
        a_2 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_1[None, :]])
        a_3 = transposed(a_2)
        zero_1 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_1 = jnp.dot(high_nibbles(b, jnp.bfloat16, zero_1), a_3, preferred_element_type=jnp.float32)
        none_1 = b.astype(jnp.int32) >> 8
        total_1 = jnp.dot(
            (none_1 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_3, preferred_element_type=jnp.float32
        )
        code_2 = (word_1 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_2 = jax.lax.bitcast_convert_type(code_2 | 0x4b000000, jnp.float32) - 8388608.0
        x = partial_1 * factor_2[:, None]  # specs/gguf/tiles.py:96
        sums_1 = sums + x
        code_3 = (word_3 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_3 = jax.lax.bitcast_convert_type(code_3 | 0x4b000000, jnp.float32) - 8388608.0
        x_1 = total_1 * factor_3[:, None]
        lows_1 = lows + x_1
        offs_k_2 = start_1 + 64 + arange_32  # specs/gguf/tiles.py:72
        a_4 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_2[None, :]])
        a_5 = transposed(a_4)
        zero_2 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_3 = start + 48
        b_1 = load_view(b_ref, column[:, None], start_3, arange_32[None, :], jnp.uint8)
        partial_2 = jnp.dot(low_nibbles(b_1, jnp.bfloat16, zero_2), a_5, preferred_element_type=jnp.float32)
        none_2 = b_1.astype(jnp.int32) >> 8
        total_2 = jnp.dot(
            (none_2 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_5, preferred_element_type=jnp.float32
        )
        code_4 = (word_1 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_4 = jax.lax.bitcast_convert_type(code_4 | 0x4b000000, jnp.float32) - 8388608.0
        x_2 = partial_2 * factor_4[:, None]  # specs/gguf/tiles.py:96
        sums_2 = sums_1 + x_2
        code_5 = (word_3 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_5 = jax.lax.bitcast_convert_type(code_5 | 0x4b000000, jnp.float32) - 8388608.0
        x_3 = total_2 * factor_5[:, None]
        lows_2 = lows_1 + x_3
        offs_k_3 = start_1 + 96 + arange_32  # specs/gguf/tiles.py:72
        a_6 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_3[None, :]])
        a_7 = transposed(a_6)
        zero_3 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_3 = jnp.dot(high_nibbles(b_1, jnp.bfloat16, zero_3), a_7, preferred_element_type=jnp.float32)
        none_3 = b_1.astype(jnp.int32) >> 8
        total_3 = jnp.dot(
            (none_3 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_7, preferred_element_type=jnp.float32
        )
        code_6 = (word_1 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_6 = jax.lax.bitcast_convert_type(code_6 | 0x4b000000, jnp.float32) - 8388608.0
        x_4 = partial_3 * factor_6[:, None]  # specs/gguf/tiles.py:96
        sums_3 = sums_2 + x_4
        code_7 = (word_3 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_7 = jax.lax.bitcast_convert_type(code_7 | 0x4b000000, jnp.float32) - 8388608.0
        x_5 = total_3 * factor_7[:, None]
        lows_3 = lows_2 + x_5
        offs_k_4 = start_1 + 128 + arange_32  # specs/gguf/tiles.py:72
        a_8 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_4[None, :]])
        a_9 = transposed(a_8)
        zero_4 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_4 = start + 80
        b_2 = load_view(b_ref, column[:, None], start_4, arange_32[None, :], jnp.uint8)
        partial_4 = jnp.dot(low_nibbles(b_2, jnp.bfloat16, zero_4), a_9, preferred_element_type=jnp.float32)
        none_4 = b_2.astype(jnp.int32) >> 8
        total_4 = jnp.dot(
            (none_4 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_9, preferred_element_type=jnp.float32
        )
        part_6 = load_view(b_ref, column, start + 12, jnp.int32(0), jnp.int32)
        word_4 = part_6 & 0xf0f0f0f
        part_7 = (part >> 6) & 0x3030303
        part_8 = part_7 << 4
        word_5 = word_4 | part_8
        code_8 = word_5 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_8 = jax.lax.bitcast_convert_type(code_8 | 0x4b000000, jnp.float32) - 8388608.0
        x_6 = partial_4 * factor_8[:, None]  # specs/gguf/tiles.py:96
        sums_4 = sums_3 + x_6
        word_6 = (part_6 >> 4) & 0xf0f0f0f
        part_9 = (part_3 >> 6) & 0x3030303
        part_10 = part_9 << 4
        word_7 = word_6 | part_10
        code_9 = word_7 & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_9 = jax.lax.bitcast_convert_type(code_9 | 0x4b000000, jnp.float32) - 8388608.0
        x_7 = total_4 * factor_9[:, None]
        lows_4 = lows_3 + x_7
        offs_k_5 = start_1 + 160 + arange_32  # specs/gguf/tiles.py:72
        a_10 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_5[None, :]])
        a_11 = transposed(a_10)
        zero_5 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_5 = jnp.dot(high_nibbles(b_2, jnp.bfloat16, zero_5), a_11, preferred_element_type=jnp.float32)
        none_5 = b_2.astype(jnp.int32) >> 8
        total_5 = jnp.dot(
            (none_5 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_11, preferred_element_type=jnp.float32
        )
        code_10 = (word_5 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_10 = jax.lax.bitcast_convert_type(code_10 | 0x4b000000, jnp.float32) - 8388608.0
        x_8 = partial_5 * factor_10[:, None]  # specs/gguf/tiles.py:96
        sums_5 = sums_4 + x_8
        code_11 = (word_7 >> 8) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_11 = jax.lax.bitcast_convert_type(code_11 | 0x4b000000, jnp.float32) - 8388608.0
        x_9 = total_5 * factor_11[:, None]
        lows_5 = lows_4 + x_9
        offs_k_6 = start_1 + 192 + arange_32  # specs/gguf/tiles.py:72
        a_12 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_6[None, :]])
        a_13 = transposed(a_12)
        zero_6 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        start_5 = start + 112
        b_3 = load_view(b_ref, column[:, None], start_5, arange_32[None, :], jnp.uint8)
        partial_6 = jnp.dot(low_nibbles(b_3, jnp.bfloat16, zero_6), a_13, preferred_element_type=jnp.float32)
        none_6 = b_3.astype(jnp.int32) >> 8
        total_6 = jnp.dot(
            (none_6 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_13, preferred_element_type=jnp.float32
        )
        code_12 = (word_5 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_12 = jax.lax.bitcast_convert_type(code_12 | 0x4b000000, jnp.float32) - 8388608.0
        x_10 = partial_6 * factor_12[:, None]  # specs/gguf/tiles.py:96
        sums_6 = sums_5 + x_10
        code_13 = (word_7 >> 16) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_13 = jax.lax.bitcast_convert_type(code_13 | 0x4b000000, jnp.float32) - 8388608.0
        x_11 = total_6 * factor_13[:, None]
        lows_6 = lows_5 + x_11
        offs_k_7 = start_1 + 224 + arange_32  # specs/gguf/tiles.py:72
        a_14 = plgpu.load(a_ref.at[offs_m[:, None], offs_k_7[None, :]])
        a_15 = transposed(a_14)
        zero_7 = jnp.full((1, 1), 0.0, jnp.bfloat16)
        partial_7 = jnp.dot(high_nibbles(b_3, jnp.bfloat16, zero_7), a_15, preferred_element_type=jnp.float32)
        none_7 = b_3.astype(jnp.int32) >> 8
        total_7 = jnp.dot(
            (none_7 + 1).astype(jnp.float32).astype(jnp.bfloat16), a_15, preferred_element_type=jnp.float32
        )
        code_14 = (word_5 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_14 = jax.lax.bitcast_convert_type(code_14 | 0x4b000000, jnp.float32) - 8388608.0
        x_12 = partial_7 * factor_14[:, None]  # specs/gguf/tiles.py:96
        sums_7 = sums_6 + x_12
        code_15 = (word_7 >> 24) & 63
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        factor_15 = jax.lax.bitcast_convert_type(code_15 | 0x4b000000, jnp.float32) - 8388608.0
        x_13 = total_7 * factor_15[:, None]
        lows_7 = lows_6 + x_13
        word_8 = load_view(b_ref, column, start, jnp.int32(0), jnp.int32)
        # specs/gguf/tiles.py:86
        scale = jax.lax.bitcast_convert_type(
            (word_8 & 65535).astype(jnp.int16), jnp.float16
        ).astype(jnp.float32)[:, None]
        acc_3 = fma(sums_7, scale, acc_2)
        word_9 = word_8 >> 16
        low = lows_7 * jax.lax.bitcast_convert_type(
            (word_9 & 65535).astype(jnp.int16), jnp.float16
        ).astype(jnp.float32)[:, None]
        return (acc_3 - low,)
    (acc_1,) = jax.lax.fori_loop(0, steps_1, step, (acc,))  # specs/gguf/tiles.py:56
    acc_4 = transposed(acc_1)
    plgpu.store(c_ref.at[split, offs_m[:, None], column[None, :]], acc_4)
