# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""most_groups: Rows of more candidates.

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
    bound = int32
    masses = int32
    cut = int32
    last = int32
    pending = int32
    TILE = 4096
    num_warps = 16
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def most_groups(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, groups_ref, count_ref, top_ref, bound_ref,
    masses_ref,
    cut_ref, last_ref, pending_ref,
    *, B, V, vocab_size,
):
    row = pl.program_id(0)  # specs/sampling/kernels.py:161
    count = plgpu.load(count_ref.at[row])
    @pl.when((count > 64) & (count <= 256))
    def branch():
        place = jnp.arange(256, dtype=jnp.int32)  # specs/sampling/kernels.py:172
        # Groups that were not chosen become columns past every vocabulary.
        group = plgpu.load(groups_ref.at[row, place], mask=place < count, other=8192)
        columns = group[:, None] * 32 + jnp.arange(32, dtype=jnp.int32)[None, :]  # specs/sampling/settings.py:128
        number = columns.reshape(8192)
        top = plgpu.load(top_ref.at[row])  # specs/sampling/kernels.py:175
        temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = jnp.logical_not(temperature >= 1e-05)
        k = plgpu.load(top_k_ref.at[row])
        mask = vocab_size > 0  # specs/sampling/settings.py:49
        index = jnp.minimum(jnp.int32(vocab_size), V)
        k_1 = jnp.where(greedy | (k <= 0) | (k >= jnp.where(mask, index, V)), 0, k)  # specs/sampling/settings.py:83
        share = plgpu.load(top_p_ref.at[row])
        mask_1 = jnp.logical_not(greedy)
        nucleus = (share < 1.0) & mask_1
        scaled = jnp.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = jnp.maximum(jnp.asarray(scaled, jnp.int32), 1)
        ratio = plgpu.load(min_p_ref.at[row])
        # Subnormal numbers are off, and so is NaN.
        on = (ratio >= 1.1754943508222875e-38) & mask_1  # 2**-126
        bits = jax.lax.bitcast_convert_type(jnp.where(on, jnp.minimum(jnp.where(on, ratio, 1.0), 1.0), 1.0), jnp.int32)
        mantissa = (bits & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
        shift = 150 - (bits >> 23)
        number_1 = mantissa * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa >> 16) & 65535) == 0
        x = jnp.where(small, mantissa << 16, mantissa)
        number_2 = jnp.where(small, number_1 - 16, number_1)
        small_1 = ((x >> 24) & 255) == 0
        x_1 = jnp.where(small_1, x << 8, x)
        number_3 = jnp.where(small_1, number_2 - 8, number_2)
        small_2 = ((x_1 >> 28) & 15) == 0
        x_2 = jnp.where(small_2, x_1 << 4, x_1)
        number_4 = jnp.where(small_2, number_3 - 4, number_3)
        small_3 = ((x_2 >> 30) & 3) == 0
        x_3 = jnp.where(small_3, x_2 << 2, x_2)
        number_5 = jnp.where(small_3, number_4 - 2, number_4)
        small_4 = ((x_3 >> 31) & 1) == 0
        x_4 = jnp.where(small_4, x_3 << 1, x_3)
        number_6 = jnp.where(small_4, number_5 - 1, number_5)
        piece = (x_4 >> 21) & 1023
        part = (x_4 >> 6) & 32767
        whole = number_6 * 0x2c5c860 - ((number_6 * 131 + 512) >> 10)
        low = plgpu.load(table_ref.at[piece])  # specs/sampling/integers.py:55
        high = plgpu.load(table_ref.at[piece + 1])
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = jnp.where(on, jnp.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        inside = number < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
        value = plgpu.load(logits_ref.at[row, number], mask=inside, other=0.0)
        bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
        key_1 = jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
        mask_2 = top < 0  # specs/sampling/settings.py:44
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance = jnp.where(
            key_1 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(mask_2, -2147483648 - top, top), jnp.float32)
        )
        q_1 = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        mask_3 = q_1 >= least  # specs/sampling/items.py:44
        key_2 = jnp.where(mask_3, key_1, -2139095040)
        mask_4 = key_2 > -2139095040  # specs/sampling/settings.py:123
        q_2 = jnp.minimum(q_1, 0)
        twice = jnp.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings = jax.lax.div(twice, jnp.full((8192,), 0x162e43, jnp.int32))
        rest = twice - halvings * 0x162e43
        piece_1 = rest >> 11
        part_1 = rest & 2047
        low_1 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
        high_1 = plgpu.load(table_ref.at[piece_1 + 1571])
        mantissa_1 = low_1 + (((high_1 - low_1) * part_1 + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        mass = jnp.where(mask_4, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
        def step(i, carry):  # specs/sampling/items.py:114
            (lower_1, upper_1) = carry
            # Common bits plus half of the differing ones: rounds down for negative sums too.
            # specs/sampling/items.py:109
            needed = jnp.asarray((k_1 > 0) & ((lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1) > lower_1), jnp.int32)
            def step_1(i_1, carry):
                (lower_3, upper_3) = carry
                middle = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:343
                found = (key_2 > middle).astype(jnp.int32)  # specs/sampling/items.py:86
                found_1 = jnp.sum(found, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
                # With exactly k the search is over, however far the next key is.
                mask_5 = found_1 < k_1  # specs/sampling/items.py:105
                upper_4 = jnp.where(mask_5, middle, jnp.where(found_1 == k_1, middle + 1, upper_3))
                lower_4 = jnp.where(mask_5, lower_3, middle)
                return (lower_4, upper_4)
            (lower_2, upper_2) = jax.lax.fori_loop(0, needed, step_1, (lower_1, upper_1))  # specs/sampling/items.py:110
            return (lower_2, upper_2)
        (lower, upper) = jax.lax.fori_loop(0, 32, step, (jnp.int32(-2139095040), top))  # specs/sampling/items.py:114
        mass_1 = jnp.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
        high_2 = mass_1 >> 17  # specs/sampling/masses.py:38
        low_2 = mass_1 & 0x1ffff  # 2**17 - 1
        high_3 = jnp.sum(high_2 + (low_2 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_3 = jnp.sum(low_2 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_4 = high_3 + (low_3 >> 17)  # specs/sampling/masses.py:43
        low_4 = low_3 & 0x1ffff  # 2**17 - 1
        p = jnp.maximum(p24, 1)  # specs/sampling/items.py:175
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
        inexact = jnp.asarray(((carry_1 & 4095) | (carry_3 & 4095)) != 0, jnp.int32)
        # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
        low_6 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
        bound = plgpu.load(bound_ref.at[row])  # specs/sampling/kernels.py:184
        partial = bound > -2139095040
        span = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/kernels.py:215
        there = (span * jnp.where(jnp.bool_(B >= 64), jnp.int32(4), jnp.int32(1)) < pl.cdiv(V, 4096)) & partial
        # specs/sampling/kernels.py:217
        high_6 = plgpu.load(masses_ref.at[row, span, jnp.int32(0)], mask=there, other=0)
        low_7 = plgpu.load(masses_ref.at[row, span, jnp.int32(1)], mask=there, other=0)
        high_7 = jnp.sum(high_6 + (low_7 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_8 = jnp.sum(low_7 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_8 = high_7 + (low_8 >> 17)  # specs/sampling/masses.py:43
        low_9 = low_8 & 0x1ffff  # 2**17 - 1
        limbs_0_1 = low_9 & 4095  # specs/sampling/masses.py:55
        limbs_1_1 = (low_9 >> 12) | ((high_8 & 127) << 5)
        limbs_2_1 = (high_8 >> 7) & 4095
        limbs_3_1 = high_8 >> 19
        column_5 = limbs_0_1 * low_5
        column_6 = limbs_1_1 * low_5 + limbs_0_1 * high_5
        column_7 = limbs_2_1 * low_5 + limbs_1_1 * high_5
        column_8 = limbs_3_1 * low_5 + limbs_2_1 * high_5
        column_9 = limbs_3_1 * high_5
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
        inexact_1 = jnp.asarray(((carry_12 & 4095) | (carry_14 & 4095)) != 0, jnp.int32)
        low_10 = (carry_16 & 4095) + ((carry_18 & 4095) << 12) + inexact_1
        # specs/sampling/masses.py:33
        high_9 = jnp.where(
            partial, (low_10 >> 17) + (((carry_21 << 12) | (carry_20 & 4095)) << 7),
            (low_6 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
        )
        low_11 = jnp.where(partial, low_10 & 0x1ffff, low_6 & 0x1ffff)  # 2**17 - 1
        # Keys above the bound are all here; of those below it, other groups have some.
        mass_2 = jnp.where(key_2 > bound, mass, 0)  # specs/sampling/items.py:92
        high_10 = mass_2 >> 17  # specs/sampling/masses.py:38
        low_12 = mass_2 & 0x1ffff  # 2**17 - 1
        high_11 = jnp.sum(high_10 + (low_12 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_13 = jnp.sum(low_12 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_12 = high_11 + (low_13 >> 17)  # specs/sampling/masses.py:43
        # 0x1ffff is 2**17 - 1, specs/sampling/kernels.py:189
        ready = jnp.logical_not(partial) | jnp.logical_not(
            (high_12 < high_9) | ((high_12 == high_9) & ((low_13 & 0x1ffff) < low_11))
        )
        floor = jnp.maximum(lower, bound)
        def step_2(i_2, carry):  # specs/sampling/items.py:151
            (lower_6, upper_6, high_14, low_15) = carry
            # specs/sampling/items.py:146
            needed_1 = jnp.asarray(nucleus & ((lower_6 & upper_6) + ((lower_6 ^ upper_6) >> 1) > lower_6), jnp.int32)
            def step_3(i_3, carry):
                (lower_8, upper_8, high_16, low_17) = carry
                middle_1 = (lower_8 & upper_8) + ((lower_8 ^ upper_8) >> 1)  # specs/indexer/select.py:343
                mass_3 = jnp.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                high_17 = mass_3 >> 17  # specs/sampling/masses.py:38
                low_18 = mass_3 & 0x1ffff  # 2**17 - 1
                high_18 = jnp.sum(high_17 + (low_18 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
                low_19 = jnp.sum(low_18 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
                high_19 = high_18 + (low_19 >> 17)  # specs/sampling/masses.py:43
                low_20 = low_19 & 0x1ffff  # 2**17 - 1
                below = (high_19 < high_9) | ((high_19 == high_9) & (low_20 < low_11))  # specs/sampling/masses.py:29
                lower_9 = jnp.where(below, lower_8, middle_1)  # specs/sampling/items.py:139
                upper_9 = jnp.where(below, middle_1, upper_8)
                high_20 = jnp.where(below, high_19, high_16)
                low_21 = jnp.where(below, low_20, low_17)
                return (lower_9, upper_9, high_20, low_21)
            # specs/sampling/items.py:147
            (lower_7, upper_7, high_15, low_16) = jax.lax.fori_loop(
                0, needed_1, step_3, (lower_6, upper_6, high_14, low_15)
            )
            return (lower_7, upper_7, high_15, low_16)
        # specs/sampling/items.py:151
        (lower_5, upper_5, high_13, low_14) = jax.lax.fori_loop(0, 32, step_2, (floor, top, jnp.int32(0), jnp.int32(0)))
        key_3 = jnp.where(nucleus, upper_5, floor + 1)
        mask_6 = key_2 == key_3  # specs/sampling/items.py:153
        found_2 = mask_6.astype(jnp.int32)  # specs/sampling/items.py:86
        equal = jnp.sum(found_2, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_1 = jnp.where(
            key_3 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_3 < 0, -2147483648 - key_3, key_3), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(mask_2, -2147483648 - top, top), jnp.float32)
        )
        q_3 = jnp.asarray(jnp.maximum(distance_1 * inverse, -1000.0) * 1048576.0, jnp.int32)  # 2**20
        q_4 = jnp.minimum(q_3, 0)  # specs/sampling/settings.py:123
        twice_1 = jnp.minimum(0 - q_4, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_1 = jax.lax.div(twice_1, jnp.int32(0x162e43))
        rest_1 = twice_1 - halvings_1 * 0x162e43
        piece_2 = rest_1 >> 11
        part_2 = rest_1 & 2047
        low_22 = plgpu.load(table_ref.at[piece_2 + 1570])  # specs/sampling/integers.py:55
        high_21 = plgpu.load(table_ref.at[piece_2 + 1571])
        mantissa_2 = low_22 + (((high_21 - low_22) * part_2 + 1024) >> 11)
        # specs/sampling/settings.py:123
        mass_4 = jnp.where(key_3 > -2139095040, ((mantissa_2 << 1 >> halvings_1) + 1) >> 1, 0)
        def step_4(i_4, carry):  # specs/sampling/masses.py:108
            (lower_11, upper_11) = carry
            middle_2 = (lower_11 + upper_11 + 1) >> 1  # specs/sampling/masses.py:102
            count_1 = middle_2 - 1
            parts_0 = (mass_4 & 4095) * count_1  # specs/sampling/masses.py:77
            middle_3 = ((mass_4 >> 12) & 4095) * count_1 + (parts_0 >> 12)
            high_22 = (mass_4 >> 24) * count_1 + (middle_3 >> 12)
            # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
            rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
            high_23 = high_13 + ((high_22 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
            low_23 = low_14 + (rest_2 & 0x1ffff)  # 2**17 - 1
            high_24 = high_23 + (low_23 >> 17)  # specs/sampling/masses.py:43
            # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
            fits = (high_24 < high_9) | ((high_24 == high_9) & ((low_23 & 0x1ffff) < low_11))
            lower_12 = jnp.where(fits, middle_2, lower_11)  # specs/sampling/masses.py:104
            upper_12 = jnp.where(fits, upper_11, count_1)
            return (lower_12, upper_12)
        (lower_10, upper_10) = jax.lax.fori_loop(0, 18, step_4, (jnp.int32(1), equal))  # specs/sampling/masses.py:108
        room = jnp.where(nucleus, lower_10, equal)  # specs/sampling/items.py:156
        # Ids have 18 bits; equal logits at the cut are rare in float32.
        mask_7 = room < equal  # specs/sampling/items.py:168
        steps = jnp.asarray(mask_7, jnp.int32) * 18
        def step_5(i_5, carry):
            (lower_14, upper_14) = carry
            middle_4 = (lower_14 + upper_14) >> 1  # specs/sampling/items.py:163
            found_3 = (mask_6 & (number <= middle_4)).astype(jnp.int32)  # specs/sampling/items.py:86
            found_3_sum = jnp.sum(found_3, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
            enough = found_3_sum >= room  # specs/sampling/items.py:164
            lower_15 = jnp.where(enough, lower_14, middle_4 + 1)
            upper_15 = jnp.where(enough, middle_4, upper_14)
            return (lower_15, upper_15)
        # 0x3ffff is 2**18 - 1, specs/sampling/items.py:169
        (lower_13, upper_13) = jax.lax.fori_loop(0, steps, step_5, (jnp.int32(0), jnp.int32(0x3ffff)))
        last = jnp.where(mask_7, lower_13, 0x7fffffff)  # 2**31 - 1, 2**23 - 1
        plgpu.store(pending_ref.at[row], jnp.where(ready, jnp.int32(0), jnp.int32(1)))  # specs/sampling/kernels.py:193
        @pl.when(ready)
        def branch_1():
            inside_1 = (key_2 > key_3) | (mask_6 & (number <= last))  # specs/sampling/items.py:127
            # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
            # 0x7fffffff is 2**31 - 1, 0x7fffff is 2**23 - 1, specs/sampling/kernels.py:229
            least_1 = jnp.min(jnp.where(inside_1 & mask_4 & mask_3, key_2, 0x7fffffff), axis=0)
            key_4 = jnp.where(greedy, key_3, jnp.maximum(least_1, key_3))
            plgpu.store(cut_ref.at[row], key_4)  # specs/sampling/kernels.py:236
            plgpu.store(last_ref.at[row], jnp.where(key_4 == key_3, last, 0x7fffffff))  # 2**31 - 1, 2**23 - 1
    @pl.when(count <= 64)  # specs/sampling/kernels.py:165
    def branch_2():
        plgpu.store(pending_ref.at[row], jnp.int32(0))  # specs/sampling/kernels.py:165
    @pl.when(count > 256)  # specs/sampling/kernels.py:166
    def branch_3():
        plgpu.store(pending_ref.at[row], jnp.int32(1))  # specs/sampling/kernels.py:166
