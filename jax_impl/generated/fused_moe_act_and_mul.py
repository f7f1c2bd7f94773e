# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""act_and_mul: Activation of the gates of every row, times its factors.

Generated. Specialised on
    kind = clamp
    limit = 10.0
    alpha = 1.702
    beta = 1.0
    linear_beta = 0.0
    x = bf16
    y = bf16
    even_m = True
    even_n = True
    BLOCK_M = 1
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2


def act_and_mul(
    x_ref,
    y_ref,
    *, W,
):
    BLOCK_M = 1
    BLOCK_N = 1024
    start = pl.program_id(1) * BLOCK_N  # specs/activation/mul.py:29
    columns = W // 2  # specs/activation/gated.py:94
    offs_m = pl.program_id(0) + jnp.arange(BLOCK_M, dtype=jnp.int32)
    arange_1024 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    offs_w = start + arange_1024
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_w[None, :]])
    gate = x.astype(jnp.float32)
    offs_w_1 = start + columns + arange_1024
    x_1 = plgpu.load(x_ref.at[offs_m[:, None], offs_w_1[None, :]])
    up = x_1.astype(jnp.float32)
    gate_1 = jnp.where(gate > 10.0, 10.0, gate)  # specs/activation/gated.py:136
    up_1 = jnp.where(up < -10.0, -10.0, jnp.where(up > 10.0, 10.0, up))  # specs/activation/gated.py:140
    # -1.4426950408889634 is -log2(e), specs/activation/gated.py:103
    y = (
        gate_1 * div_rn(jnp.full((BLOCK_M, BLOCK_N), 1.0, jnp.float32), 1.0 + exp2(gate_1 * -1.4426950408889634)) * up_1
    ).astype(jnp.bfloat16)
    plgpu.store(y_ref.at[offs_m[:, None], offs_w[None, :]], y)  # specs/activation/mul.py:31
