# rms_norm_quant, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""rms_norm_quant: FP8 codes of normalised rows, with one scale per group or per row.

Generated. Specialised on
    eps = 1e-06
    style = once
    variance_size = 0
    group = 128
    scale_format = f32
    ue8m0 = False
    scale_layout = row
    x = bf16
    weight = bf16
    residual = bf16
    q = e4m3
    scale = f32
    N = 7168
    even_m = True
    BLOCK_M = 1
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def rms_norm_quant(
    x_ref, weight_ref,
    residual_ref, q_ref, scale_ref,
):
    group = 128
    N = 7168
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
    y_1 = (y * weight_1).astype(jnp.bfloat16)
    y_2 = y_1.reshape(BLOCK_M, 8192 // group, group)  # specs/norm/rms_quant.py:40
    x_2 = y_2.astype(jnp.float32)  # specs/quant/fused.py:41
    amax = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_2), jnp.int32), axis=2)
    bits = jnp.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    arange_64 = jnp.arange(8192 // group, dtype=jnp.int32)  # specs/quant/group.py:98
    mask_scale1 = arange_64 < 56
    plgpu.store(scale_ref.at[offs_m[:, None], arange_64[None, :]], scale, mask=mask_scale1[None, :])
    # specs/quant/fused.py:47
    codes = div_rn(
        x_2, jnp.broadcast_to(scale.reshape(BLOCK_M, 8192 // group, 1), (BLOCK_M, 8192 // group, group))
    ).astype(jnp.float8_e4m3fn)
    # Stored as groups: codes as rows would have the compiler lay the rows out for them, and add the squares up in
    # another order than rms_norm does.
    row = offs_m[:, None][:, :, None]  # specs/norm/rms_quant.py:43
    column = (arange_64 * group)[None, :, None] + jnp.arange(group, dtype=jnp.int32)[None, None, :]
    inside = column < N
    plgpu.store(q_ref.at[row, column], codes, mask=inside)
