# apply_penalties, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""write_penalised: Puts penalised logits in place.

Generated. Specialised on
    logits = f32
    tokens = int32
    prompt_lens = int32
    lens = int32
    penalised = f32
    BLOCK = 1024
    num_warps = 4
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def write_penalised(
    tokens_ref, prompt_lens_ref, lens_ref, penalised_ref,
    logits_ref,
    *, V, L,
):
    BLOCK = 1024
    row = pl.program_id(0)  # specs/sampling/penalties.py:108
    place = pl.program_id(1) * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
    lens = plgpu.load(lens_ref.at[row])  # specs/sampling/penalties.py:75
    end = jnp.maximum(jnp.minimum(lens, L), 0)
    inside = place < end  # specs/sampling/penalties.py:110
    token = plgpu.load(tokens_ref.at[row, place], mask=inside, other=-1)  # specs/sampling/penalties.py:54
    token_1 = jnp.where((token >= 0) & (token < V), token, -1)
    there = token_1 >= 0  # specs/sampling/penalties.py:111
    penalised = plgpu.load(penalised_ref.at[row, place], mask=there, other=0.0)
    plgpu.store(logits_ref.at[row, token_1], penalised, mask=there)
