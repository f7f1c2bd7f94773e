# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""pick_winner: Tokens of rows of most candidates.

Generated. Specialised on
    pending = int32
    winners = int32
    tokens = int32
    num_warps = 1
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def pick_winner(
    pending_ref, winners_ref,
    tokens_ref,
    *, V,
):
    row = pl.program_id(0)  # specs/sampling/wide.py:303
    span = jnp.arange(64, dtype=jnp.int32)
    there = span < pl.cdiv(V, 4096)
    pending = plgpu.load(pending_ref.at[row])
    @pl.when(pending > 0)
    def branch():
        # -2147483648 is -2**31, specs/sampling/wide.py:307
        best = plgpu.load(winners_ref.at[row, span, jnp.int32(0)], mask=there, other=-2147483648)
        token = plgpu.load(winners_ref.at[row, span, jnp.int32(1)], mask=there, other=0)
        best_1 = jnp.max(best, axis=0)  # specs/sampling/items.py:180
        found = jnp.min(jnp.where(best == best_1, token, 0x7fffffff), axis=0)  # 2**31 - 1
        plgpu.store(tokens_ref.at[row], jnp.where(best_1 > -2147483648, found, 0))  # -2**31, specs/sampling/wide.py:310
