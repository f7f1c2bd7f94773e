# combine_topk_swa, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""combine_topk_swa: For every prefill token, the workspace rows it attends to: chosen compressed entries, then its
window.

Generated. Specialised on
    window = 128
    ratio = 4
    topk = 1024
    max_image_tokens = 0
    topk_indices = int32
    query_start_loc = int32
    seq_lens = int32
    gather_lens = int32
    combined_indices = int32
    combined_lens = int32
    BLOCK_W = 512
    BLOCK_R = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def combine_topk_swa(
    topk_indices_ref, query_start_loc_ref, seq_lens_ref, gather_lens_ref,
    combined_indices_ref, combined_lens_ref,
    *, R, workspace_rows, compressed_rows,
):
    window = 128
    ratio = 4
    topk = 1024
    BLOCK_W = 512
    BLOCK_R = 256
    token = pl.program_id(0)  # specs/cache/combine.py:45
    # A slice of the batch's array: its first element is not 0.
    first = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:36
    def step(k, carry):
        (ended_1,) = carry
        owner = k * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/cache/lookup.py:39
        inside = owner < R
        # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts included.
        query_start_loc = plgpu.load(query_start_loc_ref.at[owner + 1], mask=inside, other=0)
        end = query_start_loc - first
        index = jnp.sum((inside & (end <= token)).astype(jnp.int32), axis=0, dtype=jnp.int32)
        return (ended_1 + index,)
    (ended,) = jax.lax.fori_loop(0, pl.cdiv(R, BLOCK_R), step, (jnp.int32(0),))  # specs/cache/lookup.py:48
    live = ended < R  # specs/cache/combine.py:48
    first_1 = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:54
    query_start_loc_1 = plgpu.load(query_start_loc_ref.at[ended + 1], mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = plgpu.load(seq_lens_ref.at[ended], mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    position = jnp.where(live, length - end_1 + token, -1)
    length_1 = plgpu.load(seq_lens_ref.at[ended], mask=live, other=0)  # specs/cache/combine.py:50
    gathered = plgpu.load(gather_lens_ref.at[ended], mask=live, other=0)
    # A compressed entry is visible once all `ratio` tokens that it covers are; position is -1 for padding.
    chosen = jnp.minimum(jax.lax.div(jnp.maximum(position + 1, 0), jnp.int32(ratio)), topk)
    low = position - (window - 1)
    # The window of an early token begins before the sequence does.
    low_1 = jnp.maximum(low, 0)
    # An extended window may end before it begins; padding has none.
    visible = jnp.where(live & (position >= 0), jnp.maximum(position - low_1 + 1, 0), 0)
    count = jnp.minimum(chosen + visible, 1152)
    base = ended * workspace_rows
    # of the window, among the rows that were gathered
    first_row = low_1 - (length_1 - gathered)
    def step_1(k_1, carry):
        () = carry
        column = k_1 * BLOCK_W + jnp.arange(BLOCK_W, dtype=jnp.int32)  # specs/cache/combine.py:70
        # Chosen entries come first, so the window starts at column `chosen`.
        row = first_row + (column - chosen)
        # Window rows that were not gathered are -1: their workspace row belongs to another request or is stale.
        there = (column < count) & (row >= 0) & (row < gathered)
        entry = jnp.where(there, base + compressed_rows + row, -1)
        mask = column < chosen
        local = plgpu.load(topk_indices_ref.at[token, column], mask=mask, other=0)
        # -1 among the chosen entries stays -1: adding `base` would name a row of the previous request.
        real = (local >= 0) & (local < compressed_rows)
        entry_1 = jnp.where(mask, jnp.where(real, base + local, -1), entry)
        # To the end of the row: readers take whole blocks and skip -1.
        plgpu.store(combined_indices_ref.at[token, column], entry_1, mask=column < 1152)
        return ()
    () = jax.lax.fori_loop(0, 3, step_1, ())  # specs/cache/combine.py:84
    plgpu.store(combined_lens_ref.at[token], count)
