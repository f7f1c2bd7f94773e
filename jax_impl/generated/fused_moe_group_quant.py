# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 128
    element = e4m3
    scale_format = f32
    ue8m0 = False
    eps = 1e-10
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
    scale = f32
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
    x_ref,
    q_ref, scale_ref,
):
    group = 128
    BLOCK_M = 4
    BLOCK_G = 8
    index = pl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = pl.program_id(0) * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/group.py:66
    offs_n = index * group + jnp.arange(BLOCK_G * group, dtype=jnp.int32)
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]])
    x_1 = x.reshape(BLOCK_M, BLOCK_G, group).astype(jnp.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)
    bits = jnp.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    # specs/quant/scaling.py:42
    q = div_rn(x_1, jnp.broadcast_to(scale.reshape(BLOCK_M, BLOCK_G, 1), (BLOCK_M, BLOCK_G, group)))
    offs_scale1 = index + jnp.arange(BLOCK_G, dtype=jnp.int32)  # specs/quant/group.py:98
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], scale)
    codes = q.astype(jnp.float8_e4m3fn)  # specs/quant/group.py:59
    # specs/quant/group.py:75
    plgpu.store(q_ref.at[offs_m[:, None], offs_n[None, :]], codes.reshape(BLOCK_M, BLOCK_G * group))
