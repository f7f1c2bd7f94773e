# act_and_mul_quant, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""act_and_mul_quant: FP8 codes of the products of gated activations, with one scale per group.

Generated. Specialised on
    kind = silu
    limit = 7.0
    alpha = 1.702
    beta = 1.0
    linear_beta = 0.0
    group = 128
    scale_format = f32
    ue8m0 = False
    scale_layout = row
    x = bf16
    q = e4m3
    scale = f32
    even_m = True
    even_n = True
    BLOCK_M = 1
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2


def act_and_mul_quant(
    x_ref,
    q_ref, scale_ref,
    *, W,
):
    group = 128
    BLOCK_M = 1
    BLOCK_N = 1024
    start = pl.program_id(1) * BLOCK_N  # specs/activation/quant.py:38
    columns = W // 2  # specs/activation/gated.py:94
    offs_m = pl.program_id(0) + jnp.arange(BLOCK_M, dtype=jnp.int32)
    arange_1024 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    offs_w = start + arange_1024
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_w[None, :]])
    gate = x.astype(jnp.float32)
    offs_w_1 = start + columns + arange_1024
    x_1 = plgpu.load(x_ref.at[offs_m[:, None], offs_w_1[None, :]])
    up = x_1.astype(jnp.float32)
    # -1.4426950408889634 is -log2(e), specs/activation/quant.py:39
    y = (
        gate * div_rn(jnp.full((BLOCK_M, BLOCK_N), 1.0, jnp.float32), 1.0 + exp2(gate * -1.4426950408889634)) * up
    ).astype(jnp.bfloat16).reshape(BLOCK_M, BLOCK_N // group, group)
    x_2 = y.astype(jnp.float32)  # specs/quant/fused.py:41
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_2), jnp.int32), axis=2)
    bits = jnp.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    # specs/quant/group.py:98
    offs_scale1 = pl.program_id(1) * (BLOCK_N // group) + jnp.arange(BLOCK_N // group, dtype=jnp.int32)
    plgpu.store(scale_ref.at[offs_m[:, None], offs_scale1[None, :]], scale)
    # specs/quant/fused.py:47
    codes = div_rn(
        x_2, jnp.broadcast_to(scale.reshape(BLOCK_M, BLOCK_N // group, 1), (BLOCK_M, BLOCK_N // group, group))
    ).astype(jnp.float8_e4m3fn)
    # specs/activation/quant.py:41
    plgpu.store(q_ref.at[offs_m[:, None], offs_w[None, :]], codes.reshape(BLOCK_M, BLOCK_N))
