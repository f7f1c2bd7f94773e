# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""most_groups: Rows of more candidates.

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
    groups = int32
    count = int32
    top = int32
    bound = int32
    masses = int32
    tokens = int32
    pending = int32
    TILE = 8192
    num_warps = 16
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def most_groups(
    logits_ref, seeds_ref, positions_ref, temperature_ref, top_k_ref, top_p_ref, table_ref, groups_ref, count_ref,
    top_ref, bound_ref, masses_ref,
    tokens_ref, pending_ref,
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
        nucleus = (share < 1.0) & jnp.logical_not(greedy)
        scaled = jnp.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = jnp.maximum(jnp.asarray(scaled, jnp.int32), 1)
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        inside = number < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
        value = plgpu.load(logits_ref.at[row, number], mask=inside, other=0.0)
        bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
        key_1 = jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
        mask_1 = top < 0  # specs/sampling/settings.py:44
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance = jnp.where(
            key_1 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(mask_1, -2147483648 - top, top), jnp.float32)
        )
        q = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        mask_2 = q >= -1048576001  # specs/sampling/items.py:44
        key_2 = jnp.where(mask_2, key_1, -2139095040)
        mask_3 = key_2 > -2139095040  # specs/sampling/settings.py:123
        q_1 = jnp.minimum(q, 0)
        twice = jnp.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings = jax.lax.div(twice, jnp.full((8192,), 0x162e43, jnp.int32))
        rest = twice - halvings * 0x162e43
        piece = rest >> 11
        part = rest & 2047
        low = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:55
        high = plgpu.load(table_ref.at[piece + 1571])
        mantissa = low + (((high - low) * part + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        mass = jnp.where(mask_3, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
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
                mask_4 = found_1 < k_1  # specs/sampling/items.py:105
                upper_4 = jnp.where(mask_4, middle, jnp.where(found_1 == k_1, middle + 1, upper_3))
                lower_4 = jnp.where(mask_4, lower_3, middle)
                return (lower_4, upper_4)
            (lower_2, upper_2) = jax.lax.fori_loop(0, needed, step_1, (lower_1, upper_1))  # specs/sampling/items.py:110
            return (lower_2, upper_2)
        (lower, upper) = jax.lax.fori_loop(0, 32, step, (jnp.int32(-2139095040), top))  # specs/sampling/items.py:114
        mass_1 = jnp.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
        high_1 = mass_1 >> 17  # specs/sampling/masses.py:38
        low_1 = mass_1 & 0x1ffff  # 2**17 - 1
        high_2 = jnp.sum(high_1 + (low_1 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_2 = jnp.sum(low_1 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_3 = high_2 + (low_2 >> 17)  # specs/sampling/masses.py:43
        low_3 = low_2 & 0x1ffff  # 2**17 - 1
        p = jnp.maximum(p24, 1)  # specs/sampling/items.py:175
        limbs_0 = low_3 & 4095  # specs/sampling/masses.py:55
        limbs_1 = (low_3 >> 12) | ((high_3 & 127) << 5)
        limbs_2 = (high_3 >> 7) & 4095
        limbs_3 = high_3 >> 19
        low_4 = p & 4095
        high_4 = p >> 12
        column = limbs_0 * low_4
        column_1 = limbs_1 * low_4 + limbs_0 * high_4
        column_2 = limbs_2 * low_4 + limbs_1 * high_4
        column_3 = limbs_3 * low_4 + limbs_2 * high_4
        column_4 = limbs_3 * high_4
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
        low_5 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
        bound = plgpu.load(bound_ref.at[row])  # specs/sampling/kernels.py:184
        partial = bound > -2139095040
        span = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/kernels.py:215
        there = (span * jnp.where(jnp.bool_(B >= 64), jnp.int32(4), jnp.int32(1)) < pl.cdiv(V, 4096)) & partial
        # specs/sampling/kernels.py:217
        high_5 = plgpu.load(masses_ref.at[row, span, jnp.int32(0)], mask=there, other=0)
        low_6 = plgpu.load(masses_ref.at[row, span, jnp.int32(1)], mask=there, other=0)
        high_6 = jnp.sum(high_5 + (low_6 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_7 = jnp.sum(low_6 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_7 = high_6 + (low_7 >> 17)  # specs/sampling/masses.py:43
        low_8 = low_7 & 0x1ffff  # 2**17 - 1
        limbs_0_1 = low_8 & 4095  # specs/sampling/masses.py:55
        limbs_1_1 = (low_8 >> 12) | ((high_7 & 127) << 5)
        limbs_2_1 = (high_7 >> 7) & 4095
        limbs_3_1 = high_7 >> 19
        column_5 = limbs_0_1 * low_4
        column_6 = limbs_1_1 * low_4 + limbs_0_1 * high_4
        column_7 = limbs_2_1 * low_4 + limbs_1_1 * high_4
        column_8 = limbs_3_1 * low_4 + limbs_2_1 * high_4
        column_9 = limbs_3_1 * high_4
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
        low_9 = (carry_16 & 4095) + ((carry_18 & 4095) << 12) + inexact_1
        # specs/sampling/masses.py:33
        high_8 = jnp.where(
            partial, (low_9 >> 17) + (((carry_21 << 12) | (carry_20 & 4095)) << 7),
            (low_5 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
        )
        low_10 = jnp.where(partial, low_9 & 0x1ffff, low_5 & 0x1ffff)  # 2**17 - 1
        # Keys above the bound are all here; of those below it, other groups have some.
        mass_2 = jnp.where(key_2 > bound, mass, 0)  # specs/sampling/items.py:92
        high_9 = mass_2 >> 17  # specs/sampling/masses.py:38
        low_11 = mass_2 & 0x1ffff  # 2**17 - 1
        high_10 = jnp.sum(high_9 + (low_11 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
        low_12 = jnp.sum(low_11 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        high_11 = high_10 + (low_12 >> 17)  # specs/sampling/masses.py:43
        # 0x1ffff is 2**17 - 1, specs/sampling/kernels.py:189
        ready = jnp.logical_not(partial) | jnp.logical_not(
            (high_11 < high_8) | ((high_11 == high_8) & ((low_12 & 0x1ffff) < low_10))
        )
        floor = jnp.maximum(lower, bound)
        def step_2(i_2, carry):  # specs/sampling/items.py:151
            (lower_6, upper_6, high_13, low_14) = carry
            # specs/sampling/items.py:146
            needed_1 = jnp.asarray(nucleus & ((lower_6 & upper_6) + ((lower_6 ^ upper_6) >> 1) > lower_6), jnp.int32)
            def step_3(i_3, carry):
                (lower_8, upper_8, high_15, low_16) = carry
                middle_1 = (lower_8 & upper_8) + ((lower_8 ^ upper_8) >> 1)  # specs/indexer/select.py:343
                mass_3 = jnp.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                high_16 = mass_3 >> 17  # specs/sampling/masses.py:38
                low_17 = mass_3 & 0x1ffff  # 2**17 - 1
                high_17 = jnp.sum(high_16 + (low_17 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
                low_18 = jnp.sum(low_17 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
                high_18 = high_17 + (low_18 >> 17)  # specs/sampling/masses.py:43
                low_19 = low_18 & 0x1ffff  # 2**17 - 1
                below = (high_18 < high_8) | ((high_18 == high_8) & (low_19 < low_10))  # specs/sampling/masses.py:29
                lower_9 = jnp.where(below, lower_8, middle_1)  # specs/sampling/items.py:139
                upper_9 = jnp.where(below, middle_1, upper_8)
                high_19 = jnp.where(below, high_18, high_15)
                low_20 = jnp.where(below, low_19, low_16)
                return (lower_9, upper_9, high_19, low_20)
            # specs/sampling/items.py:147
            (lower_7, upper_7, high_14, low_15) = jax.lax.fori_loop(
                0, needed_1, step_3, (lower_6, upper_6, high_13, low_14)
            )
            return (lower_7, upper_7, high_14, low_15)
        # specs/sampling/items.py:151
        (lower_5, upper_5, high_12, low_13) = jax.lax.fori_loop(0, 32, step_2, (floor, top, jnp.int32(0), jnp.int32(0)))
        key_3 = jnp.where(nucleus, upper_5, floor + 1)
        mask_5 = key_2 == key_3  # specs/sampling/items.py:153
        found_2 = mask_5.astype(jnp.int32)  # specs/sampling/items.py:86
        equal = jnp.sum(found_2, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_1 = jnp.where(
            key_3 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_3 < 0, -2147483648 - key_3, key_3), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(mask_1, -2147483648 - top, top), jnp.float32)
        )
        q_2 = jnp.asarray(jnp.maximum(distance_1 * inverse, -1000.0) * 1048576.0, jnp.int32)  # 2**20
        q_3 = jnp.minimum(q_2, 0)  # specs/sampling/settings.py:123
        twice_1 = jnp.minimum(0 - q_3, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_1 = jax.lax.div(twice_1, jnp.int32(0x162e43))
        rest_1 = twice_1 - halvings_1 * 0x162e43
        piece_1 = rest_1 >> 11
        part_1 = rest_1 & 2047
        low_21 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
        high_20 = plgpu.load(table_ref.at[piece_1 + 1571])
        mantissa_1 = low_21 + (((high_20 - low_21) * part_1 + 1024) >> 11)
        # specs/sampling/settings.py:123
        mass_4 = jnp.where(key_3 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0)
        def step_4(i_4, carry):  # specs/sampling/masses.py:108
            (lower_11, upper_11) = carry
            middle_2 = (lower_11 + upper_11 + 1) >> 1  # specs/sampling/masses.py:102
            count_1 = middle_2 - 1
            parts_0 = (mass_4 & 4095) * count_1  # specs/sampling/masses.py:77
            middle_3 = ((mass_4 >> 12) & 4095) * count_1 + (parts_0 >> 12)
            high_21 = (mass_4 >> 24) * count_1 + (middle_3 >> 12)
            # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
            rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
            high_22 = high_12 + ((high_21 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
            low_22 = low_13 + (rest_2 & 0x1ffff)  # 2**17 - 1
            high_23 = high_22 + (low_22 >> 17)  # specs/sampling/masses.py:43
            # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
            fits = (high_23 < high_8) | ((high_23 == high_8) & ((low_22 & 0x1ffff) < low_10))
            lower_12 = jnp.where(fits, middle_2, lower_11)  # specs/sampling/masses.py:104
            upper_12 = jnp.where(fits, upper_11, count_1)
            return (lower_12, upper_12)
        (lower_10, upper_10) = jax.lax.fori_loop(0, 18, step_4, (jnp.int32(1), equal))  # specs/sampling/masses.py:108
        room = jnp.where(nucleus, lower_10, equal)  # specs/sampling/items.py:156
        # Ids have 18 bits; equal logits at the cut are rare in float32.
        mask_6 = room < equal  # specs/sampling/items.py:168
        steps = jnp.asarray(mask_6, jnp.int32) * 18
        def step_5(i_5, carry):
            (lower_14, upper_14) = carry
            middle_4 = (lower_14 + upper_14) >> 1  # specs/sampling/items.py:163
            found_3 = (mask_5 & (number <= middle_4)).astype(jnp.int32)  # specs/sampling/items.py:86
            found_3_sum = jnp.sum(found_3, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
            enough = found_3_sum >= room  # specs/sampling/items.py:164
            lower_15 = jnp.where(enough, lower_14, middle_4 + 1)
            upper_15 = jnp.where(enough, middle_4, upper_14)
            return (lower_15, upper_15)
        # 0x3ffff is 2**18 - 1, specs/sampling/items.py:169
        (lower_13, upper_13) = jax.lax.fori_loop(0, steps, step_5, (jnp.int32(0), jnp.int32(0x3ffff)))
        last = jnp.where(mask_6, lower_13, 0x7fffffff)  # 2**31 - 1
        plgpu.store(pending_ref.at[row], jnp.where(ready, jnp.int32(0), jnp.int32(1)))  # specs/sampling/kernels.py:193
        @pl.when(ready)
        def branch_1():
            position = plgpu.load(positions_ref.at[row])  # specs/sampling/settings.py:113
            seed_0 = plgpu.load(seeds_ref.at[row, jnp.int32(0)])
            seed_1 = plgpu.load(seeds_ref.at[row, jnp.int32(1)])
            keys_2 = seed_0 ^ seed_1 ^ 0x1bd11bda  # specs/sampling/integers.py:42
            x = position + seed_0
            y = number + seed_1
            x_1 = x + y
            y_1 = ((y << 13) | ((y >> 19) & 8191)) ^ x_1
            x_2 = x_1 + y_1
            y_2 = ((y_1 << 15) | ((y_1 >> 17) & 32767)) ^ x_2
            x_3 = x_2 + y_2
            y_3 = ((y_2 << 26) | ((y_2 >> 6) & 0x3ffffff)) ^ x_3  # 2**26 - 1, 2**18 - 1
            x_4 = x_3 + y_3
            y_4 = ((y_3 << 6) | ((y_3 >> 26) & 63)) ^ x_4
            x_5 = x_4 + seed_1
            y_5 = y_4 + (keys_2 + 1)
            x_6 = x_5 + y_5
            y_6 = ((y_5 << 17) | ((y_5 >> 15) & 0x1ffff)) ^ x_6  # 2**17 - 1
            x_7 = x_6 + y_6
            y_7 = ((y_6 << 29) | ((y_6 >> 3) & 0x1fffffff)) ^ x_7  # 2**29 - 1, 2**17 - 1
            x_8 = x_7 + y_7
            y_8 = ((y_7 << 16) | ((y_7 >> 16) & 65535)) ^ x_8
            x_9 = x_8 + y_8
            y_9 = ((y_8 << 24) | ((y_8 >> 8) & 0xffffff)) ^ x_9  # 2**24 - 1
            x_10 = x_9 + keys_2
            y_10 = y_9 + (seed_0 + 2)
            x_11 = x_10 + y_10
            y_11 = ((y_10 << 13) | ((y_10 >> 19) & 8191)) ^ x_11
            x_12 = x_11 + y_11
            y_12 = ((y_11 << 15) | ((y_11 >> 17) & 32767)) ^ x_12
            x_13 = x_12 + y_12
            y_13 = ((y_12 << 26) | ((y_12 >> 6) & 0x3ffffff)) ^ x_13  # 2**26 - 1, 2**18 - 1
            x_14 = x_13 + y_13
            y_14 = ((y_13 << 6) | ((y_13 >> 26) & 63)) ^ x_14
            x_15 = x_14 + seed_0
            y_15 = y_14 + (seed_1 + 3)
            x_16 = x_15 + y_15
            y_16 = ((y_15 << 17) | ((y_15 >> 15) & 0x1ffff)) ^ x_16  # 2**17 - 1
            x_17 = x_16 + y_16
            y_17 = ((y_16 << 29) | ((y_16 >> 3) & 0x1fffffff)) ^ x_17  # 2**29 - 1, 2**17 - 1
            x_18 = x_17 + y_17
            y_18 = ((y_17 << 16) | ((y_17 >> 16) & 65535)) ^ x_18
            x_19 = x_18 + y_18
            y_19 = ((y_18 << 24) | ((y_18 >> 8) & 0xffffff)) ^ x_19  # 2**24 - 1
            x_20 = x_19 + seed_1
            y_20 = y_19 + (keys_2 + 4)
            x_21 = x_20 + y_20
            y_21 = ((y_20 << 13) | ((y_20 >> 19) & 8191)) ^ x_21
            x_22 = x_21 + y_21
            y_22 = ((y_21 << 15) | ((y_21 >> 17) & 32767)) ^ x_22
            x_23 = x_22 + y_22
            y_23 = ((y_22 << 26) | ((y_22 >> 6) & 0x3ffffff)) ^ x_23  # 2**26 - 1, 2**18 - 1
            x_24 = x_23 + y_23
            x_25 = x_24 + keys_2
            low_23 = x_25 >= 0  # specs/sampling/integers.py:72
            twice_2 = x_25 << 1
            # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest u.
            x_26 = jnp.where(low_23, twice_2 | 1, twice_2 ^ -1)
            number_1 = x_26 * 0 + 31  # specs/sampling/integers.py:61
            small = ((x_26 >> 16) & 65535) == 0
            x_27 = jnp.where(small, x_26 << 16, x_26)
            number_2 = jnp.where(small, number_1 - 16, number_1)
            small_1 = ((x_27 >> 24) & 255) == 0
            x_28 = jnp.where(small_1, x_27 << 8, x_27)
            number_3 = jnp.where(small_1, number_2 - 8, number_2)
            small_2 = ((x_28 >> 28) & 15) == 0
            x_29 = jnp.where(small_2, x_28 << 4, x_28)
            number_4 = jnp.where(small_2, number_3 - 4, number_3)
            small_3 = ((x_29 >> 30) & 3) == 0
            x_30 = jnp.where(small_3, x_29 << 2, x_29)
            number_5 = jnp.where(small_3, number_4 - 2, number_4)
            small_4 = ((x_30 >> 31) & 1) == 0
            x_31 = jnp.where(small_4, x_30 << 1, x_30)
            number_6 = jnp.where(small_4, number_5 - 1, number_5)
            piece_2 = (x_31 >> 21) & 1023
            part_2 = (x_31 >> 6) & 32767
            whole = number_6 * 0x2c5c860 - ((number_6 * 131 + 512) >> 10)
            low_24 = plgpu.load(table_ref.at[piece_2])  # specs/sampling/integers.py:55
            high_24 = plgpu.load(table_ref.at[piece_2 + 1])
            # specs/sampling/integers.py:67
            logarithm = whole + (low_24 + (((high_24 - low_24) * part_2 + 16384) >> 15))
            piece_3 = (twice_2 >> 23) & 511  # specs/sampling/integers.py:76
            part_3 = (twice_2 >> 8) & 32767
            index_1 = 0x5b7ed45c - logarithm
            low_25 = plgpu.load(table_ref.at[piece_3 + 1025])  # specs/sampling/integers.py:55
            high_25 = plgpu.load(table_ref.at[piece_3 + 1026])
            near = index_1 - (low_25 + (((high_25 - low_25) * part_3 + 16384) >> 15))  # specs/sampling/integers.py:77
            x_32 = jnp.maximum(index_1, 1)
            number_7 = x_32 * 0 + 31  # specs/sampling/integers.py:61
            small_5 = ((x_32 >> 16) & 65535) == 0
            x_33 = jnp.where(small_5, x_32 << 16, x_32)
            number_8 = jnp.where(small_5, number_7 - 16, number_7)
            small_6 = ((x_33 >> 24) & 255) == 0
            x_34 = jnp.where(small_6, x_33 << 8, x_33)
            number_9 = jnp.where(small_6, number_8 - 8, number_8)
            small_7 = ((x_34 >> 28) & 15) == 0
            x_35 = jnp.where(small_7, x_34 << 4, x_34)
            number_10 = jnp.where(small_7, number_9 - 4, number_9)
            small_8 = ((x_35 >> 30) & 3) == 0
            x_36 = jnp.where(small_8, x_35 << 2, x_35)
            number_11 = jnp.where(small_8, number_10 - 2, number_10)
            small_9 = ((x_36 >> 31) & 1) == 0
            x_37 = jnp.where(small_9, x_36 << 1, x_36)
            number_12 = jnp.where(small_9, number_11 - 1, number_11)
            piece_4 = (x_37 >> 21) & 1023
            part_4 = (x_37 >> 6) & 32767
            whole_1 = number_12 * 0x2c5c860 - ((number_12 * 131 + 512) >> 10)
            low_26 = plgpu.load(table_ref.at[piece_4])  # specs/sampling/integers.py:55
            high_26 = plgpu.load(table_ref.at[piece_4 + 1])
            # specs/sampling/integers.py:78
            far = 0x481659bd - (whole_1 + (low_26 + (((high_26 - low_26) * part_4 + 16384) >> 15)))
            # specs/sampling/kernels.py:242
            score = jnp.where(greedy, key_2, q + ((jnp.where(low_23, near, far) + 32) >> 6))
            inside_1 = (key_2 > key_3) | (mask_5 & (number <= last))  # specs/sampling/items.py:127
            score_1 = jnp.where(inside_1 & mask_3 & mask_2, score, -2147483648)  # -2**31, specs/sampling/kernels.py:243
            best = jnp.max(score_1, axis=0)  # specs/sampling/items.py:180
            token = jnp.min(jnp.where(score_1 == best, number, 0x7fffffff), axis=0)  # 2**31 - 1
            # -2147483648 is -2**31, specs/sampling/kernels.py:223
            plgpu.store(tokens_ref.at[row], jnp.where(best > -2147483648, token, 0))
    @pl.when(count <= 64)  # specs/sampling/kernels.py:165
    def branch_2():
        plgpu.store(pending_ref.at[row], jnp.int32(0))  # specs/sampling/kernels.py:165
    @pl.when(count > 256)  # specs/sampling/kernels.py:166
    def branch_3():
        plgpu.store(pending_ref.at[row], jnp.int32(1))  # specs/sampling/kernels.py:166
