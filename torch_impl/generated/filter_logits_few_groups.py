# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""few_groups: Rows of few candidates.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    groups = int32
    count = int32
    top = int32
    cut = int32
    last = int32
    TILE = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def few_groups(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, min_p_ptr, table_ptr, groups_ptr, count_ptr, top_ptr,
    cut_ptr, last_ptr,
    V, vocab_size,
    stride_logits0,
):
    row = tl.program_id(0)  # specs/sampling/kernels.py:154
    count = tl.load(count_ptr + row)
    if count <= 64:
        place = tl.arange(0, 64)  # specs/sampling/kernels.py:172
        # Groups that were not chosen become columns past every vocabulary.
        group = tl.load(groups_ptr + (row * 256 + place), mask=place < count, other=8192)
        columns = group[:, None] * 32 + tl.arange(0, 32)[None, :]  # specs/sampling/settings.py:128
        number = tl.reshape(columns, [2048])
        top = tl.load(top_ptr + row)  # specs/sampling/kernels.py:175
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
        number_1 = mantissa * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa >> 16) & 65535) == 0
        x = tl.where(small, mantissa << 16, mantissa)
        number_2 = tl.where(small, number_1 - 16, number_1)
        small_1 = ((x >> 24) & 255) == 0
        x_1 = tl.where(small_1, x << 8, x)
        number_3 = tl.where(small_1, number_2 - 8, number_2)
        small_2 = ((x_1 >> 28) & 15) == 0
        x_2 = tl.where(small_2, x_1 << 4, x_1)
        number_4 = tl.where(small_2, number_3 - 4, number_3)
        small_3 = ((x_2 >> 30) & 3) == 0
        x_3 = tl.where(small_3, x_2 << 2, x_2)
        number_5 = tl.where(small_3, number_4 - 2, number_4)
        small_4 = ((x_3 >> 31) & 1) == 0
        x_4 = tl.where(small_4, x_3 << 1, x_3)
        number_6 = tl.where(small_4, number_5 - 1, number_5)
        piece = (x_4 >> 21) & 1023
        part = (x_4 >> 6) & 32767
        whole = number_6 * 0x2c5c860 - ((number_6 * 131 + 512) >> 10)
        low = tl.load(table_ptr + piece)  # specs/sampling/integers.py:55
        high = tl.load(table_ptr + piece + 1)
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = tl.where(on, tl.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        inside = number < tl.where(mask, index, V)  # specs/sampling/kernels.py:201
        value = tl.load(logits_ptr + (row * stride_logits0 + number), mask=inside, other=0.0)
        bits_1 = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
        key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
        mask_2 = top < 0  # specs/sampling/settings.py:44
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance = tl.where(
            key_1 == top, 0.0,
            tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(mask_2, -2147483648 - top, top), tl.float32, bitcast=True
            )
        )
        q_1 = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
        mask_3 = q_1 >= least  # specs/sampling/items.py:44
        key_2 = tl.where(mask_3, key_1, -2139095040)
        mask_4 = key_2 > -2139095040  # specs/sampling/settings.py:123
        q_2 = tl.minimum(q_1, 0)
        twice = tl.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings = twice // 0x162e43
        rest = twice - halvings * 0x162e43
        piece_1 = rest >> 11
        part_1 = rest & 2047
        low_1 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
        high_1 = tl.load(table_ptr + piece_1 + 1571)
        mantissa_1 = low_1 + (((high_1 - low_1) * part_1 + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        mass = tl.where(mask_4, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
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
                found = (key_2 > middle).to(tl.int32)  # specs/sampling/items.py:86
                found_1 = tl.sum(found, axis=0)  # specs/sampling/items.py:87
                # With exactly k the search is over, however far the next key is.
                mask_5 = found_1 < k_1  # specs/sampling/items.py:105
                upper_2 = tl.where(mask_5, middle, tl.where(found_1 == k_1, middle + 1, upper_1))
                lower_2 = tl.where(mask_5, lower_1, middle)
                lower_1 = lower_2
                upper_1 = upper_2
            lower = lower_1
            upper = upper_1
        mass_1 = tl.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
        high_2 = mass_1 >> 17  # specs/sampling/masses.py:38
        low_2 = mass_1 & 0x1ffff  # 2**17 - 1
        high_3 = tl.sum(high_2 + (low_2 >> 17), axis=0)  # specs/sampling/masses.py:48
        low_3 = tl.sum(low_2 & 0x1ffff, axis=0)  # 2**17 - 1
        high_4 = high_3 + (low_3 >> 17)  # specs/sampling/masses.py:43
        low_4 = low_3 & 0x1ffff  # 2**17 - 1
        p = tl.maximum(p24, 1)  # specs/sampling/items.py:175
        limbs_0 = low_4 & 4095  # specs/sampling/masses.py:55
        limbs_1 = (low_4 >> 12) | ((high_4 & 127) << 5)
        limbs_2 = (high_4 >> 7) & 4095
        limbs_3 = high_4 >> 19
        low_5 = p & 4095
        high_5 = p >> 12
        column = limbs_0 * low_5
        column_1 = limbs_1 * low_5 + limbs_0 * high_5
        column_2 = limbs_2 * low_5 + limbs_1 * high_5
        column_3 = limbs_3 * low_5 + limbs_2 * high_5
        column_4 = limbs_3 * high_5
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
        low_6 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
        high_6 = (low_6 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
        low_7 = low_6 & 0x1ffff  # 2**17 - 1
        lower_3 = lower  # specs/sampling/items.py:151
        upper_3 = top
        high_7 = 0
        low_8 = 0
        for i_2 in range(32):
            # specs/sampling/items.py:146
            needed_1 = tl.cast(nucleus & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
            lower_4 = lower_3
            upper_4 = upper_3
            for i_3 in range(needed_1):
                middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
                mass_2 = tl.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                high_8 = mass_2 >> 17  # specs/sampling/masses.py:38
                low_9 = mass_2 & 0x1ffff  # 2**17 - 1
                high_9 = tl.sum(high_8 + (low_9 >> 17), axis=0)  # specs/sampling/masses.py:48
                low_10 = tl.sum(low_9 & 0x1ffff, axis=0)  # 2**17 - 1
                high_10 = high_9 + (low_10 >> 17)  # specs/sampling/masses.py:43
                low_11 = low_10 & 0x1ffff  # 2**17 - 1
                below = (high_10 < high_6) | ((high_10 == high_6) & (low_11 < low_7))  # specs/sampling/masses.py:29
                lower_5 = tl.where(below, lower_4, middle_1)  # specs/sampling/items.py:139
                upper_5 = tl.where(below, middle_1, upper_4)
                high_11 = tl.where(below, high_10, high_7)
                low_12 = tl.where(below, low_11, low_8)
                lower_4 = lower_5
                upper_4 = upper_5
                high_7 = high_11
                low_8 = low_12
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
        q_3 = tl.cast(tl.maximum(distance_1 * inverse, -1000.0) * 1048576.0, tl.int32)  # 2**20
        q_4 = tl.minimum(q_3, 0)  # specs/sampling/settings.py:123
        twice_1 = tl.minimum(0 - q_4, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_1 = twice_1 // 0x162e43
        rest_1 = twice_1 - halvings_1 * 0x162e43
        piece_2 = rest_1 >> 11
        part_2 = rest_1 & 2047
        low_13 = tl.load(table_ptr + piece_2 + 1570)  # specs/sampling/integers.py:55
        high_12 = tl.load(table_ptr + piece_2 + 1571)
        mantissa_2 = low_13 + (((high_12 - low_13) * part_2 + 1024) >> 11)
        # specs/sampling/settings.py:123
        mass_3 = tl.where(key_3 > -2139095040, ((mantissa_2 << 1 >> halvings_1) + 1) >> 1, 0)
        lower_6 = 1  # specs/sampling/masses.py:108
        upper_6 = equal
        for i_4 in range(18):
            middle_2 = (lower_6 + upper_6 + 1) >> 1  # specs/sampling/masses.py:102
            count_1 = middle_2 - 1
            parts_0 = (mass_3 & 4095) * count_1  # specs/sampling/masses.py:77
            middle_3 = ((mass_3 >> 12) & 4095) * count_1 + (parts_0 >> 12)
            high_13 = (mass_3 >> 24) * count_1 + (middle_3 >> 12)
            # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
            rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
            high_14 = high_7 + ((high_13 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
            low_14 = low_8 + (rest_2 & 0x1ffff)  # 2**17 - 1
            high_15 = high_14 + (low_14 >> 17)  # specs/sampling/masses.py:43
            # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
            fits = (high_15 < high_6) | ((high_15 == high_6) & ((low_14 & 0x1ffff) < low_7))
            lower_7 = tl.where(fits, middle_2, lower_6)  # specs/sampling/masses.py:104
            upper_7 = tl.where(fits, upper_6, count_1)
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
            found_3 = (mask_6 & (number <= middle_4)).to(tl.int32)  # specs/sampling/items.py:86
            found_3_sum = tl.sum(found_3, axis=0)  # specs/sampling/items.py:87
            enough = found_3_sum >= room  # specs/sampling/items.py:164
            lower_9 = tl.where(enough, lower_8, middle_4 + 1)
            upper_9 = tl.where(enough, middle_4, upper_8)
            lower_8 = lower_9
            upper_8 = upper_9
        last = tl.where(mask_7, lower_8, 0x7fffffff)  # 2**31 - 1, 2**23 - 1, specs/sampling/items.py:170
        inside_1 = (key_2 > key_3) | (mask_6 & (number <= last))  # specs/sampling/items.py:127
        # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
        # 0x7fffffff is 2**31 - 1, 0x7fffff is 2**23 - 1, specs/sampling/kernels.py:229
        least_1 = tl.min(tl.where(inside_1 & mask_4 & mask_3, key_2, 0x7fffffff), axis=0)
        key_4 = tl.where(greedy, key_3, tl.maximum(least_1, key_3))
        tl.store(cut_ptr + row, key_4)  # specs/sampling/kernels.py:236
        tl.store(last_ptr + row, tl.where(key_4 == key_3, last, 0x7fffffff))  # 2**31 - 1, 2**23 - 1
