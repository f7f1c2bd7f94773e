# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""list_pending: Rows that are not finished.

Generated. Specialised on
    pending = int32
    listed = int32
    number = int32
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def list_pending(
    pending_ref,
    listed_ref, number_ref,
    *, B,
):
    def step(i, carry):  # specs/sampling/wide.py:64
        (total_1,) = carry
        row = i * 1024 + jnp.arange(1024, dtype=jnp.int32)  # specs/sampling/wide.py:59
        pending = plgpu.load(pending_ref.at[row], mask=row < B, other=0)
        pending_cumsum = jax.lax.cumsum(pending, axis=0)
        plgpu.store(listed_ref.at[total_1 + pending_cumsum - 1], row, mask=pending > 0)
        pending_sum = jnp.sum(pending, axis=0, dtype=jnp.int32)
        return (total_1 + pending_sum,)
    (total,) = jax.lax.fori_loop(0, pl.cdiv(B, 1024), step, (jnp.int32(0),))  # specs/sampling/wide.py:64
    plgpu.store(number_ref.at[jnp.int32(0)], total)
