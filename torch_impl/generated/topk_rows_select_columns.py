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
    out_row = tl.program_id(0)  # specs/indexer/select.py:92
    row = first + out_row  # specs/indexer/select.py:93
    live = row < R  # specs/indexer/select.py:94
    start = tl.load(row_starts_ptr + row, mask=live, other=0)  # specs/indexer/select.py:119
    end = tl.load(row_ends_ptr + row, mask=live, other=0)  # specs/indexer/select.py:119
    count = tl.maximum(start, 0)  # specs/indexer/select.py:97
    count_1 = tl.minimum(end, W)  # specs/indexer/select.py:97
    first_1 = count // 1  # specs/indexer/select.py:169
    if live & (count_1 - count > 512):  # specs/indexer/select.py:186
        item = first_1 + tl.arange(0, 4096)  # specs/indexer/select.py:172
        inside = (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:173
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=inside, other=0.0)  # specs/indexer/select.py:174
        bits = tl.where(value == 0.0, 0, value.to(tl.int32, bitcast=True))  # specs/indexer/select.py:113
        keys = tl.where(inside, bits ^ ((bits >> 31) & 0x7fffffff), -2147483647)  # specs/indexer/select.py:175
        count_2 = tl.sum((keys >= 0).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        count_3 = tl.where(count_2 >= 512, 0, -2147483647)  # specs/indexer/select.py:290
        for i in range(31):  # specs/indexer/select.py:290
            higher = count_3 + (1 << (30 - i))  # specs/indexer/select.py:286
            count_4 = tl.sum((keys >= higher).to(tl.int32), axis=0)  # specs/indexer/select.py:279
            count_3 = tl.where(count_4 >= 512, higher, count_3)
        bound = count_3 + 1  # specs/indexer/select.py:177
        count_5 = tl.sum((keys >= bound).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        room = 512 - count_5  # specs/indexer/select.py:177
        higher_1 = (keys > count_3).to(tl.int32)  # specs/indexer/select.py:299
        equal = ((keys == count_3) & (keys > -2147483647)).to(tl.int32)  # specs/indexer/select.py:299
        ranks = tl.cumsum(higher_1 + (equal << 16), axis=0)  # specs/indexer/select.py:301
        ties = 0 + (ranks >> 16)  # specs/indexer/select.py:302
        kept = (keys > count_3) | ((keys == count_3) & (keys > -2147483647) & (ties <= room))  # specs/indexer/select.py:303
        place = 0 + (ranks & 65535) + tl.minimum(ties, room) - 1  # specs/indexer/select.py:304
        tl.store(indices_ptr + (row * 512 + place), tl.arange(0, 4096), mask=kept)  # specs/indexer/select.py:181
        count_6 = tl.sum((keys >= -2147483646).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        count_7 = tl.minimum(count_6, 512)  # specs/indexer/select.py:182
        number = tl.arange(0, 512)  # specs/indexer/select.py:268
        tl.store(indices_ptr + (row * 512 + number), tl.full([512], -1, tl.int32), mask=(number >= count_7) & (number < 512))  # specs/indexer/select.py:269
    if live & (count_1 - count <= 512):  # specs/indexer/select.py:188
        number_1 = tl.arange(0, 512)  # specs/indexer/select.py:262
        tl.store(indices_ptr + (row * 512 + number_1), tl.where(number_1 < count_1 - count, number_1, -1), mask=number_1 < 512)  # specs/indexer/select.py:263
