# per_token_group_quant_fp8, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 4935fafadab5d1569eb39e7292c279ccf95a5d82782c5db80b4e7de2c6e36e74
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

from jax_impl.platforms.triton_ops import div_rn


def group_quant(
    x_ref,
    q_ref, scale_ref,
    *, M, N,
):
    offs_m = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/group.py:65
    mask_m = offs_m < M
    offs_n = pl.program_id(1) * 8 * 128 + jnp.arange(1024, dtype=jnp.int32)
    mask_n = offs_n < N
    mask = mask_m[:, None] & mask_n[None, :]
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]], mask=mask, other=0.0)
    x_1 = x.reshape(4, 8, 128).astype(jnp.float32)  # specs/quant/group.py:50
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)
    bits = jnp.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    q = div_rn(x_1, jnp.broadcast_to(scale.reshape(4, 8, 1), (4, 8, 128)))  # specs/quant/scaling.py:42
    offs_scale1 = pl.program_id(1) * 8 + jnp.arange(8, dtype=jnp.int32)  # specs/quant/group.py:97
    mask_scale1 = offs_scale1 < N // 128
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], scale, mask=mask_m[:, None] & mask_scale1[None, :])
    codes = q.astype(jnp.float8_e4m3fn)  # specs/quant/group.py:58
    # specs/quant/group.py:74
    plgpu.store(q_ref.at[offs_m[:, None], offs_n[None, :]], codes.reshape(4, 1024), mask=mask)
