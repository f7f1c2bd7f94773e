# rejection_sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""accept_or_draw: Draft tokens that are accepted, and tokens in place of the others.

Generated. Specialised on
    target_logits = f32
    draft = int32
    lengths = int32
    temperature = f32
    seeds = int32
    positions = int32
    table = int32
    draft_logits = f32
    sampled = int32
    K = 1
    BLOCK = 1024
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, fma


def accept_or_draw(
    target_logits_ref, draft_ref, lengths_ref, temperature_ref, seeds_ref, positions_ref, table_ref, draft_logits_ref,
    sampled_ref,
    *, V,
):
    K = 1
    BLOCK = 1024
    row = pl.program_id(0)  # specs/sampling/rejection.py:110
    place = pl.program_id(1)
    length = plgpu.load(lengths_ref.at[row])
    drafted = (place < length) & (place < K)
    width = jnp.where(place <= jnp.maximum(length, 0), jnp.int32(V), jnp.int32(0))
    temperature = plgpu.load(temperature_ref.at[row])
    greedy = jnp.logical_not(temperature >= 1e-05)
    token = plgpu.load(draft_ref.at[row, place], mask=drafted, other=-1)
    positions = plgpu.load(positions_ref.at[row])
    position = positions + place
    seed_0 = plgpu.load(seeds_ref.at[row, jnp.int32(0)])
    y = plgpu.load(seeds_ref.at[row, jnp.int32(1)])
    block = jnp.arange(BLOCK, dtype=jnp.int32)  # specs/sampling/rejection.py:84
    blocks = jax.lax.div(width + (BLOCK - 1), jnp.int32(BLOCK))
    x = jnp.full((BLOCK,), -2139095040, jnp.int32)
    def step(i, carry):
        (x_2,) = carry
        number = i * BLOCK + block  # specs/sampling/rejection.py:86
        inside = (number >= 0) & (number < width)  # specs/sampling/rejection.py:92
        value = plgpu.load(target_logits_ref.at[row, place, jnp.where(inside, number, 0)], mask=inside, other=0.0)
        bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        # 0x7f800000 is float32 bits of infinity
        return (
            jnp.maximum(
                x_2,
                jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
            ),
        )
    (x_1,) = jax.lax.fori_loop(0, blocks, step, (x,))  # specs/sampling/rejection.py:85
    top = jnp.max(x_1, axis=0)  # specs/sampling/rejection.py:71
    nothing = jnp.full((BLOCK,), 0, jnp.int32)
    def step_1(i_1, carry):
        (high_1, low_1) = carry
        number_1 = i_1 * BLOCK + block  # specs/sampling/rejection.py:75
        inside_1 = (number_1 >= 0) & (number_1 < width)  # specs/sampling/rejection.py:92
        value_1 = plgpu.load(
            target_logits_ref.at[row, place, jnp.where(inside_1, number_1, 0)], mask=inside_1, other=0.0
        )
        bits_1 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
        key_1 = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_2 = jnp.where(
            inside_1, jnp.where(key_1 > 0x7f800000, -2139095040, jnp.maximum(key_1, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance = jnp.where(
            key_2 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_2 < 0, -2147483648 - key_2, key_2), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
        )
        q = (jnp.maximum(distance, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        q_1 = jnp.minimum(q, 0)  # specs/sampling/settings.py:123
        twice = jnp.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings = jax.lax.div(twice, jnp.full((BLOCK,), 0x162e43, jnp.int32))
        rest = twice - halvings * 0x162e43
        piece = rest >> 11
        part = rest & 2047
        low_2 = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:55
        high_2 = plgpu.load(table_ref.at[piece + 1571])
        mantissa = low_2 + (((high_2 - low_2) * part + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        # specs/sampling/settings.py:123
        mass = jnp.where(key_2 > -2139095040, ((mantissa << 1 >> halvings) + 1) >> 1, 0)
        high_3 = high_1 + (mass >> 17)  # specs/sampling/rejection.py:76
        low_3 = low_1 + (mass & 0x1ffff)  # 2**17 - 1
        return (high_3, low_3)
    (high, low) = jax.lax.fori_loop(0, blocks, step_1, (nothing, nothing))  # specs/sampling/rejection.py:78
    high_4 = jnp.sum(high + (low >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
    low_4 = jnp.sum(low & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
    # The product with a power of two is exact, so it does not matter whether it is fused with the sum.
    # 131072.0 is 2**17, 0x1ffff is 2**17 - 1, specs/sampling/rejection.py:80
    whole = fma(jnp.asarray(high_4 + (low_4 >> 17), jnp.float32), 131072.0, jnp.asarray(low_4 & 0x1ffff, jnp.float32))
    _whole = jnp.where(whole > 0.0, whole, 1.0)
    mask = token >= 0  # specs/sampling/rejection.py:92
    inside_2 = mask & (token < width)
    value_2 = plgpu.load(target_logits_ref.at[row, place, jnp.where(inside_2, token, 0)], mask=inside_2, other=0.0)
    bits_2 = jax.lax.bitcast_convert_type(value_2, jnp.int32)  # specs/indexer/select.py:122
    key_3 = jnp.where(bits_2 < 0, -2147483648 - bits_2, bits_2)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
    key_4 = jnp.where(
        inside_2, jnp.where(key_3 > 0x7f800000, -2139095040, jnp.maximum(key_3, -2139095040)), -2139095040
    )
    mask_1 = top < 0  # specs/sampling/settings.py:44
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance_1 = jnp.where(
        key_4 == top, 0.0,
        jax.lax.bitcast_convert_type(
            jnp.where(key_4 < 0, -2147483648 - key_4, key_4), jnp.float32
        ) - jax.lax.bitcast_convert_type(jnp.where(mask_1, -2147483648 - top, top), jnp.float32)
    )
    q_2 = jnp.asarray(jnp.maximum(distance_1, -1000.0) * 1048576.0, jnp.int32)  # 2**20
    q_3 = jnp.minimum(q_2, 0)  # specs/sampling/settings.py:123
    twice_1 = jnp.minimum(0 - q_3, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
    halvings_1 = jax.lax.div(twice_1, jnp.int32(0x162e43))
    rest_1 = twice_1 - halvings_1 * 0x162e43
    piece_1 = rest_1 >> 11
    part_1 = rest_1 & 2047
    low_5 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
    high_5 = plgpu.load(table_ref.at[piece_1 + 1571])
    mantissa_1 = low_5 + (((high_5 - low_5) * part_1 + 1024) >> 11)
    # specs/sampling/rejection.py:105
    own = div_rn(
        jnp.asarray(jnp.where(key_4 > -2139095040, ((mantissa_1 << 1 >> halvings_1) + 1) >> 1, 0), jnp.float32), _whole
    )
    width_1 = jnp.where(drafted, width, 0)  # specs/sampling/rejection.py:123
    blocks_1 = jax.lax.div(width_1 + (BLOCK - 1), jnp.int32(BLOCK))  # specs/sampling/rejection.py:86
    x_3 = jnp.full((BLOCK,), -2139095040, jnp.int32)
    def step_2(i_2, carry):
        (x_5,) = carry
        number_2 = i_2 * BLOCK + block  # specs/sampling/rejection.py:86
        inside_3 = (number_2 >= 0) & (number_2 < width_1)  # specs/sampling/rejection.py:92
        value_3 = plgpu.load(
            draft_logits_ref.at[row, place, jnp.where(inside_3, number_2, 0)], mask=inside_3, other=0.0
        )
        bits_3 = jax.lax.bitcast_convert_type(value_3, jnp.int32)  # specs/indexer/select.py:122
        key_5 = jnp.where(bits_3 < 0, -2147483648 - bits_3, bits_3)  # -2**31
        # 0x7f800000 is float32 bits of infinity
        return (
            jnp.maximum(
                x_5,
                jnp.where(
                    inside_3, jnp.where(key_5 > 0x7f800000, -2139095040, jnp.maximum(key_5, -2139095040)), -2139095040
                )
            ),
        )
    (x_4,) = jax.lax.fori_loop(0, blocks_1, step_2, (x_3,))  # specs/sampling/rejection.py:85
    top_1 = jnp.max(x_4, axis=0)  # specs/sampling/rejection.py:71
    nothing_1 = jnp.full((BLOCK,), 0, jnp.int32)
    def step_3(i_3, carry):
        (high_7, low_7) = carry
        number_3 = i_3 * BLOCK + block  # specs/sampling/rejection.py:75
        inside_4 = (number_3 >= 0) & (number_3 < width_1)  # specs/sampling/rejection.py:92
        value_4 = plgpu.load(
            draft_logits_ref.at[row, place, jnp.where(inside_4, number_3, 0)], mask=inside_4, other=0.0
        )
        bits_4 = jax.lax.bitcast_convert_type(value_4, jnp.int32)  # specs/indexer/select.py:122
        key_6 = jnp.where(bits_4 < 0, -2147483648 - bits_4, bits_4)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_7 = jnp.where(
            inside_4, jnp.where(key_6 > 0x7f800000, -2139095040, jnp.maximum(key_6, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_2 = jnp.where(
            key_7 == top_1, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_7 < 0, -2147483648 - key_7, key_7), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(top_1 < 0, -2147483648 - top_1, top_1), jnp.float32)
        )
        q_4 = (jnp.maximum(distance_2, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        q_5 = jnp.minimum(q_4, 0)  # specs/sampling/settings.py:123
        twice_2 = jnp.minimum(0 - q_5, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_2 = jax.lax.div(twice_2, jnp.full((BLOCK,), 0x162e43, jnp.int32))
        rest_2 = twice_2 - halvings_2 * 0x162e43
        piece_2 = rest_2 >> 11
        part_2 = rest_2 & 2047
        low_8 = plgpu.load(table_ref.at[piece_2 + 1570])  # specs/sampling/integers.py:55
        high_8 = plgpu.load(table_ref.at[piece_2 + 1571])
        mantissa_2 = low_8 + (((high_8 - low_8) * part_2 + 1024) >> 11)
        # specs/sampling/settings.py:123
        mass_1 = jnp.where(key_7 > -2139095040, ((mantissa_2 << 1 >> halvings_2) + 1) >> 1, 0)
        high_9 = high_7 + (mass_1 >> 17)  # specs/sampling/rejection.py:76
        low_9 = low_7 + (mass_1 & 0x1ffff)  # 2**17 - 1
        return (high_9, low_9)
    (high_6, low_6) = jax.lax.fori_loop(0, blocks_1, step_3, (nothing_1, nothing_1))  # specs/sampling/rejection.py:78
    high_10 = jnp.sum(high_6 + (low_6 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
    low_10 = jnp.sum(low_6 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
    # 131072.0 is 2**17, 0x1ffff is 2**17 - 1, specs/sampling/rejection.py:80
    whole_1 = fma(
        jnp.asarray(high_10 + (low_10 >> 17), jnp.float32), 131072.0, jnp.asarray(low_10 & 0x1ffff, jnp.float32)
    )
    _whole_1 = jnp.where(whole_1 > 0.0, whole_1, 1.0)
    inside_5 = mask & (token < width_1)  # specs/sampling/rejection.py:92
    value_5 = plgpu.load(draft_logits_ref.at[row, place, jnp.where(inside_5, token, 0)], mask=inside_5, other=0.0)
    bits_5 = jax.lax.bitcast_convert_type(value_5, jnp.int32)  # specs/indexer/select.py:122
    key_8 = jnp.where(bits_5 < 0, -2147483648 - bits_5, bits_5)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
    key_9 = jnp.where(
        inside_5, jnp.where(key_8 > 0x7f800000, -2139095040, jnp.maximum(key_8, -2139095040)), -2139095040
    )
    mask_2 = top_1 < 0  # specs/sampling/settings.py:44
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance_3 = jnp.where(
        key_9 == top_1, 0.0,
        jax.lax.bitcast_convert_type(
            jnp.where(key_9 < 0, -2147483648 - key_9, key_9), jnp.float32
        ) - jax.lax.bitcast_convert_type(jnp.where(mask_2, -2147483648 - top_1, top_1), jnp.float32)
    )
    q_6 = jnp.asarray(jnp.maximum(distance_3, -1000.0) * 1048576.0, jnp.int32)  # 2**20
    q_7 = jnp.minimum(q_6, 0)  # specs/sampling/settings.py:123
    twice_3 = jnp.minimum(0 - q_7, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
    halvings_3 = jax.lax.div(twice_3, jnp.int32(0x162e43))
    rest_3 = twice_3 - halvings_3 * 0x162e43
    piece_3 = rest_3 >> 11
    part_3 = rest_3 & 2047
    low_11 = plgpu.load(table_ref.at[piece_3 + 1570])  # specs/sampling/integers.py:55
    high_11 = plgpu.load(table_ref.at[piece_3 + 1571])
    mantissa_3 = low_11 + (((high_11 - low_11) * part_3 + 1024) >> 11)
    # specs/sampling/rejection.py:105
    other = div_rn(
        jnp.asarray(jnp.where(key_9 > -2139095040, ((mantissa_3 << 1 >> halvings_3) + 1) >> 1, 0), jnp.float32),
        _whole_1
    )
    first = position + -2147483648  # -2**31, specs/sampling/rejection.py:125
    keys_2 = seed_0 ^ y ^ 0x1bd11bda  # specs/sampling/integers.py:42
    x_6 = first + seed_0
    x_7 = x_6 + y
    y_1 = ((y << 13) | ((y >> 19) & 8191)) ^ x_7
    x_8 = x_7 + y_1
    y_2 = ((y_1 << 15) | ((y_1 >> 17) & 32767)) ^ x_8
    x_9 = x_8 + y_2
    y_3 = ((y_2 << 26) | ((y_2 >> 6) & 0x3ffffff)) ^ x_9  # 2**26 - 1
    x_10 = x_9 + y_3
    y_4 = ((y_3 << 6) | ((y_3 >> 26) & 63)) ^ x_10
    x_11 = x_10 + y
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
    y_13 = ((y_12 << 26) | ((y_12 >> 6) & 0x3ffffff)) ^ x_19  # 2**26 - 1
    x_20 = x_19 + y_13
    y_14 = ((y_13 << 6) | ((y_13 >> 26) & 63)) ^ x_20
    x_21 = x_20 + seed_0
    y_15 = y_14 + (y + 3)
    x_22 = x_21 + y_15
    y_16 = ((y_15 << 17) | ((y_15 >> 15) & 0x1ffff)) ^ x_22  # 2**17 - 1
    x_23 = x_22 + y_16
    y_17 = ((y_16 << 29) | ((y_16 >> 3) & 0x1fffffff)) ^ x_23  # 2**29 - 1, 2**17 - 1
    x_24 = x_23 + y_17
    y_18 = ((y_17 << 16) | ((y_17 >> 16) & 65535)) ^ x_24
    x_25 = x_24 + y_18
    y_19 = ((y_18 << 24) | ((y_18 >> 8) & 0xffffff)) ^ x_25  # 2**24 - 1
    x_26 = x_25 + y
    y_20 = y_19 + (keys_2 + 4)
    x_27 = x_26 + y_20
    y_21 = ((y_20 << 13) | ((y_20 >> 19) & 8191)) ^ x_27
    x_28 = x_27 + y_21
    y_22 = ((y_21 << 15) | ((y_21 >> 17) & 32767)) ^ x_28
    x_29 = x_28 + y_22
    y_23 = ((y_22 << 26) | ((y_22 >> 6) & 0x3ffffff)) ^ x_29  # 2**26 - 1
    x_30 = x_29 + y_23
    x_31 = x_30 + keys_2
    # 5.960464477539063e-08 is 2**-24, 0x7fffff is 2**23 - 1, specs/sampling/rejection.py:126
    u = jnp.asarray(((x_31 >> 9) & 0x7fffff) * 2 + 1, jnp.float32) * 5.960464477539063e-08
    accepted = drafted & jnp.logical_not(greedy) & (other > 0.0) & (own > 0.0) & (own >= u * other)
    blocks_2 = jax.lax.div(jnp.where(accepted, 0, width) + (BLOCK - 1), jnp.int32(BLOCK))
    best = jnp.full((BLOCK,), -2147483648, jnp.int32)  # -2**31
    at = jnp.full((BLOCK,), 0, jnp.int32)
    def step_4(i_4, carry):
        (best_2, at_2) = carry
        number_4 = i_4 * BLOCK + block  # specs/sampling/rejection.py:142
        mask_3 = number_4 >= 0  # specs/sampling/rejection.py:92
        inside_6 = mask_3 & (number_4 < width)
        value_6 = plgpu.load(
            target_logits_ref.at[row, place, jnp.where(inside_6, number_4, 0)], mask=inside_6, other=0.0
        )
        bits_6 = jax.lax.bitcast_convert_type(value_6, jnp.int32)  # specs/indexer/select.py:122
        key_10 = jnp.where(bits_6 < 0, -2147483648 - bits_6, bits_6)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_11 = jnp.where(
            inside_6, jnp.where(key_10 > 0x7f800000, -2139095040, jnp.maximum(key_10, -2139095040)), -2139095040
        )
        there = key_11 > -2139095040  # specs/sampling/rejection.py:131
        mask_4 = key_11 == top  # specs/sampling/settings.py:70
        mask_5 = key_11 < 0  # specs/sampling/settings.py:44
        index = -2147483648 - key_11  # -2**31
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_4 = jnp.where(
            mask_4, 0.0,
            jax.lax.bitcast_convert_type(jnp.where(mask_5, index, key_11), jnp.float32) - jax.lax.bitcast_convert_type(
                jnp.where(mask_1, -2147483648 - top, top), jnp.float32
            )
        )
        q_8 = (jnp.maximum(distance_4, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        q_9 = jnp.minimum(q_8, 0)  # specs/sampling/settings.py:123
        twice_4 = jnp.minimum(0 - q_9, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_4 = jax.lax.div(twice_4, jnp.full((BLOCK,), 0x162e43, jnp.int32))
        rest_4 = twice_4 - halvings_4 * 0x162e43
        piece_4 = rest_4 >> 11
        part_4 = rest_4 & 2047
        low_12 = plgpu.load(table_ref.at[piece_4 + 1570])  # specs/sampling/integers.py:55
        high_12 = plgpu.load(table_ref.at[piece_4 + 1571])
        mantissa_4 = low_12 + (((high_12 - low_12) * part_4 + 1024) >> 11)
        # specs/sampling/rejection.py:105
        rest_5 = div_rn(
            jnp.where(there, ((mantissa_4 << 1 >> halvings_4) + 1) >> 1, 0).astype(jnp.float32),
            jnp.broadcast_to(_whole, (BLOCK,))
        )
        inside_7 = mask_3 & (number_4 < width_1)  # specs/sampling/rejection.py:92
        value_7 = plgpu.load(
            draft_logits_ref.at[row, place, jnp.where(inside_7, number_4, 0)], mask=inside_7, other=0.0
        )
        bits_7 = jax.lax.bitcast_convert_type(value_7, jnp.int32)  # specs/indexer/select.py:122
        key_12 = jnp.where(bits_7 < 0, -2147483648 - bits_7, bits_7)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/rejection.py:94
        key_13 = jnp.where(
            inside_7, jnp.where(key_12 > 0x7f800000, -2139095040, jnp.maximum(key_12, -2139095040)), -2139095040
        )
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_5 = jnp.where(
            key_13 == top_1, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_13 < 0, -2147483648 - key_13, key_13), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(mask_2, -2147483648 - top_1, top_1), jnp.float32)
        )
        q_10 = (jnp.maximum(distance_5, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
        q_11 = jnp.minimum(q_10, 0)  # specs/sampling/settings.py:123
        twice_5 = jnp.minimum(0 - q_11, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
        halvings_5 = jax.lax.div(twice_5, jnp.full((BLOCK,), 0x162e43, jnp.int32))
        rest_6 = twice_5 - halvings_5 * 0x162e43
        piece_5 = rest_6 >> 11
        part_5 = rest_6 & 2047
        low_13 = plgpu.load(table_ref.at[piece_5 + 1570])  # specs/sampling/integers.py:55
        high_13 = plgpu.load(table_ref.at[piece_5 + 1571])
        mantissa_5 = low_13 + (((high_13 - low_13) * part_5 + 1024) >> 11)
        # specs/sampling/rejection.py:133
        rest_7 = rest_5 - div_rn(
            jnp.where(key_13 > -2139095040, ((mantissa_5 << 1 >> halvings_5) + 1) >> 1, 0).astype(jnp.float32),
            jnp.broadcast_to(_whole_1, (BLOCK,))
        )
        left = rest_7 > 0.0
        bits_8 = jax.lax.bitcast_convert_type(jnp.where(left, rest_7, 1.0), jnp.int32)
        mantissa_6 = (bits_8 & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
        shift = 150 - (bits_8 >> 23)
        number_5 = mantissa_6 * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa_6 >> 16) & 65535) == 0
        x_32 = jnp.where(small, mantissa_6 << 16, mantissa_6)
        number_6 = jnp.where(small, number_5 - 16, number_5)
        small_1 = ((x_32 >> 24) & 255) == 0
        x_33 = jnp.where(small_1, x_32 << 8, x_32)
        number_7 = jnp.where(small_1, number_6 - 8, number_6)
        small_2 = ((x_33 >> 28) & 15) == 0
        x_34 = jnp.where(small_2, x_33 << 4, x_33)
        number_8 = jnp.where(small_2, number_7 - 4, number_7)
        small_3 = ((x_34 >> 30) & 3) == 0
        x_35 = jnp.where(small_3, x_34 << 2, x_34)
        number_9 = jnp.where(small_3, number_8 - 2, number_8)
        small_4 = ((x_35 >> 31) & 1) == 0
        x_36 = jnp.where(small_4, x_35 << 1, x_35)
        number_10 = jnp.where(small_4, number_9 - 1, number_9)
        piece_6 = (x_36 >> 21) & 1023
        part_6 = (x_36 >> 6) & 32767
        whole_2 = number_10 * 0x2c5c860 - ((number_10 * 131 + 512) >> 10)
        low_14 = plgpu.load(table_ref.at[piece_6])  # specs/sampling/integers.py:55
        high_14 = plgpu.load(table_ref.at[piece_6 + 1])
        # specs/sampling/integers.py:95
        q_12 = (
            (whole_2 + (low_14 + (((high_14 - low_14) * part_6 + 16384) >> 15)) + 32) >> 6
        ) - (shift * 0xb1721 + (shift >> 1))
        logarithm = jnp.minimum(q_12, 0)
        # -2147483648 is -2**31, specs/sampling/settings.py:70
        distance_6 = jnp.where(
            mask_4, 0.0,
            jax.lax.bitcast_convert_type(jnp.where(mask_5, index, key_11), jnp.float32) - jax.lax.bitcast_convert_type(
                jnp.where(mask_1, -2147483648 - top, top), jnp.float32
            )
        )
        # After the draft its own distances, so that the token is the one that `sample` draws.
        # 1048576.0 is 2**20, specs/sampling/rejection.py:137
        base = jnp.where(drafted, logarithm, (jnp.maximum(distance_6, -1000.0) * 1048576.0).astype(jnp.int32))
        allowed = jnp.where(drafted, left, there)
        x_37 = position + seed_0  # specs/sampling/integers.py:43
        y_24 = number_4 + y
        x_38 = x_37 + y_24
        y_25 = ((y_24 << 13) | ((y_24 >> 19) & 8191)) ^ x_38
        x_39 = x_38 + y_25
        y_26 = ((y_25 << 15) | ((y_25 >> 17) & 32767)) ^ x_39
        x_40 = x_39 + y_26
        y_27 = ((y_26 << 26) | ((y_26 >> 6) & 0x3ffffff)) ^ x_40  # 2**26 - 1
        x_41 = x_40 + y_27
        y_28 = ((y_27 << 6) | ((y_27 >> 26) & 63)) ^ x_41
        x_42 = x_41 + y
        y_29 = y_28 + (keys_2 + 1)
        x_43 = x_42 + y_29
        y_30 = ((y_29 << 17) | ((y_29 >> 15) & 0x1ffff)) ^ x_43  # 2**17 - 1
        x_44 = x_43 + y_30
        y_31 = ((y_30 << 29) | ((y_30 >> 3) & 0x1fffffff)) ^ x_44  # 2**29 - 1, 2**17 - 1
        x_45 = x_44 + y_31
        y_32 = ((y_31 << 16) | ((y_31 >> 16) & 65535)) ^ x_45
        x_46 = x_45 + y_32
        y_33 = ((y_32 << 24) | ((y_32 >> 8) & 0xffffff)) ^ x_46  # 2**24 - 1
        x_47 = x_46 + keys_2
        y_34 = y_33 + (seed_0 + 2)
        x_48 = x_47 + y_34
        y_35 = ((y_34 << 13) | ((y_34 >> 19) & 8191)) ^ x_48
        x_49 = x_48 + y_35
        y_36 = ((y_35 << 15) | ((y_35 >> 17) & 32767)) ^ x_49
        x_50 = x_49 + y_36
        y_37 = ((y_36 << 26) | ((y_36 >> 6) & 0x3ffffff)) ^ x_50  # 2**26 - 1
        x_51 = x_50 + y_37
        y_38 = ((y_37 << 6) | ((y_37 >> 26) & 63)) ^ x_51
        x_52 = x_51 + seed_0
        y_39 = y_38 + (y + 3)
        x_53 = x_52 + y_39
        y_40 = ((y_39 << 17) | ((y_39 >> 15) & 0x1ffff)) ^ x_53  # 2**17 - 1
        x_54 = x_53 + y_40
        y_41 = ((y_40 << 29) | ((y_40 >> 3) & 0x1fffffff)) ^ x_54  # 2**29 - 1, 2**17 - 1
        x_55 = x_54 + y_41
        y_42 = ((y_41 << 16) | ((y_41 >> 16) & 65535)) ^ x_55
        x_56 = x_55 + y_42
        y_43 = ((y_42 << 24) | ((y_42 >> 8) & 0xffffff)) ^ x_56  # 2**24 - 1
        x_57 = x_56 + y
        y_44 = y_43 + (keys_2 + 4)
        x_58 = x_57 + y_44
        y_45 = ((y_44 << 13) | ((y_44 >> 19) & 8191)) ^ x_58
        x_59 = x_58 + y_45
        y_46 = ((y_45 << 15) | ((y_45 >> 17) & 32767)) ^ x_59
        x_60 = x_59 + y_46
        y_47 = ((y_46 << 26) | ((y_46 >> 6) & 0x3ffffff)) ^ x_60  # 2**26 - 1
        x_61 = x_60 + y_47
        x_62 = x_61 + keys_2
        low_15 = x_62 >= 0  # specs/sampling/integers.py:72
        twice_6 = x_62 << 1
        # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest u.
        x_63 = jnp.where(low_15, twice_6 | 1, twice_6 ^ -1)
        number_11 = x_63 * 0 + 31  # specs/sampling/integers.py:61
        small_5 = ((x_63 >> 16) & 65535) == 0
        x_64 = jnp.where(small_5, x_63 << 16, x_63)
        number_12 = jnp.where(small_5, number_11 - 16, number_11)
        small_6 = ((x_64 >> 24) & 255) == 0
        x_65 = jnp.where(small_6, x_64 << 8, x_64)
        number_13 = jnp.where(small_6, number_12 - 8, number_12)
        small_7 = ((x_65 >> 28) & 15) == 0
        x_66 = jnp.where(small_7, x_65 << 4, x_65)
        number_14 = jnp.where(small_7, number_13 - 4, number_13)
        small_8 = ((x_66 >> 30) & 3) == 0
        x_67 = jnp.where(small_8, x_66 << 2, x_66)
        number_15 = jnp.where(small_8, number_14 - 2, number_14)
        small_9 = ((x_67 >> 31) & 1) == 0
        x_68 = jnp.where(small_9, x_67 << 1, x_67)
        number_16 = jnp.where(small_9, number_15 - 1, number_15)
        piece_7 = (x_68 >> 21) & 1023
        part_7 = (x_68 >> 6) & 32767
        whole_3 = number_16 * 0x2c5c860 - ((number_16 * 131 + 512) >> 10)
        low_16 = plgpu.load(table_ref.at[piece_7])  # specs/sampling/integers.py:55
        high_15 = plgpu.load(table_ref.at[piece_7 + 1])
        # specs/sampling/integers.py:67
        logarithm_1 = whole_3 + (low_16 + (((high_15 - low_16) * part_7 + 16384) >> 15))
        piece_8 = (twice_6 >> 23) & 511  # specs/sampling/integers.py:76
        part_8 = (twice_6 >> 8) & 32767
        index_1 = 0x5b7ed45c - logarithm_1
        low_17 = plgpu.load(table_ref.at[piece_8 + 1025])  # specs/sampling/integers.py:55
        high_16 = plgpu.load(table_ref.at[piece_8 + 1026])
        near = index_1 - (low_17 + (((high_16 - low_17) * part_8 + 16384) >> 15))  # specs/sampling/integers.py:77
        x_69 = jnp.maximum(index_1, 1)
        number_17 = x_69 * 0 + 31  # specs/sampling/integers.py:61
        small_10 = ((x_69 >> 16) & 65535) == 0
        x_70 = jnp.where(small_10, x_69 << 16, x_69)
        number_18 = jnp.where(small_10, number_17 - 16, number_17)
        small_11 = ((x_70 >> 24) & 255) == 0
        x_71 = jnp.where(small_11, x_70 << 8, x_70)
        number_19 = jnp.where(small_11, number_18 - 8, number_18)
        small_12 = ((x_71 >> 28) & 15) == 0
        x_72 = jnp.where(small_12, x_71 << 4, x_71)
        number_20 = jnp.where(small_12, number_19 - 4, number_19)
        small_13 = ((x_72 >> 30) & 3) == 0
        x_73 = jnp.where(small_13, x_72 << 2, x_72)
        number_21 = jnp.where(small_13, number_20 - 2, number_20)
        small_14 = ((x_73 >> 31) & 1) == 0
        x_74 = jnp.where(small_14, x_73 << 1, x_73)
        number_22 = jnp.where(small_14, number_21 - 1, number_21)
        piece_9 = (x_74 >> 21) & 1023
        part_9 = (x_74 >> 6) & 32767
        whole_4 = number_22 * 0x2c5c860 - ((number_22 * 131 + 512) >> 10)
        low_18 = plgpu.load(table_ref.at[piece_9])  # specs/sampling/integers.py:55
        high_17 = plgpu.load(table_ref.at[piece_9 + 1])
        # specs/sampling/integers.py:78
        far = 0x481659bd - (whole_4 + (low_18 + (((high_17 - low_18) * part_9 + 16384) >> 15)))
        # -2147483648 is -2**31, specs/sampling/rejection.py:138
        drawn = jnp.where(allowed, base + ((jnp.where(low_15, near, far) + 32) >> 6), -2147483648)
        # -2147483648 is -2**31, specs/sampling/rejection.py:143
        found = jnp.where(number_4 < V, jnp.where(greedy, key_11, drawn), -2147483648)
        best_3 = jnp.maximum(found, best_2)
        at_3 = jnp.where(found > best_2, number_4, at_2)
        return (best_3, at_3)
    (best_1, at_1) = jax.lax.fori_loop(0, blocks_2, step_4, (best, at))  # specs/sampling/rejection.py:147
    best_4 = jnp.max(best_1, axis=0)  # specs/sampling/items.py:180
    drawn_1 = jnp.min(jnp.where(best_1 == best_4, at_1, 0x7fffffff), axis=0)  # 2**31 - 1, 2**23 - 1
    # nothing to draw from, or nothing drawn
    instead = jnp.where(own > 0.0, token, 0)  # specs/sampling/rejection.py:149
    plgpu.store(sampled_ref.at[row, place], jnp.where(best_4 > -2147483648, drawn_1, instead))  # -2**31
