# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""settle_collected: Rows of collected candidates.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    coarse = int32
    fine = int32
    collected = int32
    pending = int32
    cut = int32
    last = int32
    TILE = 4096
    num_warps = 16
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def settle_collected(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, min_p_ptr, table_ptr, top_ptr, coarse_ptr, fine_ptr,
    collected_ptr,
    pending_ptr, cut_ptr, last_ptr,
    V, vocab_size,
    stride_logits0,
):
    row = tl.program_id(0)  # specs/sampling/wide.py:235
    pending = tl.load(pending_ptr + row)
    if pending > 0:
        temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = ~(temperature >= 1e-05)
        k = tl.load(top_k_ptr + row)
        mask = vocab_size > 0  # specs/sampling/settings.py:49
        index = tl.minimum(vocab_size, V)
        k_1 = tl.where(greedy | (k <= 0) | (k >= tl.where(mask, index, V)), 0, k)  # specs/sampling/settings.py:83
        share = tl.load(top_p_ptr + row)
        mask_1 = ~greedy
        nucleus = (share < 1.0) & mask_1
        scaled = tl.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = tl.maximum(tl.cast(scaled, tl.int32), 1)
        ratio = tl.load(min_p_ptr + row)
        # Subnormal numbers are off, and so is NaN.
        on = (ratio >= 1.1754943508222875e-38) & mask_1  # 2**-126
        bits = tl.cast(tl.where(on, tl.minimum(tl.where(on, ratio, 1.0), 1.0), 1.0), tl.int32, bitcast=True)
        mantissa = (bits & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
        shift = 150 - (bits >> 23)
        number = mantissa * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa >> 16) & 65535) == 0
        x = tl.where(small, mantissa << 16, mantissa)
        number_1 = tl.where(small, number - 16, number)
        small_1 = ((x >> 24) & 255) == 0
        x_1 = tl.where(small_1, x << 8, x)
        number_2 = tl.where(small_1, number_1 - 8, number_1)
        small_2 = ((x_1 >> 28) & 15) == 0
        x_2 = tl.where(small_2, x_1 << 4, x_1)
        number_3 = tl.where(small_2, number_2 - 4, number_2)
        small_3 = ((x_2 >> 30) & 3) == 0
        x_3 = tl.where(small_3, x_2 << 2, x_2)
        number_4 = tl.where(small_3, number_3 - 2, number_3)
        small_4 = ((x_3 >> 31) & 1) == 0
        x_4 = tl.where(small_4, x_3 << 1, x_3)
        number_5 = tl.where(small_4, number_4 - 1, number_4)
        piece = (x_4 >> 21) & 1023
        part = (x_4 >> 6) & 32767
        whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
        low = tl.load(table_ptr + piece)  # specs/sampling/integers.py:55
        high = tl.load(table_ptr + piece + 1)
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = tl.where(on, tl.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        place = tl.arange(0, 8192)  # specs/sampling/wide.py:238
        there = 1 > 0  # specs/sampling/wide.py:133
        span = tl.arange(0, 64)  # specs/sampling/wide.py:106
        b = tl.arange(0, 16)
        mask_2 = (span < tl.cdiv(V, 4096))[:, None]
        inside = mask_2 & there
        b_1 = b[None, :]  # specs/sampling/wide.py:108
        spans = tl.load(coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + b_1), mask=inside, other=0)
        part_1 = tl.load(
            coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 1 * 16 + b_1), mask=inside, other=0
        )
        part_2 = tl.load(
            coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 2 * 16 + b_1), mask=inside, other=0
        )
        # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
        part_1_sum = tl.sum(part_1, axis=0)
        high_1 = tl.cumsum(part_1_sum, axis=0)
        part_2_sum = tl.sum(part_2, axis=0)
        low_1 = tl.cumsum(part_2_sum, axis=0)
        x_5 = high_1 + (low_1 >> 17)  # specs/sampling/masses.py:43
        x_6 = low_1 & 0x1ffff  # 2**17 - 1
        spans_sum = tl.sum(spans, axis=0)  # specs/sampling/wide.py:111
        x_7 = tl.cumsum(spans_sum, axis=0)
        here = b == 15  # specs/sampling/wide.py:94
        high_2 = tl.sum(tl.where(here, x_5, 0), axis=0)  # specs/sampling/wide.py:95
        low_2 = tl.sum(tl.where(here, x_6, 0), axis=0)
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
        condition = k_1 > 0  # specs/sampling/wide.py:100
        enough = tl.where(
            condition, (x_7 >= k_1).to(tl.int32), 1 - ((x_5 < high_4) | ((x_5 == high_4) & (x_6 < low_5))).to(tl.int32)
        )
        first = tl.min(tl.where(enough > 0, b, 15), axis=0)
        here_1 = b == first  # specs/sampling/wide.py:94
        index_1 = tl.sum(tl.where(here_1, x_7, 0), axis=0)  # specs/sampling/wide.py:95
        enough_1 = index_1 <= 8192  # specs/sampling/wide.py:141
        there_1 = ~enough_1
        place_1 = first - 1
        here_2 = b == place_1  # specs/sampling/wide.py:94
        nearer_0 = tl.sum(tl.where(here_2, x_7, 0), axis=0)  # specs/sampling/wide.py:95
        high_5 = tl.sum(tl.where(here_2, x_5, 0), axis=0)
        low_6 = tl.sum(tl.where(here_2, x_6, 0), axis=0)
        inside_1 = mask_2 & there_1  # specs/sampling/wide.py:107
        # specs/sampling/wide.py:108
        spans_1 = tl.load(fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + b_1), mask=inside_1, other=0)
        part_3 = tl.load(
            fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 1 * 16 + b_1), mask=inside_1, other=0
        )
        part_4 = tl.load(
            fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 2 * 16 + b_1), mask=inside_1, other=0
        )
        part_3_sum = tl.sum(part_3, axis=0)
        high_6 = tl.cumsum(part_3_sum, axis=0)
        part_4_sum = tl.sum(part_4, axis=0)
        low_7 = tl.cumsum(part_4_sum, axis=0)
        spans_1_sum = tl.sum(spans_1, axis=0)  # specs/sampling/wide.py:111
        until = tl.cumsum(spans_1_sum, axis=0)
        x_8 = until + nearer_0
        high_7 = high_6 + (low_7 >> 17) + high_5  # specs/sampling/masses.py:87
        low_8 = (low_7 & 0x1ffff) + low_6  # 2**17 - 1
        x_9 = high_7 + (low_8 >> 17)  # specs/sampling/masses.py:43
        x_10 = low_8 & 0x1ffff  # 2**17 - 1
        # specs/sampling/wide.py:100
        enough_2 = tl.where(
            condition, (x_8 >= k_1).to(tl.int32), 1 - ((x_9 < high_4) | ((x_9 == high_4) & (x_10 < low_5))).to(tl.int32)
        )
        second = tl.min(tl.where(enough_2 > 0, b, 15), axis=0)
        place_2 = second - 1  # specs/sampling/wide.py:144
        here_3 = b == place_2  # specs/sampling/wide.py:94
        number_6 = tl.sum(tl.where(here_3, x_8, 0), axis=0)  # specs/sampling/wide.py:95
        high_8 = tl.sum(tl.where(here_3, x_9, 0), axis=0)
        low_9 = tl.sum(tl.where(here_3, x_10, 0), axis=0)
        # Before the second pass's first bin there are those that the first pass has counted.
        at_first = second == 0  # specs/sampling/wide.py:146
        number_first = tl.sum(tl.where(here_2, x_7, 0), axis=0)  # specs/sampling/wide.py:95
        high_9 = tl.sum(tl.where(here_2, x_5, 0), axis=0)
        low_10 = tl.sum(tl.where(here_2, x_6, 0), axis=0)
        number_7 = tl.where(at_first, number_first, number_6)  # specs/sampling/wide.py:147
        here_4 = b == second  # specs/sampling/wide.py:94
        last = tl.sum(tl.where(here_4, x_8, 0), axis=0)  # specs/sampling/wide.py:95
        whole_1 = enough_1 | (last <= 8192)  # specs/sampling/wide.py:149
        # Top-k and top-p: the cut of the second one may lie nearer.
        alone = ~whole_1 & (last - number_7 <= 8192) & ~(nucleus & condition)
        start = (first << 20) + (second << 16)
        here_5 = tl.where(whole_1, b_1 <= tl.where(enough_1, first, place_1), b_1 < 0)
        spans_2 = tl.where(here_5, spans, 0) + tl.where((b_1 == second) | (whole_1 & (b_1 < second)), spans_1, 0)
        begin = tl.where(whole_1, 0, start)
        number_8 = tl.where(whole_1, 0, number_7)
        high_10 = tl.where(whole_1, 0, tl.where(at_first, high_9, high_8))  # specs/sampling/masses.py:33
        low_11 = tl.where(whole_1, 0, tl.where(at_first, low_10, low_9))
        spans_3 = tl.sum(spans_2, axis=1)  # specs/sampling/wide.py:164
        if (whole_1 | alone) & (nucleus | condition):  # specs/sampling/wide.py:257
            top = tl.load(top_ptr + row)  # specs/sampling/wide.py:242
            spans_3_sum = tl.sum(spans_3, axis=0)
            there_2 = place < spans_3_sum
            number_9 = tl.load(collected_ptr + (row * 8192 + place), mask=there_2, other=0x40000)  # 2**18
            inside_2 = number_9 < tl.where(mask, index, V)  # specs/sampling/kernels.py:201
            value = tl.load(logits_ptr + (row * stride_logits0 + number_9), mask=inside_2, other=0.0)
            bits_1 = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = tl.where(
                inside_2, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040
            )
            mask_3 = top < 0  # specs/sampling/settings.py:44
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = tl.where(
                key_1 == top, 0.0,
                tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                    tl.where(mask_3, -2147483648 - top, top), tl.float32, bitcast=True
                )
            )
            q_1 = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
            mask_4 = q_1 >= least  # specs/sampling/items.py:44
            key_2 = tl.where(mask_4, key_1, -2139095040)
            mask_5 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_2 = tl.minimum(q_1, 0)
            twice = tl.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = twice // 0x162e43
            rest = twice - halvings * 0x162e43
            piece_1 = rest >> 11
            part_5 = rest & 2047
            low_12 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
            high_11 = tl.load(table_ptr + piece_1 + 1571)
            mantissa_1 = low_12 + (((high_11 - low_12) * part_5 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            mass = tl.where(mask_5, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
            k_2 = tl.where(condition, k_1 - number_8, 0)  # specs/sampling/wide.py:245
            lower = -2139095040  # specs/sampling/items.py:114
            upper = top
            for i in range(32):
                # Common bits plus half of the differing ones: rounds down for negative sums too.
                # specs/sampling/items.py:109
                needed = tl.cast((k_2 > 0) & ((lower & upper) + ((lower ^ upper) >> 1) > lower), tl.int32)
                lower_1 = lower
                upper_1 = upper
                for i_1 in range(needed):
                    middle = (lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1)  # specs/indexer/select.py:343
                    found = (key_2 > middle).to(tl.int32)  # specs/sampling/items.py:86
                    found_1 = tl.sum(found, axis=0)  # specs/sampling/items.py:87
                    # With exactly k the search is over, however far the next key is.
                    mask_6 = found_1 < k_2  # specs/sampling/items.py:105
                    upper_2 = tl.where(mask_6, middle, tl.where(found_1 == k_2, middle + 1, upper_1))
                    lower_2 = tl.where(mask_6, lower_1, middle)
                    lower_1 = lower_2
                    upper_1 = upper_2
                lower = lower_1
                upper = upper_1
            high_12 = high_4 - high_10  # specs/sampling/masses.py:92
            low_13 = low_5 - low_11
            mass_1 = tl.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
            high_13 = mass_1 >> 17  # specs/sampling/masses.py:38
            low_14 = mass_1 & 0x1ffff  # 2**17 - 1
            high_14 = tl.sum(high_13 + (low_14 >> 17), axis=0)  # specs/sampling/masses.py:48
            low_15 = tl.sum(low_14 & 0x1ffff, axis=0)  # 2**17 - 1
            high_15 = high_14 + (low_15 >> 17)  # specs/sampling/masses.py:43
            low_16 = low_15 & 0x1ffff  # 2**17 - 1
            limbs_0_1 = low_16 & 4095  # specs/sampling/masses.py:55
            limbs_1_1 = (low_16 >> 12) | ((high_15 & 127) << 5)
            limbs_2_1 = (high_15 >> 7) & 4095
            limbs_3_1 = high_15 >> 19
            column_5 = limbs_0_1 * low_3
            column_6 = limbs_1_1 * low_3 + limbs_0_1 * high_3
            column_7 = limbs_2_1 * low_3 + limbs_1_1 * high_3
            column_8 = limbs_3_1 * low_3 + limbs_2_1 * high_3
            column_9 = limbs_3_1 * high_3
            carry_11 = column_5 * 0
            carry_12 = carry_11 + column_5
            carry_13 = carry_12 >> 12
            carry_14 = carry_13 + column_6
            carry_15 = carry_14 >> 12
            carry_16 = carry_15 + column_7
            carry_17 = carry_16 >> 12
            carry_18 = carry_17 + column_8
            carry_19 = carry_18 >> 12
            carry_20 = carry_19 + column_9
            carry_21 = carry_20 >> 12
            inexact_1 = tl.cast(((carry_12 & 4095) | (carry_14 & 4095)) != 0, tl.int32)
            low_17 = (carry_16 & 4095) + ((carry_18 & 4095) << 12) + inexact_1
            # specs/sampling/masses.py:33
            high_16 = tl.where(
                condition, (low_17 >> 17) + (((carry_21 << 12) | (carry_20 & 4095)) << 7), high_12 + (low_13 >> 17)
            )
            low_18 = tl.where(condition, low_17 & 0x1ffff, low_13 & 0x1ffff)  # 2**17 - 1
            lower_3 = lower  # specs/sampling/items.py:151
            upper_3 = top
            high_17 = 0
            low_19 = 0
            for i_2 in range(32):
                # specs/sampling/items.py:146
                needed_1 = tl.cast(nucleus & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
                lower_4 = lower_3
                upper_4 = upper_3
                for i_3 in range(needed_1):
                    middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
                    mass_2 = tl.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                    high_18 = mass_2 >> 17  # specs/sampling/masses.py:38
                    low_20 = mass_2 & 0x1ffff  # 2**17 - 1
                    high_19 = tl.sum(high_18 + (low_20 >> 17), axis=0)  # specs/sampling/masses.py:48
                    low_21 = tl.sum(low_20 & 0x1ffff, axis=0)  # 2**17 - 1
                    high_20 = high_19 + (low_21 >> 17)  # specs/sampling/masses.py:43
                    low_22 = low_21 & 0x1ffff  # 2**17 - 1
                    # specs/sampling/masses.py:29
                    below = (high_20 < high_16) | ((high_20 == high_16) & (low_22 < low_18))
                    lower_5 = tl.where(below, lower_4, middle_1)  # specs/sampling/items.py:139
                    upper_5 = tl.where(below, middle_1, upper_4)
                    high_21 = tl.where(below, high_20, high_17)
                    low_23 = tl.where(below, low_22, low_19)
                    lower_4 = lower_5
                    upper_4 = upper_5
                    high_17 = high_21
                    low_19 = low_23
                lower_3 = lower_4
                upper_3 = upper_4
            key_3 = tl.where(nucleus, upper_3, lower + 1)  # specs/sampling/items.py:152
            mask_7 = key_2 == key_3  # specs/sampling/items.py:153
            found_2 = mask_7.to(tl.int32)  # specs/sampling/items.py:86
            equal = tl.sum(found_2, axis=0)  # specs/sampling/items.py:87
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance_1 = tl.where(
                key_3 == top, 0.0,
                tl.cast(
                    tl.where(key_3 < 0, -2147483648 - key_3, key_3), tl.float32, bitcast=True
                ) - tl.cast(tl.where(mask_3, -2147483648 - top, top), tl.float32, bitcast=True)
            )
            q_3 = tl.cast(tl.maximum(distance_1 * inverse, -1000.0) * 1048576.0, tl.int32)  # 2**20
            q_4 = tl.minimum(q_3, 0)  # specs/sampling/settings.py:123
            twice_1 = tl.minimum(0 - q_4, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings_1 = twice_1 // 0x162e43
            rest_1 = twice_1 - halvings_1 * 0x162e43
            piece_2 = rest_1 >> 11
            part_6 = rest_1 & 2047
            low_24 = tl.load(table_ptr + piece_2 + 1570)  # specs/sampling/integers.py:55
            high_22 = tl.load(table_ptr + piece_2 + 1571)
            mantissa_2 = low_24 + (((high_22 - low_24) * part_6 + 1024) >> 11)
            # specs/sampling/settings.py:123
            mass_3 = tl.where(key_3 > -2139095040, ((mantissa_2 << 1 >> halvings_1) + 1) >> 1, 0)
            lower_6 = 1  # specs/sampling/masses.py:108
            upper_6 = equal
            for i_4 in range(18):
                middle_2 = (lower_6 + upper_6 + 1) >> 1  # specs/sampling/masses.py:102
                count = middle_2 - 1
                parts_0 = (mass_3 & 4095) * count  # specs/sampling/masses.py:77
                middle_3 = ((mass_3 >> 12) & 4095) * count + (parts_0 >> 12)
                high_23 = (mass_3 >> 24) * count + (middle_3 >> 12)
                # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
                rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
                high_24 = high_17 + ((high_23 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
                low_25 = low_19 + (rest_2 & 0x1ffff)  # 2**17 - 1
                high_25 = high_24 + (low_25 >> 17)  # specs/sampling/masses.py:43
                # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
                fits = (high_25 < high_16) | ((high_25 == high_16) & ((low_25 & 0x1ffff) < low_18))
                lower_7 = tl.where(fits, middle_2, lower_6)  # specs/sampling/masses.py:104
                upper_7 = tl.where(fits, upper_6, count)
                lower_6 = lower_7
                upper_6 = upper_7
            room = tl.where(nucleus, lower_6, equal)  # specs/sampling/items.py:156
            # Ids have 18 bits; equal logits at the cut are rare in float32.
            mask_8 = room < equal  # specs/sampling/items.py:168
            steps = tl.cast(mask_8, tl.int32) * 18
            lower_8 = 0
            upper_8 = 0x3ffff  # 2**18 - 1
            for i_5 in range(steps):
                middle_4 = (lower_8 + upper_8) >> 1  # specs/sampling/items.py:163
                found_3 = (mask_7 & (number_9 <= middle_4)).to(tl.int32)  # specs/sampling/items.py:86
                found_3_sum = tl.sum(found_3, axis=0)  # specs/sampling/items.py:87
                enough_3 = found_3_sum >= room  # specs/sampling/items.py:164
                lower_9 = tl.where(enough_3, lower_8, middle_4 + 1)
                upper_9 = tl.where(enough_3, middle_4, upper_8)
                lower_8 = lower_9
                upper_8 = upper_9
            last_1 = tl.where(mask_8, lower_8, 0x7fffffff)  # 2**31 - 1, 2**23 - 1, specs/sampling/items.py:170
            whole_2 = begin == 0  # specs/sampling/wide.py:252
            tl.store(pending_ptr + row, tl.where(whole_2, 0, 2))
            if whole_2:
                inside_3 = (key_2 > key_3) | (mask_7 & (number_9 <= last_1))  # specs/sampling/items.py:127
                # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
                # 0x7fffffff is 2**31 - 1, 0x7fffff is 2**23 - 1, specs/sampling/kernels.py:229
                least_1 = tl.min(tl.where(inside_3 & mask_5 & mask_4, key_2, 0x7fffffff), axis=0)
                key_4 = tl.where(greedy, key_3, tl.maximum(least_1, key_3))
                tl.store(cut_ptr + row, key_4)  # specs/sampling/kernels.py:236
                tl.store(last_ptr + row, tl.where(key_4 == key_3, last_1, 0x7fffffff))  # 2**31 - 1, 2**23 - 1
            if ~whole_2:  # specs/sampling/wide.py:255
                inside_4 = (key_2 > key_3) | (mask_7 & (number_9 <= last_1))  # specs/sampling/items.py:127
                # 0x7fffffff is 2**31 - 1, 0x7fffff is 2**23 - 1, specs/sampling/kernels.py:229
                least_2 = tl.min(tl.where(inside_4 & mask_5 & mask_4, key_2, 0x7fffffff), axis=0)
                key_5 = tl.where(greedy, key_3, tl.maximum(least_2, key_3))
                tl.store(cut_ptr + row, key_5)  # specs/sampling/kernels.py:236
                tl.store(last_ptr + row, tl.where(key_5 == key_3, last_1, 0x7fffffff))  # 2**31 - 1, 2**23 - 1
