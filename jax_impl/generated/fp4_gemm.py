# fp4_gemm, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 5b3e925131295c7597ba4e8bdc86428d015e559acfd03750d75972fb370f6d79
"""fp4_gemm: Product of activations and a weight in MXFP4 or NVFP4.

Generated. Specialised on
    out_dtype = bf16
    weight_order = nk
    scale_format = e8m0
    a = uint8
    b = uint8
    a_scale = e8m0
    b_scale = e8m0
    c = bf16
    even_m = False
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 32
    GROUP_M = 1
    num_warps = 4
    num_stages = 4
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
    BLOCK_M = 16
    BLOCK_N = 64
    pid = pl.program_id(0)  # specs/gemm/tiles.py:19
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/gemm/fp4.py:63
    arange_16 = jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/fp4.py:53
    offs_m = tile_m * BLOCK_M + arange_16
    clamped_m = jnp.minimum(offs_m, M - 1)
    offs_n = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)
    def step(k, carry):  # specs/gemm/fp4.py:64
        (acc_2,) = carry
        # K is a multiple of the block of the format
        offs_kb = k * 16 + arange_16  # specs/gemm/fp4.py:53
        a = plgpu.load(a_ref.at[clamped_m[:, None], offs_kb[None, :]])
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
        a_scale = plgpu.load(a_scale_ref.at[clamped_m, k])  # specs/gemm/tiles.py:46
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
    (acc_1,) = jax.lax.fori_loop(0, KB // 16, step, (acc,))  # specs/gemm/fp4.py:64
    mask_m = offs_m < M  # specs/gemm/tiles.py:41
    plgpu.store(
        c_ref.at[offs_m[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_m[:, None], (BLOCK_M, BLOCK_N))
    )
