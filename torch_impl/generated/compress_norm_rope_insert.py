# compress_norm_rope_insert, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def compress_norm_rope_insert(
    state_cache_ptr, positions_ptr, token_to_req_ptr, block_table_ptr, slot_mapping_ptr, norm_weight_ptr, cos_sin_ptr,
    cache_ptr,
    STATE_PAGES, STATE_ROWS, B, NB, POSITIONS, PAGES,
    stride_state_cache0, stride_state_cache1,
    stride_block_table0,
    stride_cos_sin0,
    stride_cache0,
):
    ratio: tl.constexpr = 4
    D: tl.constexpr = 512
    ROPE: tl.constexpr = 64
    ROWS: tl.constexpr = 64
    BLOCK_R: tl.constexpr = 8
    token = tl.program_id(0)  # specs/compressor/insert.py:42
    position = tl.load(positions_ptr + token)  # specs/compressor/compress.py:98
    slot = tl.load(slot_mapping_ptr + token)
    # Clamped, because // and % of negatives differ between targets.
    safe = tl.maximum(position, 0)
    phase = safe % ratio
    there = (position >= 0) & (slot >= 0) & (phase == ratio - 1)
    position_1 = safe - phase
    if there:  # specs/compressor/insert.py:52
        # Tiles of one row: a destination is of several.
        slot_1 = tl.broadcast_to(slot, [1])  # specs/compressor/insert.py:47
        live = tl.broadcast_to(there, [1])
        # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
        clamped = tl.maximum(slot_1, 0)  # specs/cache/insert.py:59
        page = clamped // ROWS
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_1 = live & (slot_1 >= 0) & (page < PAGES)
        # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
        row = clamped % ROWS
        data = row * 576
        # Gathered layouts keep all scales of a page after the last row's data.
        scales = row * 8 + ROWS * 576
        column = tl.arange(0, 512)  # specs/compressor/compress.py:107
        request = tl.load(token_to_req_ptr + token)  # specs/compressor/compress.py:121
        # A request outside the table has no pages: its row must not be read.
        pages = tl.where((request >= 0) & (request < B), NB, 0)
        first = safe - (ratio * 2 - 1)
        none = tl.full([512], 0.0, tl.float32)
        top = none + -3.4028234663852886e+38
        total = none
        acc = none
        for k in range(1):
            index = k * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/compressor/compress.py:127
            at = index + first
            live_2 = at >= 0
            at_1 = tl.maximum(at, 0)
            entry = at_1 // STATE_ROWS
            row_1 = at_1 % STATE_ROWS
            live_3 = live_2 & (entry < pages)
            # Entries of pages that were evicted are arbitrary.
            page_1 = tl.load(block_table_ptr + (request * stride_block_table0 + entry), mask=live_3, other=-1)
            live_4 = live_3 & (page_1 >= 0) & (page_1 < STATE_PAGES)
            mask = live_4[:, None]
            start = column[None, :]
            start_1 = ((index >= ratio).to(tl.int32) * D)[:, None] + start
            page_2 = page_1[:, None]
            row_2 = row_1[:, None]
            kv = tl.load(
                state_cache_ptr + (page_2 * stride_state_cache0 + row_2 * stride_state_cache1 + start_1), mask=mask,
                other=0.0
            )
            score = tl.load(
                state_cache_ptr + (page_2 * stride_state_cache0 + row_2 * stride_state_cache1 + start_1 + 2 * D),
                mask=mask, other=0.0
            )
            score_1 = tl.where(mask, score, -3.4028234663852886e+38)
            score_1_max = tl.max(score_1, axis=0)
            highest = tl.maximum(top, score_1_max)
            kept = tl.exp2((top - highest) * 1.4426950408889634)  # log2(e)
            weight = tl.exp2((score_1 - highest[None, :]) * 1.4426950408889634)  # log2(e)
            weight_1 = tl.where(mask, weight, 0.0)
            weight_1_sum = tl.sum(weight_1, axis=0)
            total_1 = total * kept + weight_1_sum
            value = tl.sum(weight_1 * kv, axis=0)
            acc_1 = acc * kept + value
            top = highest
            total = total_1
            acc = acc_1
        # Columns of padding, and windows without a token: 0, not 0 / 0.
        c = tl.div_rn(acc, tl.where(total == 0.0, 1.0, total))  # specs/compressor/compress.py:152
        value_1 = tl.sum(c * c, axis=0)  # specs/compressor/compress.py:158
        inverse = tl.div_rn(1.0, tl.sqrt(value_1 * 0.001953125 + 1e-06))  # 2**-9
        norm_weight = tl.load(norm_weight_ptr + column)
        y = c * inverse * norm_weight.to(tl.float32)
        known = position_1 < POSITIONS  # specs/compressor/compress.py:164
        pair = tl.arange(0, 256) - (D - ROPE) // 2
        turns = (pair >= 0) & (pair < ROPE // 2) & known
        # Masked lanes index the table too; keep them inside it.
        pair_1 = tl.maximum(pair, 0)
        cosine = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1), mask=turns, other=0.0)
        sine = tl.load(cos_sin_ptr + (position_1 * stride_cos_sin0 + pair_1 + ROPE // 2), mask=turns, other=0.0)
        even, odd = tl.split(tl.reshape(y, [256, 2]))
        # Interleaved pairs (GPT-J), not halves (NeoX).
        # Rounded to bfloat16 before it is quantised, as rows in memory are.
        # specs/compressor/insert.py:50
        y_1 = tl.reshape(
            tl.join(
                tl.where(turns, even * cosine - odd * sine, even), tl.where(turns, even * sine + odd * cosine, odd)
            ),
            [512]
        ).to(tl.bfloat16).to(tl.float32)
        x = tl.reshape(y_1, [1, 8, 64])  # specs/cache/insert.py:127
        # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
        amax_bits = tl.max(tl.abs(x).to(tl.int32, bitcast=True), axis=2)  # specs/cache/insert.py:190
        bits = tl.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
        raw = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
        bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
        exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # 2**23 - 1
        exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)
        value_2 = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)
        exponent_2 = -exponent_1  # specs/quant/scaling.py:69
        inverse_1 = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)
        broken = amax_bits >= 0x7f800000  # float32 bits of infinity
        y_2 = x * tl.reshape(tl.where(broken, float("nan"), inverse_1), [1, 8, 1])  # specs/quant/scaling.py:41
        value_3 = y_2.to(tl.float8e4nv)  # specs/cache/insert.py:194
        number = tl.arange(0, 8)  # specs/cache/insert.py:92
        exist = number < 7
        # Tiles are powers of two; the mask protects the bytes of the next field.
        inside = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:103
        live_5 = exist[:, None]
        start_2 = data[:, None, None]  # specs/cache/insert.py:221
        mask_1 = live_1[:, None]  # specs/cache/insert.py:154
        rows = mask_1[:, :, None]
        mask_2 = rows & live_5[None, :, :]
        # specs/cache/insert.py:223
        tl.store(
            (
                cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start_2
            ).to(tl.pointer_type(tl.float8e4nv)) + (number[:, None] * 64 + inside)[None, :, :],
            value_3, mask=mask_2
        )
        # Columns of scales past the field's groups belong to the next field.
        mask_3 = mask_1 & exist[None, :]  # specs/cache/insert.py:200
        start_3 = scales[:, None]
        index_1 = tl.where(broken, float("nan"), value_2).to(tl.int32, bitcast=True)
        index_2 = index_1 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
        index_3 = tl.where(index_2 < 0x600000, 0, (index_2 + 0x400000) >> 23)  # 2**22
        # 0x7f800000 is float32 bits of infinity
        tl.store(
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_3 + number[None, :],
            tl.where(
                ((index_1 < 0) & (index_2 != 0)) | (index_2 > 0x7f800000), 255, tl.where(index_3 > 254, 254, index_3)
            ).to(tl.uint8),
            mask=mask_3
        )
        x_1 = tl.reshape(y_1, [1, 8, 64])  # specs/cache/insert.py:127
        value_4 = x_1.to(tl.bfloat16)  # specs/cache/insert.py:135
        number_1 = number - 7  # specs/cache/insert.py:94
        exist_1 = number_1 >= 0
        live_6 = exist_1[:, None]  # specs/cache/insert.py:104
        start_4 = (data + 448)[:, None, None]  # specs/cache/insert.py:221
        mask_4 = rows & live_6[None, :, :]  # specs/cache/insert.py:155
        # specs/cache/insert.py:223
        tl.store(
            (
                cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start_4
            ).to(tl.pointer_type(tl.bfloat16)) + (number_1[:, None] * 64 + inside)[None, :, :],
            value_4, mask=mask_4
        )
        index_4 = tl.arange(0, 1)  # specs/cache/insert.py:228
        value_5 = tl.full([1, 1], 0, tl.uint8)
        tl.store(
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + (scales + 7)[:, None] + index_4[None, :], value_5,
            mask=mask_1
        )
