# c128a_decode_metadata, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""c128a_decode_metadata: Cache slots of all compressed entries that a decode token sees.

Generated. Specialised on
    width = 8192
    ratio = 128
    block_size = 2
    positions = int32
    token_to_req = int32
    slot_mapping = int32
    block_table = int32
    indices = int32
    lens = int32
    BLOCK_W = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def c128a_decode_metadata(
    positions_ref, token_to_req_ref, slot_mapping_ref, block_table_ref,
    indices_ref, lens_ref,
    *, B, NB,
):
    width = 8192
    ratio = 128
    block_size = 2
    BLOCK_W = 256
    token = pl.program_id(0)  # specs/cache/compressed.py:50
    block = pl.program_id(1)
    column = block * BLOCK_W + jnp.arange(BLOCK_W, dtype=jnp.int32)
    # No slot: a token of padding, whose position may be stale.
    slot_mapping = plgpu.load(slot_mapping_ref.at[token])
    position = plgpu.load(positions_ref.at[token])  # specs/cache/compressed.py:43
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    # specs/cache/compressed.py:53
    count = jnp.where(
        slot_mapping >= 0, jnp.minimum(jax.lax.div(jnp.maximum(position + 1, 0), jnp.int32(ratio)), width), 0
    )
    request = plgpu.load(token_to_req_ref.at[token])
    # -1 past the last entry, to the end of the row: captured graphs reuse the buffer.
    live = column < count
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = jnp.where((request >= 0) & (request < B), jnp.int32(NB), jnp.int32(0))  # specs/cache/lookup.py:70
    live_1 = live & (column >= 0)
    entry = jnp.where(live_1, column, 0)
    page = jax.lax.div(entry, jnp.full((BLOCK_W,), block_size, jnp.int32))
    live_2 = live_1 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block_1 = plgpu.load(block_table_ref.at[request, page], mask=live_2, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = jnp.where(
        block_1 >= 0, block_1 * block_size + jax.lax.rem(entry, jnp.full((BLOCK_W,), block_size, jnp.int32)), -1
    )
    plgpu.store(indices_ref.at[token, column], slot, mask=column < width)  # specs/cache/compressed.py:57
    # Every block of a token computes the same count; one stores it.
    plgpu.store(lens_ref.at[token], count, mask=block == 0)
