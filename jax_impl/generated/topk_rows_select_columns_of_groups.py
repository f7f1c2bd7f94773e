# topk_rows, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""select_columns_of_groups: The k first columns of chosen groups of every row.

Generated. Specialised on
    topk = 1024
    logits = f32
    groups = int32
    floor = int32
    indices = int32
    row_starts = int32
    row_ends = int32
    LEVELS = 2
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def select_columns_of_groups(
    logits_ref, groups_ref, floor_ref, row_starts_ref, row_ends_ref,
    indices_ref,
    *, R, W, first,
):
    topk = 1024
    BLOCK = 4096
    out_row = pl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < R
    start = plgpu.load(row_starts_ref.at[row], mask=live, other=0)  # specs/indexer/select.py:129
    end = plgpu.load(row_ends_ref.at[row], mask=live, other=0)
    start_1 = jnp.maximum(start, 0)  # specs/indexer/select.py:106
    end_1 = jnp.minimum(end, W)
    @pl.when(live & (end_1 - start_1 > topk))  # specs/indexer/select.py:267
    def branch():
        number = jnp.arange(1024, dtype=jnp.int32)  # specs/indexer/select.py:197
        # -1: fewer groups than k were chosen.
        mask = number < topk
        group = plgpu.load(groups_ref.at[out_row, number], mask=mask, other=-1)
        index = jnp.arange(8, dtype=jnp.int32)[None, :]
        item = group[:, None] * 8 + index
        there = item >= 0
        value = plgpu.load(logits_ref.at[out_row, item], mask=there & (item < W), other=0.0)
        # A group that straddles the start counts with the columns after it.
        after = item >= start_1
        inside = there & after & (item < end_1)
        bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:212
        keys = jnp.where(inside, jnp.where(bits < 0, -2147483648 - bits, bits), -2147483647)
        keys_1 = keys.reshape(8192)
        # k items of the level before reach its floor, so the k-th largest here is not below it.
        floor = plgpu.load(floor_ref.at[out_row])  # specs/indexer/select.py:244
        lower = floor - 1
        upper = jnp.max(keys_1, axis=0)  # specs/indexer/select.py:308
        straddles = jnp.asarray((lower < -1) & (upper > -1), jnp.int32)
        def step(i, carry):
            (lower_2, upper_2, above_1) = carry
            # One halving at the sign first, so that upper - lower fits into int32 afterwards.
            middle = jnp.minimum(upper_2, -1)  # specs/indexer/select.py:312
            found = jnp.sum((keys_1 > middle).astype(jnp.int32), axis=0, dtype=jnp.int32)
            enough = found <= topk  # specs/indexer/select.py:348
            lower_3 = jnp.where(enough, lower_2, middle)
            upper_3 = jnp.where(enough, middle, upper_2)
            above_2 = jnp.where(enough, found, above_1)
            return (lower_3, upper_3, above_2)
        # specs/indexer/select.py:316
        (lower_1, upper_1, above) = jax.lax.fori_loop(0, straddles, step, (lower, upper, jnp.int32(0)))
        # From here on the range is shorter than 2**31, and so is every difference of two keys: the sign of one is a
        # comparison that costs the integer units half of what one with a result of its own does.
        near = jnp.minimum(jnp.maximum(keys_1, lower_1), upper_1)
        # 31 halvings empty any range shorter than 2**31; most rows stop after a dozen.
        def step_1(i_1, carry):
            (lower_5, upper_5, above_4) = carry
            # A loop of 0 or 1 steps is a branch: stops counting once exactly k keys are above the bound.
            # Common bits plus half of the differing ones: rounds down for negative sums too.
            # specs/indexer/select.py:323
            needed = jnp.asarray(
                (above_4 < topk) & ((lower_5 & upper_5) + ((lower_5 ^ upper_5) >> 1) > lower_5), jnp.int32
            )
            def step_2(i_2, carry):
                (lower_7, upper_7, above_6) = carry
                middle_1 = (lower_7 & upper_7) + ((lower_7 ^ upper_7) >> 1)  # specs/indexer/select.py:343
                index_1 = jnp.sum((middle_1 - near) >> 31, axis=0, dtype=jnp.int32)  # specs/indexer/select.py:329
                found_1 = -index_1
                enough_1 = found_1 <= topk  # specs/indexer/select.py:348
                lower_8 = jnp.where(enough_1, lower_7, middle_1)
                upper_8 = jnp.where(enough_1, middle_1, upper_7)
                above_7 = jnp.where(enough_1, found_1, above_6)
                return (lower_8, upper_8, above_7)
            # specs/indexer/select.py:324
            (lower_6, upper_6, above_5) = jax.lax.fori_loop(0, needed, step_2, (lower_5, upper_5, above_4))
            return (lower_6, upper_6, above_5)
        # specs/indexer/select.py:332
        (lower_4, upper_4, above_3) = jax.lax.fori_loop(0, 31, step_1, (lower_1, upper_1, above))
        room = topk - above_3  # specs/indexer/select.py:246
        def step_3(i_3, carry):
            (before_1,) = carry
            start_2 = i_3 * BLOCK  # specs/indexer/select.py:255
            # specs/indexer/select.py:197
            number_1 = jax.lax.div(start_2, jnp.int32(8)) + jnp.arange(BLOCK // 8, dtype=jnp.int32)
            group_1 = plgpu.load(groups_ref.at[out_row, number_1], mask=number_1 < topk, other=-1)
            item_1 = group_1[:, None] * 8 + index
            there_1 = item_1 >= 0
            value_1 = plgpu.load(logits_ref.at[out_row, item_1], mask=there_1 & (item_1 < W), other=0.0)
            after_1 = item_1 >= start_1
            inside_1 = there_1 & after_1 & (item_1 < end_1)
            bits_1 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
            # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:212
            keys_2 = jnp.where(inside_1, jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)
            item_2 = item_1.reshape(BLOCK)
            keys_3 = keys_2.reshape(BLOCK)
            higher = keys_3 > upper_4  # specs/indexer/select.py:364
            equal = (keys_3 == upper_4) & (keys_3 > -2147483647)  # -(2**31 - 1)
            # Both counts in one running sum: there are fewer keys than half an integer counts.
            passed = higher.astype(jnp.int32) + (equal.astype(jnp.int32) << 16)
            passed_cumsum = jax.lax.cumsum(passed, axis=0)
            ranks = before_1 + passed_cumsum
            ties = ranks >> 16  # specs/indexer/select.py:354
            # Of equal keys the first in the row: the result does not depend on the machine.
            kept = higher | (equal & (ties <= room))  # specs/indexer/select.py:370
            place = jnp.where(kept, (ranks & 65535) + jnp.minimum(ties, room) - 1, -1)
            passed_1 = jnp.sum(passed, axis=0, dtype=jnp.int32)
            # Results count from the row's first column, as vLLM's top_k_per_row does.
            plgpu.store(indices_ref.at[row, place], item_2 - start_1, mask=place >= 0)  # specs/indexer/select.py:251
            return (before_1 + passed_1,)
        (before,) = jax.lax.fori_loop(0, 2, step_3, (jnp.int32(0),))  # specs/indexer/select.py:262
        count = (before & 65535) + jnp.minimum(before >> 16, room)
        # specs/indexer/select.py:282
        plgpu.store(indices_ref.at[row, number], jnp.full((1024,), -1, jnp.int32), mask=(number >= count) & mask)
    # At most k columns: all are chosen, in order, without reading a logit.
    @pl.when(live & (end_1 - start_1 <= topk))  # specs/indexer/select.py:270
    def branch_1():
        number_2 = jnp.arange(1024, dtype=jnp.int32)  # specs/indexer/select.py:275
        plgpu.store(
            indices_ref.at[row, number_2], jnp.where(number_2 < end_1 - start_1, number_2, -1), mask=number_2 < topk
        )
