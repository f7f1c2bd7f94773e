# rejection_sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""accept_or_draw: Draft tokens that are accepted, and tokens in place of the others.

Generated. Specialised on
    target_logits = f32
    draft = int32
    lengths = int32
    temperature = f32
    seeds = int32
    positions = int32
    table = int32
    draft_logits = f32
    sampled = int32
    K = 1
    BLOCK = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def accept_or_draw(
    target_logits_ptr, draft_ptr, lengths_ptr, temperature_ptr, seeds_ptr, positions_ptr, table_ptr, draft_logits_ptr,
    sampled_ptr,
    V,
    stride_target_logits0, stride_target_logits1,
    stride_draft0,
    stride_seeds0,
    stride_draft_logits0, stride_draft_logits1,
):
    K: tl.constexpr = 1
    BLOCK: tl.constexpr = 1024
    row = tl.program_id(0)  # specs/sampling/rejection.py:110
    place = tl.program_id(1)
    length = tl.load(lengths_ptr + row)
    drafted = (place < length) & (place < K)
    width = tl.where(place <= tl.maximum(length, 0), V, 0)
    temperature = tl.load(temperature_ptr + row)
    greedy = ~(temperature >= 1e-05)
    token = tl.load(draft_ptr + (row * stride_draft0 + place), mask=drafted, other=-1)
    positions = tl.load(positions_ptr + row)
    position = positions + place
    seed_0 = tl.load(seeds_ptr + row * stride_seeds0)
    y = tl.load(seeds_ptr + (row * stride_seeds0 + 1))
    block = tl.arange(0, BLOCK)  # specs/sampling/rejection.py:84
    blocks = tl.cdiv(width, BLOCK)
    x = tl.full([BLOCK], -2139095040, tl.int32)
    for i in range(blocks):
        number = i * BLOCK + block  # specs/sampling/rejection.py:86
        inside = (number >= 0) & (number < width)  # specs/sampling/rejection.py:92
        value = tl.load(
            target_logits_ptr + (
                row * stride_target_logits0 + place * stride_target_logits1 + tl.where(inside, number, 0)
            ),
            mask=inside, other=0.0
        )
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        # 0x7f800000 is float32 bits of infinity
        x = tl.maximum(
            x, tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
        )
    top = tl.max(x, axis=0)  # specs/sampling/rejection.py:71
    nothing = tl.full([BLOCK], 0, tl.int32)
    high = nothing
    low = nothing
    for i_1 in range(blocks):
        number_1 = i_1 * BLOCK + block  # specs/sampling/rejection.py:75
        inside_1 = (number_1 >= 0) & (number_1 < width)  # specs/sampling/rejection.py:92
        value_1 = tl.load(
            target_logits_ptr + (
                row * stride_target_logits0 + place * stride_target_logits1 + tl.where(inside_1, number_1, 0)
            ),
            mask=inside_1, other=0.0
        )
        bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        key_1 = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_2 = tl.where(
            inside_1, tl.where(key_1 > 0x7f800000, -2139095040, tl.maximum(key_1, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance = tl.where(
            key_2 == top, 0.0,
            tl.where(key_2 < 0, -2147483648 - key_2, key_2).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
            )
        )
        q = (tl.maximum(distance, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
        q_1 = tl.minimum(q, 0)  # specs/sampling/settings.py:123
        twice = tl.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings = twice // 0x162e43
        rest = twice - halvings * 0x162e43
        piece = rest >> 11
        part = rest & 2047
        low_1 = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
        high_1 = tl.load(table_ptr + piece + 1571)
        mantissa = low_1 + (((high_1 - low_1) * part + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        # specs/sampling/settings.py:123
        mass = tl.where(key_2 > -2139095040, ((mantissa << 1 >> halvings) + 1) >> 1, 0)
        high_2 = high + (mass >> 17)  # specs/sampling/rejection.py:76
        low_2 = low + (mass & 0x1ffff)  # 2**17 - 1
        high = high_2
        low = low_2
    high_3 = tl.sum(high + (low >> 17), axis=0)  # specs/sampling/masses.py:48
    low_3 = tl.sum(low & 0x1ffff, axis=0)  # 2**17 - 1
    # The product with a power of two is exact, so it does not matter whether it is fused with the sum.
    # 131072.0 is 2**17, 0x1ffff is 2**17 - 1, specs/sampling/rejection.py:80
    whole = tl.cast(high_3 + (low_3 >> 17), tl.float32) * 131072.0 + tl.cast(low_3 & 0x1ffff, tl.float32)
    _whole = tl.where(whole > 0.0, whole, 1.0)
    mask = token >= 0  # specs/sampling/rejection.py:92
    inside_2 = mask & (token < width)
    value_2 = tl.load(
        target_logits_ptr + (
            row * stride_target_logits0 + place * stride_target_logits1 + tl.where(inside_2, token, 0)
        ),
        mask=inside_2, other=0.0
    )
    bits_2 = tl.cast(value_2, tl.int32, bitcast=True)  # specs/indexer/select.py:122
    key_3 = tl.where(bits_2 < 0, -2147483648 - bits_2, bits_2)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
    key_4 = tl.where(inside_2, tl.where(key_3 > 0x7f800000, -2139095040, tl.maximum(key_3, -2139095040)), -2139095040)
    mask_1 = top < 0  # specs/sampling/settings.py:44
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance_1 = tl.where(
        key_4 == top, 0.0,
        tl.cast(
            tl.where(key_4 < 0, -2147483648 - key_4, key_4), tl.float32, bitcast=True
        ) - tl.cast(tl.where(mask_1, -2147483648 - top, top), tl.float32, bitcast=True)
    )
    q_2 = tl.cast(tl.maximum(distance_1, -1000.0) * 1048576.0, tl.int32)  # 2**20
    q_3 = tl.minimum(q_2, 0)  # specs/sampling/settings.py:123
    twice_1 = tl.minimum(0 - q_3, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
    halvings_1 = twice_1 // 0x162e43
    rest_1 = twice_1 - halvings_1 * 0x162e43
    piece_1 = rest_1 >> 11
    part_1 = rest_1 & 2047
    low_4 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
    high_4 = tl.load(table_ptr + piece_1 + 1571)
    mantissa_1 = low_4 + (((high_4 - low_4) * part_1 + 1024) >> 11)
    # specs/sampling/rejection.py:105
    own = tl.div_rn(
        tl.cast(tl.where(key_4 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0), tl.float32), _whole
    )
    width_1 = tl.where(drafted, width, 0)  # specs/sampling/rejection.py:123
    blocks_1 = tl.cdiv(width_1, BLOCK)  # specs/sampling/rejection.py:86
    x_1 = tl.full([BLOCK], -2139095040, tl.int32)
    for i_2 in range(blocks_1):
        number_2 = i_2 * BLOCK + block  # specs/sampling/rejection.py:86
        inside_3 = (number_2 >= 0) & (number_2 < width_1)  # specs/sampling/rejection.py:92
        value_3 = tl.load(
            draft_logits_ptr + (
                row * stride_draft_logits0 + place * stride_draft_logits1 + tl.where(inside_3, number_2, 0)
            ),
            mask=inside_3, other=0.0
        )
        bits_3 = value_3.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        key_5 = tl.where(bits_3 < 0, -2147483648 - bits_3, bits_3)  # -2**31
        # 0x7f800000 is float32 bits of infinity
        x_1 = tl.maximum(
            x_1,
            tl.where(inside_3, tl.where(key_5 > 0x7f800000, -2139095040, tl.maximum(key_5, -2139095040)), -2139095040)
        )
    top_1 = tl.max(x_1, axis=0)  # specs/sampling/rejection.py:71
    nothing_1 = tl.full([BLOCK], 0, tl.int32)
    high_5 = nothing_1
    low_5 = nothing_1
    for i_3 in range(blocks_1):
        number_3 = i_3 * BLOCK + block  # specs/sampling/rejection.py:75
        inside_4 = (number_3 >= 0) & (number_3 < width_1)  # specs/sampling/rejection.py:92
        value_4 = tl.load(
            draft_logits_ptr + (
                row * stride_draft_logits0 + place * stride_draft_logits1 + tl.where(inside_4, number_3, 0)
            ),
            mask=inside_4, other=0.0
        )
        bits_4 = value_4.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        key_6 = tl.where(bits_4 < 0, -2147483648 - bits_4, bits_4)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_7 = tl.where(
            inside_4, tl.where(key_6 > 0x7f800000, -2139095040, tl.maximum(key_6, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_2 = tl.where(
            key_7 == top_1, 0.0,
            tl.where(key_7 < 0, -2147483648 - key_7, key_7).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(top_1 < 0, -2147483648 - top_1, top_1), tl.float32, bitcast=True
            )
        )
        q_4 = (tl.maximum(distance_2, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
        q_5 = tl.minimum(q_4, 0)  # specs/sampling/settings.py:123
        twice_2 = tl.minimum(0 - q_5, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_2 = twice_2 // 0x162e43
        rest_2 = twice_2 - halvings_2 * 0x162e43
        piece_2 = rest_2 >> 11
        part_2 = rest_2 & 2047
        low_6 = tl.load(table_ptr + piece_2 + 1570)  # specs/sampling/integers.py:55
        high_6 = tl.load(table_ptr + piece_2 + 1571)
        mantissa_2 = low_6 + (((high_6 - low_6) * part_2 + 1024) >> 11)
        # specs/sampling/settings.py:123
        mass_1 = tl.where(key_7 > -2139095040, ((mantissa_2 << 1 >> halvings_2) + 1) >> 1, 0)
        high_7 = high_5 + (mass_1 >> 17)  # specs/sampling/rejection.py:76
        low_7 = low_5 + (mass_1 & 0x1ffff)  # 2**17 - 1
        high_5 = high_7
        low_5 = low_7
    high_8 = tl.sum(high_5 + (low_5 >> 17), axis=0)  # specs/sampling/masses.py:48
    low_8 = tl.sum(low_5 & 0x1ffff, axis=0)  # 2**17 - 1
    # 131072.0 is 2**17, 0x1ffff is 2**17 - 1, specs/sampling/rejection.py:80
    whole_1 = tl.cast(high_8 + (low_8 >> 17), tl.float32) * 131072.0 + tl.cast(low_8 & 0x1ffff, tl.float32)
    _whole_1 = tl.where(whole_1 > 0.0, whole_1, 1.0)
    inside_5 = mask & (token < width_1)  # specs/sampling/rejection.py:92
    value_5 = tl.load(
        draft_logits_ptr + (row * stride_draft_logits0 + place * stride_draft_logits1 + tl.where(inside_5, token, 0)),
        mask=inside_5, other=0.0
    )
    bits_5 = tl.cast(value_5, tl.int32, bitcast=True)  # specs/indexer/select.py:122
    key_8 = tl.where(bits_5 < 0, -2147483648 - bits_5, bits_5)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
    key_9 = tl.where(inside_5, tl.where(key_8 > 0x7f800000, -2139095040, tl.maximum(key_8, -2139095040)), -2139095040)
    mask_2 = top_1 < 0  # specs/sampling/settings.py:44
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance_3 = tl.where(
        key_9 == top_1, 0.0,
        tl.cast(
            tl.where(key_9 < 0, -2147483648 - key_9, key_9), tl.float32, bitcast=True
        ) - tl.cast(tl.where(mask_2, -2147483648 - top_1, top_1), tl.float32, bitcast=True)
    )
    q_6 = tl.cast(tl.maximum(distance_3, -1000.0) * 1048576.0, tl.int32)  # 2**20
    q_7 = tl.minimum(q_6, 0)  # specs/sampling/settings.py:123
    twice_3 = tl.minimum(0 - q_7, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
    halvings_3 = twice_3 // 0x162e43
    rest_3 = twice_3 - halvings_3 * 0x162e43
    piece_3 = rest_3 >> 11
    part_3 = rest_3 & 2047
    low_9 = tl.load(table_ptr + piece_3 + 1570)  # specs/sampling/integers.py:55
    high_9 = tl.load(table_ptr + piece_3 + 1571)
    mantissa_3 = low_9 + (((high_9 - low_9) * part_3 + 1024) >> 11)
    # specs/sampling/rejection.py:105
    other = tl.div_rn(
        tl.cast(tl.where(key_9 > -2139095040, ((mantissa_3 << 1 >> halvings_3) + 1) >> 1, 0), tl.float32), _whole_1
    )
    first = position + -2147483648  # -2**31, specs/sampling/rejection.py:125
    keys_2 = seed_0 ^ y ^ 0x1bd11bda  # specs/sampling/integers.py:42
    x_2 = first + seed_0
    x_3 = x_2 + y
    y_1 = ((y << 13) | ((y >> 19) & 8191)) ^ x_3
    x_4 = x_3 + y_1
    y_2 = ((y_1 << 15) | ((y_1 >> 17) & 32767)) ^ x_4
    x_5 = x_4 + y_2
    y_3 = ((y_2 << 26) | ((y_2 >> 6) & 0x3ffffff)) ^ x_5  # 2**26 - 1
    x_6 = x_5 + y_3
    y_4 = ((y_3 << 6) | ((y_3 >> 26) & 63)) ^ x_6
    x_7 = x_6 + y
    y_5 = y_4 + (keys_2 + 1)
    x_8 = x_7 + y_5
    y_6 = ((y_5 << 17) | ((y_5 >> 15) & 0x1ffff)) ^ x_8  # 2**17 - 1
    x_9 = x_8 + y_6
    y_7 = ((y_6 << 29) | ((y_6 >> 3) & 0x1fffffff)) ^ x_9  # 2**29 - 1, 2**17 - 1
    x_10 = x_9 + y_7
    y_8 = ((y_7 << 16) | ((y_7 >> 16) & 65535)) ^ x_10
    x_11 = x_10 + y_8
    y_9 = ((y_8 << 24) | ((y_8 >> 8) & 0xffffff)) ^ x_11  # 2**24 - 1
    x_12 = x_11 + keys_2
    y_10 = y_9 + (seed_0 + 2)
    x_13 = x_12 + y_10
    y_11 = ((y_10 << 13) | ((y_10 >> 19) & 8191)) ^ x_13
    x_14 = x_13 + y_11
    y_12 = ((y_11 << 15) | ((y_11 >> 17) & 32767)) ^ x_14
    x_15 = x_14 + y_12
    y_13 = ((y_12 << 26) | ((y_12 >> 6) & 0x3ffffff)) ^ x_15  # 2**26 - 1
    x_16 = x_15 + y_13
    y_14 = ((y_13 << 6) | ((y_13 >> 26) & 63)) ^ x_16
    x_17 = x_16 + seed_0
    y_15 = y_14 + (y + 3)
    x_18 = x_17 + y_15
    y_16 = ((y_15 << 17) | ((y_15 >> 15) & 0x1ffff)) ^ x_18  # 2**17 - 1
    x_19 = x_18 + y_16
    y_17 = ((y_16 << 29) | ((y_16 >> 3) & 0x1fffffff)) ^ x_19  # 2**29 - 1, 2**17 - 1
    x_20 = x_19 + y_17
    y_18 = ((y_17 << 16) | ((y_17 >> 16) & 65535)) ^ x_20
    x_21 = x_20 + y_18
    y_19 = ((y_18 << 24) | ((y_18 >> 8) & 0xffffff)) ^ x_21  # 2**24 - 1
    x_22 = x_21 + y
    y_20 = y_19 + (keys_2 + 4)
    x_23 = x_22 + y_20
    y_21 = ((y_20 << 13) | ((y_20 >> 19) & 8191)) ^ x_23
    x_24 = x_23 + y_21
    y_22 = ((y_21 << 15) | ((y_21 >> 17) & 32767)) ^ x_24
    x_25 = x_24 + y_22
    y_23 = ((y_22 << 26) | ((y_22 >> 6) & 0x3ffffff)) ^ x_25  # 2**26 - 1
    x_26 = x_25 + y_23
    x_27 = x_26 + keys_2
    # 5.960464477539063e-08 is 2**-24, 0x7fffff is 2**23 - 1, specs/sampling/rejection.py:126
    u = tl.cast(((x_27 >> 9) & 0x7fffff) * 2 + 1, tl.float32) * 5.960464477539063e-08
    accepted = drafted & ~greedy & (other > 0.0) & (own > 0.0) & (own >= u * other)
    blocks_2 = tl.cdiv(tl.where(accepted, 0, width), BLOCK)
    best = tl.full([BLOCK], -2147483648, tl.int32)  # -2**31
    at = tl.full([BLOCK], 0, tl.int32)
    for i_4 in range(blocks_2):
        number_4 = i_4 * BLOCK + block  # specs/sampling/rejection.py:142
        mask_3 = number_4 >= 0  # specs/sampling/rejection.py:92
        inside_6 = mask_3 & (number_4 < width)
        value_6 = tl.load(
            target_logits_ptr + (
                row * stride_target_logits0 + place * stride_target_logits1 + tl.where(inside_6, number_4, 0)
            ),
            mask=inside_6, other=0.0
        )
        bits_6 = value_6.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        key_10 = tl.where(bits_6 < 0, -2147483648 - bits_6, bits_6)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_11 = tl.where(
            inside_6, tl.where(key_10 > 0x7f800000, -2139095040, tl.maximum(key_10, -2139095040)), -2139095040
        )
        there = key_11 > -2139095040  # specs/sampling/rejection.py:131
        mask_4 = key_11 == top  # specs/sampling/settings.py:70
        mask_5 = key_11 < 0  # specs/sampling/settings.py:44
        index = -2147483648 - key_11  # -2**31
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_4 = tl.where(
            mask_4, 0.0,
            tl.where(mask_5, index, key_11).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(mask_1, -2147483648 - top, top), tl.float32, bitcast=True
            )
        )
        q_8 = (tl.maximum(distance_4, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
        q_9 = tl.minimum(q_8, 0)  # specs/sampling/settings.py:123
        twice_4 = tl.minimum(0 - q_9, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_4 = twice_4 // 0x162e43
        rest_4 = twice_4 - halvings_4 * 0x162e43
        piece_4 = rest_4 >> 11
        part_4 = rest_4 & 2047
        low_10 = tl.load(table_ptr + piece_4 + 1570)  # specs/sampling/integers.py:55
        high_10 = tl.load(table_ptr + piece_4 + 1571)
        mantissa_4 = low_10 + (((high_10 - low_10) * part_4 + 1024) >> 11)
        # specs/sampling/rejection.py:105
        rest_5 = tl.div_rn(tl.where(there, ((mantissa_4 << 1 >> halvings_4) + 1) >> 1, 0).to(tl.float32), _whole)
        inside_7 = mask_3 & (number_4 < width_1)  # specs/sampling/rejection.py:92
        value_7 = tl.load(
            draft_logits_ptr + (
                row * stride_draft_logits0 + place * stride_draft_logits1 + tl.where(inside_7, number_4, 0)
            ),
            mask=inside_7, other=0.0
        )
        bits_7 = value_7.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        key_12 = tl.where(bits_7 < 0, -2147483648 - bits_7, bits_7)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_13 = tl.where(
            inside_7, tl.where(key_12 > 0x7f800000, -2139095040, tl.maximum(key_12, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_5 = tl.where(
            key_13 == top_1, 0.0,
            tl.where(key_13 < 0, -2147483648 - key_13, key_13).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(mask_2, -2147483648 - top_1, top_1), tl.float32, bitcast=True
            )
        )
        q_10 = (tl.maximum(distance_5, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
        q_11 = tl.minimum(q_10, 0)  # specs/sampling/settings.py:123
        twice_5 = tl.minimum(0 - q_11, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_5 = twice_5 // 0x162e43
        rest_6 = twice_5 - halvings_5 * 0x162e43
        piece_5 = rest_6 >> 11
        part_5 = rest_6 & 2047
        low_11 = tl.load(table_ptr + piece_5 + 1570)  # specs/sampling/integers.py:55
        high_11 = tl.load(table_ptr + piece_5 + 1571)
        mantissa_5 = low_11 + (((high_11 - low_11) * part_5 + 1024) >> 11)
        # specs/sampling/rejection.py:133
        rest_7 = rest_5 - tl.div_rn(
            tl.where(key_13 > -2139095040, ((mantissa_5 << 1 >> halvings_5) + 1) >> 1, 0).to(tl.float32), _whole_1
        )
        left = rest_7 > 0.0
        bits_8 = tl.where(left, rest_7, 1.0).to(tl.int32, bitcast=True)
        mantissa_6 = (bits_8 & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
        shift = 150 - (bits_8 >> 23)
        number_5 = mantissa_6 * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa_6 >> 16) & 65535) == 0
        x_28 = tl.where(small, mantissa_6 << 16, mantissa_6)
        number_6 = tl.where(small, number_5 - 16, number_5)
        small_1 = ((x_28 >> 24) & 255) == 0
        x_29 = tl.where(small_1, x_28 << 8, x_28)
        number_7 = tl.where(small_1, number_6 - 8, number_6)
        small_2 = ((x_29 >> 28) & 15) == 0
        x_30 = tl.where(small_2, x_29 << 4, x_29)
        number_8 = tl.where(small_2, number_7 - 4, number_7)
        small_3 = ((x_30 >> 30) & 3) == 0
        x_31 = tl.where(small_3, x_30 << 2, x_30)
        number_9 = tl.where(small_3, number_8 - 2, number_8)
        small_4 = ((x_31 >> 31) & 1) == 0
        x_32 = tl.where(small_4, x_31 << 1, x_31)
        number_10 = tl.where(small_4, number_9 - 1, number_9)
        piece_6 = (x_32 >> 21) & 1023
        part_6 = (x_32 >> 6) & 32767
        whole_2 = number_10 * 0x2c5c860 - ((number_10 * 131 + 512) >> 10)
        low_12 = tl.load(table_ptr + piece_6)  # specs/sampling/integers.py:55
        high_12 = tl.load(table_ptr + piece_6 + 1)
        # specs/sampling/integers.py:95
        q_12 = (
            (whole_2 + (low_12 + (((high_12 - low_12) * part_6 + 16384) >> 15)) + 32) >> 6
        ) - (shift * 0xb1721 + (shift >> 1))
        logarithm = tl.minimum(q_12, 0)
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_6 = tl.where(
            mask_4, 0.0,
            tl.where(mask_5, index, key_11).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(mask_1, -2147483648 - top, top), tl.float32, bitcast=True
            )
        )
        # After the draft its own distances, so that the token is the one that `sample` draws.
        # 1048576.0 is 2**20, specs/sampling/rejection.py:137
        base = tl.where(drafted, logarithm, (tl.maximum(distance_6, -1000.0) * 1048576.0).to(tl.int32))
        allowed = tl.where(drafted, left, there)
        x_33 = position + seed_0  # specs/sampling/integers.py:43
        y_24 = number_4 + y
        x_34 = x_33 + y_24
        y_25 = ((y_24 << 13) | ((y_24 >> 19) & 8191)) ^ x_34
        x_35 = x_34 + y_25
        y_26 = ((y_25 << 15) | ((y_25 >> 17) & 32767)) ^ x_35
        x_36 = x_35 + y_26
        y_27 = ((y_26 << 26) | ((y_26 >> 6) & 0x3ffffff)) ^ x_36  # 2**26 - 1
        x_37 = x_36 + y_27
        y_28 = ((y_27 << 6) | ((y_27 >> 26) & 63)) ^ x_37
        x_38 = x_37 + y
        y_29 = y_28 + (keys_2 + 1)
        x_39 = x_38 + y_29
        y_30 = ((y_29 << 17) | ((y_29 >> 15) & 0x1ffff)) ^ x_39  # 2**17 - 1
        x_40 = x_39 + y_30
        y_31 = ((y_30 << 29) | ((y_30 >> 3) & 0x1fffffff)) ^ x_40  # 2**29 - 1, 2**17 - 1
        x_41 = x_40 + y_31
        y_32 = ((y_31 << 16) | ((y_31 >> 16) & 65535)) ^ x_41
        x_42 = x_41 + y_32
        y_33 = ((y_32 << 24) | ((y_32 >> 8) & 0xffffff)) ^ x_42  # 2**24 - 1
        x_43 = x_42 + keys_2
        y_34 = y_33 + (seed_0 + 2)
        x_44 = x_43 + y_34
        y_35 = ((y_34 << 13) | ((y_34 >> 19) & 8191)) ^ x_44
        x_45 = x_44 + y_35
        y_36 = ((y_35 << 15) | ((y_35 >> 17) & 32767)) ^ x_45
        x_46 = x_45 + y_36
        y_37 = ((y_36 << 26) | ((y_36 >> 6) & 0x3ffffff)) ^ x_46  # 2**26 - 1
        x_47 = x_46 + y_37
        y_38 = ((y_37 << 6) | ((y_37 >> 26) & 63)) ^ x_47
        x_48 = x_47 + seed_0
        y_39 = y_38 + (y + 3)
        x_49 = x_48 + y_39
        y_40 = ((y_39 << 17) | ((y_39 >> 15) & 0x1ffff)) ^ x_49  # 2**17 - 1
        x_50 = x_49 + y_40
        y_41 = ((y_40 << 29) | ((y_40 >> 3) & 0x1fffffff)) ^ x_50  # 2**29 - 1, 2**17 - 1
        x_51 = x_50 + y_41
        y_42 = ((y_41 << 16) | ((y_41 >> 16) & 65535)) ^ x_51
        x_52 = x_51 + y_42
        y_43 = ((y_42 << 24) | ((y_42 >> 8) & 0xffffff)) ^ x_52  # 2**24 - 1
        x_53 = x_52 + y
        y_44 = y_43 + (keys_2 + 4)
        x_54 = x_53 + y_44
        y_45 = ((y_44 << 13) | ((y_44 >> 19) & 8191)) ^ x_54
        x_55 = x_54 + y_45
        y_46 = ((y_45 << 15) | ((y_45 >> 17) & 32767)) ^ x_55
        x_56 = x_55 + y_46
        y_47 = ((y_46 << 26) | ((y_46 >> 6) & 0x3ffffff)) ^ x_56  # 2**26 - 1
        x_57 = x_56 + y_47
        x_58 = x_57 + keys_2
        low_13 = x_58 >= 0  # specs/sampling/integers.py:72
        twice_6 = x_58 << 1
        # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest u.
        x_59 = tl.where(low_13, twice_6 | 1, twice_6 ^ -1)
        number_11 = x_59 * 0 + 31  # specs/sampling/integers.py:61
        small_5 = ((x_59 >> 16) & 65535) == 0
        x_60 = tl.where(small_5, x_59 << 16, x_59)
        number_12 = tl.where(small_5, number_11 - 16, number_11)
        small_6 = ((x_60 >> 24) & 255) == 0
        x_61 = tl.where(small_6, x_60 << 8, x_60)
        number_13 = tl.where(small_6, number_12 - 8, number_12)
        small_7 = ((x_61 >> 28) & 15) == 0
        x_62 = tl.where(small_7, x_61 << 4, x_61)
        number_14 = tl.where(small_7, number_13 - 4, number_13)
        small_8 = ((x_62 >> 30) & 3) == 0
        x_63 = tl.where(small_8, x_62 << 2, x_62)
        number_15 = tl.where(small_8, number_14 - 2, number_14)
        small_9 = ((x_63 >> 31) & 1) == 0
        x_64 = tl.where(small_9, x_63 << 1, x_63)
        number_16 = tl.where(small_9, number_15 - 1, number_15)
        piece_7 = (x_64 >> 21) & 1023
        part_7 = (x_64 >> 6) & 32767
        whole_3 = number_16 * 0x2c5c860 - ((number_16 * 131 + 512) >> 10)
        low_14 = tl.load(table_ptr + piece_7)  # specs/sampling/integers.py:55
        high_13 = tl.load(table_ptr + piece_7 + 1)
        # specs/sampling/integers.py:67
        logarithm_1 = whole_3 + (low_14 + (((high_13 - low_14) * part_7 + 16384) >> 15))
        piece_8 = (twice_6 >> 23) & 511  # specs/sampling/integers.py:76
        part_8 = (twice_6 >> 8) & 32767
        index_1 = 0x5b7ed45c - logarithm_1
        low_15 = tl.load(table_ptr + piece_8 + 1025)  # specs/sampling/integers.py:55
        high_14 = tl.load(table_ptr + piece_8 + 1026)
        near = index_1 - (low_15 + (((high_14 - low_15) * part_8 + 16384) >> 15))  # specs/sampling/integers.py:77
        x_65 = tl.maximum(index_1, 1)
        number_17 = x_65 * 0 + 31  # specs/sampling/integers.py:61
        small_10 = ((x_65 >> 16) & 65535) == 0
        x_66 = tl.where(small_10, x_65 << 16, x_65)
        number_18 = tl.where(small_10, number_17 - 16, number_17)
        small_11 = ((x_66 >> 24) & 255) == 0
        x_67 = tl.where(small_11, x_66 << 8, x_66)
        number_19 = tl.where(small_11, number_18 - 8, number_18)
        small_12 = ((x_67 >> 28) & 15) == 0
        x_68 = tl.where(small_12, x_67 << 4, x_67)
        number_20 = tl.where(small_12, number_19 - 4, number_19)
        small_13 = ((x_68 >> 30) & 3) == 0
        x_69 = tl.where(small_13, x_68 << 2, x_68)
        number_21 = tl.where(small_13, number_20 - 2, number_20)
        small_14 = ((x_69 >> 31) & 1) == 0
        x_70 = tl.where(small_14, x_69 << 1, x_69)
        number_22 = tl.where(small_14, number_21 - 1, number_21)
        piece_9 = (x_70 >> 21) & 1023
        part_9 = (x_70 >> 6) & 32767
        whole_4 = number_22 * 0x2c5c860 - ((number_22 * 131 + 512) >> 10)
        low_16 = tl.load(table_ptr + piece_9)  # specs/sampling/integers.py:55
        high_15 = tl.load(table_ptr + piece_9 + 1)
        # specs/sampling/integers.py:78
        far = 0x481659bd - (whole_4 + (low_16 + (((high_15 - low_16) * part_9 + 16384) >> 15)))
        # -2147483648 is -2**31, specs/sampling/rejection.py:138
        drawn = tl.where(allowed, base + ((tl.where(low_13, near, far) + 32) >> 6), -2147483648)
        # -2147483648 is -2**31, specs/sampling/rejection.py:143
        found = tl.where(number_4 < V, tl.where(greedy, key_11, drawn), -2147483648)
        best_1 = tl.maximum(found, best)
        at_1 = tl.where(found > best, number_4, at)
        best = best_1
        at = at_1
    best_2 = tl.max(best, axis=0)  # specs/sampling/items.py:180
    drawn_1 = tl.min(tl.where(best == best_2, at, 0x7fffffff), axis=0)  # 2**31 - 1, 2**23 - 1
    # nothing to draw from, or nothing drawn
    instead = tl.where(own > 0.0, token, 0)  # specs/sampling/rejection.py:149
    tl.store(sampled_ptr + (row * (K + 1) + place), tl.where(best_2 > -2147483648, drawn_1, instead))  # -2**31
