# mxfp4_quant, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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


def group_quant(
    x_ref,
    q_ref, scale_ref,
):
    group = 32
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
    bits = jnp.maximum(amax, 0x1c00000)  # float32 bits of 3 * 2**-125, specs/quant/scaling.py:56
    raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.1666666716337204  # 1/6
    bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
    value = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
    broken = amax >= 0x7f800000  # float32 bits of infinity
    scale = jnp.where(broken, float("nan"), value)
    q = x_1 * jnp.where(broken, float("nan"), inverse).reshape(BLOCK_M, BLOCK_G, 1)  # specs/quant/scaling.py:41
    index_1 = jax.lax.bitcast_convert_type(scale, jnp.int32)  # specs/quant/group.py:98
    index_2 = index_1 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
    index_3 = jnp.where(index_2 < 0x600000, 0, (index_2 + 0x400000) >> 23)  # 2**22
    offs_scale1 = index + jnp.arange(BLOCK_G, dtype=jnp.int32)
    # 0x7f800000 is float32 bits of infinity
    plgpu.store(
        scale_ref.at[offs_m[:, None], offs_scale1[None, :]],
        jnp.where(
            ((index_1 < 0) & (index_2 != 0)) | (index_2 > 0x7f800000), 255, jnp.where(index_3 > 254, 254, index_3)
        ).astype(jnp.uint8)
    )
    bits_2 = jax.lax.bitcast_convert_type(q, jnp.int32)
    # The sign is put back at the end: rounding to nearest even is symmetric.
    magnitude = jax.lax.bitcast_convert_type(bits_2 & 0x7fffffff, jnp.float32)  # 2**31 - 1, 2**23 - 1
    # NaN too: it is converted to an integer below
    magnitude_1 = jnp.where(magnitude <= 6.0, magnitude, 6.0)
    # At emin and below the step between codes is constant: subnormal codes need no case of their own.
    exponent_3 = jnp.maximum((jax.lax.bitcast_convert_type(magnitude_1, jnp.int32) >> 23) - 127, 0)
    # Added, not or-ed: a significand that rounds up to 2 carries into the exponent, as it should.
    exponent_4 = 1 - exponent_3
    # 12582912.0 is 3 * 2**22
    code = (exponent_3 << 1) + (
        magnitude_1 * jax.lax.bitcast_convert_type((exponent_4 + 127) << 23, jnp.float32) + 12582912.0 - 12582912.0
    ).astype(jnp.int32)
    code_1 = jnp.where(bits_2 < 0, code | 8, code)
    codes = jnp.where(q != q, 0, code_1)
    pairs = codes.reshape(BLOCK_M, BLOCK_G, group // 2, 2)  # specs/quant/scaling.py:126
    shift = (jnp.arange(2, dtype=jnp.int32) * 4).reshape(1, 1, 1, 2)
    index_4 = jnp.sum(pairs << shift, axis=3, dtype=jnp.int32)
    codes_1 = index_4.astype(jnp.uint8)
    # specs/quant/group.py:75
    offs_q1 = index * (group // per_byte) + jnp.arange(BLOCK_G * (group // per_byte), dtype=jnp.int32)
    plgpu.store(q_ref.at[offs_m[:, None], offs_q1[None, :]], codes_1.reshape(BLOCK_M, BLOCK_G * (group // per_byte)))
