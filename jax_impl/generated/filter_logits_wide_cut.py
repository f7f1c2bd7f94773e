# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""wide_cut: Cuts of rows of most candidates.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    pending = int32
    cut = int32
    last = int32
    TILE = 4096
    BLOCK = 4096
    num_warps = 16
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def wide_cut(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, top_ref, pending_ref,
    cut_ref, last_ref,
    *, V, vocab_size,
):
    BLOCK = 4096
    row = pl.program_id(0)  # specs/sampling/wide.py:264
    pending = plgpu.load(pending_ref.at[row])
    @pl.when(pending == 1)
    def branch():
        top = plgpu.load(top_ref.at[row])  # specs/sampling/wide.py:267
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
        number = mantissa * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa >> 16) & 65535) == 0
        x = jnp.where(small, mantissa << 16, mantissa)
        number_1 = jnp.where(small, number - 16, number)
        small_1 = ((x >> 24) & 255) == 0
        x_1 = jnp.where(small_1, x << 8, x)
        number_2 = jnp.where(small_1, number_1 - 8, number_1)
        small_2 = ((x_1 >> 28) & 15) == 0
        x_2 = jnp.where(small_2, x_1 << 4, x_1)
        number_3 = jnp.where(small_2, number_2 - 4, number_2)
        small_3 = ((x_2 >> 30) & 3) == 0
        x_3 = jnp.where(small_3, x_2 << 2, x_2)
        number_4 = jnp.where(small_3, number_3 - 2, number_3)
        small_4 = ((x_3 >> 31) & 1) == 0
        x_4 = jnp.where(small_4, x_3 << 1, x_3)
        number_5 = jnp.where(small_4, number_4 - 1, number_4)
        piece = (x_4 >> 21) & 1023
        part = (x_4 >> 6) & 32767
        whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
        low = plgpu.load(table_ref.at[piece])  # specs/sampling/integers.py:55
        high = plgpu.load(table_ref.at[piece + 1])
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = jnp.where(on, jnp.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        def step(i, carry):  # specs/sampling/items.py:114
            (lower_1, upper_1) = carry
            # Common bits plus half of the differing ones: rounds down for negative sums too.
            # specs/sampling/items.py:109
            needed = jnp.asarray((k_1 > 0) & ((lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1) > lower_1), jnp.int32)
            def step_1(i_1, carry):
                (lower_3, upper_3) = carry
                middle = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:343
                limit = jnp.where(mask, index, V)  # specs/sampling/settings.py:49
                zero = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/items.py:79
                def step_2(i_2, carry):
                    (a_1,) = carry
                    number_6 = i_2 * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/items.py:73
                    inside = number_6 < limit
                    value = plgpu.load(logits_ref.at[row, number_6], mask=inside, other=0.0)
                    bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
                    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                    key = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                    key_1 = jnp.where(
                        inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040
                    )
                    # -2147483648 is -2**31, specs/sampling/settings.py:70
                    distance = jnp.where(
                        key_1 == top, 0.0,
                        jax.lax.bitcast_convert_type(
                            jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
                        ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
                    )
                    q_1 = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                    key_2 = jnp.where(q_1 >= least, key_1, -2139095040)  # specs/sampling/items.py:44
                    b = (key_2 > middle).astype(jnp.int32)  # specs/sampling/items.py:86
                    return (a_1 + b,)
                # specs/sampling/items.py:80
                (a,) = jax.lax.fori_loop(0, jax.lax.div(limit + (BLOCK - 1), jnp.int32(BLOCK)), step_2, (zero,))
                found = jnp.sum(a, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
                # With exactly k the search is over, however far the next key is.
                mask_2 = found < k_1  # specs/sampling/items.py:105
                upper_4 = jnp.where(mask_2, middle, jnp.where(found == k_1, middle + 1, upper_3))
                lower_4 = jnp.where(mask_2, lower_3, middle)
                return (lower_4, upper_4)
            (lower_2, upper_2) = jax.lax.fori_loop(0, needed, step_1, (lower_1, upper_1))  # specs/sampling/items.py:110
            return (lower_2, upper_2)
        (lower, upper) = jax.lax.fori_loop(0, 32, step, (jnp.int32(-2139095040), top))  # specs/sampling/items.py:114
        key_3 = lower + 1  # specs/sampling/wide.py:270
        @pl.when(nucleus)
        def branch_1():
            limit_1 = jnp.where(mask, index, V)  # specs/sampling/settings.py:49
            zero_1 = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/items.py:79
            def step_3(i_3, carry):
                (a_4, a_5) = carry
                number_7 = i_3 * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/items.py:73
                inside_1 = number_7 < limit_1
                value_1 = plgpu.load(logits_ref.at[row, number_7], mask=inside_1, other=0.0)
                bits_2 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
                key_4 = jnp.where(bits_2 < 0, -2147483648 - bits_2, bits_2)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                key_5 = jnp.where(
                    inside_1, jnp.where(key_4 > 0x7f800000, -2139095040, jnp.maximum(key_4, -2139095040)), -2139095040
                )
                # -2147483648 is -2**31, specs/sampling/settings.py:70
                distance_1 = jnp.where(
                    key_5 == top, 0.0,
                    jax.lax.bitcast_convert_type(
                        jnp.where(key_5 < 0, -2147483648 - key_5, key_5), jnp.float32
                    ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
                )
                q_2 = (jnp.maximum(distance_1 * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                key_6 = jnp.where(q_2 >= least, key_5, -2139095040)  # specs/sampling/items.py:44
                q_3 = jnp.minimum(q_2, 0)  # specs/sampling/settings.py:123
                # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                twice = jnp.minimum(0 - q_3, 0x1600000) * 2
                halvings = jax.lax.div(twice, jnp.full((BLOCK,), 0x162e43, jnp.int32))
                rest = twice - halvings * 0x162e43
                piece_1 = rest >> 11
                part_1 = rest & 2047
                low_1 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
                high_1 = plgpu.load(table_ref.at[piece_1 + 1571])
                mantissa_1 = low_1 + (((high_1 - low_1) * part_1 + 1024) >> 11)
                # Rounded to nearest: adds half a unit before the last bits go.
                # specs/sampling/items.py:92
                mass = jnp.where(
                    key_6 > lower, jnp.where(key_6 > -2139095040, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0), 0
                )
                b_1 = mass >> 17  # specs/sampling/masses.py:38
                b_2 = mass & 0x1ffff  # 2**17 - 1
                a_6 = a_4 + b_1  # specs/sampling/items.py:77
                a_7 = a_5 + b_2
                return (a_6, a_7)
            # specs/sampling/items.py:80
            (a_2, a_3) = jax.lax.fori_loop(
                0, jax.lax.div(limit_1 + (BLOCK - 1), jnp.int32(BLOCK)), step_3, (zero_1, zero_1)
            )
            high_2 = jnp.sum(a_2 + (a_3 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
            low_2 = jnp.sum(a_3 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
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
            high_5 = (low_5 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
            low_6 = low_5 & 0x1ffff  # 2**17 - 1
            def step_4(i_4, carry):  # specs/sampling/items.py:151
                (lower_6, upper_6, high_7, low_8) = carry
                # specs/sampling/items.py:146
                needed_1 = jnp.asarray(
                    nucleus & ((lower_6 & upper_6) + ((lower_6 ^ upper_6) >> 1) > lower_6), jnp.int32
                )
                def step_5(i_5, carry):
                    (lower_8, upper_8, high_9, low_10) = carry
                    middle_1 = (lower_8 & upper_8) + ((lower_8 ^ upper_8) >> 1)  # specs/indexer/select.py:343
                    limit_2 = jnp.where(mask, index, V)  # specs/sampling/settings.py:49
                    zero_2 = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/items.py:79
                    def step_6(i_6, carry):
                        (a_10, a_11) = carry
                        number_8 = i_6 * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/items.py:73
                        inside_2 = number_8 < limit_2
                        value_2 = plgpu.load(logits_ref.at[row, number_8], mask=inside_2, other=0.0)
                        bits_3 = jax.lax.bitcast_convert_type(value_2, jnp.int32)  # specs/indexer/select.py:122
                        key_7 = jnp.where(bits_3 < 0, -2147483648 - bits_3, bits_3)  # -2**31
                        # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                        key_8 = jnp.where(
                            inside_2, jnp.where(key_7 > 0x7f800000, -2139095040, jnp.maximum(key_7, -2139095040)),
                            -2139095040
                        )
                        # -2147483648 is -2**31, specs/sampling/settings.py:70
                        distance_2 = jnp.where(
                            key_8 == top, 0.0,
                            jax.lax.bitcast_convert_type(
                                jnp.where(key_8 < 0, -2147483648 - key_8, key_8), jnp.float32
                            ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
                        )
                        q_4 = (jnp.maximum(distance_2 * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                        key_9 = jnp.where(q_4 >= least, key_8, -2139095040)  # specs/sampling/items.py:44
                        q_5 = jnp.minimum(q_4, 0)  # specs/sampling/settings.py:123
                        # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                        twice_1 = jnp.minimum(0 - q_5, 0x1600000) * 2
                        halvings_1 = jax.lax.div(twice_1, jnp.full((BLOCK,), 0x162e43, jnp.int32))
                        rest_1 = twice_1 - halvings_1 * 0x162e43
                        piece_2 = rest_1 >> 11
                        part_2 = rest_1 & 2047
                        low_11 = plgpu.load(table_ref.at[piece_2 + 1570])  # specs/sampling/integers.py:55
                        high_10 = plgpu.load(table_ref.at[piece_2 + 1571])
                        mantissa_2 = low_11 + (((high_10 - low_11) * part_2 + 1024) >> 11)
                        # specs/sampling/items.py:92
                        mass_1 = jnp.where(
                            key_9 > middle_1,
                            jnp.where(key_9 > -2139095040, ((mantissa_2 << 1 >> halvings_1) + 1) >> 1, 0), 0
                        )
                        b_3 = mass_1 >> 17  # specs/sampling/masses.py:38
                        b_4 = mass_1 & 0x1ffff  # 2**17 - 1
                        a_12 = a_10 + b_3  # specs/sampling/items.py:77
                        a_13 = a_11 + b_4
                        return (a_12, a_13)
                    # specs/sampling/items.py:80
                    (a_8, a_9) = jax.lax.fori_loop(
                        0, jax.lax.div(limit_2 + (BLOCK - 1), jnp.int32(BLOCK)), step_6, (zero_2, zero_2)
                    )
                    high_11 = jnp.sum(a_8 + (a_9 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
                    low_12 = jnp.sum(a_9 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
                    high_12 = high_11 + (low_12 >> 17)  # specs/sampling/masses.py:43
                    low_13 = low_12 & 0x1ffff  # 2**17 - 1
                    below = (high_12 < high_5) | ((high_12 == high_5) & (low_13 < low_6))  # specs/sampling/masses.py:29
                    lower_9 = jnp.where(below, lower_8, middle_1)  # specs/sampling/items.py:139
                    upper_9 = jnp.where(below, middle_1, upper_8)
                    high_13 = jnp.where(below, high_12, high_9)
                    low_14 = jnp.where(below, low_13, low_10)
                    return (lower_9, upper_9, high_13, low_14)
                # specs/sampling/items.py:147
                (lower_7, upper_7, high_8, low_9) = jax.lax.fori_loop(
                    0, needed_1, step_5, (lower_6, upper_6, high_7, low_8)
                )
                return (lower_7, upper_7, high_8, low_9)
            # specs/sampling/items.py:151
            (lower_5, upper_5, high_6, low_7) = jax.lax.fori_loop(
                0, 32, step_4, (lower, top, jnp.int32(0), jnp.int32(0))
            )
            key_10 = jnp.where(nucleus, upper_5, key_3)
            limit_3 = jnp.where(mask, index, V)  # specs/sampling/settings.py:49
            zero_3 = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/items.py:79
            def step_7(i_7, carry):
                (a_15,) = carry
                number_9 = i_7 * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/items.py:73
                inside_3 = number_9 < limit_3
                value_3 = plgpu.load(logits_ref.at[row, number_9], mask=inside_3, other=0.0)
                bits_4 = jax.lax.bitcast_convert_type(value_3, jnp.int32)  # specs/indexer/select.py:122
                key_11 = jnp.where(bits_4 < 0, -2147483648 - bits_4, bits_4)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                key_12 = jnp.where(
                    inside_3, jnp.where(key_11 > 0x7f800000, -2139095040, jnp.maximum(key_11, -2139095040)), -2139095040
                )
                # -2147483648 is -2**31, specs/sampling/settings.py:70
                distance_3 = jnp.where(
                    key_12 == top, 0.0,
                    jax.lax.bitcast_convert_type(
                        jnp.where(key_12 < 0, -2147483648 - key_12, key_12), jnp.float32
                    ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
                )
                q_6 = (jnp.maximum(distance_3 * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                key_13 = jnp.where(q_6 >= least, key_12, -2139095040)  # specs/sampling/items.py:44
                b_5 = (key_13 == key_10).astype(jnp.int32)  # specs/sampling/items.py:86
                return (a_15 + b_5,)
            # specs/sampling/items.py:80
            (a_14,) = jax.lax.fori_loop(0, jax.lax.div(limit_3 + (BLOCK - 1), jnp.int32(BLOCK)), step_7, (zero_3,))
            equal = jnp.sum(a_14, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
            mask_3 = top < 0  # specs/sampling/settings.py:44
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance_4 = jnp.where(
                key_10 == top, 0.0,
                jax.lax.bitcast_convert_type(
                    jnp.where(key_10 < 0, -2147483648 - key_10, key_10), jnp.float32
                ) - jax.lax.bitcast_convert_type(jnp.where(mask_3, -2147483648 - top, top), jnp.float32)
            )
            q_7 = jnp.asarray(jnp.maximum(distance_4 * inverse, -1000.0) * 1048576.0, jnp.int32)  # 2**20
            q_8 = jnp.minimum(q_7, 0)  # specs/sampling/settings.py:123
            twice_2 = jnp.minimum(0 - q_8, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings_2 = jax.lax.div(twice_2, jnp.int32(0x162e43))
            rest_2 = twice_2 - halvings_2 * 0x162e43
            piece_3 = rest_2 >> 11
            part_3 = rest_2 & 2047
            low_15 = plgpu.load(table_ref.at[piece_3 + 1570])  # specs/sampling/integers.py:55
            high_14 = plgpu.load(table_ref.at[piece_3 + 1571])
            mantissa_3 = low_15 + (((high_14 - low_15) * part_3 + 1024) >> 11)
            # specs/sampling/settings.py:123
            mass_2 = jnp.where(key_10 > -2139095040, ((mantissa_3 << 1 >> halvings_2) + 1) >> 1, 0)
            def step_8(i_8, carry):  # specs/sampling/masses.py:108
                (lower_11, upper_11) = carry
                middle_2 = (lower_11 + upper_11 + 1) >> 1  # specs/sampling/masses.py:102
                count = middle_2 - 1
                parts_0 = (mass_2 & 4095) * count  # specs/sampling/masses.py:77
                middle_3 = ((mass_2 >> 12) & 4095) * count + (parts_0 >> 12)
                high_15 = (mass_2 >> 24) * count + (middle_3 >> 12)
                # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
                rest_3 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
                high_16 = high_6 + ((high_15 << 7) + (rest_3 >> 17))  # specs/sampling/masses.py:87
                low_16 = low_7 + (rest_3 & 0x1ffff)  # 2**17 - 1
                high_17 = high_16 + (low_16 >> 17)  # specs/sampling/masses.py:43
                # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
                fits = (high_17 < high_5) | ((high_17 == high_5) & ((low_16 & 0x1ffff) < low_6))
                lower_12 = jnp.where(fits, middle_2, lower_11)  # specs/sampling/masses.py:104
                upper_12 = jnp.where(fits, upper_11, count)
                return (lower_12, upper_12)
            # specs/sampling/masses.py:108
            (lower_10, upper_10) = jax.lax.fori_loop(0, 18, step_8, (jnp.int32(1), equal))
            room = jnp.where(nucleus, lower_10, equal)  # specs/sampling/items.py:156
            # Ids have 18 bits; equal logits at the cut are rare in float32.
            mask_4 = room < equal  # specs/sampling/items.py:168
            steps = jnp.asarray(mask_4, jnp.int32) * 18
            def step_9(i_9, carry):
                (lower_14, upper_14) = carry
                middle_4 = (lower_14 + upper_14) >> 1  # specs/sampling/items.py:163
                limit_4 = jnp.where(mask, index, V)  # specs/sampling/settings.py:49
                zero_4 = jnp.full((BLOCK,), 0, jnp.int32)  # specs/sampling/items.py:79
                def step_10(i_10, carry):
                    (a_17,) = carry
                    number_10 = i_10 * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/items.py:73
                    inside_4 = number_10 < limit_4
                    value_4 = plgpu.load(logits_ref.at[row, number_10], mask=inside_4, other=0.0)
                    bits_5 = jax.lax.bitcast_convert_type(value_4, jnp.int32)  # specs/indexer/select.py:122
                    key_14 = jnp.where(bits_5 < 0, -2147483648 - bits_5, bits_5)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/items.py:75
                    key_15 = jnp.where(
                        inside_4, jnp.where(key_14 > 0x7f800000, -2139095040, jnp.maximum(key_14, -2139095040)),
                        -2139095040
                    )
                    # -2147483648 is -2**31, specs/sampling/settings.py:70
                    distance_5 = jnp.where(
                        key_15 == top, 0.0,
                        jax.lax.bitcast_convert_type(
                            jnp.where(key_15 < 0, -2147483648 - key_15, key_15), jnp.float32
                        ) - jax.lax.bitcast_convert_type(jnp.where(mask_3, -2147483648 - top, top), jnp.float32)
                    )
                    q_9 = (jnp.maximum(distance_5 * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                    key_16 = jnp.where(q_9 >= least, key_15, -2139095040)  # specs/sampling/items.py:44
                    b_6 = ((key_16 == key_10) & (number_10 <= middle_4)).astype(jnp.int32)  # specs/sampling/items.py:86
                    return (a_17 + b_6,)
                # specs/sampling/items.py:80
                (a_16,) = jax.lax.fori_loop(0, jax.lax.div(limit_4 + (BLOCK - 1), jnp.int32(BLOCK)), step_10, (zero_4,))
                a_16_sum = jnp.sum(a_16, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
                enough = a_16_sum >= room  # specs/sampling/items.py:164
                lower_15 = jnp.where(enough, lower_14, middle_4 + 1)
                upper_15 = jnp.where(enough, middle_4, upper_14)
                return (lower_15, upper_15)
            # 0x3ffff is 2**18 - 1, specs/sampling/items.py:169
            (lower_13, upper_13) = jax.lax.fori_loop(0, steps, step_9, (jnp.int32(0), jnp.int32(0x3ffff)))
            plgpu.store(cut_ref.at[row], key_10)  # specs/sampling/kernels.py:236
            plgpu.store(last_ref.at[row], jnp.where(mask_4, lower_13, 0x7fffffff))  # 2**31 - 1, 2**23 - 1
        @pl.when(jnp.logical_not(nucleus))  # specs/sampling/wide.py:280
        def branch_2():
            plgpu.store(cut_ref.at[row], key_3)  # specs/sampling/kernels.py:236
            plgpu.store(last_ref.at[row], jnp.int32(0x7fffffff))  # 2**31 - 1, 2**23 - 1
