# topk_rows, case "v4-flash", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 ade78538c9ea48ebd01cc9ceb7322fb7dd38a7fabccc399e89e5ba44cf008f17
"""select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 512
    logits = f32
    indices = int32
    row_starts = int32
    row_ends = int32
    LEVELS = 1
    TILE = 4096
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
    out_row = tl.program_id(0)  # specs/indexer/select.py:90
    row = first + out_row  # specs/indexer/select.py:91
    live = row < R  # specs/indexer/select.py:92
    start = tl.load(row_starts_ptr + row, mask=live, other=0)  # specs/indexer/select.py:117
    end = tl.load(row_ends_ptr + row, mask=live, other=0)  # specs/indexer/select.py:117
    count = tl.maximum(start, 0)  # specs/indexer/select.py:95
    count_1 = tl.minimum(end, W)  # specs/indexer/select.py:95
    first_1 = count // 1  # specs/indexer/select.py:167
    if live & (count_1 - count > 512):  # specs/indexer/select.py:184
        item = first_1 + tl.arange(0, 4096)  # specs/indexer/select.py:170
        inside = (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:171
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=inside, other=0.0)  # specs/indexer/select.py:172
        bits = tl.where(value == 0.0, 0, value.to(tl.int32, bitcast=True))  # specs/indexer/select.py:111
        keys = tl.where(inside, bits ^ ((bits >> 31) & 0x7fffffff), -2147483647)  # specs/indexer/select.py:173
        count_2 = tl.sum((keys >= 0).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        count_3 = tl.where(count_2 >= 512, 0, -2147483647)  # specs/indexer/select.py:288
        for i in range(31):  # specs/indexer/select.py:288
            higher = count_3 + (1 << (30 - i))  # specs/indexer/select.py:284
            count_4 = tl.sum((keys >= higher).to(tl.int32), axis=0)  # specs/indexer/select.py:277
            count_3 = tl.where(count_4 >= 512, higher, count_3)
        bound = count_3 + 1  # specs/indexer/select.py:175
        count_5 = tl.sum((keys >= bound).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        room = 512 - count_5  # specs/indexer/select.py:175
        higher_1 = (keys > count_3).to(tl.int32)  # specs/indexer/select.py:297
        equal = ((keys == count_3) & (keys > -2147483647)).to(tl.int32)  # specs/indexer/select.py:297
        ranks = tl.cumsum(higher_1 + (equal << 16), axis=0)  # specs/indexer/select.py:299
        ties = 0 + (ranks >> 16)  # specs/indexer/select.py:300
        kept = (keys > count_3) | ((keys == count_3) & (keys > -2147483647) & (ties <= room))  # specs/indexer/select.py:301
        place = 0 + (ranks & 65535) + tl.minimum(ties, room) - 1  # specs/indexer/select.py:302
        tl.store(indices_ptr + (row * 512 + place), tl.arange(0, 4096), mask=kept)  # specs/indexer/select.py:179
        count_6 = tl.sum((keys >= -2147483646).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        count_7 = tl.minimum(count_6, 512)  # specs/indexer/select.py:180
        number = tl.arange(0, 512)  # specs/indexer/select.py:266
        tl.store(indices_ptr + (row * 512 + number), tl.full([512], -1, tl.int32), mask=(number >= count_7) & (number < 512))  # specs/indexer/select.py:267
    if live & (count_1 - count <= 512):  # specs/indexer/select.py:186
        number_1 = tl.arange(0, 512)  # specs/indexer/select.py:260
        tl.store(indices_ptr + (row * 512 + number_1), tl.where(number_1 < count_1 - count, number_1, -1), mask=number_1 < 512)  # specs/indexer/select.py:261
