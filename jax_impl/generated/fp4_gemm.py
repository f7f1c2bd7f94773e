# fp4_gemm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""fp4_gemm: Product of activations and a weight in MXFP4 or NVFP4.

Generated. Specialised on
    out_dtype = bf16
    weight_order = nk
    scale_format = e8m0
    invariant = False
    a = uint8
    b = uint8
    a_scale = e8m0
    b_scale = e8m0
    c = bf16
    even_m = True
    even_n = True
    BLOCK_M = 64
    BLOCK_N = 64
    BLOCK_K = 32
    GROUP_M = 8
    num_warps = 4
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma


def fp4_gemm(
    a_ref, b_ref, a_scale_ref, b_scale_ref,
    c_ref,
    *, M, N, KB,
):
    BLOCK_M = 64
    BLOCK_N = 64
    GROUP_M = 8
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_m = pl.cdiv(M, BLOCK_M)
    tiles_n = pl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = jax.lax.div(pid, jnp.int32(per_band))
    first = band * GROUP_M
    height = jnp.minimum(tiles_m - first, GROUP_M)
    inside = jax.lax.rem(pid, jnp.int32(per_band))
    tile_m = first + jax.lax.rem(inside, height)
    tile_n = jax.lax.div(inside, height)
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/gemm/fp4.py:65
    # Rows and columns over the edge are not stored, so anything is read for them, without a mask.
    arange_64 = jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/fp4.py:55
    offs_m = tile_m * BLOCK_M + arange_64
    arange_16 = jnp.arange(16, dtype=jnp.int32)
    offs_n = tile_n * BLOCK_N + arange_64
    def step(k, carry):  # specs/gemm/fp4.py:66
        (acc_2,) = carry
        # K is a multiple of the block of the format
        offs_kb = k * 16 + arange_16  # specs/gemm/fp4.py:55
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_kb[None, :]])
        a_bytes = a.astype(jnp.int32)
        b = plgpu.load(b_ref.at[offs_n[None, :], offs_kb[:, None]])
        b_bytes = b.astype(jnp.int32)
        shift = jnp.arange(2, dtype=jnp.int32) * 4
        a_codes = ((a_bytes[:, :, None] >> shift[None, :][:, None, :]) & 15).reshape(BLOCK_M, 32)
        b_codes = ((b_bytes[:, None, :] >> shift[None, :][:, :, None]) & 15).reshape(32, BLOCK_N)
        magnitude = a_codes & 7
        biased = magnitude >> 1
        fraction = magnitude & 1
        subnormal = biased == 0
        # An integer of few bits, times a power of two: exact, without a float32 subnormal in between.
        significand = jnp.where(subnormal, fraction, fraction + 2).astype(jnp.float32)
        # Exponent field 0 means the exponent of field 1, without the hidden bit.
        exponent = jnp.where(subnormal, 1, biased) - 2
        value = significand * jax.lax.bitcast_convert_type((exponent + 127) << 23, jnp.float32)
        magnitude_1 = b_codes & 7
        biased_1 = magnitude_1 >> 1
        fraction_1 = magnitude_1 & 1
        subnormal_1 = biased_1 == 0
        significand_1 = jnp.where(subnormal_1, fraction_1, fraction_1 + 2).astype(jnp.float32)
        exponent_1 = jnp.where(subnormal_1, 1, biased_1) - 2
        value_1 = significand_1 * jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
        partial = jnp.dot(
            jnp.where((a_codes & 8) != 0, value * -1.0, value).astype(jnp.bfloat16),
            jnp.where((b_codes & 8) != 0, value_1 * -1.0, value_1).astype(jnp.bfloat16),
            preferred_element_type=jnp.float32
        )
        a_scale = plgpu.load(a_scale_ref.at[offs_m, k])  # specs/gemm/tiles.py:81
        index = a_scale.astype(jnp.int32)
        # 5.877471754111438e-39 is 2**-127
        a_scale_1 = jnp.where(
            index == 255, float("nan"),
            jnp.where(index == 0, 5.877471754111438e-39, jax.lax.bitcast_convert_type(index << 23, jnp.float32))
        )
        b_scale = plgpu.load(b_scale_ref.at[offs_n, k])
        index_1 = b_scale.astype(jnp.int32)
        # 5.877471754111438e-39 is 2**-127
        b_scale_1 = jnp.where(
            index_1 == 255, float("nan"),
            jnp.where(index_1 == 0, 5.877471754111438e-39, jax.lax.bitcast_convert_type(index_1 << 23, jnp.float32))
        )
        return (fma(partial, a_scale_1[:, None] * b_scale_1[None, :], acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, KB // 16, step, (acc,))  # specs/gemm/fp4.py:66
    # Rounded once.
    plgpu.store(c_ref.at[offs_m[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16))  # specs/gemm/tiles.py:76
