# tma_aligned_scales, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""tma_aligned_scales: Scales token by token, padded, and packed as ue8m0 where asked for.

Generated. Specialised on
    out_dtype = int32
    scale = f32
    out = int32
    BLOCK_T = 64
    BLOCK_W = 4
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def tma_aligned_scales(
    scale_ref,
    out_ref,
    *, T, S,
):
    BLOCK_T = 64
    BLOCK_W = 4
    group = pl.program_id(2)  # specs/output/scales.py:40
    token = (pl.program_id(0) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32))[None, :]
    word = (pl.program_id(1) * BLOCK_W + jnp.arange(BLOCK_W, dtype=jnp.int32))[:, None]
    padded = token < pl.cdiv(T, 4) * 4
    column = word * 4
    column_1 = column + 1
    column_2 = column + 2
    column_3 = column + 3
    # Zeros for tokens and scales of padding.
    mask = token < T  # specs/output/scales.py:47
    mask_1 = column < S
    scale = plgpu.load(scale_ref.at[group, token, column], mask=mask & mask_1, other=0.0)
    packed = (jax.lax.bitcast_convert_type(scale, jnp.int32) >> 23) & 255  # specs/output/scales.py:56
    # specs/output/scales.py:47
    scale_1 = plgpu.load(scale_ref.at[group, token, column_1], mask=mask & (column_1 < S), other=0.0)
    byte = ((jax.lax.bitcast_convert_type(scale_1, jnp.int32) >> 23) & 255) << 8  # specs/output/scales.py:56
    packed_1 = packed | byte
    # specs/output/scales.py:47
    scale_2 = plgpu.load(scale_ref.at[group, token, column_2], mask=mask & (column_2 < S), other=0.0)
    byte_1 = ((jax.lax.bitcast_convert_type(scale_2, jnp.int32) >> 23) & 255) << 16  # specs/output/scales.py:56
    packed_2 = packed_1 | byte_1
    # specs/output/scales.py:47
    scale_3 = plgpu.load(scale_ref.at[group, token, column_3], mask=mask & (column_3 < S), other=0.0)
    byte_2 = ((jax.lax.bitcast_convert_type(scale_3, jnp.int32) >> 23) & 255) << 24  # specs/output/scales.py:56
    packed_3 = packed_2 | byte_2
    plgpu.store(out_ref.at[group, word, token], packed_3, mask=padded & mask_1)
