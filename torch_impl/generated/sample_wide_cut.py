# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""wide_cut: Cuts of rows of most candidates.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    pending = int32
    cut = int32
    last = int32
    TILE = 8192
    BLOCK = 4096
    num_warps = 16
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def wide_cut(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, pending_ptr,
    cut_ptr, last_ptr,
    V, vocab_size,
    stride_logits0,
):
    BLOCK: tl.constexpr = 4096
    row = tl.program_id(0)  # specs/sampling/wide.py:264
    pending = tl.load(pending_ptr + row)
    if pending == 1:
        top = tl.load(top_ptr + row)  # specs/sampling/wide.py:267
        temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = ~(temperature >= 1e-05)
        k = tl.load(top_k_ptr + row)
        mask = vocab_size > 0  # specs/sampling/settings.py:49
        index = tl.minimum(vocab_size, V)
        k_1 = tl.where(greedy | (k <= 0) | (k >= tl.where(mask, index, V)), 0, k)  # specs/sampling/settings.py:83
        share = tl.load(top_p_ptr + row)
        nucleus = (share < 1.0) & ~greedy
        scaled = tl.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = tl.maximum(tl.cast(scaled, tl.int32), 1)
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        lower = -2139095040  # specs/sampling/items.py:114
        upper = top
        for i in range(32):
            # Common bits plus half of the differing ones: rounds down for negative sums too.
            # specs/sampling/items.py:109
            needed = tl.cast((k_1 > 0) & ((lower & upper) + ((lower ^ upper) >> 1) > lower), tl.int32)
            lower_1 = lower
            upper_1 = upper
            for i_1 in range(needed):
                middle = (lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1)  # specs/indexer/select.py:343
                limit = tl.where(mask, index, V)  # specs/sampling/settings.py:49
                zero = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/items.py:79
                for i_2 in range(tl.cdiv(limit, BLOCK)):
                    number = i_2 * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/items.py:73
                    inside = number < limit
                    value = tl.load(logits_ptr + (row * stride_logits0 + number), mask=inside, other=0.0)
                    bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                    key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                    key_1 = tl.where(
                        inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040
                    )
                    # -2147483648 is -2**31, specs/sampling/settings.py:70
                    distance = tl.where(
                        key_1 == top, 0.0,
                        tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                            tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                        )
                    )
                    q = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                    key_2 = tl.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
                    b = (key_2 > middle).to(tl.int32)  # specs/sampling/items.py:86
                    zero = zero + b
                found = tl.sum(zero, axis=0)  # specs/sampling/items.py:87
                # With exactly k the search is over, however far the next key is.
                mask_1 = found < k_1  # specs/sampling/items.py:105
                upper_2 = tl.where(mask_1, middle, tl.where(found == k_1, middle + 1, upper_1))
                lower_2 = tl.where(mask_1, lower_1, middle)
                lower_1 = lower_2
                upper_1 = upper_2
            lower = lower_1
            upper = upper_1
        key_3 = lower + 1  # specs/sampling/wide.py:270
        if nucleus:
            limit_1 = tl.where(mask, index, V)  # specs/sampling/settings.py:49
            zero_1 = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/items.py:79
            a = zero_1
            a_1 = zero_1
            for i_3 in range(tl.cdiv(limit_1, BLOCK)):
                number_1 = i_3 * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/items.py:73
                inside_1 = number_1 < limit_1
                value_1 = tl.load(logits_ptr + (row * stride_logits0 + number_1), mask=inside_1, other=0.0)
                bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                key_4 = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                key_5 = tl.where(
                    inside_1, tl.where(key_4 > 0x7f800000, -2139095040, tl.maximum(key_4, -2139095040)), -2139095040
                )
                # -2147483648 is -2**31, specs/sampling/settings.py:70
                distance_1 = tl.where(
                    key_5 == top, 0.0,
                    tl.where(key_5 < 0, -2147483648 - key_5, key_5).to(tl.float32, bitcast=True) - tl.cast(
                        tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                    )
                )
                q_1 = (tl.maximum(distance_1 * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                key_6 = tl.where(q_1 >= -1048576001, key_5, -2139095040)  # specs/sampling/items.py:44
                q_2 = tl.minimum(q_1, 0)  # specs/sampling/settings.py:123
                twice = tl.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                halvings = twice // 0x162e43
                rest = twice - halvings * 0x162e43
                piece = rest >> 11
                part = rest & 2047
                low = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
                high = tl.load(table_ptr + piece + 1571)
                mantissa = low + (((high - low) * part + 1024) >> 11)
                # Rounded to nearest: adds half a unit before the last bits go.
                # specs/sampling/items.py:92
                mass = tl.where(
                    key_6 > lower, tl.where(key_6 > -2139095040, ((mantissa << 1 >> halvings) + 1) >> 1, 0), 0
                )
                b_1 = mass >> 17  # specs/sampling/masses.py:38
                b_2 = mass & 0x1ffff  # 2**17 - 1
                a_2 = a + b_1  # specs/sampling/items.py:77
                a_3 = a_1 + b_2
                a = a_2
                a_1 = a_3
            high_1 = tl.sum(a + (a_1 >> 17), axis=0)  # specs/sampling/masses.py:48
            low_1 = tl.sum(a_1 & 0x1ffff, axis=0)  # 2**17 - 1
            high_2 = high_1 + (low_1 >> 17)  # specs/sampling/masses.py:43
            low_2 = low_1 & 0x1ffff  # 2**17 - 1
            p = tl.maximum(p24, 1)  # specs/sampling/items.py:175
            limbs_0 = low_2 & 4095  # specs/sampling/masses.py:55
            limbs_1 = (low_2 >> 12) | ((high_2 & 127) << 5)
            limbs_2 = (high_2 >> 7) & 4095
            limbs_3 = high_2 >> 19
            low_3 = p & 4095
            high_3 = p >> 12
            column = limbs_0 * low_3
            column_1 = limbs_1 * low_3 + limbs_0 * high_3
            column_2 = limbs_2 * low_3 + limbs_1 * high_3
            column_3 = limbs_3 * low_3 + limbs_2 * high_3
            column_4 = limbs_3 * high_3
            carry = column * 0
            carry_1 = carry + column
            carry_2 = carry_1 >> 12
            carry_3 = carry_2 + column_1
            carry_4 = carry_3 >> 12
            carry_5 = carry_4 + column_2
            carry_6 = carry_5 >> 12
            carry_7 = carry_6 + column_3
            carry_8 = carry_7 >> 12
            carry_9 = carry_8 + column_4
            carry_10 = carry_9 >> 12
            inexact = tl.cast(((carry_1 & 4095) | (carry_3 & 4095)) != 0, tl.int32)
            # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
            low_4 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
            high_4 = (low_4 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
            low_5 = low_4 & 0x1ffff  # 2**17 - 1
            lower_3 = lower  # specs/sampling/items.py:151
            upper_3 = top
            high_5 = 0
            low_6 = 0
            for i_4 in range(32):
                # specs/sampling/items.py:146
                needed_1 = tl.cast(nucleus & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
                lower_4 = lower_3
                upper_4 = upper_3
                for i_5 in range(needed_1):
                    middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
                    limit_2 = tl.where(mask, index, V)  # specs/sampling/settings.py:49
                    zero_2 = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/items.py:79
                    a_4 = zero_2
                    a_5 = zero_2
                    for i_6 in range(tl.cdiv(limit_2, BLOCK)):
                        number_2 = i_6 * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/items.py:73
                        inside_2 = number_2 < limit_2
                        value_2 = tl.load(logits_ptr + (row * stride_logits0 + number_2), mask=inside_2, other=0.0)
                        bits_2 = value_2.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                        key_7 = tl.where(bits_2 < 0, -2147483648 - bits_2, bits_2)  # -2**31
                        # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                        key_8 = tl.where(
                            inside_2, tl.where(key_7 > 0x7f800000, -2139095040, tl.maximum(key_7, -2139095040)),
                            -2139095040
                        )
                        # -2147483648 is -2**31, specs/sampling/settings.py:70
                        distance_2 = tl.where(
                            key_8 == top, 0.0,
                            tl.where(key_8 < 0, -2147483648 - key_8, key_8).to(tl.float32, bitcast=True) - tl.cast(
                                tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                            )
                        )
                        q_3 = (tl.maximum(distance_2 * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                        key_9 = tl.where(q_3 >= -1048576001, key_8, -2139095040)  # specs/sampling/items.py:44
                        q_4 = tl.minimum(q_3, 0)  # specs/sampling/settings.py:123
                        # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                        twice_1 = tl.minimum(0 - q_4, 0x1600000) * 2
                        halvings_1 = twice_1 // 0x162e43
                        rest_1 = twice_1 - halvings_1 * 0x162e43
                        piece_1 = rest_1 >> 11
                        part_1 = rest_1 & 2047
                        low_7 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
                        high_6 = tl.load(table_ptr + piece_1 + 1571)
                        mantissa_1 = low_7 + (((high_6 - low_7) * part_1 + 1024) >> 11)
                        # specs/sampling/items.py:92
                        mass_1 = tl.where(
                            key_9 > middle_1,
                            tl.where(key_9 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0), 0
                        )
                        b_3 = mass_1 >> 17  # specs/sampling/masses.py:38
                        b_4 = mass_1 & 0x1ffff  # 2**17 - 1
                        a_6 = a_4 + b_3  # specs/sampling/items.py:77
                        a_7 = a_5 + b_4
                        a_4 = a_6
                        a_5 = a_7
                    high_7 = tl.sum(a_4 + (a_5 >> 17), axis=0)  # specs/sampling/masses.py:48
                    low_8 = tl.sum(a_5 & 0x1ffff, axis=0)  # 2**17 - 1
                    high_8 = high_7 + (low_8 >> 17)  # specs/sampling/masses.py:43
                    low_9 = low_8 & 0x1ffff  # 2**17 - 1
                    below = (high_8 < high_4) | ((high_8 == high_4) & (low_9 < low_5))  # specs/sampling/masses.py:29
                    lower_5 = tl.where(below, lower_4, middle_1)  # specs/sampling/items.py:139
                    upper_5 = tl.where(below, middle_1, upper_4)
                    high_9 = tl.where(below, high_8, high_5)
                    low_10 = tl.where(below, low_9, low_6)
                    lower_4 = lower_5
                    upper_4 = upper_5
                    high_5 = high_9
                    low_6 = low_10
                lower_3 = lower_4
                upper_3 = upper_4
            key_10 = tl.where(nucleus, upper_3, key_3)  # specs/sampling/items.py:152
            limit_3 = tl.where(mask, index, V)  # specs/sampling/settings.py:49
            zero_3 = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/items.py:79
            for i_7 in range(tl.cdiv(limit_3, BLOCK)):
                number_3 = i_7 * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/items.py:73
                inside_3 = number_3 < limit_3
                value_3 = tl.load(logits_ptr + (row * stride_logits0 + number_3), mask=inside_3, other=0.0)
                bits_3 = value_3.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                key_11 = tl.where(bits_3 < 0, -2147483648 - bits_3, bits_3)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                key_12 = tl.where(
                    inside_3, tl.where(key_11 > 0x7f800000, -2139095040, tl.maximum(key_11, -2139095040)), -2139095040
                )
                # -2147483648 is -2**31, specs/sampling/settings.py:70
                distance_3 = tl.where(
                    key_12 == top, 0.0,
                    tl.where(key_12 < 0, -2147483648 - key_12, key_12).to(tl.float32, bitcast=True) - tl.cast(
                        tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                    )
                )
                q_5 = (tl.maximum(distance_3 * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                key_13 = tl.where(q_5 >= -1048576001, key_12, -2139095040)  # specs/sampling/items.py:44
                b_5 = (key_13 == key_10).to(tl.int32)  # specs/sampling/items.py:86
                zero_3 = zero_3 + b_5
            equal = tl.sum(zero_3, axis=0)  # specs/sampling/items.py:87
            mask_2 = top < 0  # specs/sampling/settings.py:44
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance_4 = tl.where(
                key_10 == top, 0.0,
                tl.cast(
                    tl.where(key_10 < 0, -2147483648 - key_10, key_10), tl.float32, bitcast=True
                ) - tl.cast(tl.where(mask_2, -2147483648 - top, top), tl.float32, bitcast=True)
            )
            q_6 = tl.cast(tl.maximum(distance_4 * inverse, -1000.0) * 1048576.0, tl.int32)  # 2**20
            q_7 = tl.minimum(q_6, 0)  # specs/sampling/settings.py:123
            twice_2 = tl.minimum(0 - q_7, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings_2 = twice_2 // 0x162e43
            rest_2 = twice_2 - halvings_2 * 0x162e43
            piece_2 = rest_2 >> 11
            part_2 = rest_2 & 2047
            low_11 = tl.load(table_ptr + piece_2 + 1570)  # specs/sampling/integers.py:55
            high_10 = tl.load(table_ptr + piece_2 + 1571)
            mantissa_2 = low_11 + (((high_10 - low_11) * part_2 + 1024) >> 11)
            # specs/sampling/settings.py:123
            mass_2 = tl.where(key_10 > -2139095040, ((mantissa_2 << 1 >> halvings_2) + 1) >> 1, 0)
            lower_6 = 1  # specs/sampling/masses.py:108
            upper_6 = equal
            for i_8 in range(18):
                middle_2 = (lower_6 + upper_6 + 1) >> 1  # specs/sampling/masses.py:102
                count = middle_2 - 1
                parts_0 = (mass_2 & 4095) * count  # specs/sampling/masses.py:77
                middle_3 = ((mass_2 >> 12) & 4095) * count + (parts_0 >> 12)
                high_11 = (mass_2 >> 24) * count + (middle_3 >> 12)
                # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
                rest_3 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
                high_12 = high_5 + ((high_11 << 7) + (rest_3 >> 17))  # specs/sampling/masses.py:87
                low_12 = low_6 + (rest_3 & 0x1ffff)  # 2**17 - 1
                high_13 = high_12 + (low_12 >> 17)  # specs/sampling/masses.py:43
                # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
                fits = (high_13 < high_4) | ((high_13 == high_4) & ((low_12 & 0x1ffff) < low_5))
                lower_7 = tl.where(fits, middle_2, lower_6)  # specs/sampling/masses.py:104
                upper_7 = tl.where(fits, upper_6, count)
                lower_6 = lower_7
                upper_6 = upper_7
            room = tl.where(nucleus, lower_6, equal)  # specs/sampling/items.py:156
            # Ids have 18 bits; equal logits at the cut are rare in float32.
            mask_3 = room < equal  # specs/sampling/items.py:168
            steps = tl.cast(mask_3, tl.int32) * 18
            lower_8 = 0
            upper_8 = 0x3ffff  # 2**18 - 1
            for i_9 in range(steps):
                middle_4 = (lower_8 + upper_8) >> 1  # specs/sampling/items.py:163
                limit_4 = tl.where(mask, index, V)  # specs/sampling/settings.py:49
                zero_4 = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/items.py:79
                for i_10 in range(tl.cdiv(limit_4, BLOCK)):
                    number_4 = i_10 * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/items.py:73
                    inside_4 = number_4 < limit_4
                    value_4 = tl.load(logits_ptr + (row * stride_logits0 + number_4), mask=inside_4, other=0.0)
                    bits_4 = value_4.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                    key_14 = tl.where(bits_4 < 0, -2147483648 - bits_4, bits_4)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                    key_15 = tl.where(
                        inside_4, tl.where(key_14 > 0x7f800000, -2139095040, tl.maximum(key_14, -2139095040)),
                        -2139095040
                    )
                    # -2147483648 is -2**31, specs/sampling/settings.py:70
                    distance_5 = tl.where(
                        key_15 == top, 0.0,
                        tl.where(key_15 < 0, -2147483648 - key_15, key_15).to(tl.float32, bitcast=True) - tl.cast(
                            tl.where(mask_2, -2147483648 - top, top), tl.float32, bitcast=True
                        )
                    )
                    q_8 = (tl.maximum(distance_5 * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                    key_16 = tl.where(q_8 >= -1048576001, key_15, -2139095040)  # specs/sampling/items.py:44
                    b_6 = ((key_16 == key_10) & (number_4 <= middle_4)).to(tl.int32)  # specs/sampling/items.py:86
                    zero_4 = zero_4 + b_6
                zero_4_sum = tl.sum(zero_4, axis=0)  # specs/sampling/items.py:87
                enough = zero_4_sum >= room  # specs/sampling/items.py:164
                lower_9 = tl.where(enough, lower_8, middle_4 + 1)
                upper_9 = tl.where(enough, middle_4, upper_8)
                lower_8 = lower_9
                upper_8 = upper_9
            tl.store(cut_ptr + row, key_10)  # specs/sampling/kernels.py:236
            tl.store(last_ptr + row, tl.where(mask_3, lower_8, 0x7fffffff))  # 2**31 - 1
        if ~nucleus:  # specs/sampling/wide.py:280
            tl.store(cut_ptr + row, key_3)  # specs/sampling/kernels.py:236
            tl.store(last_ptr + row, 0x7fffffff)  # 2**31 - 1
