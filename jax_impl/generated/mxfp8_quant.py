# mxfp8_quant, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 32
    element = e4m3
    scale_format = e8m0
    ue8m0 = True
    eps = 1.1754943508222875e-38
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
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
    BLOCK_M = 4
    BLOCK_G = 8
    index = pl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = pl.program_id(0) * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/group.py:66
    offs_n = index * group + jnp.arange(BLOCK_G * group, dtype=jnp.int32)
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]])
    x_1 = x.reshape(BLOCK_M, BLOCK_G, group).astype(jnp.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)
    bits = jnp.maximum(amax, 0x800000)  # 2**23, specs/quant/scaling.py:56
    lifted = bits < 0xd800000  # float32 bits of 2**-100
    bits_1 = jnp.where(lifted, bits + 0x20000000, bits)  # float32 bits of 2**-63
    raw = jax.lax.bitcast_convert_type(bits_1, jnp.float32) * 0.0022321429569274187  # 1/448
    bits_2 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_2 >> 23) - 127 + ((bits_2 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
    exponent_2 = jnp.maximum(jnp.where(lifted, exponent_1 - 64, exponent_1), -127)  # specs/quant/scaling.py:68
    # 0x400000 is 2**22, specs/quant/scaling.py:120
    value = jax.lax.bitcast_convert_type(jnp.where(exponent_2 == -127, 0x400000, (exponent_2 + 127) << 23), jnp.float32)
    exponent_3 = -exponent_2  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_3 + 127) << 23, jnp.float32)
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
    codes = q.astype(jnp.float8_e4m3fn)  # specs/quant/group.py:59
    # specs/quant/group.py:75
    plgpu.store(q_ref.at[offs_m[:, None], offs_n[None, :]], codes.reshape(BLOCK_M, BLOCK_G * group))
