# topk_rows, case "v4-flash", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 4fba75a83308790883fa25533e16519997494386fe2ca016ba3c48b7ffaf9cbf
"""select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 512
    logits = f32
    indices = int32
    row_starts = int32
    row_ends = int32
    LEVELS = 1
    TILE = 4096
    BLOCK = 1024
    num_warps = 4
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
    out_row = tl.program_id(0)  # specs/indexer/select.py:100
    row = first + out_row  # specs/indexer/select.py:101
    live = row < R  # specs/indexer/select.py:102
    start = tl.load(row_starts_ptr + row, mask=live, other=0)  # specs/indexer/select.py:127
    end = tl.load(row_ends_ptr + row, mask=live, other=0)  # specs/indexer/select.py:127
    count = tl.maximum(start, 0)  # specs/indexer/select.py:105
    count_1 = tl.minimum(end, W)  # specs/indexer/select.py:105
    if live & (count_1 - count > 512):  # specs/indexer/select.py:255
        number = 0 + tl.arange(0, 512)  # specs/indexer/select.py:193
        group = count // 8 + number  # specs/indexer/select.py:195
        there = group < ((count_1 + 0) // 1 + 7) // 8  # specs/indexer/select.py:196
        item = group[:, None] * 8 + tl.arange(0, 8)[None, :]  # specs/indexer/select.py:200
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=there[:, None] & (item < W), other=0.0)  # specs/indexer/select.py:202
        inside = there[:, None] & (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:203
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:121
        keys = tl.where(inside, tl.where(bits < 0, -2147483648 - bits, bits), -2147483647)  # specs/indexer/select.py:204
        keys_1 = tl.reshape(keys, [4096])  # specs/indexer/select.py:205
        keys_2 = tl.max(tl.reshape(keys_1, [8, 512]), axis=0)  # specs/indexer/select.py:285
        count_2 = tl.min(keys_2, axis=0)  # specs/indexer/select.py:286
        lower = count_2 - 1  # specs/indexer/select.py:286
        upper = tl.max(keys_1, axis=0)  # specs/indexer/select.py:294
        straddles = ((lower < -1) & (upper > -1)).to(tl.int32)  # specs/indexer/select.py:300
        lower_1 = lower  # specs/indexer/select.py:301
        upper_1 = upper  # specs/indexer/select.py:301
        above = 0  # specs/indexer/select.py:301
        for _ in range(straddles):  # specs/indexer/select.py:301
            middle = tl.minimum(upper_1, -1)  # specs/indexer/select.py:297
            found = tl.sum((keys_1 > middle).to(tl.int32), axis=0)  # specs/indexer/select.py:298
            enough = found <= 512  # specs/indexer/select.py:330
            count_3 = tl.where(enough, lower_1, middle)  # specs/indexer/select.py:331
            count_4 = tl.where(enough, middle, upper_1)  # specs/indexer/select.py:331
            count_5 = tl.where(enough, found, above)  # specs/indexer/select.py:331
            lower_1 = count_3
            upper_1 = count_4
            above = count_5
        near = tl.minimum(tl.maximum(keys_1, lower_1), upper_1)  # specs/indexer/select.py:304
        lower_2 = lower_1  # specs/indexer/select.py:315
        upper_2 = upper_1  # specs/indexer/select.py:315
        for __1 in range(31):  # specs/indexer/select.py:315
            needed = ((above < 512) & ((lower_2 & upper_2) + ((lower_2 ^ upper_2) >> 1) > lower_2)).to(tl.int32)  # specs/indexer/select.py:307
            lower_3 = lower_2  # specs/indexer/select.py:308
            upper_3 = upper_2  # specs/indexer/select.py:308
            above_1 = above  # specs/indexer/select.py:308
            for __2 in range(needed):  # specs/indexer/select.py:308
                middle_1 = (lower_3 & upper_3) + ((lower_3 ^ upper_3) >> 1)  # specs/indexer/select.py:325
                count_6 = tl.sum((middle_1 - near) >> 31, axis=0)  # specs/indexer/select.py:313
                found_1 = -count_6  # specs/indexer/select.py:313
                enough_1 = found_1 <= 512  # specs/indexer/select.py:330
                count_7 = tl.where(enough_1, lower_3, middle_1)  # specs/indexer/select.py:331
                count_8 = tl.where(enough_1, middle_1, upper_3)  # specs/indexer/select.py:331
                count_9 = tl.where(enough_1, found_1, above_1)  # specs/indexer/select.py:331
                lower_3 = count_7
                upper_3 = count_8
                above_1 = count_9
            lower_2 = lower_3
            upper_2 = upper_3
            above = above_1
        room = 512 - above  # specs/indexer/select.py:236
        last = (count_1 + 0) // 1 - count // 8 * 8  # specs/indexer/select.py:216
        count_10 = tl.minimum((last + 1023) // 1024, 4)  # specs/indexer/select.py:217
        before = 0  # specs/indexer/select.py:250
        for i in range(count_10):  # specs/indexer/select.py:250
            start_1 = i * 1024  # specs/indexer/select.py:244
            number_1 = start_1 // 8 + tl.arange(0, 128)  # specs/indexer/select.py:193
            group_1 = count // 8 + number_1  # specs/indexer/select.py:195
            there_1 = group_1 < ((count_1 + 0) // 1 + 7) // 8  # specs/indexer/select.py:196
            item_1 = group_1[:, None] * 8 + tl.arange(0, 8)[None, :]  # specs/indexer/select.py:200
            value_1 = tl.load(logits_ptr + (out_row * stride_logits0 + item_1), mask=there_1[:, None] & (item_1 < W), other=0.0)  # specs/indexer/select.py:202
            inside_1 = there_1[:, None] & (item_1 * 1 < count_1) & ((item_1 + 1) * 1 > count)  # specs/indexer/select.py:203
            bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:121
            keys_3 = tl.where(inside_1, tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)  # specs/indexer/select.py:204
            item_2 = tl.reshape(item_1, [1024])  # specs/indexer/select.py:205
            keys_4 = tl.reshape(keys_3, [1024])  # specs/indexer/select.py:205
            higher = keys_4 > upper_2  # specs/indexer/select.py:340
            equal = (keys_4 == upper_2) & (keys_4 > -2147483647)  # specs/indexer/select.py:340
            passed = higher.to(tl.int32) + (equal.to(tl.int32) << 16)  # specs/indexer/select.py:342
            t = tl.cumsum(passed, axis=0)  # specs/indexer/select.py:343
            ranks = before + t  # specs/indexer/select.py:343
            ties = ranks >> 16  # specs/indexer/select.py:344
            kept = higher | (equal & (ties <= room))  # specs/indexer/select.py:345
            place = tl.where(kept, (ranks & 65535) + tl.minimum(ties, room) - 1, -1)  # specs/indexer/select.py:346
            passed_1 = tl.sum(passed, axis=0)  # specs/indexer/select.py:346
            tl.store(indices_ptr + (row * 512 + place), item_2 - count, mask=place >= 0)  # specs/indexer/select.py:240
            before = before + passed_1
        count_11 = (before & 65535) + tl.minimum(before >> 16, room)  # specs/indexer/select.py:251
        number_2 = tl.arange(0, 512)  # specs/indexer/select.py:268
        tl.store(indices_ptr + (row * 512 + number_2), tl.full([512], -1, tl.int32), mask=(number_2 >= count_11) & (number_2 < 512))  # specs/indexer/select.py:269
    if live & (count_1 - count <= 512):  # specs/indexer/select.py:257
        number_3 = tl.arange(0, 512)  # specs/indexer/select.py:262
        tl.store(indices_ptr + (row * 512 + number_3), tl.where(number_3 < count_1 - count, number_3, -1), mask=number_3 < 512)  # specs/indexer/select.py:263
