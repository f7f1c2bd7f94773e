# save_partial_states, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""save_partial_states: Keys and scores of a step's tokens, into the state that windows are compressed from.

Generated. Specialised on
    kv = f32
    score = f32
    ape = f32
    positions = int32
    state_cache = f32
    slot_mapping = int32
    even_w = True
    BLOCK_T = 1
    BLOCK_W = 1024
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def save_partial_states(
    kv_ref, score_ref, ape_ref, positions_ref, slot_mapping_ref,
    state_cache_ref,
    *, T, W, R, STATE_PAGES, STATE_ROWS,
):
    BLOCK_T = 1
    BLOCK_W = 1024
    token = pl.program_id(0) + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/compressor/save.py:35
    column = pl.program_id(1) * BLOCK_W + jnp.arange(BLOCK_W, dtype=jnp.int32)
    live = token < T
    slot = plgpu.load(slot_mapping_ref.at[token], mask=live, other=-1)
    position = plgpu.load(positions_ref.at[token], mask=live, other=-1)
    # Clamped, because // and % of negatives differ between targets; masked below.
    safe = jnp.maximum(slot, 0)
    phase = jax.lax.rem(jnp.maximum(position, 0), jnp.full((BLOCK_T,), R, jnp.int32))
    page = jax.lax.div(safe, jnp.full((BLOCK_T,), STATE_ROWS, jnp.int32))
    row = jax.lax.rem(safe, jnp.full((BLOCK_T,), STATE_ROWS, jnp.int32))
    live_1 = live & (slot >= 0) & (position >= 0) & (page < STATE_PAGES)
    mask = live_1[:, None]
    page_1 = page[:, None]
    row_1 = row[:, None]
    kv = plgpu.load(kv_ref.at[token[:, None], column[None, :]], mask=jnp.broadcast_to(mask, (1, BLOCK_W)), other=0.0)
    score = plgpu.load(
        score_ref.at[token[:, None], column[None, :]], mask=jnp.broadcast_to(mask, (1, BLOCK_W)), other=0.0
    )
    ape = plgpu.load(ape_ref.at[phase[:, None], column[None, :]], mask=jnp.broadcast_to(mask, (1, BLOCK_W)), other=0.0)
    score_1 = score + ape
    plgpu.store(state_cache_ref.at[page_1, row_1, column[None, :]], kv, mask=jnp.broadcast_to(mask, (1, BLOCK_W)))
    plgpu.store(
        state_cache_ref.at[page_1, row_1, (column + W)[None, :]], score_1, mask=jnp.broadcast_to(mask, (1, BLOCK_W))
    )
