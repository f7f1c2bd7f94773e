# token_metadata, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""token_metadata: Request, position and validity of every token of a step.

Generated. Specialised on
    query_start_loc = int32
    seq_lens = int32
    slot_mapping = int32
    token_to_req = int32
    positions = int32
    is_valid = bool
    BLOCK_T = 64
    BLOCK_R = 64
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def token_metadata(
    query_start_loc_ref, seq_lens_ref, slot_mapping_ref,
    token_to_req_ref, positions_ref, is_valid_ref,
    *, T, R,
):
    BLOCK_T = 64
    BLOCK_R = 64
    token = pl.program_id(0) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/cache/metadata.py:41
    inside = token < T
    # A slice of the batch's array: its first element is not 0.
    first = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:36
    ended = jnp.full((BLOCK_T,), 0, jnp.int32)
    def step(k, carry):
        (ended_2,) = carry
        owner = k * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/cache/lookup.py:39
        inside_1 = owner < R
        # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts included.
        query_start_loc = plgpu.load(query_start_loc_ref.at[owner + 1], mask=inside_1, other=0)
        end = query_start_loc - first
        over = inside_1[None, :] & (end[None, :] <= token[:, None])
        index = jnp.sum(over.astype(jnp.int32), axis=1, dtype=jnp.int32)
        return (ended_2 + index,)
    (ended_1,) = jax.lax.fori_loop(0, pl.cdiv(R, BLOCK_R), step, (ended,))  # specs/cache/lookup.py:48
    live = inside & (ended_1 < R)  # specs/cache/metadata.py:44
    first_1 = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:54
    query_start_loc_1 = plgpu.load(query_start_loc_ref.at[ended_1 + 1], mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = plgpu.load(seq_lens_ref.at[ended_1], mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    # Padding gets position 0, a valid index of the rotary table, not -1.
    position = jnp.maximum(jnp.where(live, length - end_1 + token, -1), 0)  # specs/cache/metadata.py:46
    slot = plgpu.load(slot_mapping_ref.at[token], mask=inside, other=-1)
    # All of the padded range is written: captured graphs read it without knowing T of the step.
    plgpu.store(token_to_req_ref.at[token], jnp.where(live, ended_1, -1), mask=inside)
    plgpu.store(positions_ref.at[token], position, mask=inside)
    plgpu.store(is_valid_ref.at[token], live & (slot >= 0), mask=inside)
