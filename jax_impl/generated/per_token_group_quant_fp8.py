# per_token_group_quant_fp8, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 ff617924e3ff1be958a08ab33357e4dbb976279a2aed35c8133820e771fe381a
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
    rows = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/group.py:48
    groups = pl.program_id(1) * 8 + jnp.arange(8, dtype=jnp.int32)  # specs/quant/group.py:49
    inside = jnp.arange(128, dtype=jnp.int32)  # specs/quant/group.py:50
    live = (rows < M)[:, None]  # specs/quant/group.py:51
    live_1 = live & (groups < N // 128)[None, :]  # specs/quant/group.py:52
    columns = (groups * 128)[:, None] + inside[None, :]  # specs/quant/group.py:53
    mask = live_1[:, :, None]  # specs/quant/group.py:54
    x = plgpu.load(x_ref.at[rows[:, None][:, :, None], columns[None, :, :]], mask=jnp.broadcast_to(mask, (4, 8, 128)), other=0.0)  # specs/quant/group.py:56
    x_1 = x.astype(jnp.float32)  # specs/quant/group.py:56
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)  # specs/quant/group.py:57
    bits = jnp.maximum(amax, 0x2edbe6ff)  # specs/quant/scaling.py:56
    scale = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # specs/quant/scaling.py:62
    q = div_rn(x_1, jnp.broadcast_to(scale.reshape(4, 8, 1), (4, 8, 128)))  # specs/quant/scaling.py:42
    plgpu.store(scale_ref.at[rows[:, None], groups[None, :]], scale, mask=live_1)  # specs/quant/group.py:73
    plgpu.store(q_ref.at[rows[:, None][:, :, None], columns[None, :, :]], q.astype(jnp.float8_e4m3fn), mask=jnp.broadcast_to(mask, (4, 8, 128)))  # specs/quant/group.py:65
