# compressed_slot_mapping, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""compressed_slot_mapping: Slot of the compressed entry that a token completes, where it completes one.

Generated. Specialised on
    ratio = 4
    block_size = 256
    positions = int32
    token_to_req = int32
    slot_mapping = int32
    block_table = int32
    slots = int32
    BLOCK_T = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def compressed_slot_mapping(
    positions_ref, token_to_req_ref, slot_mapping_ref, block_table_ref,
    slots_ref,
    *, T, P, B, NB,
):
    ratio = 4
    block_size = 256
    BLOCK_T = 256
    token = pl.program_id(0) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/cache/compressed.py:71
    # slot_mapping and slots are padded to P; positions and requests have only the T tokens of the step.
    mask = token < P
    own = plgpu.load(slot_mapping_ref.at[token], mask=mask, other=-1)
    live = (token < T) & (own >= 0)
    position = plgpu.load(positions_ref.at[token], mask=live, other=-1)
    request = plgpu.load(token_to_req_ref.at[token], mask=live, other=-1)
    # Before the modulo, whose sign for negative operands differs between targets.
    position_1 = jnp.maximum(position, -1)
    # Only the last token of every `ratio` completes an entry, and only that one is written.
    live_1 = live & (jax.lax.rem(position_1 + 1, jnp.full((BLOCK_T,), ratio, jnp.int32)) == 0) & (position_1 >= 0)
    entry = jax.lax.div(jnp.maximum(position_1, 0), jnp.full((BLOCK_T,), ratio, jnp.int32))
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = jnp.where((request >= 0) & (request < B), jnp.int32(NB), jnp.int32(0))  # specs/cache/lookup.py:70
    live_2 = live_1 & (entry >= 0)
    entry_1 = jnp.where(live_2, entry, 0)
    page = jax.lax.div(entry_1, jnp.full((BLOCK_T,), block_size // ratio, jnp.int32))
    live_3 = live_2 & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = plgpu.load(block_table_ref.at[request, page], mask=live_3, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    slot = jnp.where(
        block >= 0,
        block * (block_size // ratio) + jax.lax.rem(entry_1, jnp.full((BLOCK_T,), block_size // ratio, jnp.int32)), -1
    )
    plgpu.store(slots_ref.at[token], slot, mask=mask)  # specs/cache/compressed.py:84
