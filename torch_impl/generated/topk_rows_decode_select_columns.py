# topk_rows_decode, case "one-row", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 55f8dc18d4eb2c8247198cd69e70b843a987e3545c66119d13a213d1ba661825
"""select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 128
    next_n = 1
    lens = query
    logits = f32
    indices = int32
    seq_lens = int32
    LEVELS = 1
    TILE = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def select_columns(
    logits_ptr, seq_lens_ptr,
    indices_ptr,
    R, W, B, first,
    stride_logits0,
    stride_seq_lens0,
):
    out_row = tl.program_id(0)  # specs/indexer/select.py:92
    row = first + out_row  # specs/indexer/select.py:93
    live = row < R  # specs/indexer/select.py:94
    request = row // 1  # specs/indexer/select.py:124
    query = row % 1  # specs/indexer/select.py:124
    start = row * 0  # specs/indexer/select.py:126
    end = tl.load(seq_lens_ptr + (request * stride_seq_lens0 + query), mask=live, other=0)  # specs/indexer/select.py:126
    count = tl.maximum(start, 0)  # specs/indexer/select.py:97
    count_1 = tl.minimum(end, W)  # specs/indexer/select.py:97
    first_1 = count // 1  # specs/indexer/select.py:169
    if live & (count_1 - count > 128):  # specs/indexer/select.py:186
        item = first_1 + tl.arange(0, 1024)  # specs/indexer/select.py:172
        inside = (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:173
        value = tl.load(logits_ptr + (out_row * stride_logits0 + item), mask=inside, other=0.0)  # specs/indexer/select.py:174
        bits = tl.where(value == 0.0, 0, value.to(tl.int32, bitcast=True))  # specs/indexer/select.py:113
        keys = tl.where(inside, bits ^ ((bits >> 31) & 0x7fffffff), -2147483647)  # specs/indexer/select.py:175
        count_2 = tl.sum((keys >= 0).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        count_3 = tl.where(count_2 >= 128, 0, -2147483647)  # specs/indexer/select.py:290
        for i in range(31):  # specs/indexer/select.py:290
            higher = count_3 + (1 << (30 - i))  # specs/indexer/select.py:286
            count_4 = tl.sum((keys >= higher).to(tl.int32), axis=0)  # specs/indexer/select.py:279
            count_3 = tl.where(count_4 >= 128, higher, count_3)
        bound = count_3 + 1  # specs/indexer/select.py:177
        count_5 = tl.sum((keys >= bound).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        room = 128 - count_5  # specs/indexer/select.py:177
        higher_1 = (keys > count_3).to(tl.int32)  # specs/indexer/select.py:299
        equal = ((keys == count_3) & (keys > -2147483647)).to(tl.int32)  # specs/indexer/select.py:299
        ranks = tl.cumsum(higher_1 + (equal << 16), axis=0)  # specs/indexer/select.py:301
        ties = 0 + (ranks >> 16)  # specs/indexer/select.py:302
        kept = (keys > count_3) | ((keys == count_3) & (keys > -2147483647) & (ties <= room))  # specs/indexer/select.py:303
        place = 0 + (ranks & 65535) + tl.minimum(ties, room) - 1  # specs/indexer/select.py:304
        tl.store(indices_ptr + (row * 128 + place), tl.arange(0, 1024), mask=kept)  # specs/indexer/select.py:181
        count_6 = tl.sum((keys >= -2147483646).to(tl.int32), axis=0)  # specs/indexer/select.py:279
        count_7 = tl.minimum(count_6, 128)  # specs/indexer/select.py:182
        number = tl.arange(0, 128)  # specs/indexer/select.py:268
        tl.store(indices_ptr + (row * 128 + number), tl.full([128], -1, tl.int32), mask=(number >= count_7) & (number < 128))  # specs/indexer/select.py:269
    if live & (count_1 - count <= 128):  # specs/indexer/select.py:188
        number_1 = tl.arange(0, 128)  # specs/indexer/select.py:262
        tl.store(indices_ptr + (row * 128 + number_1), tl.where(number_1 < count_1 - count, number_1, -1), mask=number_1 < 128)  # specs/indexer/select.py:263
