# qnorm_rope_kv_insert, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""qnorm_rope_insert: Queries normalised and rotated in place; keys rotated, quantised and inserted.

Generated. Specialised on
    eps = 1e-06
    layout = v4
    block_size = 64
    q = bf16
    kv = bf16
    cache = uint8
    slot_mapping = int32
    positions = int32
    cos_sin = f32
    D = 512
    ROWS = 64
    ROPE = 64
    BLOCK_H = 8
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, fma, fms, split_pairs
from jax_impl.platforms.views import store_view


def qnorm_rope_insert(
    kv_ref, slot_mapping_ref, positions_ref, cos_sin_ref,
    q_ref, cache_ref,
    *, H, TS, PAGES, POSITIONS,
):
    D = 512
    ROWS = 64
    ROPE = 64
    BLOCK_H = 8
    token = pl.program_id(0)  # specs/cache/qnorm.py:67
    part = pl.program_id(1)
    # The last program of a token inserts its key, so that queries and keys take one launch.
    heads = pl.cdiv(H, BLOCK_H)
    # A tile of one row: `insert` works on tiles of rows.
    number = jnp.arange(1, dtype=jnp.int32)
    rows = token + number
    position = plgpu.load(positions_ref.at[rows])
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < POSITIONS)
    @pl.when(part < heads)
    def branch():
        head = part * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/cache/qnorm.py:77
        column = jnp.arange(512, dtype=jnp.int32)  # specs/cache/qnorm.py:93
        live = (head < H)[:, None] & known[None, :]
        # Masked columns load 0 and add nothing to the sum of squares.
        q = plgpu.load(
            q_ref.at[token, head[:, None], column[None, :]], mask=jnp.broadcast_to(live, (BLOCK_H, 512)), other=0.0
        )
        x = q.astype(jnp.float32)
        # D is static: its reciprocal is folded, and an exact power of two for widths of 128, 256, 512.
        value = jnp.sum(x * x, axis=1)
        mean = value * 0.001953125  # 2**-9
        inverse = div_rn(jnp.full((BLOCK_H,), 1.0, jnp.float32), jnp.sqrt(mean + 1e-06))[:, None]
        rotary = jnp.arange(64, dtype=jnp.int32)
        # The rotated columns are loaded again as a tile of their own: splitting pairs of all D columns moves every one.
        index = (rotary + (D - ROPE))[None, :]
        q_1 = plgpu.load(q_ref.at[token, head[:, None], index], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
        turned = q_1.astype(jnp.float32)
        pair = jnp.arange(32, dtype=jnp.int32)
        there = (pair < ROPE // 2) & known
        cos_sin = plgpu.load(cos_sin_ref.at[position, pair], mask=there, other=0.0)
        cosine = cos_sin[None, :]
        cos_sin_1 = plgpu.load(cos_sin_ref.at[position, pair + ROPE // 2], mask=there, other=0.0)
        sine = cos_sin_1[None, :]
        # Rotation is linear: normalising afterwards needs no second pass, and float32 is rounded once, at the store.
        even, odd = split_pairs(turned.reshape(BLOCK_H, 32, 2))
        # Interleaved pairs (GPT-J), not halves (NeoX).
        even_1 = fms(even, cosine, odd * sine)  # specs/cache/rope.py:22
        odd_1 = fma(even, sine, odd * cosine)
        # Both stores wait for the sum above, and with it for every load of the row.
        whole = (x * inverse).astype(jnp.bfloat16)  # specs/cache/qnorm.py:113
        # Columns before `first` only: the rotated ones are stored below.
        plgpu.store(q_ref.at[token, head[:, None], column[None, :]], whole, mask=live & (column < D - ROPE)[None, :])
        y = (
            jnp.concatenate([even_1[..., None], odd_1[..., None]], axis=-1).reshape(BLOCK_H, 64) * inverse
        ).astype(jnp.bfloat16)
        plgpu.store(q_ref.at[token, head[:, None], index], y, mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
    @pl.when(part == heads)  # specs/cache/qnorm.py:87
    def branch_1():
        # slot_mapping covers only the tokens that are not padding; TS may be less than T.
        live_1 = (rows < TS) & known  # specs/cache/qnorm.py:81
        slot = plgpu.load(slot_mapping_ref.at[rows], mask=live_1, other=-1)
        # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
        clamped = jnp.maximum(slot, 0)  # specs/cache/insert.py:59
        page = jax.lax.div(clamped, jnp.full((1,), ROWS, jnp.int32))
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_2 = live_1 & (slot >= 0) & (page < PAGES)
        # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
        row = jax.lax.rem(clamped, jnp.full((1,), ROWS, jnp.int32))
        data = row * 576
        # Gathered layouts keep all scales of a page after the last row's data.
        scales = row * 8 + ROWS * 576
        number_1 = jnp.arange(8, dtype=jnp.int32)  # specs/cache/insert.py:92
        exist = number_1 < 7
        # Tiles are powers of two; the mask protects the bytes of the next field.
        inside = jnp.arange(64, dtype=jnp.int32)[None, :]  # specs/cache/insert.py:103
        live_3 = exist[:, None]
        index_1 = (number_1[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
        mask = live_2[:, None]  # specs/cache/insert.py:154
        rows_1 = mask[:, :, None]
        mask_1 = rows_1 & live_3[None, :, :]
        # specs/cache/insert.py:161
        kv = plgpu.load(kv_ref.at[rows[:, None, None], index_1], mask=jnp.broadcast_to(mask_1, (1, 8, 64)), other=0.0)
        x_1 = kv.astype(jnp.float32)
        # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
        amax_bits = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=2)  # specs/cache/insert.py:190
        bits = jnp.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
        raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
        bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
        exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
        exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
        value_1 = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
        exponent_2 = -exponent_1  # specs/quant/scaling.py:69
        inverse_1 = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
        broken = amax_bits >= 0x7f800000  # float32 bits of infinity
        y_1 = x_1 * jnp.where(broken, float("nan"), inverse_1).reshape(1, 8, 1)  # specs/quant/scaling.py:41
        value_2 = y_1.astype(jnp.float8_e4m3fn)  # specs/cache/insert.py:194
        start = data[:, None, None]  # specs/cache/insert.py:221
        store_view(
            cache_ref, page[:, None][:, :, None], start, index_1, value_2, mask=jnp.broadcast_to(mask_1, (1, 8, 64))
        )
        # Columns of scales past the field's groups belong to the next field.
        mask_2 = mask & exist[None, :]  # specs/cache/insert.py:200
        start_1 = scales[:, None]
        index_2 = jax.lax.bitcast_convert_type(jnp.where(broken, float("nan"), value_1), jnp.int32)
        index_3 = index_2 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
        index_4 = jnp.where(index_3 < 0x600000, 0, (index_3 + 0x400000) >> 23)  # 2**22
        # 0x7f800000 is float32 bits of infinity
        store_view(
            cache_ref, page[:, None], start_1, number_1[None, :],
            jnp.where(
                ((index_2 < 0) & (index_3 != 0)) | (index_3 > 0x7f800000), 255, jnp.where(index_4 > 254, 254, index_4)
            ).astype(jnp.uint8),
            mask=mask_2
        )
        index_5 = (number[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
        index_6 = index_5 + 448
        kv_1 = plgpu.load(kv_ref.at[rows[:, None, None], index_6], mask=jnp.broadcast_to(rows_1, (1, 1, 64)), other=0.0)
        x_2 = kv_1.astype(jnp.float32)
        column_1 = (number * 64)[:, None] + (jnp.arange(32, dtype=jnp.int32) * 2)[None, :]  # specs/cache/insert.py:170
        # A group may straddle the first rotated column; the others pass through unchanged.
        rotary_1 = (column_1 >= 0)[None, :, :] & (column_1 < 64)[None, :, :]
        # Masked lanes index the table too; keep them inside it.
        pair_1 = jax.lax.div(jnp.maximum(column_1, 0)[None, :, :], jnp.full((1, 1, 32), 2, jnp.int32))
        live_4 = rotary_1 & rows_1
        position_1 = position[:, None, None]
        cosine_1 = plgpu.load(cos_sin_ref.at[position_1, pair_1], mask=live_4, other=0.0)
        # The table's rows are cosines, then sines.
        sine_1 = plgpu.load(cos_sin_ref.at[position_1, pair_1 + ROPE // 2], mask=live_4, other=0.0)
        even_2, odd_2 = split_pairs(x_2.reshape(1, 1, 32, 2))
        b = odd_2 * -1.0  # specs/cache/rope.py:30
        # specs/cache/rope.py:51
        x_high = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(cosine_1, jnp.int32) & -256, jnp.float32)
        y_high = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(sine_1, jnp.int32) & -256, jnp.float32)
        # x_high has 16 bits and a has 8: the product fits in 24, so neither it nor a contracted fma rounds.
        a = even_2 * x_high  # specs/cache/rope.py:37
        b_1 = b * y_high
        total = a + b_1  # specs/cache/rope.py:56
        # No |a| >= |b| is assumed, unlike in the three-operation version.
        b_part = total - a
        error_high = a - (total - b_part) + (b_1 - b_part)
        a_1 = even_2 * (cosine_1 - x_high)  # specs/cache/rope.py:38
        b_2 = b * (sine_1 - y_high)
        total_1 = a_1 + b_2  # specs/cache/rope.py:56
        b_part_1 = total_1 - a_1
        error_low = a_1 - (total_1 - b_part_1) + (b_2 - b_part_1)
        total_2 = total + total_1
        b_part_2 = total_2 - total
        error = total - (total_2 - b_part_2) + (total_1 - b_part_2)
        total_3 = error_high + error_low
        b_part_3 = total_3 - error_high
        lost = error_high - (total_3 - b_part_3) + (error_low - b_part_3)
        total_4 = error + total_3
        b_part_4 = total_4 - error
        lost_too = error - (total_4 - b_part_4) + (total_3 - b_part_4)
        total_5 = total_2 + total_4
        b_part_5 = total_5 - total_2
        error_1 = total_2 - (total_5 - b_part_5) + (total_4 - b_part_5)
        # Only the sign of the lost bits matters: it decides ties, not digits.
        error_2 = error_1 + (lost + lost_too)  # specs/cache/rope.py:45
        bits_2 = jax.lax.bitcast_convert_type(total_5, jnp.int32)  # specs/cache/rope.py:67
        # The exact sum is nearer to zero than total: the odd neighbour is then the one below in magnitude.
        inward = (error_2 > 0.0) ^ (total_5 > 0.0)
        odd_3 = jnp.where(inward, bits_2 - (1 - (bits_2 & 1)), bits_2 | 1)
        # Bits 0: both zeros become +0, so cached bytes do not depend on the order of the products.
        # Rounding to odd, then to bfloat16, equals one rounding of the exact sum: no double rounding.
        # specs/cache/rope.py:47
        turned_even = jax.lax.bitcast_convert_type(
            jnp.where(total_5 == 0.0, 0, jnp.where(error_2 == 0.0, bits_2, odd_3)), jnp.float32
        ).astype(jnp.bfloat16).astype(jnp.float32)
        # specs/cache/rope.py:51
        x_high_1 = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(sine_1, jnp.int32) & -256, jnp.float32)
        y_high_1 = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(cosine_1, jnp.int32) & -256, jnp.float32)
        a_2 = even_2 * x_high_1  # specs/cache/rope.py:37
        b_3 = odd_2 * y_high_1
        total_6 = a_2 + b_3  # specs/cache/rope.py:56
        b_part_6 = total_6 - a_2
        error_high_1 = a_2 - (total_6 - b_part_6) + (b_3 - b_part_6)
        a_3 = even_2 * (sine_1 - x_high_1)  # specs/cache/rope.py:38
        b_4 = odd_2 * (cosine_1 - y_high_1)
        total_7 = a_3 + b_4  # specs/cache/rope.py:56
        b_part_7 = total_7 - a_3
        error_low_1 = a_3 - (total_7 - b_part_7) + (b_4 - b_part_7)
        total_8 = total_6 + total_7
        b_part_8 = total_8 - total_6
        error_3 = total_6 - (total_8 - b_part_8) + (total_7 - b_part_8)
        total_9 = error_high_1 + error_low_1
        b_part_9 = total_9 - error_high_1
        lost_1 = error_high_1 - (total_9 - b_part_9) + (error_low_1 - b_part_9)
        total_10 = error_3 + total_9
        b_part_10 = total_10 - error_3
        lost_too_1 = error_3 - (total_10 - b_part_10) + (total_9 - b_part_10)
        total_11 = total_8 + total_10
        b_part_11 = total_11 - total_8
        error_4 = total_8 - (total_11 - b_part_11) + (total_10 - b_part_11)
        error_5 = error_4 + (lost_1 + lost_too_1)  # specs/cache/rope.py:45
        bits_3 = jax.lax.bitcast_convert_type(total_11, jnp.int32)  # specs/cache/rope.py:67
        inward_1 = (error_5 > 0.0) ^ (total_11 > 0.0)
        odd_4 = jnp.where(inward_1, bits_3 - (1 - (bits_3 & 1)), bits_3 | 1)
        # specs/cache/rope.py:47
        turned_odd = jax.lax.bitcast_convert_type(
            jnp.where(total_11 == 0.0, 0, jnp.where(error_5 == 0.0, bits_3, odd_4)), jnp.float32
        ).astype(jnp.bfloat16).astype(jnp.float32)
        even_3, odd_5 = split_pairs(x_2.reshape(1, 1, 32, 2))  # specs/cache/insert.py:181
        x_3 = jnp.concatenate(
            [jnp.where(rotary_1, turned_even, even_3)[..., None], jnp.where(rotary_1, turned_odd, odd_5)[..., None]],
            axis=-1
        ).reshape(1, 1, 64)
        value_3 = x_3.astype(jnp.bfloat16)  # specs/cache/insert.py:135
        start_2 = (data + 448)[:, None, None]  # specs/cache/insert.py:221
        store_view(
            cache_ref, page[:, None][:, :, None], start_2, index_5, value_3, mask=jnp.broadcast_to(rows_1, (1, 1, 64))
        )
        value_4 = jnp.full((1, 1), 0, jnp.uint8)  # specs/cache/insert.py:231
        store_view(cache_ref, page[:, None], (scales + 7)[:, None], number[None, :], value_4, mask=mask)
