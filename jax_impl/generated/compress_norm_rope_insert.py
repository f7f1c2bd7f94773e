# compress_norm_rope_insert, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""compress_norm_rope_insert: Windows of tokens compressed to rows, normalised, rotated, quantised and written into
their slots.

Generated. Specialised on
    ratio = 4
    overlap = True
    eps = 1e-06
    layout = v4
    block_size = 64
    state_cache = f32
    positions = int32
    token_to_req = int32
    block_table = int32
    slot_mapping = int32
    norm_weight = bf16
    cos_sin = f32
    cache = uint8
    D = 512
    ROPE = 64
    ROWS = 64
    BLOCK_R = 8
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma, fms, split_pairs
from jax_impl.platforms.views import store_view


def compress_norm_rope_insert(
    state_cache_ref, positions_ref, token_to_req_ref, block_table_ref, slot_mapping_ref, norm_weight_ref, cos_sin_ref,
    cache_ref,
    *, STATE_PAGES, STATE_ROWS, B, NB, POSITIONS, PAGES,
):
    ratio = 4
    D = 512
    ROPE = 64
    ROWS = 64
    BLOCK_R = 8
    token = pl.program_id(0)  # specs/compressor/insert.py:42
    position = plgpu.load(positions_ref.at[token])  # specs/compressor/compress.py:98
    slot = plgpu.load(slot_mapping_ref.at[token])
    # Clamped, because // and % of negatives differ between targets.
    safe = jnp.maximum(position, 0)
    phase = jax.lax.rem(safe, jnp.int32(ratio))
    there = (position >= 0) & (slot >= 0) & (phase == ratio - 1)
    position_1 = safe - phase
    @pl.when(there)  # specs/compressor/insert.py:52
    def branch():
        # Tiles of one row: a destination is of several.
        slot_1 = jnp.broadcast_to(slot, (1,))  # specs/compressor/insert.py:47
        live = jnp.broadcast_to(there, (1,))
        # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
        clamped = jnp.maximum(slot_1, 0)  # specs/cache/insert.py:59
        page = jax.lax.div(clamped, jnp.full((1,), ROWS, jnp.int32))
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_1 = live & (slot_1 >= 0) & (page < PAGES)
        # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
        row = jax.lax.rem(clamped, jnp.full((1,), ROWS, jnp.int32))
        data = row * 576
        # Gathered layouts keep all scales of a page after the last row's data.
        scales = row * 8 + ROWS * 576
        column = jnp.arange(512, dtype=jnp.int32)  # specs/compressor/compress.py:107
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
            live_2 = at >= 0
            at_1 = jnp.maximum(at, 0)
            entry = jax.lax.div(at_1, jnp.full((BLOCK_R,), STATE_ROWS, jnp.int32))
            row_1 = jax.lax.rem(at_1, jnp.full((BLOCK_R,), STATE_ROWS, jnp.int32))
            live_3 = live_2 & (entry < pages)
            # Entries of pages that were evicted are arbitrary.
            page_1 = plgpu.load(block_table_ref.at[request, entry], mask=live_3, other=-1)
            live_4 = live_3 & (page_1 >= 0) & (page_1 < STATE_PAGES)
            mask = live_4[:, None]
            start = column[None, :]
            start_1 = ((index >= ratio).astype(jnp.int32) * D)[:, None] + start
            page_2 = page_1[:, None]
            row_2 = row_1[:, None]
            kv = plgpu.load(
                state_cache_ref.at[page_2, row_2, start_1], mask=jnp.broadcast_to(mask, (BLOCK_R, 512)), other=0.0
            )
            score = plgpu.load(
                state_cache_ref.at[page_2, row_2, start_1 + 2 * D], mask=jnp.broadcast_to(mask, (BLOCK_R, 512)),
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
        # Rounded to bfloat16 before it is quantised, as rows in memory are.
        # specs/compressor/insert.py:50
        y_1 = jnp.concatenate(
            [
                jnp.where(turns, fms(even, cosine, odd * sine), even)[..., None],
                jnp.where(turns, fma(even, sine, odd * cosine), odd)[..., None]
            ],
            axis=-1
        ).reshape(512).astype(jnp.bfloat16).astype(jnp.float32)
        x = y_1.reshape(1, 8, 64)  # specs/cache/insert.py:127
        # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
        amax_bits = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x), jnp.int32), axis=2)  # specs/cache/insert.py:190
        bits = jnp.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
        raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
        bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
        exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
        exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
        value_2 = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
        exponent_2 = -exponent_1  # specs/quant/scaling.py:69
        inverse_1 = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
        broken = amax_bits >= 0x7f800000  # float32 bits of infinity
        y_2 = x * jnp.where(broken, float("nan"), inverse_1).reshape(1, 8, 1)  # specs/quant/scaling.py:41
        value_3 = y_2.astype(jnp.float8_e4m3fn)  # specs/cache/insert.py:194
        number = jnp.arange(8, dtype=jnp.int32)  # specs/cache/insert.py:92
        exist = number < 7
        # Tiles are powers of two; the mask protects the bytes of the next field.
        inside = jnp.arange(64, dtype=jnp.int32)[None, :]  # specs/cache/insert.py:103
        live_5 = exist[:, None]
        start_2 = data[:, None, None]  # specs/cache/insert.py:221
        mask_1 = live_1[:, None]  # specs/cache/insert.py:154
        rows = mask_1[:, :, None]
        mask_2 = rows & live_5[None, :, :]
        # specs/cache/insert.py:223
        store_view(
            cache_ref, page[:, None][:, :, None], start_2, (number[:, None] * 64 + inside)[None, :, :], value_3,
            mask=jnp.broadcast_to(mask_2, (1, 8, 64))
        )
        # Columns of scales past the field's groups belong to the next field.
        mask_3 = mask_1 & exist[None, :]  # specs/cache/insert.py:200
        start_3 = scales[:, None]
        index_1 = jax.lax.bitcast_convert_type(jnp.where(broken, float("nan"), value_2), jnp.int32)
        index_2 = index_1 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
        index_3 = jnp.where(index_2 < 0x600000, 0, (index_2 + 0x400000) >> 23)  # 2**22
        # 0x7f800000 is float32 bits of infinity
        store_view(
            cache_ref, page[:, None], start_3, number[None, :],
            jnp.where(
                ((index_1 < 0) & (index_2 != 0)) | (index_2 > 0x7f800000), 255, jnp.where(index_3 > 254, 254, index_3)
            ).astype(jnp.uint8),
            mask=mask_3
        )
        x_1 = y_1.reshape(1, 8, 64)  # specs/cache/insert.py:127
        value_4 = x_1.astype(jnp.bfloat16)  # specs/cache/insert.py:135
        number_1 = number - 7  # specs/cache/insert.py:94
        exist_1 = number_1 >= 0
        live_6 = exist_1[:, None]  # specs/cache/insert.py:104
        start_4 = (data + 448)[:, None, None]  # specs/cache/insert.py:221
        mask_4 = rows & live_6[None, :, :]  # specs/cache/insert.py:155
        # specs/cache/insert.py:223
        store_view(
            cache_ref, page[:, None][:, :, None], start_4, (number_1[:, None] * 64 + inside)[None, :, :], value_4,
            mask=jnp.broadcast_to(mask_4, (1, 8, 64))
        )
        index_4 = jnp.arange(1, dtype=jnp.int32)  # specs/cache/insert.py:228
        value_5 = jnp.full((1, 1), 0, jnp.uint8)
        store_view(cache_ref, page[:, None], (scales + 7)[:, None], index_4[None, :], value_5, mask=mask_1)
