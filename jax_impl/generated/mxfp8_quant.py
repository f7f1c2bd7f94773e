# mxfp8_quant, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 78c9c06456f0eb5f53904255553b24d79eeeff26b5528c384298ce8f7b4d2db4
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
    rows = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/group.py:48
    groups = pl.program_id(1) * 8 + jnp.arange(8, dtype=jnp.int32)  # specs/quant/group.py:49
    inside = jnp.arange(32, dtype=jnp.int32)  # specs/quant/group.py:50
    live = (rows < M)[:, None]  # specs/quant/group.py:51
    live_1 = live & (groups < N // 32)[None, :]  # specs/quant/group.py:52
    columns = (groups * 32)[:, None] + inside[None, :]  # specs/quant/group.py:53
    mask = live_1[:, :, None]  # specs/quant/group.py:54
    x = plgpu.load(x_ref.at[rows[:, None][:, :, None], columns[None, :, :]], mask=jnp.broadcast_to(mask, (4, 8, 32)), other=0.0)  # specs/quant/group.py:56
    x_1 = x.astype(jnp.float32)  # specs/quant/group.py:56
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)  # specs/quant/group.py:57
    bits = jnp.maximum(amax, 0x800000)  # specs/quant/scaling.py:56
    lifted = bits < 0xd800000  # specs/quant/scaling.py:60
    bits_1 = jnp.where(lifted, bits + 0x20000000, bits)  # specs/quant/scaling.py:61
    raw = jax.lax.bitcast_convert_type(bits_1, jnp.float32) * 0.0022321429569274187  # specs/quant/scaling.py:62
    bits_2 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_2 >> 23) - 127 + ((bits_2 & 0x7fffff) != 0).astype(jnp.int32)  # specs/quant/scaling.py:114
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)  # specs/quant/scaling.py:115
    exponent_2 = jnp.maximum(jnp.where(lifted, exponent_1 - 64, exponent_1), -127)  # specs/quant/scaling.py:68
    value = jax.lax.bitcast_convert_type(jnp.where(exponent_2 == -127, 0x400000, (exponent_2 + 127) << 23), jnp.float32)  # specs/quant/scaling.py:120
    exponent_3 = -exponent_2  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_3 + 127) << 23, jnp.float32)  # specs/tile/library/codec.py:19
    broken = amax >= 0x7f800000  # specs/quant/scaling.py:71
    scale = jnp.where(broken, float("nan"), value)  # specs/quant/scaling.py:72
    q = x_1 * jnp.where(broken, float("nan"), inverse).reshape(4, 8, 1)  # specs/quant/scaling.py:41
    index = jax.lax.bitcast_convert_type(scale, jnp.int32)  # specs/quant/group.py:73
    index_1 = index & 0x7fffffff  # specs/quant/group.py:73
    index_2 = jnp.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:73
    plgpu.store(scale_ref.at[rows[:, None], groups[None, :]], jnp.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, jnp.where(index_2 > 254, 254, index_2)).astype(jnp.uint8), mask=live_1)  # specs/quant/group.py:73
    plgpu.store(q_ref.at[rows[:, None][:, :, None], columns[None, :, :]], q.astype(jnp.float8_e4m3fn), mask=jnp.broadcast_to(mask, (4, 8, 32)))  # specs/quant/group.py:65
