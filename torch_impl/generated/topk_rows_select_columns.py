# topk_rows, case "v4-flash", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 1e84ec5990f441f03c61dc9a7b7bcf23b98f771f4909ba012fc0cc2bb5612caf
"""select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 512
    logits = f32
    indices = int32
    row_starts = int32
    row_ends = int32
    LEVELS = 1
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def select_columns(
    logits_ptr, row_starts_ptr, row_ends_ptr,
    indices_ptr,
    R, W, first,
    stride_logits0,
):
    out_row = tl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row  # specs/indexer/select.py:102
    live = row < R  # specs/indexer/select.py:103
    start = tl.load(row_starts_ptr + row, mask=live, other=0)  # specs/indexer/select.py:128
    end = tl.load(row_ends_ptr + row, mask=live, other=0)  # specs/indexer/select.py:128
    count = tl.maximum(start, 0)  # specs/indexer/select.py:106
    count_1 = tl.minimum(end, W)  # specs/indexer/select.py:106
    if live & (count_1 - count > 512):  # specs/indexer/select.py:258
        number = 0 + tl.arange(0, 512)  # specs/indexer/select.py:194
        group = count // 8 + number  # specs/indexer/select.py:196
        item = group[:, None] * 8 + tl.arange(0, 8)[None, :]  # specs/indexer/select.py:199
        last = ((count_1 + 0) // 1 + 7) // 8  # specs/indexer/select.py:201
        there = (group < last)[:, None]  # specs/indexer/select.py:202
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=there & (item < W), other=0.0)  # specs/indexer/select.py:204
        after = item >= count  # specs/indexer/select.py:205
        inside = there & after & (item * 1 < count_1)  # specs/indexer/select.py:206
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        keys = tl.where(inside, tl.where(bits < 0, -2147483648 - bits, bits), -2147483647)  # specs/indexer/select.py:207
        item_1 = tl.reshape(item, [4096])  # specs/indexer/select.py:208
        keys_1 = tl.reshape(keys, [4096])  # specs/indexer/select.py:208
        keys_2 = tl.max(tl.reshape(keys_1, [8, 512]), axis=0)  # specs/indexer/select.py:288
        count_2 = tl.min(keys_2, axis=0)  # specs/indexer/select.py:289
        lower = count_2 - 1  # specs/indexer/select.py:289
        upper = tl.max(keys_1, axis=0)  # specs/indexer/select.py:297
        straddles = tl.cast((lower < -1) & (upper > -1), tl.int32)  # specs/indexer/select.py:303
        lower_1 = lower  # specs/indexer/select.py:304
        upper_1 = upper  # specs/indexer/select.py:304
        above = 0  # specs/indexer/select.py:304
        for i in range(straddles):  # specs/indexer/select.py:304
            middle = tl.minimum(upper_1, -1)  # specs/indexer/select.py:300
            found = tl.sum((keys_1 > middle).to(tl.int32), axis=0)  # specs/indexer/select.py:301
            enough = found <= 512  # specs/indexer/select.py:333
            count_3 = tl.where(enough, lower_1, middle)  # specs/indexer/select.py:334
            count_4 = tl.where(enough, middle, upper_1)  # specs/indexer/select.py:334
            count_5 = tl.where(enough, found, above)  # specs/indexer/select.py:334
            lower_1 = count_3
            upper_1 = count_4
            above = count_5
        near = tl.minimum(tl.maximum(keys_1, lower_1), upper_1)  # specs/indexer/select.py:307
        lower_2 = lower_1  # specs/indexer/select.py:318
        upper_2 = upper_1  # specs/indexer/select.py:318
        for i_1 in range(31):  # specs/indexer/select.py:318
            needed = tl.cast((above < 512) & ((lower_2 & upper_2) + ((lower_2 ^ upper_2) >> 1) > lower_2), tl.int32)  # specs/indexer/select.py:310
            lower_3 = lower_2  # specs/indexer/select.py:311
            upper_3 = upper_2  # specs/indexer/select.py:311
            above_1 = above  # specs/indexer/select.py:311
            for i_2 in range(needed):  # specs/indexer/select.py:311
                middle_1 = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:328
                count_6 = tl.sum((middle_1 - near) >> 31, axis=0)  # specs/indexer/select.py:316
                found_1 = -count_6  # specs/indexer/select.py:316
                enough_1 = found_1 <= 512  # specs/indexer/select.py:333
                count_7 = tl.where(enough_1, lower_3, middle_1)  # specs/indexer/select.py:334
                count_8 = tl.where(enough_1, middle_1, upper_3)  # specs/indexer/select.py:334
                count_9 = tl.where(enough_1, found_1, above_1)  # specs/indexer/select.py:334
                lower_3 = count_7
                upper_3 = count_8
                above_1 = count_9
            lower_2 = lower_3
            upper_2 = upper_3
            above = above_1
        room = 512 - above  # specs/indexer/select.py:239
        higher = keys_1 > upper_2  # specs/indexer/select.py:349
        equal = (keys_1 == upper_2) & (keys_1 > -2147483647)  # specs/indexer/select.py:349
        passed = higher.to(tl.int32) + (equal.to(tl.int32) << 16)  # specs/indexer/select.py:351
        t = tl.cumsum(passed, axis=0)  # specs/indexer/select.py:352
        ranks = 0 + t  # specs/indexer/select.py:352
        ties = ranks >> 16  # specs/indexer/select.py:339
        kept = higher | (equal & (ties <= room))  # specs/indexer/select.py:354
        place = tl.where(kept, (ranks & 65535) + tl.minimum(ties, room) - 1, -1)  # specs/indexer/select.py:355
        passed_1 = tl.sum(passed, axis=0)  # specs/indexer/select.py:355
        tl.store(indices_ptr + (row * 512 + place), item_1 - count, mask=place >= 0)  # specs/indexer/select.py:243
        passed_2 = 0 + passed_1  # specs/indexer/select.py:244
        count_10 = (passed_2 & 65535) + tl.minimum(passed_2 >> 16, room)  # specs/indexer/select.py:254
        number_1 = tl.arange(0, 512)  # specs/indexer/select.py:271
        tl.store(indices_ptr + (row * 512 + number_1), tl.full([512], -1, tl.int32), mask=(number_1 >= count_10) & (number_1 < 512))  # specs/indexer/select.py:272
    if live & (count_1 - count <= 512):  # specs/indexer/select.py:260
        number_2 = tl.arange(0, 512)  # specs/indexer/select.py:265
        tl.store(indices_ptr + (row * 512 + number_2), tl.where(number_2 < count_1 - count, number_2, -1), mask=number_2 < 512)  # specs/indexer/select.py:266
