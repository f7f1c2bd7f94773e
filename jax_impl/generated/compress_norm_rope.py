# compress_norm_rope, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""compress_norm_rope: Windows of tokens compressed to rows, normalised and rotated.

Generated. Specialised on
    ratio = 4
    overlap = True
    eps = 1e-06
    state_cache = f32
    positions = int32
    token_to_req = int32
    block_table = int32
    slot_mapping = int32
    norm_weight = bf16
    cos_sin = f32
    rows = bf16
    D = 512
    ROPE = 64
    BLOCK_R = 8
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma, fms, split_pairs


def compress_norm_rope(
    state_cache_ref, positions_ref, token_to_req_ref, block_table_ref, slot_mapping_ref, norm_weight_ref, cos_sin_ref,
    rows_ref,
    *, STATE_PAGES, STATE_ROWS, B, NB, POSITIONS,
):
    ratio = 4
    D = 512
    ROPE = 64
    BLOCK_R = 8
    token = pl.program_id(0)  # specs/compressor/compress.py:78
    position = plgpu.load(positions_ref.at[token])  # specs/compressor/compress.py:98
    slot = plgpu.load(slot_mapping_ref.at[token])
    # Clamped, because // and % of negatives differ between targets.
    safe = jnp.maximum(position, 0)
    phase = jax.lax.rem(safe, jnp.int32(ratio))
    there = (position >= 0) & (slot >= 0) & (phase == ratio - 1)
    position_1 = safe - phase
    column = jnp.arange(512, dtype=jnp.int32)  # specs/compressor/compress.py:107
    @pl.when(there)  # specs/compressor/compress.py:81
    def branch():
        request = plgpu.load(token_to_req_ref.at[token])  # specs/compressor/compress.py:121
        # A request outside the table has no pages: its row must not be read.
        pages = jnp.where((request >= 0) & (request < B), jnp.int32(NB), jnp.int32(0))
        first = safe - (ratio * 2 - 1)
        none = jnp.full((512,), 0.0, jnp.float32)
        top = none + -3.4028234663852886e+38
        def step(k, carry):
            (top_2, total_1, acc_1) = carry
            index = k * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/compressor/compress.py:127
            at = index + first
            live = at >= 0
            at_1 = jnp.maximum(at, 0)
            entry = jax.lax.div(at_1, jnp.full((BLOCK_R,), STATE_ROWS, jnp.int32))
            row = jax.lax.rem(at_1, jnp.full((BLOCK_R,), STATE_ROWS, jnp.int32))
            live_1 = live & (entry < pages)
            # Entries of pages that were evicted are arbitrary.
            page = plgpu.load(block_table_ref.at[request, entry], mask=live_1, other=-1)
            live_2 = live_1 & (page >= 0) & (page < STATE_PAGES)
            mask = live_2[:, None]
            start = column[None, :]
            start_1 = ((index >= ratio).astype(jnp.int32) * D)[:, None] + start
            page_1 = page[:, None]
            row_1 = row[:, None]
            kv = plgpu.load(
                state_cache_ref.at[page_1, row_1, start_1], mask=jnp.broadcast_to(mask, (BLOCK_R, 512)), other=0.0
            )
            score = plgpu.load(
                state_cache_ref.at[page_1, row_1, start_1 + 2 * D], mask=jnp.broadcast_to(mask, (BLOCK_R, 512)),
                other=0.0
            )
            score_1 = jnp.where(mask, score, -3.4028234663852886e+38)
            score_1_max = jnp.max(score_1, axis=0)
            highest = jnp.maximum(top_2, score_1_max)
            kept = exp2((top_2 - highest) * 1.4426950408889634)  # log2(e)
            weight = exp2((score_1 - highest[None, :]) * 1.4426950408889634)  # log2(e)
            weight_1 = jnp.where(mask, weight, 0.0)
            weight_1_sum = jnp.sum(weight_1, axis=0)
            total_2 = fma(total_1, kept, weight_1_sum)
            value = jnp.sum(weight_1 * kv, axis=0)
            acc_2 = fma(acc_1, kept, value)
            return (highest, total_2, acc_2)
        (top_1, total, acc) = jax.lax.fori_loop(0, 1, step, (top, none, none))  # specs/compressor/compress.py:150
        # Columns of padding, and windows without a token: 0, not 0 / 0.
        c = div_rn(acc, jnp.where(total == 0.0, 1.0, total))
        value_1 = jnp.sum(c * c, axis=0)  # specs/compressor/compress.py:158
        inverse = div_rn(jnp.float32(1.0), jnp.sqrt(value_1 * 0.001953125 + 1e-06))  # 2**-9
        norm_weight = plgpu.load(norm_weight_ref.at[column])
        y = c * inverse * norm_weight.astype(jnp.float32)
        known = position_1 < POSITIONS  # specs/compressor/compress.py:164
        pair = jnp.arange(256, dtype=jnp.int32) - (D - ROPE) // 2
        turns = (pair >= 0) & (pair < ROPE // 2) & known
        # Masked lanes index the table too; keep them inside it.
        pair_1 = jnp.maximum(pair, 0)
        cosine = plgpu.load(cos_sin_ref.at[position_1, pair_1], mask=turns, other=0.0)
        sine = plgpu.load(cos_sin_ref.at[position_1, pair_1 + ROPE // 2], mask=turns, other=0.0)
        even, odd = split_pairs(y.reshape(256, 2))
        # Interleaved pairs (GPT-J), not halves (NeoX).
        # specs/compressor/compress.py:81
        plgpu.store(
            rows_ref.at[token, column],
            jnp.concatenate(
                [
                    jnp.where(turns, fms(even, cosine, odd * sine), even)[..., None],
                    jnp.where(turns, fma(even, sine, odd * cosine), odd)[..., None]
                ],
                axis=-1
            ).reshape(512).astype(jnp.bfloat16)
        )
    # Most tokens: they leave after these two loads.
    @pl.when(jnp.logical_not(there))  # specs/compressor/compress.py:83
    def branch_1():
        plgpu.store(rows_ref.at[token, column], jnp.full((512,), 0.0, jnp.bfloat16))  # specs/compressor/compress.py:83
