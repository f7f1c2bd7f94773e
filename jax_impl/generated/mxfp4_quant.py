# mxfp4_quant, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 9b3ce6a1dc1e8ac72306a926169a7341e10148be0fd798b321ee6e49d9402d96
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 32
    element = e2m1
    scale_format = e8m0
    ue8m0 = True
    eps = 7.052966104933725e-38
    scale_layout = row
    per_byte = 2
    x = bf16
    q = uint8
    scale = e8m0
    even_m = False
    even_g = False
    BLOCK_M = 4
    BLOCK_G = 8
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def group_quant(
    x_ref,
    q_ref, scale_ref,
    *, M, N,
):
    offs_m = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/group.py:65
    mask_m = offs_m < M  # specs/quant/group.py:65
    offs_n = pl.program_id(1) * 8 * 32 + jnp.arange(256, dtype=jnp.int32)  # specs/quant/group.py:65
    mask_n = offs_n < N  # specs/quant/group.py:65
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]], mask=mask_m[:, None] & mask_n[None, :], other=0.0)  # specs/quant/group.py:65
    x_1 = x.reshape(4, 8, 32).astype(jnp.float32)  # specs/quant/group.py:50
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)  # specs/quant/group.py:51
    bits = jnp.maximum(amax, 0x1c00000)  # specs/quant/scaling.py:56
    raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.1666666716337204  # specs/quant/scaling.py:62
    bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # specs/quant/scaling.py:114
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)  # specs/quant/scaling.py:115
    value = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)  # specs/tile/library/codec.py:19
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)  # specs/tile/library/codec.py:19
    broken = amax >= 0x7f800000  # specs/quant/scaling.py:71
    scale = jnp.where(broken, float("nan"), value)  # specs/quant/scaling.py:72
    q = x_1 * jnp.where(broken, float("nan"), inverse).reshape(4, 8, 1)  # specs/quant/scaling.py:41
    index = jax.lax.bitcast_convert_type(scale, jnp.int32)  # specs/quant/group.py:97
    index_1 = index & 0x7fffffff  # specs/quant/group.py:97
    index_2 = jnp.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:97
    offs_scale1 = pl.program_id(1) * 8 + jnp.arange(8, dtype=jnp.int32)  # specs/quant/group.py:97
    mask_scale1 = offs_scale1 < N // 32  # specs/quant/group.py:97
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], jnp.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, jnp.where(index_2 > 254, 254, index_2)).astype(jnp.uint8), mask=mask_m[:, None] & mask_scale1[None, :])  # specs/quant/group.py:97
    bits_2 = jax.lax.bitcast_convert_type(q, jnp.int32)  # specs/tile/library/codec.py:58
    magnitude = jax.lax.bitcast_convert_type(bits_2 & 0x7fffffff, jnp.float32)  # specs/tile/library/codec.py:60
    magnitude_1 = jnp.where(magnitude <= 6.0, magnitude, 6.0)  # specs/tile/library/codec.py:63
    exponent_3 = jnp.maximum((jax.lax.bitcast_convert_type(magnitude_1, jnp.int32) >> 23) - 127, 0)  # specs/tile/library/codec.py:65
    exponent_4 = 1 - exponent_3  # specs/tile/library/codec.py:67
    code = (exponent_3 << 1) + (magnitude_1 * jax.lax.bitcast_convert_type((exponent_4 + 127) << 23, jnp.float32) + 12582912.0 - 12582912.0).astype(jnp.int32)  # specs/tile/library/codec.py:67
    code_1 = jnp.where(bits_2 < 0, code | 8, code)  # specs/tile/library/codec.py:73
    codes = jnp.where(q != q, 0, code_1)  # specs/tile/library/codec.py:74
    pairs = codes.reshape(4, 8, 16, 2)  # specs/quant/scaling.py:126
    shift = (jnp.arange(2, dtype=jnp.int32) * 4).reshape(1, 1, 1, 2)  # specs/quant/scaling.py:127
    index_3 = jnp.sum(pairs << shift, axis=3, dtype=jnp.int32)  # specs/quant/scaling.py:128
    codes_1 = index_3.astype(jnp.uint8)  # specs/quant/scaling.py:128
    offs_q1 = pl.program_id(1) * 8 * 16 + jnp.arange(128, dtype=jnp.int32)  # specs/quant/group.py:74
    mask_q1 = offs_q1 < N // 2  # specs/quant/group.py:74
    plgpu.store(q_ref.at[offs_m[:, None], offs_q1[None, :]], codes_1.reshape(4, 128), mask=mask_m[:, None] & mask_q1[None, :])  # specs/quant/group.py:74
