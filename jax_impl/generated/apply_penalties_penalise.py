# apply_penalties, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""penalise: Penalised logits of the tokens that occur.

Generated. Specialised on
    logits = f32
    tokens = int32
    prompt_lens = int32
    lens = int32
    repetition = f32
    frequency = f32
    presence = f32
    penalised = f32
    BLOCK = 128
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def penalise(
    logits_ref, tokens_ref, prompt_lens_ref, lens_ref, repetition_ref, frequency_ref, presence_ref,
    penalised_ref,
    *, V, L,
):
    BLOCK = 128
    row = pl.program_id(0)  # specs/sampling/penalties.py:81
    block = pl.program_id(1)
    lens = plgpu.load(lens_ref.at[row])  # specs/sampling/penalties.py:75
    end = jnp.maximum(jnp.minimum(lens, L), 0)
    prompt_lens = plgpu.load(prompt_lens_ref.at[row])
    start = jnp.maximum(jnp.minimum(prompt_lens, end), 0)
    @pl.when(block * BLOCK < end)  # specs/sampling/penalties.py:103
    def branch():
        place = block * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/penalties.py:85
        inside = place < end
        token = plgpu.load(tokens_ref.at[row, place], mask=inside, other=-1)  # specs/sampling/penalties.py:54
        token_1 = jnp.where((token >= 0) & (token < V), token, -1)
        count = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/penalties.py:93
        def step(i, carry):
            (count_2,) = carry
            at = start + i * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/sampling/penalties.py:89
            inside_1 = at < end
            token_2 = plgpu.load(tokens_ref.at[row, at], mask=inside_1, other=-1)  # specs/sampling/penalties.py:54
            other = jnp.where((token_2 >= 0) & (token_2 < V), token_2, -1)
            # specs/sampling/penalties.py:91
            index = jnp.sum((token_1[:, None] == other[None, :]).astype(jnp.int32), axis=1, dtype=jnp.int32)
            return (count_2 + index,)
        # specs/sampling/penalties.py:93
        (count_1,) = jax.lax.fori_loop(0, jax.lax.div(end - start + 63, jnp.int32(64)), step, (count,))
        there = token_1 >= 0
        value = plgpu.load(logits_ref.at[row, token_1], mask=there, other=0.0)
        repetition = plgpu.load(repetition_ref.at[row])
        value_1 = jnp.where(value > 0.0, div_rn(value, jnp.broadcast_to(repetition, (BLOCK,))), value * repetition)
        # The minimum keeps compilers from contracting the product and the difference into one rounding.
        frequency = plgpu.load(frequency_ref.at[row])
        value_2 = value_1 - jnp.minimum(frequency * count_1.astype(jnp.float32), 3.4028234663852886e+38)
        presence = plgpu.load(presence_ref.at[row])
        value_3 = value_2 - jnp.where(count_1 > 0, presence, 0.0)
        plgpu.store(penalised_ref.at[row, place], value_3, mask=place < L)
