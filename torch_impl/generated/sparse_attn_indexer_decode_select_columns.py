# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""decode_select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 16
    next_n = 1
    lens = query
    logits = f32
    topk_indices = int32
    seq_lens = int32
    QUERIES = 1
    DECODE_LEVELS = 1
    DECODE_TILE = 256
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def decode_select_columns(
    logits_ptr, seq_lens_ptr,
    topk_indices_ptr,
    BN, max_model_len, first,
    stride_topk_indices0,
    stride_seq_lens0,
):
    topk: tl.constexpr = 16
    next_n: tl.constexpr = 1
    DECODE_TILE: tl.constexpr = 256
    out_row = tl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < BN
    query = row % next_n  # specs/indexer/select.py:134
    start = row * 0
    end = tl.load(seq_lens_ptr + (row * stride_seq_lens0 + query), mask=live, other=0)
    start_1 = tl.maximum(start, 0)  # specs/indexer/select.py:106
    end_1 = tl.minimum(end, max_model_len)
    if live & (end_1 - start_1 > topk):  # specs/indexer/select.py:267
        number = tl.arange(0, DECODE_TILE // 8)  # specs/indexer/select.py:197
        group = start_1 // 8 + number
        item = group[:, None] * 8 + tl.arange(0, 8)[None, :]
        # Whole groups exist or not; for chosen groups the items' sign says it (-1: not chosen).
        last = tl.cdiv(end_1, 8)
        there = (group < last)[:, None]
        value = tl.load(logits_ptr + (out_row * max_model_len + item), mask=there & (item < max_model_len), other=0.0)
        # A group that straddles the start counts with the columns after it.
        after = item >= start_1
        inside = there & after & (item < end_1)
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:212
        keys = tl.where(inside, tl.where(bits < 0, -2147483648 - bits, bits), -2147483647)
        item_1 = tl.reshape(item, [DECODE_TILE])
        keys_1 = tl.reshape(keys, [DECODE_TILE])
        keys_2 = tl.max(tl.reshape(keys_1, [DECODE_TILE // 16, 16]), axis=0)  # specs/indexer/select.py:298
        # Each of k disjoint sets or more has a key at or above the smallest of their maxima, so the k-th largest is
        # too.
        keys_2_min = tl.min(keys_2, axis=0)
        lower = keys_2_min - 1
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
                index = tl.sum((middle_1 - near) >> 31, axis=0)  # specs/indexer/select.py:329
                found_1 = -index
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
        higher = keys_1 > upper_3  # specs/indexer/select.py:364
        equal = (keys_1 == upper_3) & (keys_1 > -2147483647)  # -(2**31 - 1)
        # Both counts in one running sum: there are fewer keys than half an integer counts.
        passed = higher.to(tl.int32) + (equal.to(tl.int32) << 16)
        ranks = tl.cumsum(passed, axis=0)
        ties = ranks >> 16  # specs/indexer/select.py:354
        # Of equal keys the first in the row: the result does not depend on the machine.
        kept = higher | (equal & (ties <= room))  # specs/indexer/select.py:370
        place = tl.where(kept, (ranks & 65535) + tl.minimum(ties, room) - 1, -1)
        passed_1 = tl.sum(passed, axis=0)
        # Results count from the row's first column, as vLLM's top_k_per_row does.
        # specs/indexer/select.py:251
        tl.store(topk_indices_ptr + (row * stride_topk_indices0 + place), item_1 - start_1, mask=place >= 0)
        count = (passed_1 & 65535) + tl.minimum(passed_1 >> 16, room)  # specs/indexer/select.py:263
        number_1 = tl.arange(0, 16)  # specs/indexer/select.py:281
        tl.store(
            topk_indices_ptr + (row * stride_topk_indices0 + number_1), tl.full([16], -1, tl.int32),
            mask=(number_1 >= count) & (number_1 < topk)
        )
    # At most k columns: all are chosen, in order, without reading a logit.
    if live & (end_1 - start_1 <= topk):  # specs/indexer/select.py:270
        number_2 = tl.arange(0, 16)  # specs/indexer/select.py:275
        tl.store(
            topk_indices_ptr + (row * stride_topk_indices0 + number_2),
            tl.where(number_2 < end_1 - start_1, number_2, -1), mask=number_2 < topk
        )
