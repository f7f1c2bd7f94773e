# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 50ad36aaf50ac9adc4bbc745d0e9cba91b401a09c779f4af4acaa47dcdc5ea6c
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
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def decode_select_columns(
    logits_ptr, seq_lens_ptr,
    topk_indices_ptr,
    BN, B, BC, max_model_len, first,
    stride_topk_indices0,
    stride_seq_lens0,
):
    out_row = tl.program_id(0)  # specs/indexer/select.py:90
    row = first + out_row  # specs/indexer/select.py:91
    live = row < BN  # specs/indexer/select.py:92
    request = row // 1  # specs/indexer/select.py:122
    query = row % 1  # specs/indexer/select.py:122
    start = row * 0  # specs/indexer/select.py:124
    end = tl.load(seq_lens_ptr + (request * stride_seq_lens0 + query), mask=live, other=0)  # specs/indexer/select.py:124
    count = tl.maximum(start, 0)  # specs/indexer/select.py:95
    count_1 = tl.minimum(end, max_model_len)  # specs/indexer/select.py:95
    first_1 = count // 1  # specs/indexer/select.py:167
    if live & (count_1 - count > 16):  # specs/indexer/select.py:184
        item = first_1 + tl.arange(0, 256)  # specs/indexer/select.py:170
        inside = (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:171
        value = tl.load(logits_ptr + (out_row * max_model_len + item), mask=inside, other=0.0)  # specs/indexer/select.py:172
        bits = tl.where(value == 0.0, 0, value.to(tl.int32, bitcast=True))  # specs/indexer/select.py:111
        keys = tl.where(inside, bits ^ ((bits >> 31) & 0x7fffffff), -2147483647)  # specs/indexer/select.py:173
        count_2 = tl.sum((keys >= 0).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        count_3 = tl.where(count_2 >= 16, 0, -2147483647)  # specs/indexer/select.py:288
        for i in range(31):  # specs/indexer/select.py:288
            higher = count_3 + (1 << (30 - i))  # specs/indexer/select.py:284
            count_4 = tl.sum((keys >= higher).to(tl.int32), axis=0)  # specs/indexer/select.py:277
            count_3 = tl.where(count_4 >= 16, higher, count_3)
        bound = count_3 + 1  # specs/indexer/select.py:175
        count_5 = tl.sum((keys >= bound).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        room = 16 - count_5  # specs/indexer/select.py:175
        higher_1 = (keys > count_3).to(tl.int32)  # specs/indexer/select.py:297
        equal = ((keys == count_3) & (keys > -2147483647)).to(tl.int32)  # specs/indexer/select.py:297
        ranks = tl.cumsum(higher_1 + (equal << 16), axis=0)  # specs/indexer/select.py:299
        ties = 0 + (ranks >> 16)  # specs/indexer/select.py:300
        kept = (keys > count_3) | ((keys == count_3) & (keys > -2147483647) & (ties <= room))  # specs/indexer/select.py:301
        place = 0 + (ranks & 65535) + tl.minimum(ties, room) - 1  # specs/indexer/select.py:302
        tl.store(topk_indices_ptr + (row * stride_topk_indices0 + place), tl.arange(0, 256), mask=kept)  # specs/indexer/select.py:179
        count_6 = tl.sum((keys >= -2147483646).to(tl.int32), axis=0)  # specs/indexer/select.py:277
        count_7 = tl.minimum(count_6, 16)  # specs/indexer/select.py:180
        number = tl.arange(0, 16)  # specs/indexer/select.py:266
        tl.store(topk_indices_ptr + (row * stride_topk_indices0 + number), tl.full([16], -1, tl.int32), mask=(number >= count_7) & (number < 16))  # specs/indexer/select.py:267
    if live & (count_1 - count <= 16):  # specs/indexer/select.py:186
        number_1 = tl.arange(0, 16)  # specs/indexer/select.py:260
        tl.store(topk_indices_ptr + (row * stride_topk_indices0 + number_1), tl.where(number_1 < count_1 - count, number_1, -1), mask=number_1 < 16)  # specs/indexer/select.py:261
