# apply_penalties, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""add_bias: Adds the bias.

Generated. Specialised on
    logits = f32
    bias_ids = int32
    bias_values = f32
    NB = 16
    num_warps = 1
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def add_bias(
    bias_ids_ref, bias_values_ref,
    logits_ref,
    *, V,
):
    NB = 16
    row = pl.program_id(0)  # specs/sampling/penalties.py:60
    place = jnp.arange(16, dtype=jnp.int32)
    inside = place < NB
    token = plgpu.load(bias_ids_ref.at[row, place], mask=inside, other=-1)  # specs/sampling/penalties.py:54
    token_1 = jnp.where((token >= 0) & (token < V), token, -1)
    repeated = jnp.full((16,), 0, jnp.int32)  # specs/sampling/penalties.py:67
    def step(i, carry):
        (repeated_2,) = carry
        other = plgpu.load(bias_ids_ref.at[row, i])  # specs/sampling/penalties.py:64
        return (repeated_2 | ((token_1 == other) & (place > i)).astype(jnp.int32),)
    (repeated_1,) = jax.lax.fori_loop(0, NB, step, (repeated,))  # specs/sampling/penalties.py:67
    there = (token_1 >= 0) & (repeated_1 == 0)
    logits = plgpu.load(logits_ref.at[row, token_1], mask=there, other=0.0)
    bias_values = plgpu.load(bias_values_ref.at[row, place], mask=inside, other=0.0)
    value = logits + bias_values
    plgpu.store(logits_ref.at[row, token_1], value, mask=there)
