# topk_rows_decode, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""select_columns_of_groups: The k first columns of chosen groups of every row.

Generated. Specialised on
    topk = 1024
    next_n = 2
    lens = query
    logits = f32
    groups = int32
    floor = int32
    indices = int32
    seq_lens = int32
    LEVELS = 3
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def select_columns_of_groups(
    logits_ptr, groups_ptr, floor_ptr, seq_lens_ptr,
    indices_ptr,
    R, W, first,
    stride_logits0,
    stride_seq_lens0,
):
    topk: tl.constexpr = 1024
    next_n: tl.constexpr = 2
    BLOCK: tl.constexpr = 4096
    out_row = tl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < R
    request = row // next_n  # specs/indexer/select.py:134
    query = row % next_n
    start = row * 0
    end = tl.load(seq_lens_ptr + (request * stride_seq_lens0 + query), mask=live, other=0)
    start_1 = tl.maximum(start, 0)  # specs/indexer/select.py:106
    end_1 = tl.minimum(end, W)
    if live & (end_1 - start_1 > topk):  # specs/indexer/select.py:267
        number = tl.arange(0, 1024)  # specs/indexer/select.py:197
        # -1: fewer groups than k were chosen.
        mask = number < topk
        group = tl.load(groups_ptr + (out_row * topk + number), mask=mask, other=-1)
        index = tl.arange(0, 8)[None, :]
        item = group[:, None] * 8 + index
        there = item >= 0
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=there & (item < W), other=0.0)
        # A group that straddles the start counts with the columns after it.
        after = item >= start_1
        inside = there & after & (item < end_1)
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:212
        keys = tl.where(inside, tl.where(bits < 0, -2147483648 - bits, bits), -2147483647)
        keys_1 = tl.reshape(keys, [8192])
        # k items of the level before reach its floor, so the k-th largest here is not below it.
        floor = tl.load(floor_ptr + out_row)  # specs/indexer/select.py:244
        lower = floor - 1
        upper = tl.max(keys_1, axis=0)  # specs/indexer/select.py:308
        straddles = tl.cast((lower < -1) & (upper > -1), tl.int32)
        lower_1 = lower
        upper_1 = upper
        above = 0
        for i in range(straddles):
            # One halving at the sign first, so that upper - lower fits into int32 afterwards.
            middle = tl.minimum(upper_1, -1)  # specs/indexer/select.py:312
            found = tl.sum((keys_1 > middle).to(tl.int32), axis=0)
            enough = found <= topk  # specs/indexer/select.py:348
            lower_2 = tl.where(enough, lower_1, middle)
            upper_2 = tl.where(enough, middle, upper_1)
            above_1 = tl.where(enough, found, above)
            lower_1 = lower_2
            upper_1 = upper_2
            above = above_1
        # From here on the range is shorter than 2**31, and so is every difference of two keys: the sign of one is a
        # comparison that costs the integer units half of what one with a result of its own does.
        near = tl.minimum(tl.maximum(keys_1, lower_1), upper_1)  # specs/indexer/select.py:319
        # 31 halvings empty any range shorter than 2**31; most rows stop after a dozen.
        lower_3 = lower_1
        upper_3 = upper_1
        for i_1 in range(31):
            # A loop of 0 or 1 steps is a branch: stops counting once exactly k keys are above the bound.
            # Common bits plus half of the differing ones: rounds down for negative sums too.
            # specs/indexer/select.py:323
            needed = tl.cast((above < topk) & ((lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1) > lower_3), tl.int32)
            lower_4 = lower_3
            upper_4 = upper_3
            above_2 = above
            for i_2 in range(needed):
                middle_1 = (lower_4 & upper_4) + ((lower_4 ^ upper_4) >> 1)  # specs/indexer/select.py:343
                index_1 = tl.sum((middle_1 - near) >> 31, axis=0)  # specs/indexer/select.py:329
                found_1 = -index_1
                enough_1 = found_1 <= topk  # specs/indexer/select.py:348
                lower_5 = tl.where(enough_1, lower_4, middle_1)
                upper_5 = tl.where(enough_1, middle_1, upper_4)
                above_3 = tl.where(enough_1, found_1, above_2)
                lower_4 = lower_5
                upper_4 = upper_5
                above_2 = above_3
            lower_3 = lower_4
            upper_3 = upper_4
            above = above_2
        room = topk - above  # specs/indexer/select.py:246
        before = 0
        for i_3 in range(2):
            start_2 = i_3 * BLOCK  # specs/indexer/select.py:255
            number_1 = start_2 // 8 + tl.arange(0, BLOCK // 8)  # specs/indexer/select.py:197
            group_1 = tl.load(groups_ptr + (out_row * topk + number_1), mask=number_1 < topk, other=-1)
            item_1 = group_1[:, None] * 8 + index
            there_1 = item_1 >= 0
            value_1 = tl.load(logits_ptr + (out_row * stride_logits0 + item_1), mask=there_1 & (item_1 < W), other=0.0)
            after_1 = item_1 >= start_1
            inside_1 = there_1 & after_1 & (item_1 < end_1)
            bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:212
            keys_2 = tl.where(inside_1, tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)
            item_2 = tl.reshape(item_1, [BLOCK])
            keys_3 = tl.reshape(keys_2, [BLOCK])
            higher = keys_3 > upper_3  # specs/indexer/select.py:364
            equal = (keys_3 == upper_3) & (keys_3 > -2147483647)  # -(2**31 - 1)
            # Both counts in one running sum: there are fewer keys than half an integer counts.
            passed = higher.to(tl.int32) + (equal.to(tl.int32) << 16)
            passed_cumsum = tl.cumsum(passed, axis=0)
            ranks = before + passed_cumsum
            ties = ranks >> 16  # specs/indexer/select.py:354
            # Of equal keys the first in the row: the result does not depend on the machine.
            kept = higher | (equal & (ties <= room))  # specs/indexer/select.py:370
            place = tl.where(kept, (ranks & 65535) + tl.minimum(ties, room) - 1, -1)
            passed_1 = tl.sum(passed, axis=0)
            # Results count from the row's first column, as vLLM's top_k_per_row does.
            # specs/indexer/select.py:251
            tl.store(indices_ptr + (row * topk + place), item_2 - start_1, mask=place >= 0)
            before = before + passed_1
        count = (before & 65535) + tl.minimum(before >> 16, room)  # specs/indexer/select.py:263
        # specs/indexer/select.py:282
        tl.store(indices_ptr + (row * topk + number), tl.full([1024], -1, tl.int32), mask=(number >= count) & mask)
    # At most k columns: all are chosen, in order, without reading a logit.
    if live & (end_1 - start_1 <= topk):  # specs/indexer/select.py:270
        number_2 = tl.arange(0, 1024)  # specs/indexer/select.py:275
        tl.store(
            indices_ptr + (row * topk + number_2), tl.where(number_2 < end_1 - start_1, number_2, -1),
            mask=number_2 < topk
        )
