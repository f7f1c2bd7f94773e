# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""choose_groups: Groups of columns that can have tokens.

Generated. Specialised on
    order = vllm
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    maxima = int32
    groups = int32
    count = int32
    top = int32
    bound = int32
    TILE = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def choose_groups(
    temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, maxima_ref,
    groups_ref, count_ref, top_ref, bound_ref,
    *, V, vocab_size,
):
    TILE = 4096
    row = pl.program_id(0)  # specs/sampling/kernels.py:79
    group = jnp.arange(TILE, dtype=jnp.int32)
    key = plgpu.load(maxima_ref.at[row, group], mask=group < pl.cdiv(V, 32), other=-2139095040)
    top = jnp.max(key, axis=0)
    temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:76
    # NaN is greedy as well.
    greedy = jnp.logical_not(temperature >= 1e-05)
    k = plgpu.load(top_k_ref.at[row])
    k_1 = jnp.where(
        greedy | (k <= 0) | (k >= jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V)), 0, k
    )
    share = plgpu.load(top_p_ref.at[row])
    mask = jnp.logical_not(greedy)
    nucleus = (share < 1.0) & mask
    ratio = plgpu.load(min_p_ref.at[row])
    # Subnormal numbers are off, and so is NaN.
    on = (ratio >= 1.1754943508222875e-38) & mask  # 2**-126
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
    # Every one of k groups has a key at or above the smallest of their maxima, so the k-th largest key is, too.
    goal = jnp.where(k_1 > 256, 0, k_1)  # specs/sampling/kernels.py:84
    partial = nucleus & (k_1 == 0)
    goal_1 = jnp.where(partial, 256, goal)
    # A few keys are found among the maxima of several groups as well, which are fewer, and taken from all over the
    # row so that tokens next to each other are not one. What lies above their bound is hardly more.
    few = goal_1 <= 64
    key_1 = jnp.max(key.reshape(8, TILE // 8), axis=0)
    goal_2 = jnp.where(few, goal_1, 0)
    def step(i, carry):  # specs/sampling/items.py:114
        (lower_1, upper_1) = carry
        # Common bits plus half of the differing ones: rounds down for negative sums too.
        # specs/sampling/items.py:109
        needed = jnp.asarray((goal_2 > 0) & ((lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1) > lower_1), jnp.int32)
        def step_1(i_1, carry):
            (lower_3, upper_3) = carry
            middle = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:343
            # specs/sampling/kernels.py:119
            found = jnp.sum((key_1 > middle).astype(jnp.int32), axis=0, dtype=jnp.int32)
            # With exactly k the search is over, however far the next key is.
            mask_1 = found < goal_2  # specs/sampling/items.py:105
            upper_4 = jnp.where(mask_1, middle, jnp.where(found == goal_2, middle + 1, upper_3))
            lower_4 = jnp.where(mask_1, lower_3, middle)
            return (lower_4, upper_4)
        (lower_2, upper_2) = jax.lax.fori_loop(0, needed, step_1, (lower_1, upper_1))  # specs/sampling/items.py:110
        return (lower_2, upper_2)
    (lower, upper) = jax.lax.fori_loop(0, 32, step, (jnp.int32(-2139095040), top))  # specs/sampling/items.py:114
    goal_3 = jnp.where(few, 0, goal_1)  # specs/sampling/kernels.py:96
    def step_2(i_2, carry):  # specs/sampling/items.py:114
        (lower_6, upper_6) = carry
        # specs/sampling/items.py:109
        needed_1 = jnp.asarray((goal_3 > 0) & ((lower_6 & upper_6) + ((lower_6 ^ upper_6) >> 1) > lower_6), jnp.int32)
        def step_3(i_3, carry):
            (lower_8, upper_8) = carry
            middle_1 = (lower_8 & upper_8) + ((lower_8 ^ upper_8) >> 1)  # specs/indexer/select.py:343
            # specs/sampling/kernels.py:119
            found_1 = jnp.sum((key > middle_1).astype(jnp.int32), axis=0, dtype=jnp.int32)
            mask_2 = found_1 < goal_3  # specs/sampling/items.py:105
            upper_9 = jnp.where(mask_2, middle_1, jnp.where(found_1 == goal_3, middle_1 + 1, upper_8))
            lower_9 = jnp.where(mask_2, lower_8, middle_1)
            return (lower_9, upper_9)
        (lower_7, upper_7) = jax.lax.fori_loop(0, needed_1, step_3, (lower_6, upper_6))  # specs/sampling/items.py:110
        return (lower_7, upper_7)
    (lower_5, upper_5) = jax.lax.fori_loop(0, 32, step_2, (jnp.int32(-2139095040), top))  # specs/sampling/items.py:114
    bound = jnp.maximum(lower, lower_5)  # specs/sampling/kernels.py:94
    mask_3 = key == top  # specs/sampling/settings.py:70
    # -2147483648 is -2**31
    distance = jnp.where(
        mask_3, 0.0,
        jax.lax.bitcast_convert_type(
            jnp.where(key < 0, -2147483648 - key, key), jnp.float32
        ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
    )
    # Of min-p after top-p the mass of the tokens that it drops is needed as well.
    # 1048576.0 is 2**20, specs/sampling/kernels.py:99
    dropped = (
        jnp.maximum(distance * div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature)), -1000.0) * 1048576.0
    ).astype(jnp.int32) < least
    near = (key > -2139095040) & jnp.logical_not(dropped)
    eligible = near & (key > bound)
    number_6 = jnp.sum(eligible.astype(jnp.int32), axis=0, dtype=jnp.int32)
    index = jnp.sum(near.astype(jnp.int32), axis=0, dtype=jnp.int32)
    partial_1 = partial & (number_6 < index)
    # One group is enough where nothing is drawn: the first with the largest key.
    first = jnp.min(jnp.where(mask_3, group, TILE), axis=0)
    eligible_1 = eligible & (mask | (group == first))
    count = jnp.sum(eligible_1.astype(jnp.int32), axis=0, dtype=jnp.int32)
    index_1 = jax.lax.cumsum(eligible_1.astype(jnp.int32), axis=0)
    place = index_1 - 1
    plgpu.store(groups_ref.at[row, place], group, mask=eligible_1 & (place < 256))
    plgpu.store(count_ref.at[row], count)
    plgpu.store(top_ref.at[row], top)
    plgpu.store(bound_ref.at[row], jnp.where(partial_1, bound, -2139095040))
