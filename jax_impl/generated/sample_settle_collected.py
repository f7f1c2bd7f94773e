# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def settle_collected(
    logits_ref, seeds_ref, positions_ref, temperature_ref, top_k_ref, top_p_ref, table_ref, top_ref, coarse_ref,
    fine_ref, collected_ref,
    pending_ref, cut_ref, last_ref, tokens_ref,
    *, V, vocab_size,
):
    row = pl.program_id(0)  # specs/sampling/wide.py:235
    pending = plgpu.load(pending_ref.at[row])
    @pl.when(pending > 0)
    def branch():
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
        place = jnp.arange(8192, dtype=jnp.int32)  # specs/sampling/wide.py:238
        there = 1 > 0  # specs/sampling/wide.py:133
        span = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/wide.py:106
        b = jnp.arange(16, dtype=jnp.int32)
        mask_1 = (span < pl.cdiv(V, 4096))[:, None]
        inside = mask_1 & there
        b_1 = b[None, :]  # specs/sampling/wide.py:108
        spans = plgpu.load(
            coarse_ref.at[row, span[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
        )
        part = plgpu.load(
            coarse_ref.at[row, span[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
        )
        part_1 = plgpu.load(
            coarse_ref.at[row, span[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
        )
        # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
        part_sum = jnp.sum(part, axis=0, dtype=jnp.int32)
        high = jax.lax.cumsum(part_sum, axis=0)
        part_1_sum = jnp.sum(part_1, axis=0, dtype=jnp.int32)
        low = jax.lax.cumsum(part_1_sum, axis=0)
        x = high + (low >> 17)  # specs/sampling/masses.py:43
        x_1 = low & 0x1ffff  # 2**17 - 1
        spans_sum = jnp.sum(spans, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
        x_2 = jax.lax.cumsum(spans_sum, axis=0)
        here = b == 15  # specs/sampling/wide.py:94
        high_1 = jnp.sum(jnp.where(here, x, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        low_1 = jnp.sum(jnp.where(here, x_1, 0), axis=0, dtype=jnp.int32)
        p = jnp.maximum(p24, 1)  # specs/sampling/items.py:175
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
        inexact = jnp.asarray(((carry_1 & 4095) | (carry_3 & 4095)) != 0, jnp.int32)
        # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
        low_3 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
        high_3 = (low_3 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
        low_4 = low_3 & 0x1ffff  # 2**17 - 1
        condition = k_1 > 0  # specs/sampling/wide.py:100
        enough = jnp.where(
            condition, (x_2 >= k_1).astype(jnp.int32),
            1 - ((x < high_3) | ((x == high_3) & (x_1 < low_4))).astype(jnp.int32)
        )
        first = jnp.min(jnp.where(enough > 0, b, 15), axis=0)
        here_1 = b == first  # specs/sampling/wide.py:94
        index_1 = jnp.sum(jnp.where(here_1, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        enough_1 = index_1 <= 8192  # specs/sampling/wide.py:141
        there_1 = jnp.logical_not(enough_1)
        place_1 = first - 1
        here_2 = b == place_1  # specs/sampling/wide.py:94
        nearer_0 = jnp.sum(jnp.where(here_2, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        high_4 = jnp.sum(jnp.where(here_2, x, 0), axis=0, dtype=jnp.int32)
        low_5 = jnp.sum(jnp.where(here_2, x_1, 0), axis=0, dtype=jnp.int32)
        inside_1 = mask_1 & there_1  # specs/sampling/wide.py:107
        # specs/sampling/wide.py:108
        spans_1 = plgpu.load(
            fine_ref.at[row, span[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
        )
        part_2 = plgpu.load(
            fine_ref.at[row, span[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
        )
        part_3 = plgpu.load(
            fine_ref.at[row, span[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
        )
        part_2_sum = jnp.sum(part_2, axis=0, dtype=jnp.int32)
        high_5 = jax.lax.cumsum(part_2_sum, axis=0)
        part_3_sum = jnp.sum(part_3, axis=0, dtype=jnp.int32)
        low_6 = jax.lax.cumsum(part_3_sum, axis=0)
        spans_1_sum = jnp.sum(spans_1, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
        until = jax.lax.cumsum(spans_1_sum, axis=0)
        x_3 = until + nearer_0
        high_6 = high_5 + (low_6 >> 17) + high_4  # specs/sampling/masses.py:87
        low_7 = (low_6 & 0x1ffff) + low_5  # 2**17 - 1
        x_4 = high_6 + (low_7 >> 17)  # specs/sampling/masses.py:43
        x_5 = low_7 & 0x1ffff  # 2**17 - 1
        # specs/sampling/wide.py:100
        enough_2 = jnp.where(
            condition, (x_3 >= k_1).astype(jnp.int32),
            1 - ((x_4 < high_3) | ((x_4 == high_3) & (x_5 < low_4))).astype(jnp.int32)
        )
        second = jnp.min(jnp.where(enough_2 > 0, b, 15), axis=0)
        place_2 = second - 1  # specs/sampling/wide.py:144
        here_3 = b == place_2  # specs/sampling/wide.py:94
        number = jnp.sum(jnp.where(here_3, x_3, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        high_7 = jnp.sum(jnp.where(here_3, x_4, 0), axis=0, dtype=jnp.int32)
        low_8 = jnp.sum(jnp.where(here_3, x_5, 0), axis=0, dtype=jnp.int32)
        # Before the second pass's first bin there are those that the first pass has counted.
        at_first = second == 0  # specs/sampling/wide.py:146
        number_first = jnp.sum(jnp.where(here_2, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        high_8 = jnp.sum(jnp.where(here_2, x, 0), axis=0, dtype=jnp.int32)
        low_9 = jnp.sum(jnp.where(here_2, x_1, 0), axis=0, dtype=jnp.int32)
        number_1 = jnp.where(at_first, number_first, number)  # specs/sampling/wide.py:147
        here_4 = b == second  # specs/sampling/wide.py:94
        last = jnp.sum(jnp.where(here_4, x_3, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
        whole = enough_1 | (last <= 8192)  # specs/sampling/wide.py:149
        # Top-k and top-p: the cut of the second one may lie nearer.
        alone = jnp.logical_not(whole) & (last - number_1 <= 8192) & jnp.logical_not(nucleus & condition)
        start = (first << 20) + (second << 16)
        here_5 = jnp.where(whole, b_1 <= jnp.where(enough_1, first, place_1), b_1 < 0)
        spans_2 = jnp.where(here_5, spans, 0) + jnp.where((b_1 == second) | (whole & (b_1 < second)), spans_1, 0)
        begin = jnp.where(whole, 0, start)
        number_2 = jnp.where(whole, 0, number_1)
        high_9 = jnp.where(whole, 0, jnp.where(at_first, high_8, high_7))  # specs/sampling/masses.py:33
        low_10 = jnp.where(whole, 0, jnp.where(at_first, low_9, low_8))
        spans_3 = jnp.sum(spans_2, axis=1, dtype=jnp.int32)  # specs/sampling/wide.py:164
        @pl.when((whole | alone) & (nucleus | condition))  # specs/sampling/wide.py:257
        def branch_1():
            top = plgpu.load(top_ref.at[row])  # specs/sampling/wide.py:242
            spans_3_sum = jnp.sum(spans_3, axis=0, dtype=jnp.int32)
            there_2 = place < spans_3_sum
            number_3 = plgpu.load(collected_ref.at[row, place], mask=there_2, other=0x40000)  # 2**18
            inside_2 = number_3 < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
            value = plgpu.load(logits_ref.at[row, number_3], mask=inside_2, other=0.0)
            bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = jnp.where(
                inside_2, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040
            )
            mask_2 = top < 0  # specs/sampling/settings.py:44
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = jnp.where(
                key_1 == top, 0.0,
                jax.lax.bitcast_convert_type(
                    jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
                ) - jax.lax.bitcast_convert_type(jnp.where(mask_2, -2147483648 - top, top), jnp.float32)
            )
            q = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
            mask_3 = q >= -1048576001  # specs/sampling/items.py:44
            key_2 = jnp.where(mask_3, key_1, -2139095040)
            mask_4 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_1 = jnp.minimum(q, 0)
            twice = jnp.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = jax.lax.div(twice, jnp.full((8192,), 0x162e43, jnp.int32))
            rest = twice - halvings * 0x162e43
            piece = rest >> 11
            part_4 = rest & 2047
            low_11 = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:55
            high_10 = plgpu.load(table_ref.at[piece + 1571])
            mantissa = low_11 + (((high_10 - low_11) * part_4 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            mass = jnp.where(mask_4, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
            k_2 = jnp.where(condition, k_1 - number_2, 0)  # specs/sampling/wide.py:245
            def step(i, carry):  # specs/sampling/items.py:114
                (lower_1, upper_1) = carry
                # Common bits plus half of the differing ones: rounds down for negative sums too.
                # specs/sampling/items.py:109
                needed = jnp.asarray(
                    (k_2 > 0) & ((lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1) > lower_1), jnp.int32
                )
                def step_1(i_1, carry):
                    (lower_3, upper_3) = carry
                    middle = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:343
                    found = (key_2 > middle).astype(jnp.int32)  # specs/sampling/items.py:86
                    found_1 = jnp.sum(found, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
                    # With exactly k the search is over, however far the next key is.
                    mask_5 = found_1 < k_2  # specs/sampling/items.py:105
                    upper_4 = jnp.where(mask_5, middle, jnp.where(found_1 == k_2, middle + 1, upper_3))
                    lower_4 = jnp.where(mask_5, lower_3, middle)
                    return (lower_4, upper_4)
                # specs/sampling/items.py:110
                (lower_2, upper_2) = jax.lax.fori_loop(0, needed, step_1, (lower_1, upper_1))
                return (lower_2, upper_2)
            # specs/sampling/items.py:114
            (lower, upper) = jax.lax.fori_loop(0, 32, step, (jnp.int32(-2139095040), top))
            high_11 = high_3 - high_9  # specs/sampling/masses.py:92
            low_12 = low_4 - low_10
            mass_1 = jnp.where(key_2 > lower, mass, 0)  # specs/sampling/items.py:92
            high_12 = mass_1 >> 17  # specs/sampling/masses.py:38
            low_13 = mass_1 & 0x1ffff  # 2**17 - 1
            high_13 = jnp.sum(high_12 + (low_13 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
            low_14 = jnp.sum(low_13 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
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
            inexact_1 = jnp.asarray(((carry_12 & 4095) | (carry_14 & 4095)) != 0, jnp.int32)
            low_16 = (carry_16 & 4095) + ((carry_18 & 4095) << 12) + inexact_1
            # specs/sampling/masses.py:33
            high_15 = jnp.where(
                condition, (low_16 >> 17) + (((carry_21 << 12) | (carry_20 & 4095)) << 7), high_11 + (low_12 >> 17)
            )
            low_17 = jnp.where(condition, low_16 & 0x1ffff, low_12 & 0x1ffff)  # 2**17 - 1
            def step_2(i_2, carry):  # specs/sampling/items.py:151
                (lower_6, upper_6, high_17, low_19) = carry
                # specs/sampling/items.py:146
                needed_1 = jnp.asarray(
                    nucleus & ((lower_6 & upper_6) + ((lower_6 ^ upper_6) >> 1) > lower_6), jnp.int32
                )
                def step_3(i_3, carry):
                    (lower_8, upper_8, high_19, low_21) = carry
                    middle_1 = (lower_8 & upper_8) + ((lower_8 ^ upper_8) >> 1)  # specs/indexer/select.py:343
                    mass_2 = jnp.where(key_2 > middle_1, mass, 0)  # specs/sampling/items.py:92
                    high_20 = mass_2 >> 17  # specs/sampling/masses.py:38
                    low_22 = mass_2 & 0x1ffff  # 2**17 - 1
                    high_21 = jnp.sum(high_20 + (low_22 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
                    low_23 = jnp.sum(low_22 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
                    high_22 = high_21 + (low_23 >> 17)  # specs/sampling/masses.py:43
                    low_24 = low_23 & 0x1ffff  # 2**17 - 1
                    # specs/sampling/masses.py:29
                    below = (high_22 < high_15) | ((high_22 == high_15) & (low_24 < low_17))
                    lower_9 = jnp.where(below, lower_8, middle_1)  # specs/sampling/items.py:139
                    upper_9 = jnp.where(below, middle_1, upper_8)
                    high_23 = jnp.where(below, high_22, high_19)
                    low_25 = jnp.where(below, low_24, low_21)
                    return (lower_9, upper_9, high_23, low_25)
                # specs/sampling/items.py:147
                (lower_7, upper_7, high_18, low_20) = jax.lax.fori_loop(
                    0, needed_1, step_3, (lower_6, upper_6, high_17, low_19)
                )
                return (lower_7, upper_7, high_18, low_20)
            # specs/sampling/items.py:151
            (lower_5, upper_5, high_16, low_18) = jax.lax.fori_loop(
                0, 32, step_2, (lower, top, jnp.int32(0), jnp.int32(0))
            )
            key_3 = jnp.where(nucleus, upper_5, lower + 1)
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
            q_2 = jnp.asarray(jnp.maximum(distance_1 * inverse, -1000.0) * 1048576.0, jnp.int32)  # 2**20
            q_3 = jnp.minimum(q_2, 0)  # specs/sampling/settings.py:123
            twice_1 = jnp.minimum(0 - q_3, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings_1 = jax.lax.div(twice_1, jnp.int32(0x162e43))
            rest_1 = twice_1 - halvings_1 * 0x162e43
            piece_1 = rest_1 >> 11
            part_5 = rest_1 & 2047
            low_26 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
            high_24 = plgpu.load(table_ref.at[piece_1 + 1571])
            mantissa_1 = low_26 + (((high_24 - low_26) * part_5 + 1024) >> 11)
            # specs/sampling/settings.py:123
            mass_3 = jnp.where(key_3 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0)
            def step_4(i_4, carry):  # specs/sampling/masses.py:108
                (lower_11, upper_11) = carry
                middle_2 = (lower_11 + upper_11 + 1) >> 1  # specs/sampling/masses.py:102
                count = middle_2 - 1
                parts_0 = (mass_3 & 4095) * count  # specs/sampling/masses.py:77
                middle_3 = ((mass_3 >> 12) & 4095) * count + (parts_0 >> 12)
                high_25 = (mass_3 >> 24) * count + (middle_3 >> 12)
                # 2**24 high + 2**12 (middle's rest) + the rest of parts[0]
                rest_2 = ((middle_3 & 4095) << 12) | (parts_0 & 4095)
                high_26 = high_16 + ((high_25 << 7) + (rest_2 >> 17))  # specs/sampling/masses.py:87
                low_27 = low_18 + (rest_2 & 0x1ffff)  # 2**17 - 1
                high_27 = high_26 + (low_27 >> 17)  # specs/sampling/masses.py:43
                # 0x1ffff is 2**17 - 1, specs/sampling/masses.py:29
                fits = (high_27 < high_15) | ((high_27 == high_15) & ((low_27 & 0x1ffff) < low_17))
                lower_12 = jnp.where(fits, middle_2, lower_11)  # specs/sampling/masses.py:104
                upper_12 = jnp.where(fits, upper_11, count)
                return (lower_12, upper_12)
            # specs/sampling/masses.py:108
            (lower_10, upper_10) = jax.lax.fori_loop(0, 18, step_4, (jnp.int32(1), equal))
            room = jnp.where(nucleus, lower_10, equal)  # specs/sampling/items.py:156
            # Ids have 18 bits; equal logits at the cut are rare in float32.
            mask_7 = room < equal  # specs/sampling/items.py:168
            steps = jnp.asarray(mask_7, jnp.int32) * 18
            def step_5(i_5, carry):
                (lower_14, upper_14) = carry
                middle_4 = (lower_14 + upper_14) >> 1  # specs/sampling/items.py:163
                found_3 = (mask_6 & (number_3 <= middle_4)).astype(jnp.int32)  # specs/sampling/items.py:86
                found_3_sum = jnp.sum(found_3, axis=0, dtype=jnp.int32)  # specs/sampling/items.py:87
                enough_3 = found_3_sum >= room  # specs/sampling/items.py:164
                lower_15 = jnp.where(enough_3, lower_14, middle_4 + 1)
                upper_15 = jnp.where(enough_3, middle_4, upper_14)
                return (lower_15, upper_15)
            # 0x3ffff is 2**18 - 1, specs/sampling/items.py:169
            (lower_13, upper_13) = jax.lax.fori_loop(0, steps, step_5, (jnp.int32(0), jnp.int32(0x3ffff)))
            last_1 = jnp.where(mask_7, lower_13, 0x7fffffff)  # 2**31 - 1
            whole_1 = begin == 0  # specs/sampling/wide.py:252
            plgpu.store(pending_ref.at[row], jnp.where(whole_1, jnp.int32(0), jnp.int32(2)))
            @pl.when(whole_1)
            def branch_2():
                position = plgpu.load(positions_ref.at[row])  # specs/sampling/settings.py:113
                seed_0 = plgpu.load(seeds_ref.at[row, jnp.int32(0)])
                seed_1 = plgpu.load(seeds_ref.at[row, jnp.int32(1)])
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
                low_28 = x_31 >= 0  # specs/sampling/integers.py:72
                twice_2 = x_31 << 1
                # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest
                # u.
                x_32 = jnp.where(low_28, twice_2 | 1, twice_2 ^ -1)
                number_4 = x_32 * 0 + 31  # specs/sampling/integers.py:61
                small = ((x_32 >> 16) & 65535) == 0
                x_33 = jnp.where(small, x_32 << 16, x_32)
                number_5 = jnp.where(small, number_4 - 16, number_4)
                small_1 = ((x_33 >> 24) & 255) == 0
                x_34 = jnp.where(small_1, x_33 << 8, x_33)
                number_6 = jnp.where(small_1, number_5 - 8, number_5)
                small_2 = ((x_34 >> 28) & 15) == 0
                x_35 = jnp.where(small_2, x_34 << 4, x_34)
                number_7 = jnp.where(small_2, number_6 - 4, number_6)
                small_3 = ((x_35 >> 30) & 3) == 0
                x_36 = jnp.where(small_3, x_35 << 2, x_35)
                number_8 = jnp.where(small_3, number_7 - 2, number_7)
                small_4 = ((x_36 >> 31) & 1) == 0
                x_37 = jnp.where(small_4, x_36 << 1, x_36)
                number_9 = jnp.where(small_4, number_8 - 1, number_8)
                piece_2 = (x_37 >> 21) & 1023
                part_6 = (x_37 >> 6) & 32767
                whole_2 = number_9 * 0x2c5c860 - ((number_9 * 131 + 512) >> 10)
                low_29 = plgpu.load(table_ref.at[piece_2])  # specs/sampling/integers.py:55
                high_28 = plgpu.load(table_ref.at[piece_2 + 1])
                # specs/sampling/integers.py:67
                logarithm = whole_2 + (low_29 + (((high_28 - low_29) * part_6 + 16384) >> 15))
                piece_3 = (twice_2 >> 23) & 511  # specs/sampling/integers.py:76
                part_7 = (twice_2 >> 8) & 32767
                index_2 = 0x5b7ed45c - logarithm
                low_30 = plgpu.load(table_ref.at[piece_3 + 1025])  # specs/sampling/integers.py:55
                high_29 = plgpu.load(table_ref.at[piece_3 + 1026])
                # specs/sampling/integers.py:77
                near = index_2 - (low_30 + (((high_29 - low_30) * part_7 + 16384) >> 15))
                x_38 = jnp.maximum(index_2, 1)
                number_10 = x_38 * 0 + 31  # specs/sampling/integers.py:61
                small_5 = ((x_38 >> 16) & 65535) == 0
                x_39 = jnp.where(small_5, x_38 << 16, x_38)
                number_11 = jnp.where(small_5, number_10 - 16, number_10)
                small_6 = ((x_39 >> 24) & 255) == 0
                x_40 = jnp.where(small_6, x_39 << 8, x_39)
                number_12 = jnp.where(small_6, number_11 - 8, number_11)
                small_7 = ((x_40 >> 28) & 15) == 0
                x_41 = jnp.where(small_7, x_40 << 4, x_40)
                number_13 = jnp.where(small_7, number_12 - 4, number_12)
                small_8 = ((x_41 >> 30) & 3) == 0
                x_42 = jnp.where(small_8, x_41 << 2, x_41)
                number_14 = jnp.where(small_8, number_13 - 2, number_13)
                small_9 = ((x_42 >> 31) & 1) == 0
                x_43 = jnp.where(small_9, x_42 << 1, x_42)
                number_15 = jnp.where(small_9, number_14 - 1, number_14)
                piece_4 = (x_43 >> 21) & 1023
                part_8 = (x_43 >> 6) & 32767
                whole_3 = number_15 * 0x2c5c860 - ((number_15 * 131 + 512) >> 10)
                low_31 = plgpu.load(table_ref.at[piece_4])  # specs/sampling/integers.py:55
                high_30 = plgpu.load(table_ref.at[piece_4 + 1])
                # specs/sampling/integers.py:78
                far = 0x481659bd - (whole_3 + (low_31 + (((high_30 - low_31) * part_8 + 16384) >> 15)))
                # specs/sampling/kernels.py:242
                score = jnp.where(greedy, key_2, q + ((jnp.where(low_28, near, far) + 32) >> 6))
                inside_3 = (key_2 > key_3) | (mask_6 & (number_3 <= last_1))  # specs/sampling/items.py:127
                # -2147483648 is -2**31, specs/sampling/kernels.py:243
                score_1 = jnp.where(inside_3 & mask_4 & mask_3, score, -2147483648)
                best = jnp.max(score_1, axis=0)  # specs/sampling/items.py:180
                token = jnp.min(jnp.where(score_1 == best, number_3, 0x7fffffff), axis=0)  # 2**31 - 1
                # -2147483648 is -2**31, specs/sampling/kernels.py:223
                plgpu.store(tokens_ref.at[row], jnp.where(best > -2147483648, token, 0))
            @pl.when(jnp.logical_not(whole_1))  # specs/sampling/wide.py:255
            def branch_3():
                inside_4 = (key_2 > key_3) | (mask_6 & (number_3 <= last_1))  # specs/sampling/items.py:127
                # Searches stop short of keys that are not in registers, and those are compared with the cut as well.
                # 0x7fffffff is 2**31 - 1, specs/sampling/kernels.py:229
                least = jnp.min(jnp.where(inside_4 & mask_4 & mask_3, key_2, 0x7fffffff), axis=0)
                key_4 = jnp.where(greedy, key_3, jnp.maximum(least, key_3))
                plgpu.store(cut_ref.at[row], key_4)  # specs/sampling/kernels.py:236
                plgpu.store(last_ref.at[row], jnp.where(key_4 == key_3, last_1, 0x7fffffff))  # 2**31 - 1
