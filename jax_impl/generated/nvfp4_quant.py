# nvfp4_quant, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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
    even_m = True
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
):
    group = 16
    per_byte = 2
    BLOCK_M = 4
    BLOCK_G = 8
    index = pl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = pl.program_id(0) * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/group.py:66
    offs_n = index * group + jnp.arange(BLOCK_G * group, dtype=jnp.int32)
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]])
    x_1 = x.reshape(BLOCK_M, BLOCK_G, group).astype(jnp.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)
    raw = jax.lax.bitcast_convert_type(amax, jnp.float32) * 0.1666666716337204  # 1/6, specs/quant/scaling.py:95
    g = plgpu.load(global_scale_ref.at[jnp.int32(0)])  # specs/quant/group.py:56
    scaled = raw * g  # specs/quant/scaling.py:83
    value = scaled.astype(jnp.float8_e4m3fn).astype(jnp.float32)
    # 0x7f800000 is float32 bits of infinity
    value_1 = jnp.where(jax.lax.bitcast_convert_type(scaled, jnp.int32) >= 0x7f800000, float("nan"), value)
    empty = value_1 == 0.0
    inverse = div_rn(
        jnp.full((BLOCK_M, BLOCK_G), 1.0, jnp.float32), jnp.where(empty, 1.0, value_1 * div_rn(jnp.float32(1.0), g))
    )
    q = x_1 * jnp.where(empty, 0.0, inverse).reshape(BLOCK_M, BLOCK_G, 1)  # specs/quant/scaling.py:41
    offs_scale1 = index + jnp.arange(BLOCK_G, dtype=jnp.int32)  # specs/quant/group.py:98
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], value_1.astype(jnp.float8_e4m3fn))
    bits = jax.lax.bitcast_convert_type(q, jnp.int32)
    # The sign is put back at the end: rounding to nearest even is symmetric.
    magnitude = jax.lax.bitcast_convert_type(bits & 0x7fffffff, jnp.float32)  # 2**31 - 1
    # NaN too: it is converted to an integer below
    magnitude_1 = jnp.where(magnitude <= 6.0, magnitude, 6.0)
    # At emin and below the step between codes is constant: subnormal codes need no case of their own.
    exponent = jnp.maximum((jax.lax.bitcast_convert_type(magnitude_1, jnp.int32) >> 23) - 127, 0)
    # Added, not or-ed: a significand that rounds up to 2 carries into the exponent, as it should.
    exponent_1 = 1 - exponent
    # 12582912.0 is 3 * 2**22
    code = (exponent << 1) + (
        magnitude_1 * jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32) + 12582912.0 - 12582912.0
    ).astype(jnp.int32)
    code_1 = jnp.where(bits < 0, code | 8, code)
    codes = jnp.where(q != q, 0, code_1)
    pairs = codes.reshape(BLOCK_M, BLOCK_G, group // 2, 2)  # specs/quant/scaling.py:126
    shift = (jnp.arange(2, dtype=jnp.int32) * 4).reshape(1, 1, 1, 2)
    index_1 = jnp.sum(pairs << shift, axis=3, dtype=jnp.int32)
    codes_1 = index_1.astype(jnp.uint8)
    # specs/quant/group.py:75
    offs_q1 = index * (group // per_byte) + jnp.arange(BLOCK_G * (group // per_byte), dtype=jnp.int32)
    plgpu.store(q_ref.at[offs_m[:, None], offs_q1[None, :]], codes_1.reshape(BLOCK_M, BLOCK_G * (group // per_byte)))
