# nvfp4_quant, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 863a6a9a1e4bfc4937509c261eba5d63fb0f0d6346316cae990b9e5969b16b0a
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 16
    element = e2m1
    scale_format = e4m3
    ue8m0 = False
    eps = 0.0
    scale_layout = row
    per_byte = 2
    x = bf16
    global_scale = f32
    q = uint8
    scale = e4m3
    even_m = False
    even_g = True
    BLOCK_M = 4
    BLOCK_G = 8
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def group_quant(
    x_ref, global_scale_ref,
    q_ref, scale_ref,
    *, M,
):
    offs_m = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/group.py:65
    mask_m = offs_m < M  # specs/quant/group.py:65
    offs_n = pl.program_id(1) * 8 * 16 + jnp.arange(128, dtype=jnp.int32)  # specs/quant/group.py:65
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]], mask=jnp.broadcast_to(mask_m[:, None], (4, 128)), other=0.0)  # specs/quant/group.py:65
    x_1 = x.reshape(4, 8, 16).astype(jnp.float32)  # specs/quant/group.py:50
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)  # specs/quant/group.py:51
    raw = jax.lax.bitcast_convert_type(amax, jnp.float32) * 0.1666666716337204  # specs/quant/scaling.py:95
    g = plgpu.load(global_scale_ref.at[jnp.int32(0)])  # specs/quant/group.py:55
    scaled = raw * g  # specs/quant/scaling.py:83
    value = scaled.astype(jnp.float8_e4m3fn).astype(jnp.float32)  # specs/quant/scaling.py:84
    value_1 = jnp.where(jax.lax.bitcast_convert_type(scaled, jnp.int32) >= 0x7f800000, float("nan"), value)  # specs/quant/scaling.py:86
    empty = value_1 == 0.0  # specs/quant/scaling.py:87
    inverse = div_rn(jnp.full((4, 8), 1.0, jnp.float32), jnp.where(empty, 1.0, value_1 * div_rn(jnp.float32(1.0), g)))  # specs/quant/scaling.py:88
    q = x_1 * jnp.where(empty, 0.0, inverse).reshape(4, 8, 1)  # specs/quant/scaling.py:41
    offs_scale1 = pl.program_id(1) * 8 + jnp.arange(8, dtype=jnp.int32)  # specs/quant/group.py:97
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], value_1.astype(jnp.float8_e4m3fn), mask=jnp.broadcast_to(mask_m[:, None], (4, 8)))  # specs/quant/group.py:97
    bits = jax.lax.bitcast_convert_type(q, jnp.int32)  # specs/tile/library/codec.py:58
    magnitude = jax.lax.bitcast_convert_type(bits & 0x7fffffff, jnp.float32)  # specs/tile/library/codec.py:60
    magnitude_1 = jnp.where(magnitude <= 6.0, magnitude, 6.0)  # specs/tile/library/codec.py:63
    exponent = jnp.maximum((jax.lax.bitcast_convert_type(magnitude_1, jnp.int32) >> 23) - 127, 0)  # specs/tile/library/codec.py:65
    exponent_1 = 1 - exponent  # specs/tile/library/codec.py:67
    code = (exponent << 1) + (magnitude_1 * jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32) + 12582912.0 - 12582912.0).astype(jnp.int32)  # specs/tile/library/codec.py:67
    code_1 = jnp.where(bits < 0, code | 8, code)  # specs/tile/library/codec.py:73
    codes = jnp.where(q != q, 0, code_1)  # specs/tile/library/codec.py:74
    pairs = codes.reshape(4, 8, 8, 2)  # specs/quant/scaling.py:126
    shift = (jnp.arange(2, dtype=jnp.int32) * 4).reshape(1, 1, 1, 2)  # specs/quant/scaling.py:127
    index = jnp.sum(pairs << shift, axis=3, dtype=jnp.int32)  # specs/quant/scaling.py:128
    codes_1 = index.astype(jnp.uint8)  # specs/quant/scaling.py:128
    offs_q1 = pl.program_id(1) * 8 * 8 + jnp.arange(64, dtype=jnp.int32)  # specs/quant/group.py:74
    plgpu.store(q_ref.at[offs_m[:, None], offs_q1[None, :]], codes_1.reshape(4, 64), mask=jnp.broadcast_to(mask_m[:, None], (4, 64)))  # specs/quant/group.py:74
