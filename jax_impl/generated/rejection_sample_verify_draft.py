# rejection_sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""verify_draft: Draft tokens that the sampled ones confirm.

Generated. Specialised on
    draft = int32
    sampled = int32
    lengths = int32
    tokens = int32
    accepted = int32
    K = 1
    BLOCK = 32
    num_warps = 1
    num_stages = 1
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def verify_draft(
    draft_ref, sampled_ref, lengths_ref,
    tokens_ref, accepted_ref,
    *, B,
):
    K = 1
    BLOCK = 32
    row = pl.program_id(0) * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/verify.py:37
    place = jnp.arange(2, dtype=jnp.int32)
    inside = row < B
    each = inside[:, None] & (place < K)[None, :]
    lengths = plgpu.load(lengths_ref.at[row], mask=inside, other=0)
    length = jnp.minimum(lengths, K)
    draft = plgpu.load(draft_ref.at[row[:, None], place[None, :]], mask=each, other=0)
    mask = inside[:, None] & (place <= K)[None, :]
    token = plgpu.load(sampled_ref.at[row[:, None], place[None, :]], mask=mask, other=0)
    confirmed = each & (place[None, :] < length[:, None]) & (draft == token)
    accepted = jnp.min(jnp.where(confirmed, K, place[None, :]), axis=1)
    plgpu.store(accepted_ref.at[row], accepted, mask=inside)
    kept = jnp.where(place[None, :] <= accepted[:, None], token, -1)
    plgpu.store(tokens_ref.at[row[:, None], place[None, :]], kept, mask=mask)
