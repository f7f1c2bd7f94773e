# static_quant_fp8, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""static_quant_fp8: FP8 codes under scales that are given: of the tensor, of every row or column, or of 2-D groups.

Generated. Specialised on
    scale_mode = token
    group_m = 128
    group_n = 128
    element = e4m3
    x = bf16
    scale = f32
    q = e4m3
    even_m = True
    even_n = True
    BLOCK_M = 4
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def static_quant_fp8(
    x_ref, scale_ref,
    q_ref,
):
    BLOCK_M = 4
    BLOCK_N = 1024
    offs_m = pl.program_id(0) * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/static.py:36
    offs_n = pl.program_id(1) * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)
    x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]])
    x_1 = x.astype(jnp.float32)
    scale = plgpu.load(scale_ref.at[offs_m])  # specs/quant/static.py:46
    # specs/quant/static.py:37
    plgpu.store(
        q_ref.at[offs_m[:, None], offs_n[None, :]],
        div_rn(x_1, jnp.broadcast_to(scale[:, None], (BLOCK_M, BLOCK_N))).astype(jnp.float8_e4m3fn)
    )
