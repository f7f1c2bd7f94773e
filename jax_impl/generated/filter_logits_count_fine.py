# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""count_fine: Candidates of one distance.

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


def count_fine(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, top_ref, listed_ref, number_ref,
    coarse_ref,
    fine_ref,
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
        @pl.when(nucleus | mask_2)  # specs/sampling/wide.py:189
        def branch():
            there = 1 > 0  # specs/sampling/wide.py:133
            span_1 = jnp.arange(64, dtype=jnp.int32)  # specs/sampling/wide.py:106
            b = jnp.arange(16, dtype=jnp.int32)
            inside = (span_1 < spans)[:, None] & there
            # specs/sampling/wide.py:108
            spans_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(0), b[None, :]], mask=jnp.broadcast_to(inside, (64, 16)),
                other=0
            )
            part_1 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(1), b[None, :]], mask=jnp.broadcast_to(inside, (64, 16)),
                other=0
            )
            part_2 = plgpu.load(
                coarse_ref.at[row, span_1[:, None], jnp.int32(2), b[None, :]], mask=jnp.broadcast_to(inside, (64, 16)),
                other=0
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
            # 0x1ffff is 2**17 - 1, specs/sampling/wide.py:100
            enough = jnp.where(
                mask_2, (x_7 >= k_1).astype(jnp.int32),
                1 - ((x_5 < high_4) | ((x_5 == high_4) & (x_6 < (low_4 & 0x1ffff)))).astype(jnp.int32)
            )
            first = jnp.min(jnp.where(enough > 0, b, 15), axis=0)
            start = first << 20  # specs/sampling/wide.py:186
            last = first == 15
            here_1 = b == first  # specs/sampling/wide.py:94
            index_1 = jnp.sum(jnp.where(here_1, x_7, 0), axis=0, dtype=jnp.int32)  # specs/sampling/wide.py:95
            @pl.when(index_1 > 8192)  # specs/sampling/wide.py:187
            def branch_1():
                top = plgpu.load(top_ref.at[row])  # specs/sampling/wide.py:196
                b_1 = b[:, None]
                x_8 = jnp.full((16, 256), 0, jnp.int32)
                def step_1(i_1, carry):
                    (x_11, x_12) = carry
                    number_7 = span * 4096 + i_1 * 256 + jnp.arange(256, dtype=jnp.int32)  # specs/sampling/wide.py:199
                    inside_1 = number_7 < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
                    value = plgpu.load(logits_ref.at[row, number_7], mask=inside_1, other=0.0)
                    bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
                    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                    key = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
                    key_1 = jnp.where(
                        inside_1, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040
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
                    mask_3 = key_2 > -2139095040  # specs/sampling/settings.py:123
                    q_2 = jnp.minimum(q_1, 0)
                    # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                    twice = jnp.minimum(0 - q_2, 0x1600000) * 2
                    halvings = jax.lax.div(twice, jnp.full((256,), 0x162e43, jnp.int32))
                    rest = twice - halvings * 0x162e43
                    piece_1 = rest >> 11
                    part_3 = rest & 2047
                    low_5 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
                    high_5 = plgpu.load(table_ref.at[piece_1 + 1571])
                    mantissa_1 = low_5 + (((high_5 - low_5) * part_3 + 1024) >> 11)
                    # Rounded to nearest: adds half a unit before the last bits go.
                    # specs/sampling/settings.py:123
                    mass = jnp.where(mask_3, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0)
                    found = (0 - q_1 - start) >> 16  # specs/sampling/wide.py:200
                    found_1 = jnp.where(mask_3, jnp.where(last, jnp.minimum(found, 15), found), -1)
                    here_2 = found_1[None, :] == b_1
                    high_6 = mass >> 17  # specs/sampling/masses.py:38
                    low_6 = mass & 0x1ffff  # 2**17 - 1
                    # A column of the loop has at most 16 candidates, and halves of 12 bits: their sums share a word.
                    part_4 = high_6 + 0x100000  # 2**20, specs/sampling/wide.py:205
                    x_13 = x_11 + jnp.where(here_2, part_4[None, :], 0)  # specs/sampling/wide.py:206
                    x_14 = x_12 + jnp.where(here_2, low_6[None, :], 0)
                    return (x_13, x_14)
                (x_9, x_10) = jax.lax.fori_loop(0, 16, step_1, (x_8, x_8))  # specs/sampling/wide.py:208
                high_7 = jnp.sum(x_9 & 0xfffff, axis=1, dtype=jnp.int32)  # 2**20 - 1
                low_7 = jnp.sum(x_10, axis=1, dtype=jnp.int32)
                value_1 = high_7 + (low_7 >> 17)  # specs/sampling/masses.py:43
                value_2 = low_7 & 0x1ffff  # 2**17 - 1
                value_3 = jnp.sum(x_9 >> 20, axis=1, dtype=jnp.int32)  # specs/sampling/wide.py:210
                plgpu.store(fine_ref.at[row, span, jnp.int32(0), b], value_3)
                plgpu.store(fine_ref.at[row, span, jnp.int32(1), b], value_1)
                plgpu.store(fine_ref.at[row, span, jnp.int32(2), b], value_2)
        return ()
    # specs/sampling/wide.py:76
    () = jax.lax.fori_loop(
        0, jnp.maximum(jax.lax.div(number * spans - program + (PROGRAMS - 1), jnp.int32(PROGRAMS)), 0), step, ()
    )
