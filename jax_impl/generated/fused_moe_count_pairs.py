# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""count_pairs: Where the rows of every expert begin, and how many pairs each has before every tile of pairs.

Generated. Specialised on
    num_experts = 256
    ids = int32
    offsets = int32
    earlier = int32
    K = 6
    BLOCK_E = 8
    STEP = 8
    num_warps = 8
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def count_pairs(
    ids_ref,
    offsets_ref, earlier_ref,
    *, T, TILES,
):
    num_experts = 256
    K = 6
    BLOCK_E = 8
    STEP = 8
    expert = pl.program_id(0) * BLOCK_E + jnp.arange(BLOCK_E, dtype=jnp.int32)  # specs/moe/permute.py:54
    exists = expert <= num_experts
    none = jnp.full((BLOCK_E,), 0, jnp.int32)
    def step(k, carry):
        (before_1, below_1) = carry
        tile = k * STEP + jnp.arange(STEP, dtype=jnp.int32)  # specs/moe/permute.py:58
        pair = tile[:, None] * 128 + jnp.arange(128, dtype=jnp.int32)[None, :]
        inside = pair < T * K  # specs/moe/permute.py:41
        expert_1 = plgpu.load(
            ids_ref.at[
                jax.lax.div(pair, jnp.full((STEP, 128), K, jnp.int32)),
                jax.lax.rem(pair, jnp.full((STEP, 128), K, jnp.int32))
            ],
            mask=inside, other=-1
        )
        # specs/moe/permute.py:60
        given = jnp.where((expert_1 >= 0) & (expert_1 < num_experts), expert_1, num_experts)[:, :, None]
        inside_1 = inside[:, :, None]
        own = jnp.sum(((given == expert[None, :][:, None, :]) & inside_1).astype(jnp.int32), axis=1, dtype=jnp.int32)
        # Tiles of a step count one after the other: pairs of earlier tiles come first.
        upto = jax.lax.cumsum(own, axis=0)
        mask = (tile < TILES)[:, None] & exists[None, :]
        plgpu.store(earlier_ref.at[tile[:, None], expert[None, :]], before_1[None, :] + upto - own, mask=mask)
        index = jnp.sum(((given < expert[None, :][:, None, :]) & inside_1).astype(jnp.int32), axis=1, dtype=jnp.int32)
        lower = jnp.sum(index, axis=0, dtype=jnp.int32)
        own_sum = jnp.sum(own, axis=0, dtype=jnp.int32)
        before_2 = before_1 + own_sum
        below_2 = below_1 + lower
        return (before_2, below_2)
    (before, below) = jax.lax.fori_loop(0, pl.cdiv(TILES, STEP), step, (none, none))  # specs/moe/permute.py:71
    plgpu.store(offsets_ref.at[expert], below, mask=exists)
