# kv_insert, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""kv_insert: Keys and values of new tokens written into their slots of a paged cache.

Generated. Specialised on
    kv_layout = separate
    key = bf16
    value = bf16
    key_cache = bf16
    value_cache = bf16
    slot_mapping = int32
    D = 128
    DV = 128
    even_heads = True
    BLOCK_T = 2
    BLOCK_H = 4
    num_warps = 2
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def kv_insert(
    key_ref, value_ref, slot_mapping_ref,
    key_cache_ref, value_cache_ref,
    *, TS, PAGES, PAGE,
):
    BLOCK_T = 2
    BLOCK_H = 4
    token = pl.program_id(0) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/cache/kv_insert.py:85
    head = pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    index = jnp.arange(128, dtype=jnp.int32)[None, None, :]  # specs/cache/kv_insert.py:98
    live = token < TS
    mask = live[:, None, None]
    x = plgpu.load(
        key_ref.at[token[:, None, None], head[None, :, None], index],
        mask=jnp.broadcast_to(mask, (BLOCK_T, BLOCK_H, 128)), other=0.0
    )
    y = plgpu.load(
        value_ref.at[token[:, None, None], head[None, :, None], index],
        mask=jnp.broadcast_to(mask, (BLOCK_T, BLOCK_H, 128)), other=0.0
    )
    slot = plgpu.load(slot_mapping_ref.at[token], mask=live, other=-1)  # specs/cache/kv_insert.py:74
    # Clamped because // and % of negative numbers differ between targets; such slots are masked.
    clamped = jnp.maximum(slot, 0)
    page = jax.lax.div(clamped, jnp.full((BLOCK_T,), PAGE, jnp.int32))
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live_1 = (slot >= 0) & (page < PAGES)
    rows = live_1[:, None]  # specs/cache/kv_insert.py:143
    page_1 = page[:, None]  # specs/cache/kv_insert.py:122
    row = jax.lax.rem(clamped, jnp.full((BLOCK_T,), PAGE, jnp.int32))[:, None]
    plgpu.store(
        key_cache_ref.at[page_1[:, :, None], row[:, :, None], head[None, :, None], index], x,
        mask=jnp.broadcast_to(rows[:, :, None], (BLOCK_T, BLOCK_H, 128))
    )
    plgpu.store(
        value_cache_ref.at[page_1[:, :, None], row[:, :, None], head[None, :, None], index], y,
        mask=jnp.broadcast_to(rows[:, :, None], (BLOCK_T, BLOCK_H, 128))
    )
