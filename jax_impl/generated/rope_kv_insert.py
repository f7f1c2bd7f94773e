# rope_kv_insert, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""rope_kv_insert: Queries rotated in place; keys, rotated, and values written into their slots of a paged cache.

Generated. Specialised on
    neox = True
    offset = 0
    inverse = False
    kv_layout = separate
    positions = int32
    q = bf16
    key = bf16
    value = bf16
    cos_sin = f32
    key_cache = bf16
    value_cache = bf16
    slot_mapping = int32
    D = 128
    DV = 128
    ROT = 128
    even_heads = False
    BLOCK_H = 16
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, fms


def rope_kv_insert(
    positions_ref, key_ref, value_ref, cos_sin_ref, slot_mapping_ref,
    q_ref, key_cache_ref, value_cache_ref,
    *, TS, HQ, HKV, POSITIONS, PAGES, PAGE,
):
    ROT = 128
    BLOCK_H = 16
    token = pl.program_id(0)  # specs/cache/rope_kv_insert.py:91
    part = pl.program_id(1)
    position = plgpu.load(positions_ref.at[token])  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = jnp.arange(64, dtype=jnp.int32)
    there = jnp.broadcast_to(known, (64,))
    cosine = plgpu.load(cos_sin_ref.at[position, pair], mask=there, other=0.0)
    sine = plgpu.load(cos_sin_ref.at[position, pair + ROT // 2], mask=there, other=0.0)
    of_q = pl.cdiv(HQ, BLOCK_H)  # specs/cache/rope_kv_insert.py:93
    @pl.when(part < of_q)
    def branch():
        head = (part * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32))[:, None]  # specs/rope/embedding.py:68
        live = (head < HQ) & known
        c = pair[None, :]  # specs/rope/rotation.py:85
        c_1 = c + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        q = plgpu.load(q_ref.at[token, head, c], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
        a = q.astype(jnp.float32)
        q_1 = plgpu.load(q_ref.at[token, head, c_1], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
        b = q_1.astype(jnp.float32)
        c_2 = cosine[None, :]  # specs/rope/rotation.py:97
        s = sine[None, :]
        a_1 = fms(a, c_2, b * s)
        b_1 = fma(b, c_2, a * s)
        # specs/rope/rotation.py:76
        plgpu.store(q_ref.at[token, head, c], a_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
        plgpu.store(q_ref.at[token, head, c_1], b_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
    @pl.when(part >= of_q)  # specs/cache/rope_kv_insert.py:95
    def branch_1():
        block = part - of_q  # specs/cache/rope_kv_insert.py:95
        # A tile of one token: `insert_rows` works on tiles of tokens.
        row = token + jnp.arange(1, dtype=jnp.int32)  # specs/cache/rope_kv_insert.py:103
        head_1 = block * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
        live_1 = row < TS  # specs/cache/kv_insert.py:74
        slot = plgpu.load(slot_mapping_ref.at[row], mask=live_1, other=-1)
        # Clamped because // and % of negative numbers differ between targets; such slots are masked.
        clamped = jnp.maximum(slot, 0)
        page = jax.lax.div(clamped, jnp.full((1,), PAGE, jnp.int32))
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_2 = (slot >= 0) & (page < PAGES)
        mask = head_1 < HKV  # specs/cache/rope_kv_insert.py:105
        live_3 = mask[:, None]
        c_3 = pair[None, :]  # specs/rope/rotation.py:85
        c_4 = c_3 + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        key = plgpu.load(
            key_ref.at[token, head_1[:, None], c_3], mask=jnp.broadcast_to(live_3, (BLOCK_H, 64)), other=0.0
        )
        a_2 = key.astype(jnp.float32)
        key_1 = plgpu.load(
            key_ref.at[token, head_1[:, None], c_4], mask=jnp.broadcast_to(live_3, (BLOCK_H, 64)), other=0.0
        )
        b_2 = key_1.astype(jnp.float32)
        c_5 = cosine[None, :]  # specs/rope/rotation.py:97
        s_1 = sine[None, :]
        new = fms(a_2, c_5, b_2 * s_1)
        new_1 = fma(b_2, c_5, a_2 * s_1)
        a_3 = jnp.where(known, new, a_2)  # specs/cache/rope_kv_insert.py:107
        b_3 = jnp.where(known, new_1, b_2)
        codes = a_3.astype(jnp.bfloat16)[None, :, :]  # specs/cache/rope_kv_insert.py:111
        codes_1 = b_3.astype(jnp.bfloat16)[None, :, :]
        rows = live_2[:, None] & mask[None, :]  # specs/cache/kv_insert.py:143
        page_1 = page[:, None]  # specs/cache/kv_insert.py:122
        row_1 = jax.lax.rem(clamped, jnp.full((1,), PAGE, jnp.int32))[:, None]
        plgpu.store(
            key_cache_ref.at[page_1[:, :, None], row_1[:, :, None], head_1[None, :, None], c_3[None, :, :]], codes,
            mask=jnp.broadcast_to(rows[:, :, None], (1, BLOCK_H, 64))
        )
        plgpu.store(
            key_cache_ref.at[page_1[:, :, None], row_1[:, :, None], head_1[None, :, None], c_4[None, :, :]], codes_1,
            mask=jnp.broadcast_to(rows[:, :, None], (1, BLOCK_H, 64))
        )
        index = jnp.arange(128, dtype=jnp.int32)[None, None, :]  # specs/cache/kv_insert.py:98
        mask_1 = (live_1[:, None] & mask[None, :])[:, :, None]
        x = plgpu.load(
            value_ref.at[row[:, None, None], head_1[None, :, None], index],
            mask=jnp.broadcast_to(mask_1, (1, BLOCK_H, 128)), other=0.0
        )
        # specs/cache/kv_insert.py:134
        plgpu.store(
            value_cache_ref.at[page_1[:, :, None], row_1[:, :, None], head_1[None, :, None], index], x,
            mask=jnp.broadcast_to(rows[:, :, None], (1, BLOCK_H, 128))
        )
