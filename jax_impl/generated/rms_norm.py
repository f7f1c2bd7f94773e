# rms_norm, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""rms_norm: Rows divided by their root mean square and multiplied by a weight.

Generated. Specialised on
    eps = 1e-06
    style = once
    variance_size = 0
    x = bf16
    weight = bf16
    residual = bf16
    y = bf16
    N = 7168
    even_m = True
    BLOCK_M = 1
    num_warps = 8
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def rms_norm(
    x_ref, weight_ref,
    residual_ref, y_ref,
):
    BLOCK_M = 1
    offs_m = pl.program_id(0) + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/norm/rows.py:67
    arange_8192 = jnp.arange(8192, dtype=jnp.int32)
    mask_n = arange_8192 < 7168
    x = plgpu.load(x_ref.at[offs_m[:, None], arange_8192[None, :]], mask=mask_n[None, :], other=0.0)
    # The norm reads the sum as it is stored, as the operations one after the other would.
    residual = plgpu.load(residual_ref.at[offs_m[:, None], arange_8192[None, :]], mask=mask_n[None, :], other=0.0)
    x_1 = (x.astype(jnp.float32) + residual.astype(jnp.float32)).astype(jnp.bfloat16)
    plgpu.store(residual_ref.at[offs_m[:, None], arange_8192[None, :]], x_1, mask=mask_n[None, :])
    s = x_1.astype(jnp.float32)
    square = s * s
    # A division: a product with 1 / count could be contracted with the addition of eps, in some kernels and not others.
    square_sum = jnp.sum(square, axis=1)
    mean = div_rn(square_sum, jnp.full((BLOCK_M,), 7168.0, jnp.float32))
    y = s * div_rn(jnp.full((BLOCK_M,), 1.0, jnp.float32), jnp.sqrt(mean + 1e-06))[:, None]
    weight = plgpu.load(weight_ref.at[arange_8192], mask=mask_n, other=0.0)
    weight_1 = weight.astype(jnp.float32)[None, :]
    # specs/norm/rms.py:37
    plgpu.store(
        y_ref.at[offs_m[:, None], arange_8192[None, :]], (y * weight_1).astype(jnp.bfloat16), mask=mask_n[None, :]
    )
