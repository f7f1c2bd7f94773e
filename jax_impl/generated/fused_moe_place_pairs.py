# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""place_pairs: The row of every pair, and the pair of every row.

Generated. Specialised on
    num_experts = 256
    ids = int32
    offsets = int32
    earlier = int32
    order = int32
    inverse = int32
    K = 6
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def place_pairs(
    ids_ref, offsets_ref, earlier_ref,
    order_ref, inverse_ref,
    *, T,
):
    num_experts = 256
    K = 6
    start = pl.program_id(0) * 128  # specs/moe/permute.py:77
    pair = start + jnp.arange(128, dtype=jnp.int32)
    inside = pair < T * K
    index = jax.lax.div(pair, jnp.full((128,), K, jnp.int32))  # specs/moe/permute.py:42
    index_1 = jax.lax.rem(pair, jnp.full((128,), K, jnp.int32))
    expert = plgpu.load(ids_ref.at[index, index_1], mask=inside, other=-1)
    expert_1 = jnp.where((expert >= 0) & (expert < num_experts), expert, num_experts)
    # In parts, which stay in registers.
    rank = jnp.full((128,), 0, jnp.int32)  # specs/moe/permute.py:88
    def step(k, carry):
        (rank_2,) = carry
        other = start + k * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/moe/permute.py:83
        inside_1 = other < T * K  # specs/moe/permute.py:41
        expert_2 = plgpu.load(
            ids_ref.at[
                jax.lax.div(other, jnp.full((16,), K, jnp.int32)), jax.lax.rem(other, jnp.full((16,), K, jnp.int32))
            ],
            mask=inside_1, other=-1
        )
        # specs/moe/permute.py:84
        same = (
            expert_1[:, None] == jnp.where((expert_2 >= 0) & (expert_2 < num_experts), expert_2, num_experts)[None, :]
        ) & (other[None, :] < pair[:, None])
        index_2 = jnp.sum(same.astype(jnp.int32), axis=1, dtype=jnp.int32)
        return (rank_2 + index_2,)
    (rank_1,) = jax.lax.fori_loop(0, 8, step, (rank,))  # specs/moe/permute.py:88
    first = plgpu.load(offsets_ref.at[expert_1], mask=inside, other=0)
    earlier = plgpu.load(
        earlier_ref.at[jax.lax.div(pair, jnp.full((128,), 128, jnp.int32)), expert_1], mask=inside, other=0
    )
    row = first + earlier + rank_1
    kept = expert_1 < num_experts
    # Dropped pairs have rows too, the last ones, so that every entry of `order` is written once.
    plgpu.store(order_ref.at[row], jnp.where(kept, pair, -1), mask=inside)
    plgpu.store(inverse_ref.at[index, index_1], jnp.where(kept, row, -1), mask=inside)
