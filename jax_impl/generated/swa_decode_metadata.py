# swa_decode_metadata, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""swa_decode_metadata: Cache slots of the window of every decode token, oldest first.

Generated. Specialised on
    window = 128
    block_size = 64
    query_start_loc = int32
    seq_lens = int32
    slot_mapping = int32
    block_table = int32
    indices = int32
    lens = int32
    BLOCK_R = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def swa_decode_metadata(
    query_start_loc_ref, seq_lens_ref, slot_mapping_ref, block_table_ref,
    indices_ref, lens_ref,
    *, R, B, NB,
):
    window = 128
    block_size = 64
    BLOCK_R = 256
    token = pl.program_id(0)  # specs/cache/metadata.py:75
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
    live = ended < R  # specs/cache/metadata.py:77
    first_1 = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:54
    query_start_loc_1 = plgpu.load(query_start_loc_ref.at[ended + 1], mask=live, other=0)
    end_1 = query_start_loc_1 - first_1
    length = plgpu.load(seq_lens_ref.at[ended], mask=live, other=0)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    position = jnp.where(live, length - end_1 + token, -1)
    # A token without a slot is padding of a captured batch; it attends to nothing.
    slot_mapping = plgpu.load(slot_mapping_ref.at[token])  # specs/cache/metadata.py:79
    live_1 = (slot_mapping >= 0) & (position >= 0)
    low = jnp.maximum(position - (window - 1), 0)
    count = jnp.where(live_1, position + 1 - low, 0)
    # One tile for the whole window, padded to a power of two; the store mask keeps the next row intact.
    column = jnp.arange(128, dtype=jnp.int32)
    index_1 = low + column
    live_2 = column < count
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = jnp.where((ended >= 0) & (ended < B), jnp.int32(NB), jnp.int32(0))  # specs/cache/lookup.py:70
    live_3 = live_2 & (index_1 >= 0)
    entry = jnp.where(live_3, index_1, 0)
    page = jax.lax.div(entry, jnp.full((128,), block_size, jnp.int32))
    live_4 = live_3 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = plgpu.load(block_table_ref.at[ended, page], mask=live_4, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = jnp.where(block >= 0, block * block_size + jax.lax.rem(entry, jnp.full((128,), block_size, jnp.int32)), -1)
    plgpu.store(indices_ref.at[token, column], slot, mask=column < window)  # specs/cache/metadata.py:85
    plgpu.store(lens_ref.at[token], count)
