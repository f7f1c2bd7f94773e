# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""collect: Candidates that are near enough.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    listed = int32
    number = int32
    coarse = int32
    fine = int32
    collected = int32
    TILE = 8192
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
    logits_ref, temperature_ref, top_k_ref, top_p_ref, table_ref, top_ref, listed_ref, number_ref, coarse_ref, fine_ref,
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
        nucleus = (share < 1.0) & jnp.logical_not(greedy)
        scaled = jnp.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = jnp.maximum(jnp.asarray(scaled, jnp.int32), 1)
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        mask_1 = k_1 > 0  # specs/sampling/wide.py:81
        @pl.when(nucleus | mask_1)  # specs/sampling/wide.py:230
        def branch():
            there = 1 > 0  # specs/sampling/wide.py:133
            span_1 = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/wide.py:106
            b = jnp.arange(16, dtype=jnp.int32)
            mask_2 = (span_1 < spans)[:, None]
            inside = mask_2 & there
            b_1 = b[None, :]  # specs/sampling/wide.py:108
            spans_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            part = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            part_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside, (64, 16)), other=0
            )
            # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
            part_sum = jnp.sum(part, axis=0, dtype=jnp.int32)
            high = jax.lax.cumsum(part_sum, axis=0)
            part_1_sum = jnp.sum(part_1, axis=0, dtype=jnp.int32)
            low = jax.lax.cumsum(part_1_sum, axis=0)
            x = high + (low >> 17)  # specs/sampling/masses.py:43
            x_1 = low & 0x1ffff  # 2**17 - 1
            spans_1_sum = jnp.sum(spans_1, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
            x_2 = jax.lax.cumsum(spans_1_sum, axis=0)
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
            # specs/sampling/wide.py:100
            enough = jnp.where(
                mask_1, (x_2 >= k_1).astype(jnp.int32),
                1 - ((x < high_3) | ((x == high_3) & (x_1 < low_4))).astype(jnp.int32)
            )
            first = jnp.min(jnp.where(enough > 0, b, 15), axis=0)
            here_1 = b == first  # specs/sampling/wide.py:94
            index_1 = jnp.sum(jnp.where(here_1, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            enough_1 = index_1 <= 8192  # specs/sampling/wide.py:141
            there_1 = jnp.logical_not(enough_1)
            place = first - 1
            here_2 = b == place  # specs/sampling/wide.py:94
            nearer_0 = jnp.sum(jnp.where(here_2, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            high_4 = jnp.sum(jnp.where(here_2, x, 0), axis=0, dtype=jnp.int32)
            low_5 = jnp.sum(jnp.where(here_2, x_1, 0), axis=0, dtype=jnp.int32)
            inside_1 = mask_2 & there_1  # specs/sampling/wide.py:107
            # specs/sampling/wide.py:108
            spans_2 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(0), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_2 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(1), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_3 = plgpu.load(
                fine_ref.at[row, span_1[:, None], jnp.int32(2), b_1], mask=jnp.broadcast_to(inside_1, (64, 16)), other=0
            )
            part_2_sum = jnp.sum(part_2, axis=0, dtype=jnp.int32)
            high_5 = jax.lax.cumsum(part_2_sum, axis=0)
            part_3_sum = jnp.sum(part_3, axis=0, dtype=jnp.int32)
            low_6 = jax.lax.cumsum(part_3_sum, axis=0)
            spans_2_sum = jnp.sum(spans_2, axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:111
            until = jax.lax.cumsum(spans_2_sum, axis=0)
            x_3 = until + nearer_0
            high_6 = high_5 + (low_6 >> 17) + high_4  # specs/sampling/masses.py:87
            low_7 = (low_6 & 0x1ffff) + low_5  # 2**17 - 1
            x_4 = high_6 + (low_7 >> 17)  # specs/sampling/masses.py:43
            x_5 = low_7 & 0x1ffff  # 2**17 - 1
            # specs/sampling/wide.py:100
            enough_2 = jnp.where(
                mask_1, (x_3 >= k_1).astype(jnp.int32),
                1 - ((x_4 < high_3) | ((x_4 == high_3) & (x_5 < low_4))).astype(jnp.int32)
            )
            second = jnp.min(jnp.where(enough_2 > 0, b, 15), axis=0)
            place_1 = second - 1  # specs/sampling/wide.py:144
            here_3 = b == place_1  # specs/sampling/wide.py:94
            number_1 = jnp.sum(jnp.where(here_3, x_3, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            # Before the second pass's first bin there are those that the first pass has counted.
            at_first = second == 0  # specs/sampling/wide.py:146
            number_first = jnp.sum(jnp.where(here_2, x_2, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            number_2 = jnp.where(at_first, number_first, number_1)  # specs/sampling/wide.py:147
            here_4 = b == second  # specs/sampling/wide.py:94
            last = jnp.sum(jnp.where(here_4, x_3, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            whole = enough_1 | (last <= 8192)  # specs/sampling/wide.py:149
            # Top-k and top-p: the cut of the second one may lie nearer.
            alone = jnp.logical_not(whole) & (last - number_2 <= 8192) & jnp.logical_not(nucleus & mask_1)
            start = (first << 20) + (second << 16)
            # The last bin has all that is farther.
            farthest = (first == 15) & (enough_1 | (second == 15))
            # 0x7fffffff is 2**31 - 1, 0x10000 is 2**16
            end = jnp.where(farthest, 0x7fffffff, jnp.where(enough_1, (first + 1) << 20, start + 0x10000))
            here_5 = jnp.where(whole, b_1 <= jnp.where(enough_1, first, place), b_1 < 0)
            spans_3 = jnp.where(here_5, spans_1, 0) + jnp.where((b_1 == second) | (whole & (b_1 < second)), spans_2, 0)
            begin = jnp.where(whole, 0, start)
            spans_4 = jnp.sum(spans_3, axis=1, dtype=jnp.int32)
            @pl.when(whole | alone)  # specs/sampling/wide.py:228
            def branch_1():
                number_3 = span * 4096 + jnp.arange(4096, dtype=jnp.int32)  # specs/sampling/kernels.py:149
                top = plgpu.load(top_ref.at[row])
                inside_2 = number_3 < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
                value = plgpu.load(logits_ref.at[row, number_3], mask=inside_2, other=0.0)
                bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
                # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
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
                q = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
                key_2 = jnp.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
                # specs/sampling/wide.py:222
                first_1 = jnp.sum(jnp.where(span_1 < span, spans_4, 0), axis=0, dtype=jnp.int32)
                distance_1 = 0 - q
                kept = (key_2 > -2139095040) & (distance_1 >= begin) & (distance_1 < end)
                index_2 = jax.lax.cumsum(kept.astype(jnp.int32), axis=0)
                place_2 = first_1 + index_2 - 1
                plgpu.store(collected_ref.at[row, place_2], number_3, mask=kept)
        return ()
    # specs/sampling/wide.py:76
    () = jax.lax.fori_loop(
        0, jnp.maximum(jax.lax.div(number * spans - program + (PROGRAMS - 1), jnp.int32(PROGRAMS)), 0), step, ()
    )
