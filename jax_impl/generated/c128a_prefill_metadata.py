# c128a_prefill_metadata, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""c128a_prefill_metadata: Numbers, in their request, of all compressed entries that a prefill token sees.

Generated. Specialised on
    width = 8192
    ratio = 128
    positions = int32
    indices = int32
    BLOCK_W = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def c128a_prefill_metadata(
    positions_ref,
    indices_ref,
):
    width = 8192
    ratio = 128
    BLOCK_W = 256
    token = pl.program_id(0)  # specs/cache/compressed.py:64
    column = pl.program_id(1) * BLOCK_W + jnp.arange(BLOCK_W, dtype=jnp.int32)
    position = plgpu.load(positions_ref.at[token])  # specs/cache/compressed.py:43
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    # specs/cache/compressed.py:66
    plgpu.store(
        indices_ref.at[token, column],
        jnp.where(column < jnp.minimum(jax.lax.div(jnp.maximum(position + 1, 0), jnp.int32(ratio)), width), column, -1),
        mask=column < width
    )
