# qnorm_rope_kv_insert, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def qnorm_rope_insert(
    kv_ptr, slot_mapping_ptr, positions_ptr, cos_sin_ptr,
    q_ptr, cache_ptr,
    H, TS, PAGES, POSITIONS,
    stride_q0, stride_q1,
    stride_kv0,
    stride_cache0,
    stride_cos_sin0,
):
    D: tl.constexpr = 512
    ROWS: tl.constexpr = 64
    ROPE: tl.constexpr = 64
    BLOCK_H: tl.constexpr = 8
    token = tl.program_id(0)  # specs/cache/qnorm.py:67
    part = tl.program_id(1)
    # The last program of a token inserts its key, so that queries and keys take one launch.
    heads = tl.cdiv(H, BLOCK_H)
    # A tile of one row: `insert` works on tiles of rows.
    number = tl.arange(0, 1)
    rows = token + number
    position = tl.load(positions_ptr + rows)
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < POSITIONS)
    if part < heads:
        head = part * BLOCK_H + tl.arange(0, BLOCK_H)  # specs/cache/qnorm.py:77
        column = tl.arange(0, 512)  # specs/cache/qnorm.py:93
        live = (head < H)[:, None] & known[None, :]
        # Masked columns load 0 and add nothing to the sum of squares.
        q = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + column[None, :]), mask=live, other=0.0)
        x = q.to(tl.float32)
        # D is static: its reciprocal is folded, and an exact power of two for widths of 128, 256, 512.
        value = tl.sum(x * x, axis=1)
        mean = value * 0.001953125  # 2**-9
        inverse = tl.div_rn(1.0, tl.sqrt(mean + 1e-06))[:, None]
        rotary = tl.arange(0, 64)
        # The rotated columns are loaded again as a tile of their own: splitting pairs of all D columns moves every one.
        index = (rotary + (D - ROPE))[None, :]
        q_1 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index), mask=live, other=0.0)
        turned = q_1.to(tl.float32)
        pair = tl.arange(0, 32)
        there = (pair < ROPE // 2) & known
        cos_sin = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair), mask=there, other=0.0)
        cosine = cos_sin[None, :]
        cos_sin_1 = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair + ROPE // 2), mask=there, other=0.0)
        sine = cos_sin_1[None, :]
        # Rotation is linear: normalising afterwards needs no second pass, and float32 is rounded once, at the store.
        even, odd = tl.split(tl.reshape(turned, [BLOCK_H, 32, 2]))
        # Interleaved pairs (GPT-J), not halves (NeoX).
        even_1 = even * cosine - odd * sine  # specs/cache/rope.py:22
        odd_1 = even * sine + odd * cosine
        # Both stores wait for the sum above, and with it for every load of the row.
        whole = (x * inverse).to(tl.bfloat16)  # specs/cache/qnorm.py:113
        # Columns before `first` only: the rotated ones are stored below.
        tl.store(
            q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + column[None, :]), whole,
            mask=live & (column < D - ROPE)[None, :]
        )
        y = (tl.reshape(tl.join(even_1, odd_1), [BLOCK_H, 64]) * inverse).to(tl.bfloat16)
        tl.store(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index), y, mask=live)
    if part == heads:  # specs/cache/qnorm.py:87
        # slot_mapping covers only the tokens that are not padding; TS may be less than T.
        live_1 = (rows < TS) & known  # specs/cache/qnorm.py:81
        slot = tl.load(slot_mapping_ptr + rows, mask=live_1, other=-1)
        # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
        clamped = tl.maximum(slot, 0)  # specs/cache/insert.py:59
        page = clamped // ROWS
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_2 = live_1 & (slot >= 0) & (page < PAGES)
        # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
        row = clamped % ROWS
        data = row * 576
        # Gathered layouts keep all scales of a page after the last row's data.
        scales = row * 8 + ROWS * 576
        number_1 = tl.arange(0, 8)  # specs/cache/insert.py:92
        exist = number_1 < 7
        # Tiles are powers of two; the mask protects the bytes of the next field.
        inside = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:103
        live_3 = exist[:, None]
        index_1 = (number_1[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
        mask = live_2[:, None]  # specs/cache/insert.py:154
        rows_1 = mask[:, :, None]
        mask_1 = rows_1 & live_3[None, :, :]
        # specs/cache/insert.py:161
        kv = tl.load(kv_ptr + (rows[:, None, None] * stride_kv0 + index_1), mask=mask_1, other=0.0)
        x_1 = kv.to(tl.float32)
        # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
        amax_bits = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/cache/insert.py:190
        bits = tl.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
        raw = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
        bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
        exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # 2**23 - 1
        exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)
        value_1 = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)
        exponent_2 = -exponent_1  # specs/quant/scaling.py:69
        inverse_1 = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)
        broken = amax_bits >= 0x7f800000  # float32 bits of infinity
        y_1 = x_1 * tl.reshape(tl.where(broken, float("nan"), inverse_1), [1, 8, 1])  # specs/quant/scaling.py:41
        value_2 = y_1.to(tl.float8e4nv)  # specs/cache/insert.py:194
        start = data[:, None, None]  # specs/cache/insert.py:221
        tl.store(
            (
                cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start
            ).to(tl.pointer_type(tl.float8e4nv)) + index_1,
            value_2, mask=mask_1
        )
        # Columns of scales past the field's groups belong to the next field.
        mask_2 = mask & exist[None, :]  # specs/cache/insert.py:200
        start_1 = scales[:, None]
        index_2 = tl.where(broken, float("nan"), value_1).to(tl.int32, bitcast=True)
        index_3 = index_2 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
        index_4 = tl.where(index_3 < 0x600000, 0, (index_3 + 0x400000) >> 23)  # 2**22
        # 0x7f800000 is float32 bits of infinity
        tl.store(
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_1 + number_1[None, :],
            tl.where(
                ((index_2 < 0) & (index_3 != 0)) | (index_3 > 0x7f800000), 255, tl.where(index_4 > 254, 254, index_4)
            ).to(tl.uint8),
            mask=mask_2
        )
        index_5 = (number[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
        index_6 = index_5 + 448
        kv_1 = tl.load(kv_ptr + (rows[:, None, None] * stride_kv0 + index_6), mask=rows_1, other=0.0)
        x_2 = kv_1.to(tl.float32)
        column_1 = (number * 64)[:, None] + (tl.arange(0, 32) * 2)[None, :]  # specs/cache/insert.py:170
        # A group may straddle the first rotated column; the others pass through unchanged.
        rotary_1 = (column_1 >= 0)[None, :, :] & (column_1 < 64)[None, :, :]
        # Masked lanes index the table too; keep them inside it.
        pair_1 = tl.maximum(column_1, 0)[None, :, :] // 2
        live_4 = rotary_1 & rows_1
        position_1 = position[:, None, None]
        cosine_1 = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1), mask=live_4, other=0.0)
        # The table's rows are cosines, then sines.
        sine_1 = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1 + ROPE // 2), mask=live_4, other=0.0)
        even_2, odd_2 = tl.split(tl.reshape(x_2, [1, 1, 32, 2]))
        b = odd_2 * -1.0  # specs/cache/rope.py:30
        x_high = (cosine_1.to(tl.int32, bitcast=True) & -256).to(tl.float32, bitcast=True)  # specs/cache/rope.py:51
        y_high = (sine_1.to(tl.int32, bitcast=True) & -256).to(tl.float32, bitcast=True)
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
        bits_2 = total_5.to(tl.int32, bitcast=True)  # specs/cache/rope.py:67
        # The exact sum is nearer to zero than total: the odd neighbour is then the one below in magnitude.
        inward = (error_2 > 0.0) ^ (total_5 > 0.0)
        odd_3 = tl.where(inward, bits_2 - (1 - (bits_2 & 1)), bits_2 | 1)
        # Bits 0: both zeros become +0, so cached bytes do not depend on the order of the products.
        # Rounding to odd, then to bfloat16, equals one rounding of the exact sum: no double rounding.
        # specs/cache/rope.py:47
        turned_even = tl.where(
            total_5 == 0.0, 0, tl.where(error_2 == 0.0, bits_2, odd_3)
        ).to(tl.float32, bitcast=True).to(tl.bfloat16).to(tl.float32)
        x_high_1 = (sine_1.to(tl.int32, bitcast=True) & -256).to(tl.float32, bitcast=True)  # specs/cache/rope.py:51
        y_high_1 = (cosine_1.to(tl.int32, bitcast=True) & -256).to(tl.float32, bitcast=True)
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
        bits_3 = total_11.to(tl.int32, bitcast=True)  # specs/cache/rope.py:67
        inward_1 = (error_5 > 0.0) ^ (total_11 > 0.0)
        odd_4 = tl.where(inward_1, bits_3 - (1 - (bits_3 & 1)), bits_3 | 1)
        # specs/cache/rope.py:47
        turned_odd = tl.where(
            total_11 == 0.0, 0, tl.where(error_5 == 0.0, bits_3, odd_4)
        ).to(tl.float32, bitcast=True).to(tl.bfloat16).to(tl.float32)
        even_3, odd_5 = tl.split(tl.reshape(x_2, [1, 1, 32, 2]))  # specs/cache/insert.py:181
        x_3 = tl.reshape(
            tl.join(tl.where(rotary_1, turned_even, even_3), tl.where(rotary_1, turned_odd, odd_5)), [1, 1, 64]
        )
        value_3 = x_3.to(tl.bfloat16)  # specs/cache/insert.py:135
        start_2 = (data + 448)[:, None, None]  # specs/cache/insert.py:221
        tl.store(
            (
                cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start_2
            ).to(tl.pointer_type(tl.bfloat16)) + index_5,
            value_3, mask=rows_1
        )
        value_4 = tl.full([1, 1], 0, tl.uint8)  # specs/cache/insert.py:231
        tl.store(
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + (scales + 7)[:, None] + number[None, :], value_4,
            mask=mask
        )
