# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""collect: Candidates that are near enough.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    listed = int32
    number = int32
    coarse = int32
    fine = int32
    collected = int32
    TILE = 4096
    PROGRAMS = 1056
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def collect(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, top_ref, listed_ref, number_ref,
    coarse_ref, fine_ref,
    collected_ref,
    *, V, vocab_size,
):
    PROGRAMS = 1056
    program = pl.program_id(0)  # specs/sampling/wide.py:69
    spans = pl.cdiv(V, 4096)
    number = plgpu.load(number_ref.at[jnp.int32(0)])
    def step(i, carry):
        () = carry
        item = program + i * PROGRAMS  # specs/sampling/wide.py:72
        row = plgpu.load(listed_ref.at[jax.lax.div(item, jnp.int32(spans))])
        span = jax.lax.rem(item, jnp.int32(spans))
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
        mask_2 = k_1 > 0  # specs/sampling/wide.py:81
        @pl.when(nucleus | mask_2)  # specs/sampling/wide.py:230
        def branch():
            there = 1 > 0  # specs/sampling/wide.py:133
            span_1 = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/wide.py:106
            b = jnp.arange(16, dtype=jnp.int32)
            mask_3 = (span_1 < spans)[:, None]
            inside = mask_3 & there
            b_1 = b[None, :]  # specs/sampling/wide.py:108
            spans_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            part_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            part_2 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
            part_1_sum = jnp.sum(part_1, axis=0, dtype=jnp.int32)
            high_1 = jax.lax.cumsum(part_1_sum, axis=0)
            part_2_sum = jnp.sum(part_2, axis=0, dtype=jnp.int32)
            low_1 = jax.lax.cumsum(part_2_sum, axis=0)
            x_5 = high_1 + (low_1 >> 17)  # specs/sampling/masses.py:43
            x_6 = low_1 & 0x1ffff  # 2**17 - 1
            spans_1_sum = jnp.sum(spans_1, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
            x_7 = jax.lax.cumsum(spans_1_sum, axis=0)
            here = b == 15  # specs/sampling/wide.py:94
            high_2 = jnp.sum(jnp.where(here, x_5, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            low_2 = jnp.sum(jnp.where(here, x_6, 0), axis=0, dtype=jnp.int32)
            p = jnp.maximum(p24, 1)  # specs/sampling/items.py:175
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
            inexact = jnp.asarray(((carry_1 & 4095) | (carry_3 & 4095)) != 0, jnp.int32)
            # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
            low_4 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
            high_4 = (low_4 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
            low_5 = low_4 & 0x1ffff  # 2**17 - 1
            # specs/sampling/wide.py:100
            enough = jnp.where(
                mask_2, (x_7 >= k_1).astype(jnp.int32),
                1 - ((x_5 < high_4) | ((x_5 == high_4) & (x_6 < low_5))).astype(jnp.int32)
            )
            first = jnp.min(jnp.where(enough > 0, b, 15), axis=0)
            here_1 = b == first  # specs/sampling/wide.py:94
            index_1 = jnp.sum(jnp.where(here_1, x_7, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            enough_1 = index_1 <= 8192  # specs/sampling/wide.py:141
            there_1 = jnp.logical_not(enough_1)
            place = first - 1
            here_2 = b == place  # specs/sampling/wide.py:94
            nearer_0 = jnp.sum(jnp.where(here_2, x_7, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            high_5 = jnp.sum(jnp.where(here_2, x_5, 0), axis=0, dtype=jnp.int32)
            low_6 = jnp.sum(jnp.where(here_2, x_6, 0), axis=0, dtype=jnp.int32)
            inside_1 = mask_3 & there_1  # specs/sampling/wide.py:107
            # specs/sampling/wide.py:108
            spans_2 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_3 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_4 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_3_sum = jnp.sum(part_3, axis=0, dtype=jnp.int32)
            high_6 = jax.lax.cumsum(part_3_sum, axis=0)
            part_4_sum = jnp.sum(part_4, axis=0, dtype=jnp.int32)
            low_7 = jax.lax.cumsum(part_4_sum, axis=0)
            spans_2_sum = jnp.sum(spans_2, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
            until = jax.lax.cumsum(spans_2_sum, axis=0)
            x_8 = until + nearer_0
            high_7 = high_6 + (low_7 >> 17) + high_5  # specs/sampling/masses.py:87
            low_8 = (low_7 & 0x1ffff) + low_6  # 2**17 - 1
            x_9 = high_7 + (low_8 >> 17)  # specs/sampling/masses.py:43
            x_10 = low_8 & 0x1ffff  # 2**17 - 1
            # specs/sampling/wide.py:100
            enough_2 = jnp.where(
                mask_2, (x_8 >= k_1).astype(jnp.int32),
                1 - ((x_9 < high_4) | ((x_9 == high_4) & (x_10 < low_5))).astype(jnp.int32)
            )
            second = jnp.min(jnp.where(enough_2 > 0, b, 15), axis=0)
            place_1 = second - 1  # specs/sampling/wide.py:144
            here_3 = b == place_1  # specs/sampling/wide.py:94
            number_7 = jnp.sum(jnp.where(here_3, x_8, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            # Before the second pass's first bin there are those that the first pass has counted.
            at_first = second == 0  # specs/sampling/wide.py:146
            number_first = jnp.sum(jnp.where(here_2, x_7, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            number_8 = jnp.where(at_first, number_first, number_7)  # specs/sampling/wide.py:147
            here_4 = b == second  # specs/sampling/wide.py:94
            last = jnp.sum(jnp.where(here_4, x_8, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            whole_1 = enough_1 | (last <= 8192)  # specs/sampling/wide.py:149
            # Top-k and top-p: the cut of the second one may lie nearer.
            alone = jnp.logical_not(whole_1) & (last - number_8 <= 8192) & jnp.logical_not(nucleus & mask_2)
            start = (first << 20) + (second << 16)
            # The last bin has all that is farther.
            farthest = (first == 15) & (enough_1 | (second == 15))
            # 0x7fffffff is 2**31 - 1, 0x10000 is 2**16, 0x7fffff is 2**23 - 1
            end = jnp.where(farthest, 0x7fffffff, jnp.where(enough_1, (first + 1) << 20, start + 0x10000))
            here_5 = jnp.where(whole_1, b_1 <= jnp.where(enough_1, first, place), b_1 < 0)
            spans_3 = jnp.where(here_5, spans_1, 0) + jnp.where(
                (b_1 == second) | (whole_1 & (b_1 < second)), spans_2, 0
            )
            begin = jnp.where(whole_1, 0, start)
            spans_4 = jnp.sum(spans_3, axis=1, dtype=jnp.int32)
            @pl.when(whole_1 | alone)  # specs/sampling/wide.py:228
            def branch_1():
                number_9 = span * 4096 + jnp.arange(4096, dtype=jnp.int32)  # specs/sampling/kernels.py:149
                top = plgpu.load(top_ref.at[row])
                inside_2 = number_9 < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
                value = plgpu.load(logits_ref.at[row, number_9], mask=inside_2, other=0.0)
                bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
                # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                key = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
                key_1 = jnp.where(
                    inside_2, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040
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
                # specs/sampling/wide.py:222
                first_1 = jnp.sum(jnp.where(span_1 < span, spans_4, 0), axis=0, dtype=jnp.int32)
                distance_1 = 0 - q_1
                kept = (key_2 > -2139095040) & (distance_1 >= begin) & (distance_1 < end)
                index_2 = jax.lax.cumsum(kept.astype(jnp.int32), axis=0)
                place_2 = first_1 + index_2 - 1
                plgpu.store(collected_ref.at[row, place_2], number_9, mask=kept)
        return ()
    # specs/sampling/wide.py:76
    () = jax.lax.fori_loop(
        0, jnp.maximum(jax.lax.div(number * spans - program + (PROGRAMS - 1), jnp.int32(PROGRAMS)), 0), step, ()
    )
