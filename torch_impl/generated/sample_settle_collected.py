# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""settle_collected: Rows of collected candidates.

Generated. Specialised on
    order = vllm
    stream = target
    logits = f32
    seeds = int32
    positions = int32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    coarse = int32
    fine = int32
    collected = int32
    pending = int32
    cut = int32
    last = int32
    tokens = int32
    TILE = 8192
    num_warps = 16
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def settle_collected(
    logits_ptr, seeds_ptr, positions_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, coarse_ptr,
    fine_ptr, collected_ptr,
    pending_ptr, cut_ptr, last_ptr, tokens_ptr,
    V, vocab_size,
    stride_logits0,
    stride_seeds0,
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
        nucleus = (share < 1.0) & ~greedy
        scaled = tl.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = tl.maximum(tl.cast(scaled, tl.int32), 1)
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        place = tl.arange(0, 8192)  # specs/sampling/wide.py:238
        there = 1 > 0  # specs/sampling/wide.py:133
        span = tl.arange(0, 64)  # specs/sampling/wide.py:106
        b = tl.arange(0, 16)
        mask_1 = (span < tl.cdiv(V, 4096))[:, None]
        inside = mask_1 & there
        b_1 = b[None, :]  # specs/sampling/wide.py:108
        spans = tl.load(coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + b_1), mask=inside, other=0)
        part = tl.load(
            coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 1 * 16 + b_1), mask=inside, other=0
        )
        part_1 = tl.load(
            coarse_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 2 * 16 + b_1), mask=inside, other=0
        )
        # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
        part_sum = tl.sum(part, axis=0)
        high = tl.cumsum(part_sum, axis=0)
        part_1_sum = tl.sum(part_1, axis=0)
        low = tl.cumsum(part_1_sum, axis=0)
        x = high + (low >> 17)  # specs/sampling/masses.py:43
        x_1 = low & 0x1ffff  # 2**17 - 1
        spans_sum = tl.sum(spans, axis=0)  # specs/sampling/wide.py:111
        x_2 = tl.cumsum(spans_sum, axis=0)
        here = b == 15  # specs/sampling/wide.py:94
        high_1 = tl.sum(tl.where(here, x, 0), axis=0)  # specs/sampling/wide.py:95
        low_1 = tl.sum(tl.where(here, x_1, 0), axis=0)
        p = tl.maximum(p24, 1)  # specs/sampling/items.py:175
        limbs_0 = low_1 & 4095  # specs/sampling/masses.py:55
        limbs_1 = (low_1 >> 12) | ((high_1 & 127) << 5)
        limbs_2 = (high_1 >> 7) & 4095
        limbs_3 = high_1 >> 19
        low_2 = p & 4095
        high_2 = p >> 12
        column = limbs_0 * low_2
        column_1 = limbs_1 * low_2 + limbs_0 * high_2
        column_2 = limbs_2 * low_2 + limbs_1 * high_2
        column_3 = limbs_3 * low_2 + limbs_2 * high_2
        column_4 = limbs_3 * high_2
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
        low_3 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
        high_3 = (low_3 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
        low_4 = low_3 & 0x1ffff  # 2**17 - 1
        condition = k_1 > 0  # specs/sampling/wide.py:100
        enough = tl.where(
            condition, (x_2 >= k_1).to(tl.int32), 1 - ((x < high_3) | ((x == high_3) & (x_1 < low_4))).to(tl.int32)
        )
        first = tl.min(tl.where(enough > 0, b, 15), axis=0)
        here_1 = b == first  # specs/sampling/wide.py:94
        index_1 = tl.sum(tl.where(here_1, x_2, 0), axis=0)  # specs/sampling/wide.py:95
        enough_1 = index_1 <= 8192  # specs/sampling/wide.py:141
        there_1 = ~enough_1
        place_1 = first - 1
        here_2 = b == place_1  # specs/sampling/wide.py:94
        nearer_0 = tl.sum(tl.where(here_2, x_2, 0), axis=0)  # specs/sampling/wide.py:95
        high_4 = tl.sum(tl.where(here_2, x, 0), axis=0)
        low_5 = tl.sum(tl.where(here_2, x_1, 0), axis=0)
        inside_1 = mask_1 & there_1  # specs/sampling/wide.py:107
        # specs/sampling/wide.py:108
        spans_1 = tl.load(fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + b_1), mask=inside_1, other=0)
        part_2 = tl.load(
            fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 1 * 16 + b_1), mask=inside_1, other=0
        )
        part_3 = tl.load(
            fine_ptr + (row * (64 * 3 * 16) + span[:, None] * (3 * 16) + 2 * 16 + b_1), mask=inside_1, other=0
        )
        part_2_sum = tl.sum(part_2, axis=0)
        high_5 = tl.cumsum(part_2_sum, axis=0)
        part_3_sum = tl.sum(part_3, axis=0)
        low_6 = tl.cumsum(part_3_sum, axis=0)
        spans_1_sum = tl.sum(spans_1, axis=0)  # specs/sampling/wide.py:111
        until = tl.cumsum(spans_1_sum, axis=0)
        x_3 = until + nearer_0
        high_6 = high_5 + (low_6 >> 17) + high_4  # specs/sampling/masses.py:87
        low_7 = (low_6 & 0x1ffff) + low_5  # 2**17 - 1
        x_4 = high_6 + (low_7 >> 17)  # specs/sampling/masses.py:43
        x_5 = low_7 & 0x1ffff  # 2**17 - 1
        # specs/sampling/wide.py:100
        enough_2 = tl.where(
            condition, (x_3 >= k_1).to(tl.int32), 1 - ((x_4 < high_3) | ((x_4 == high_3) & (x_5 < low_4))).to(tl.int32)
        )
        second = tl.min(tl.where(enough_2 > 0, b, 15), axis=0)
        place_2 = second - 1  # specs/sampling/wide.py:144
        here_3 = b == place_2  # specs/sampling/wide.py:94
        number = tl.sum(tl.where(here_3, x_3, 0), axis=0)  # specs/sampling/wide.py:95
        high_7 = tl.sum(tl.where(here_3, x_4, 0), axis=0)
        low_8 = tl.sum(tl.where(here_3, x_5, 0), axis=0)
        # Before the second pass's first bin there are those that the first pass has counted.
        at_first = second == 0  # specs/sampling/wide.py:146
        number_first = tl.sum(tl.where(here_2, x_2, 0), axis=0)  # specs/sampling/wide.py:95
        high_8 = tl.sum(tl.where(here_2, x, 0), axis=0)
        low_9 = tl.sum(tl.where(here_2, x_1, 0), axis=0)
        number_1 = tl.where(at_first, number_first, number)  # specs/sampling/wide.py:147
        here_4 = b == second  # specs/sampling/wide.py:94
        last = tl.sum(tl.where(here_4, x_3, 0), axis=0)  # specs/sampling/wide.py:95
        whole = enough_1 | (last <= 8192)  # specs/sampling/wide.py:149
        # Top-k and top-p: the cut of the second one may lie nearer.
        alone = ~whole & (last - number_1 <= 8192) & ~(nucleus & condition)
        start = (first << 20) + (second << 16)
        here_5 = tl.where(whole, b_1 <= tl.where(enough_1, first, place_1), b_1 < 0)
        spans_2 = tl.where(here_5, spans, 0) + tl.where((b_1 == second) | (whole & (b_1 < second)), spans_1, 0)
        begin = tl.where(whole, 0, start)
        number_2 = tl.where(whole, 0, number_1)
        high_9 = tl.where(whole, 0, tl.where(at_first, high_8, high_7))  # specs/sampling/masses.py:33
        low_10 = tl.where(whole, 0, tl.where(at_first, low_9, low_8))
        spans_3 = tl.sum(spans_2, axis=1)  # specs/sampling/wide.py:164
        if (whole | alone) & (nucleus | condition):  # specs/sampling/wide.py:257
            top = tl.load(top_ptr + row)  # specs/sampling/wide.py:242
            spans_3_sum = tl.sum(spans_3, axis=0)
            there_2 = place < spans_3_sum
            number_3 = tl.load(collected_ptr + (row * 8192 + place), mask=there_2, other=0x40000)  # 2**18
            inside_2 = number_3 < tl.where(mask, index, V)  # specs/sampling/kernels.py:201
            value = tl.load(logits_ptr + (row * stride_logits0 + number_3), mask=inside_2, other=0.0)
            bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = tl.where(
                inside_2, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040
            )
            mask_2 = top < 0  # specs/sampling/settings.py:44
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = tl.where(
                key_1 == top, 0.0,
                tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                    tl.where(mask_2, -2147483648 - top, top), tl.float32, bitcast=True
                )
            )
            q = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
            mask_3 = q >= -1048576001  # specs/sampling/items.py:44
            key_2 = tl.where(mask_3, key_1, -2139095040)
            mask_4 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_1 = tl.minimum(q, 0)
            twice = tl.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = twice // 0x162e43
            rest = twice - halvings * 0x162e43
            piece = rest >> 11
            part_4 = rest & 2047
            low_11 = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
            high_10 = tl.load(table_ptr + piece + 1571)
            mantissa = low_11 + (((high_10 - low_11) * part_4 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            mass = tl.where(mask_4, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
            k_2 = tl.where(condition, k_1 - number_2, 0)  # specs/sampling/wide.py:245
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
                    mask_5 = found_1 < k_2  # specs/sampling/items.py:105
                    upper_2 = tl.where(mask_5, middle, tl.where(found_1 == k_2, middle + 1, upper_1))
                    lower_2 = tl.where(mask_5, lower_1, middle)
                    lower_1 = lower_2
                    upper_1 = upper_2
                lower = lower_1
                upper = upper_1
            high_11 = high_3 - high_9  # specs/sampling/masses.py:92
            low_12 = low_4 - low_10
            mass_1 = tl.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
            high_12 = mass_1 >> 17  # specs/sampling/masses.py:38
            low_13 = mass_1 & 0x1ffff  # 2**17 - 1
            high_13 = tl.sum(high_12 + (low_13 >> 17), axis=0)  # specs/sampling/masses.py:48
            low_14 = tl.sum(low_13 & 0x1ffff, axis=0)  # 2**17 - 1
            high_14 = high_13 + (low_14 >> 17)  # specs/sampling/masses.py:43
            low_15 = low_14 & 0x1ffff  # 2**17 - 1
            limbs_0_1 = low_15 & 4095  # specs/sampling/masses.py:55
            limbs_1_1 = (low_15 >> 12) | ((high_14 & 127) << 5)
            limbs_2_1 = (high_14 >> 7) & 4095
            limbs_3_1 = high_14 >> 19
            column_5 = limbs_0_1 * low_2
            column_6 = limbs_1_1 * low_2 + limbs_0_1 * high_2
            column_7 = limbs_2_1 * low_2 + limbs_1_1 * high_2
            column_8 = limbs_3_1 * low_2 + limbs_2_1 * high_2
            column_9 = limbs_3_1 * high_2
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
            low_16 = (carry_16 & 4095) + ((carry_18 & 4095) << 12) + inexact_1
            # specs/sampling/masses.py:33
            high_15 = tl.where(
                condition, (low_16 >> 17) + (((carry_21 << 12) | (carry_20 & 4095)) << 7), high_11 + (low_12 >> 17)
            )
            low_17 = tl.where(condition, low_16 & 0x1ffff, low_12 & 0x1ffff)  # 2**17 - 1
            lower_3 = lower  # specs/sampling/items.py:151
            upper_3 = top
            high_16 = 0
            low_18 = 0
            for i_2 in range(32):
                # specs/sampling/items.py:146
                needed_1 = tl.cast(nucleus & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
                lower_4 = lower_3
                upper_4 = upper_3
                for i_3 in range(needed_1):
                    middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
                    mass_2 = tl.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                    high_17 = mass_2 >> 17  # specs/sampling/masses.py:38
                    low_19 = mass_2 & 0x1ffff  # 2**17 - 1
                    high_18 = tl.sum(high_17 + (low_19 >> 17), axis=0)  # specs/sampling/masses.py:48
                    low_20 = tl.sum(low_19 & 0x1ffff, axis=0)  # 2**17 - 1
                    high_19 = high_18 + (low_20 >> 17)  # specs/sampling/masses.py:43
                    low_21 = low_20 & 0x1ffff  # 2**17 - 1
                    # specs/sampling/masses.py:29
                    below = (high_19 < high_15) | ((high_19 == high_15) & (low_21 < low_17))
                    lower_5 = tl.where(below, lower_4, middle_1)  # specs/sampling/items.py:139
                    upper_5 = tl.where(below, middle_1, upper_4)
                    high_20 = tl.where(below, high_19, high_16)
                    low_22 = tl.where(below, low_21, low_18)
                    lower_4 = lower_5
                    upper_4 = upper_5
                    high_16 = high_20
                    low_18 = low_22
                lower_3 = lower_4
                upper_3 = upper_4
            key_3 = tl.where(nucleus, upper_3, lower + 1)  # specs/sampling/items.py:152
            mask_6 = key_2 == key_3  # specs/sampling/items.py:153
            found_2 = mask_6.to(tl.int32)  # specs/sampling/items.py:86
            equal = tl.sum(found_2, axis=0)  # specs/sampling/items.py:87
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance_1 = tl.where(
                key_3 == top, 0.0,
                tl.cast(
                    tl.where(key_3 < 0, -2147483648 - key_3, key_3), tl.float32, bitcast=True
                ) - tl.cast(tl.where(mask_2, -2147483648 - top, top), tl.float32, bitcast=True)
            )
            q_2 = tl.cast(tl.maximum(distance_1 * inverse, -1000.0) * 1048576.0, tl.int32)  # 2**20
            q_3 = tl.minimum(q_2, 0)  # specs/sampling/settings.py:123
            twice_1 = tl.minimum(0 - q_3, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings_1 = twice_1 // 0x162e43
            rest_1 = twice_1 - halvings_1 * 0x162e43
            piece_1 = rest_1 >> 11
            part_5 = rest_1 & 2047
            low_23 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
            high_21 = tl.load(table_ptr + piece_1 + 1571)
            mantissa_1 = low_23 + (((high_21 - low_23) * part_5 + 1024) >> 11)
            # specs/sampling/settings.py:123
            mass_3 = tl.where(key_3 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0)
            lower_6 = 1  # specs/sampling/masses.py:108
            upper_6 = equal
            for i_4 in range(18):
                middle_2 = (lower_6 + upper_6 + 1) >> 1  # specs/sampling/masses.py:102
                count = middle_2 - 1
                parts_0 = (mass_3 & 4095) * count  # specs/sampling/masses.py:77
                middle_3 = ((mass_3 >> 12) & 4095) * count + (parts_0 >> 12)
                high_22 = (mass_3 >> 24) * count + (middle_3 >> 12)
                # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
                rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
                high_23 = high_16 + ((high_22 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
                low_24 = low_18 + (rest_2 & 0x1ffff)  # 2**17 - 1
                high_24 = high_23 + (low_24 >> 17)  # specs/sampling/masses.py:43
                # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
                fits = (high_24 < high_15) | ((high_24 == high_15) & ((low_24 & 0x1ffff) < low_17))
                lower_7 = tl.where(fits, middle_2, lower_6)  # specs/sampling/masses.py:104
                upper_7 = tl.where(fits, upper_6, count)
                lower_6 = lower_7
                upper_6 = upper_7
            room = tl.where(nucleus, lower_6, equal)  # specs/sampling/items.py:156
            # Ids have 18 bits; equal logits at the cut are rare in float32.
            mask_7 = room < equal  # specs/sampling/items.py:168
            steps = tl.cast(mask_7, tl.int32) * 18
            lower_8 = 0
            upper_8 = 0x3ffff  # 2**18 - 1
            for i_5 in range(steps):
                middle_4 = (lower_8 + upper_8) >> 1  # specs/sampling/items.py:163
                found_3 = (mask_6 & (number_3 <= middle_4)).to(tl.int32)  # specs/sampling/items.py:86
                found_3_sum = tl.sum(found_3, axis=0)  # specs/sampling/items.py:87
                enough_3 = found_3_sum >= room  # specs/sampling/items.py:164
                lower_9 = tl.where(enough_3, lower_8, middle_4 + 1)
                upper_9 = tl.where(enough_3, middle_4, upper_8)
                lower_8 = lower_9
                upper_8 = upper_9
            last_1 = tl.where(mask_7, lower_8, 0x7fffffff)  # 2**31 - 1, specs/sampling/items.py:170
            whole_1 = begin == 0  # specs/sampling/wide.py:252
            tl.store(pending_ptr + row, tl.where(whole_1, 0, 2))
            if whole_1:
                position = tl.load(positions_ptr + row)  # specs/sampling/settings.py:113
                seed_0 = tl.load(seeds_ptr + row * stride_seeds0)
                seed_1 = tl.load(seeds_ptr + (row * stride_seeds0 + 1))
                keys_2 = seed_0 ^ seed_1 ^ 0x1bd11bda  # specs/sampling/integers.py:42
                x_6 = position + seed_0
                y = number_3 + seed_1
                x_7 = x_6 + y
                y_1 = ((y << 13) | ((y >> 19) & 8191)) ^ x_7
                x_8 = x_7 + y_1
                y_2 = ((y_1 << 15) | ((y_1 >> 17) & 32767)) ^ x_8
                x_9 = x_8 + y_2
                y_3 = ((y_2 << 26) | ((y_2 >> 6) & 0x3ffffff)) ^ x_9  # 2**26 - 1, 2**18 - 1
                x_10 = x_9 + y_3
                y_4 = ((y_3 << 6) | ((y_3 >> 26) & 63)) ^ x_10
                x_11 = x_10 + seed_1
                y_5 = y_4 + (keys_2 + 1)
                x_12 = x_11 + y_5
                y_6 = ((y_5 << 17) | ((y_5 >> 15) & 0x1ffff)) ^ x_12  # 2**17 - 1
                x_13 = x_12 + y_6
                y_7 = ((y_6 << 29) | ((y_6 >> 3) & 0x1fffffff)) ^ x_13  # 2**29 - 1, 2**17 - 1
                x_14 = x_13 + y_7
                y_8 = ((y_7 << 16) | ((y_7 >> 16) & 65535)) ^ x_14
                x_15 = x_14 + y_8
                y_9 = ((y_8 << 24) | ((y_8 >> 8) & 0xffffff)) ^ x_15  # 2**24 - 1
                x_16 = x_15 + keys_2
                y_10 = y_9 + (seed_0 + 2)
                x_17 = x_16 + y_10
                y_11 = ((y_10 << 13) | ((y_10 >> 19) & 8191)) ^ x_17
                x_18 = x_17 + y_11
                y_12 = ((y_11 << 15) | ((y_11 >> 17) & 32767)) ^ x_18
                x_19 = x_18 + y_12
                y_13 = ((y_12 << 26) | ((y_12 >> 6) & 0x3ffffff)) ^ x_19  # 2**26 - 1, 2**18 - 1
                x_20 = x_19 + y_13
                y_14 = ((y_13 << 6) | ((y_13 >> 26) & 63)) ^ x_20
                x_21 = x_20 + seed_0
                y_15 = y_14 + (seed_1 + 3)
                x_22 = x_21 + y_15
                y_16 = ((y_15 << 17) | ((y_15 >> 15) & 0x1ffff)) ^ x_22  # 2**17 - 1
                x_23 = x_22 + y_16
                y_17 = ((y_16 << 29) | ((y_16 >> 3) & 0x1fffffff)) ^ x_23  # 2**29 - 1, 2**17 - 1
                x_24 = x_23 + y_17
                y_18 = ((y_17 << 16) | ((y_17 >> 16) & 65535)) ^ x_24
                x_25 = x_24 + y_18
                y_19 = ((y_18 << 24) | ((y_18 >> 8) & 0xffffff)) ^ x_25  # 2**24 - 1
                x_26 = x_25 + seed_1
                y_20 = y_19 + (keys_2 + 4)
                x_27 = x_26 + y_20
                y_21 = ((y_20 << 13) | ((y_20 >> 19) & 8191)) ^ x_27
                x_28 = x_27 + y_21
                y_22 = ((y_21 << 15) | ((y_21 >> 17) & 32767)) ^ x_28
                x_29 = x_28 + y_22
                y_23 = ((y_22 << 26) | ((y_22 >> 6) & 0x3ffffff)) ^ x_29  # 2**26 - 1, 2**18 - 1
                x_30 = x_29 + y_23
                x_31 = x_30 + keys_2
                low_25 = x_31 >= 0  # specs/sampling/integers.py:72
                twice_2 = x_31 << 1
                # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest
                # u.
                x_32 = tl.where(low_25, twice_2 | 1, twice_2 ^ -1)
                number_4 = x_32 * 0 + 31  # specs/sampling/integers.py:61
                small = ((x_32 >> 16) & 65535) == 0
                x_33 = tl.where(small, x_32 << 16, x_32)
                number_5 = tl.where(small, number_4 - 16, number_4)
                small_1 = ((x_33 >> 24) & 255) == 0
                x_34 = tl.where(small_1, x_33 << 8, x_33)
                number_6 = tl.where(small_1, number_5 - 8, number_5)
                small_2 = ((x_34 >> 28) & 15) == 0
                x_35 = tl.where(small_2, x_34 << 4, x_34)
                number_7 = tl.where(small_2, number_6 - 4, number_6)
                small_3 = ((x_35 >> 30) & 3) == 0
                x_36 = tl.where(small_3, x_35 << 2, x_35)
                number_8 = tl.where(small_3, number_7 - 2, number_7)
                small_4 = ((x_36 >> 31) & 1) == 0
                x_37 = tl.where(small_4, x_36 << 1, x_36)
                number_9 = tl.where(small_4, number_8 - 1, number_8)
                piece_2 = (x_37 >> 21) & 1023
                part_6 = (x_37 >> 6) & 32767
                whole_2 = number_9 * 0x2c5c860 - ((number_9 * 131 + 512) >> 10)
                low_26 = tl.load(table_ptr + piece_2)  # specs/sampling/integers.py:55
                high_25 = tl.load(table_ptr + piece_2 + 1)
                # specs/sampling/integers.py:67
                logarithm = whole_2 + (low_26 + (((high_25 - low_26) * part_6 + 16384) >> 15))
                piece_3 = (twice_2 >> 23) & 511  # specs/sampling/integers.py:76
                part_7 = (twice_2 >> 8) & 32767
                index_2 = 0x5b7ed45c - logarithm
                low_27 = tl.load(table_ptr + piece_3 + 1025)  # specs/sampling/integers.py:55
                high_26 = tl.load(table_ptr + piece_3 + 1026)
                # specs/sampling/integers.py:77
                near = index_2 - (low_27 + (((high_26 - low_27) * part_7 + 16384) >> 15))
                x_38 = tl.maximum(index_2, 1)
                number_10 = x_38 * 0 + 31  # specs/sampling/integers.py:61
                small_5 = ((x_38 >> 16) & 65535) == 0
                x_39 = tl.where(small_5, x_38 << 16, x_38)
                number_11 = tl.where(small_5, number_10 - 16, number_10)
                small_6 = ((x_39 >> 24) & 255) == 0
                x_40 = tl.where(small_6, x_39 << 8, x_39)
                number_12 = tl.where(small_6, number_11 - 8, number_11)
                small_7 = ((x_40 >> 28) & 15) == 0
                x_41 = tl.where(small_7, x_40 << 4, x_40)
                number_13 = tl.where(small_7, number_12 - 4, number_12)
                small_8 = ((x_41 >> 30) & 3) == 0
                x_42 = tl.where(small_8, x_41 << 2, x_41)
                number_14 = tl.where(small_8, number_13 - 2, number_13)
                small_9 = ((x_42 >> 31) & 1) == 0
                x_43 = tl.where(small_9, x_42 << 1, x_42)
                number_15 = tl.where(small_9, number_14 - 1, number_14)
                piece_4 = (x_43 >> 21) & 1023
                part_8 = (x_43 >> 6) & 32767
                whole_3 = number_15 * 0x2c5c860 - ((number_15 * 131 + 512) >> 10)
                low_28 = tl.load(table_ptr + piece_4)  # specs/sampling/integers.py:55
                high_27 = tl.load(table_ptr + piece_4 + 1)
                # specs/sampling/integers.py:78
                far = 0x481659bd - (whole_3 + (low_28 + (((high_27 - low_28) * part_8 + 16384) >> 15)))
                # specs/sampling/kernels.py:242
                score = tl.where(greedy, key_2, q + ((tl.where(low_25, near, far) + 32) >> 6))
                inside_3 = (key_2 > key_3) | (mask_6 & (number_3 <= last_1))  # specs/sampling/items.py:127
                # -2147483648 is -2**31, specs/sampling/kernels.py:243
                score_1 = tl.where(inside_3 & mask_4 & mask_3, score, -2147483648)
                best = tl.max(score_1, axis=0)  # specs/sampling/items.py:180
                token = tl.min(tl.where(score_1 == best, number_3, 0x7fffffff), axis=0)  # 2**31 - 1
                # -2147483648 is -2**31, specs/sampling/kernels.py:223
                tl.store(tokens_ptr + row, tl.where(best > -2147483648, token, 0))
            if ~whole_1:  # specs/sampling/wide.py:255
                inside_4 = (key_2 > key_3) | (mask_6 & (number_3 <= last_1))  # specs/sampling/items.py:127
                # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
                # 0x7fffffff is 2**31 - 1, specs/sampling/kernels.py:229
                least = tl.min(tl.where(inside_4 & mask_4 & mask_3, key_2, 0x7fffffff), axis=0)
                key_4 = tl.where(greedy, key_3, tl.maximum(least, key_3))
                tl.store(cut_ptr + row, key_4)  # specs/sampling/kernels.py:236
                tl.store(last_ptr + row, tl.where(key_4 == key_3, last_1, 0x7fffffff))  # 2**31 - 1
