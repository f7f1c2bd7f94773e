# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""choose_groups: Groups of columns that can have tokens.

Generated. Specialised on
    order = vllm
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    maxima = int32
    groups = int32
    count = int32
    top = int32
    bound = int32
    TILE = 8192
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def choose_groups(
    temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, maxima_ptr,
    groups_ptr, count_ptr, top_ptr, bound_ptr,
    V, vocab_size,
):
    TILE: tl.constexpr = 8192
    row = tl.program_id(0)  # specs/sampling/kernels.py:79
    group = tl.arange(0, TILE)
    key = tl.load(maxima_ptr + (row * tl.cdiv(V, 32) + group), mask=group < tl.cdiv(V, 32), other=-2139095040)
    top = tl.max(key, axis=0)
    temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:76
    # NaN is greedy as well.
    greedy = ~(temperature >= 1e-05)
    k = tl.load(top_k_ptr + row)
    k_1 = tl.where(greedy | (k <= 0) | (k >= tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)), 0, k)
    share = tl.load(top_p_ptr + row)
    mask = ~greedy
    nucleus = (share < 1.0) & mask
    # Every one of k groups has a key at or above the smallest of their maxima, so the k-th largest key is, too.
    goal = tl.where(k_1 > 256, 0, k_1)  # specs/sampling/kernels.py:84
    partial = nucleus & (k_1 == 0)
    goal_1 = tl.where(partial, 256, goal)
    # A few keys are found among the maxima of several groups as well, which are fewer, and taken from all over the
    # row so that tokens next to each other are not one. What lies above their bound is hardly more.
    few = goal_1 <= 64
    key_1 = tl.max(tl.reshape(key, [8, TILE // 8]), axis=0)
    goal_2 = tl.where(few, goal_1, 0)
    lower = -2139095040  # specs/sampling/items.py:114
    upper = top
    for i in range(32):
        # Common bits plus half of the differing ones: rounds down for negative sums too.
        # specs/sampling/items.py:109
        needed = tl.cast((goal_2 > 0) & ((lower & upper) + ((lower ^ upper) >> 1) > lower), tl.int32)
        lower_1 = lower
        upper_1 = upper
        for i_1 in range(needed):
            middle = (lower_1 & upper_1) + ((lower_1 ^ upper_1) >> 1)  # specs/indexer/select.py:343
            found = tl.sum((key_1 > middle).to(tl.int32), axis=0)  # specs/sampling/kernels.py:119
            # With exactly k the search is over, however far the next key is.
            mask_1 = found < goal_2  # specs/sampling/items.py:105
            upper_2 = tl.where(mask_1, middle, tl.where(found == goal_2, middle + 1, upper_1))
            lower_2 = tl.where(mask_1, lower_1, middle)
            lower_1 = lower_2
            upper_1 = upper_2
        lower = lower_1
        upper = upper_1
    goal_3 = tl.where(few, 0, goal_1)  # specs/sampling/kernels.py:96
    lower_3 = -2139095040  # specs/sampling/items.py:114
    upper_3 = top
    for i_2 in range(32):
        # specs/sampling/items.py:109
        needed_1 = tl.cast((goal_3 > 0) & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
        lower_4 = lower_3
        upper_4 = upper_3
        for i_3 in range(needed_1):
            middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
            found_1 = tl.sum((key > middle_1).to(tl.int32), axis=0)  # specs/sampling/kernels.py:119
            mask_2 = found_1 < goal_3  # specs/sampling/items.py:105
            upper_5 = tl.where(mask_2, middle_1, tl.where(found_1 == goal_3, middle_1 + 1, upper_4))
            lower_5 = tl.where(mask_2, lower_4, middle_1)
            lower_4 = lower_5
            upper_4 = upper_5
        lower_3 = lower_4
        upper_3 = upper_4
    bound = tl.maximum(lower, lower_3)  # specs/sampling/kernels.py:94
    mask_3 = key == top  # specs/sampling/settings.py:70
    # -2147483648 is -2**31
    distance = tl.where(
        mask_3, 0.0,
        tl.where(key < 0, -2147483648 - key, key).to(tl.float32, bitcast=True) - tl.cast(
            tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
        )
    )
    # Of min-p after top-p the mass of the tokens that it drops is needed as well.
    # 1048576.0 is 2**20, specs/sampling/kernels.py:99
    dropped = (
        tl.maximum(distance * tl.div_rn(1.0, tl.where(greedy, 1.0, temperature)), -1000.0) * 1048576.0
    ).to(tl.int32) < -1048576001
    near = (key > -2139095040) & ~dropped
    eligible = near & (key > bound)
    number = tl.sum(eligible.to(tl.int32), axis=0)
    index = tl.sum(near.to(tl.int32), axis=0)
    partial_1 = partial & (number < index)
    # One group is enough where nothing is drawn: the first with the largest key.
    first = tl.min(tl.where(mask_3, group, TILE), axis=0)
    eligible_1 = eligible & (mask | (group == first))
    count = tl.sum(eligible_1.to(tl.int32), axis=0)
    index_1 = tl.cumsum(eligible_1.to(tl.int32), axis=0)
    place = index_1 - 1
    tl.store(groups_ptr + (row * 256 + place), group, mask=eligible_1 & (place < 256))
    tl.store(count_ptr + row, count)
    tl.store(top_ptr + row, top)
    tl.store(bound_ptr + row, tl.where(partial_1, bound, -2139095040))
