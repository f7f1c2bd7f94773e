# mqa_logits, case "fp8", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 58bc9c7a7ca149e4723349956f2c68ac187e08a1365495f3f94a4c97f0020049
"""mqa_logits: Scores of dense keys for BLOCK_M queries.

Generated. Specialised on
    layout = indexer_fp8
    fill = True
    logits_dtype = f32
    q = e4m3
    k = e4m3
    weights = f32
    ks = int32
    ke = int32
    k_scale = f32
    logits = f32
    H = 64
    BLOCK_M = 2
    BLOCK_N = 64
    BLOCK_H = 64
    CHUNK = 128
    TILES = 16
    num_warps = 4
    num_stages = 3
"""

import triton
import triton.language as tl


@triton.jit
def mqa_logits(
    q_ptr, k_ptr, weights_ptr, ks_ptr, ke_ptr, k_scale_ptr,
    logits_ptr,
    M, MC, N, first, least,
    stride_q0, stride_q1,
    stride_k0,
    stride_weights0,
):
    row = tl.program_id(0) * 2  # specs/indexer/logits.py:44
    upper = row * 0  # specs/indexer/logits.py:47
    query = first + row  # specs/indexer/logits.py:50
    live = (row < MC) & (query < M)  # specs/indexer/logits.py:51
    ks = tl.load(ks_ptr + query, mask=live, other=0)  # specs/indexer/logits.py:53
    start = tl.maximum(ks, 0)  # specs/indexer/logits.py:53
    ke = tl.load(ke_ptr + query, mask=live, other=0)  # specs/indexer/logits.py:53
    end = tl.minimum(ke, N)  # specs/indexer/logits.py:53
    seen = end - start > least  # specs/indexer/logits.py:55
    lower = tl.where(seen, tl.minimum(N, start), N)  # specs/indexer/logits.py:56
    upper_1 = tl.where(seen, tl.maximum(upper, end), upper)  # specs/indexer/logits.py:57
    head = tl.arange(0, 64)  # specs/indexer/keys.py:103
    mask = head < 64  # specs/indexer/keys.py:104
    inside = mask & live  # specs/indexer/keys.py:104
    weight = tl.load(weights_ptr + (query * stride_weights0 + head), mask=inside, other=0.0)  # specs/indexer/keys.py:105
    column = tl.arange(0, 128)[None, :]  # specs/indexer/keys.py:114
    part = tl.load(q_ptr + (query * stride_q0 + head[:, None] * stride_q1 + column), mask=inside[:, None], other=0.0)  # specs/indexer/keys.py:116
    other = tl.permute(part, [1, 0])  # specs/indexer/keys.py:120
    weight_1 = weight * 0.5  # specs/indexer/keys.py:120
    query_1 = query + 1  # specs/indexer/logits.py:50
    out_row = row + 1  # specs/indexer/logits.py:51
    live_1 = (out_row < MC) & (query_1 < M)  # specs/indexer/logits.py:51
    ks_1 = tl.load(ks_ptr + query_1, mask=live_1, other=0)  # specs/indexer/logits.py:53
    start_1 = tl.maximum(ks_1, 0)  # specs/indexer/logits.py:53
    ke_1 = tl.load(ke_ptr + query_1, mask=live_1, other=0)  # specs/indexer/logits.py:53
    end_1 = tl.minimum(ke_1, N)  # specs/indexer/logits.py:53
    seen_1 = end_1 - start_1 > least  # specs/indexer/logits.py:55
    lower_1 = tl.where(seen_1, tl.minimum(lower, start_1), lower)  # specs/indexer/logits.py:56
    upper_2 = tl.where(seen_1, tl.maximum(upper_1, end_1), upper_1)  # specs/indexer/logits.py:57
    inside_1 = mask & live_1  # specs/indexer/keys.py:104
    weight_2 = tl.load(weights_ptr + (query_1 * stride_weights0 + head), mask=inside_1, other=0.0)  # specs/indexer/keys.py:105
    part_1 = tl.load(q_ptr + (query_1 * stride_q0 + head[:, None] * stride_q1 + column), mask=inside_1[:, None], other=0.0)  # specs/indexer/keys.py:116
    other_1 = tl.permute(part_1, [1, 0])  # specs/indexer/keys.py:120
    weight_3 = weight_2 * 0.5  # specs/indexer/keys.py:120
    first_tile = tl.program_id(1) * 16  # specs/indexer/logits.py:59
    last_tile = tl.minimum(first_tile + 16, (N + 63) // 64)  # specs/indexer/logits.py:60
    begin = tl.minimum(tl.maximum(lower_1 // 64, first_tile), last_tile)  # specs/indexer/logits.py:62
    end_tile = tl.maximum(tl.minimum((upper_2 + 63) // 64, last_tile), begin)  # specs/indexer/logits.py:63
    for k in tl.range(begin, end_tile, num_stages=3):  # specs/indexer/logits.py:85
        column_1 = k * 64 + head  # specs/indexer/logits.py:66
        live_2 = column_1 < N  # specs/indexer/logits.py:67
        part_2 = tl.load(k_ptr + (column_1[:, None] * stride_k0 + column), mask=live_2[:, None], other=0.0)  # specs/indexer/keys.py:137
        scale = tl.load(k_scale_ptr + column_1, mask=live_2, other=0.0)  # specs/indexer/keys.py:138
        inside_2 = (column_1 >= start) & (column_1 < end)  # specs/indexer/logits.py:70
        products = tl.dot(part_2, other)  # specs/indexer/keys.py:169
        total = tl.sum((products + tl.abs(products)) * weight_1[None, :], axis=1)  # specs/indexer/keys.py:173
        value = total * scale  # specs/indexer/keys.py:177
        value_1 = tl.where(inside_2, value, float("-inf"))  # specs/indexer/logits.py:74
        tl.store(logits_ptr + (row * N + column_1), value_1, mask=live_2 & live)  # specs/indexer/logits.py:75
        inside_3 = (column_1 >= start_1) & (column_1 < end_1)  # specs/indexer/logits.py:70
        products_1 = tl.dot(part_2, other_1)  # specs/indexer/keys.py:169
        total_1 = tl.sum((products_1 + tl.abs(products_1)) * weight_3[None, :], axis=1)  # specs/indexer/keys.py:173
        value_2 = total_1 * scale  # specs/indexer/keys.py:177
        value_3 = tl.where(inside_3, value_2, float("-inf"))  # specs/indexer/logits.py:74
        tl.store(logits_ptr + (out_row * N + column_1), value_3, mask=live_2 & live_1)  # specs/indexer/logits.py:75
    for k_1 in range(first_tile, begin):  # specs/indexer/logits.py:88
        column_2 = k_1 * 64 + head  # specs/indexer/logits.py:80
        value_4 = tl.full([64], float("-inf"), tl.float32)  # specs/indexer/logits.py:82
        mask_1 = column_2 < N  # specs/indexer/logits.py:83
        tl.store(logits_ptr + (row * N + column_2), value_4, mask=mask_1 & live)  # specs/indexer/logits.py:83
        value_5 = tl.full([64], float("-inf"), tl.float32)  # specs/indexer/logits.py:82
        tl.store(logits_ptr + (out_row * N + column_2), value_5, mask=mask_1 & live_1)  # specs/indexer/logits.py:83
    for k_2 in range(end_tile, last_tile):  # specs/indexer/logits.py:89
        column_3 = k_2 * 64 + head  # specs/indexer/logits.py:80
        value_6 = tl.full([64], float("-inf"), tl.float32)  # specs/indexer/logits.py:82
        mask_2 = column_3 < N  # specs/indexer/logits.py:83
        tl.store(logits_ptr + (row * N + column_3), value_6, mask=mask_2 & live)  # specs/indexer/logits.py:83
        value_7 = tl.full([64], float("-inf"), tl.float32)  # specs/indexer/logits.py:82
        tl.store(logits_ptr + (out_row * N + column_3), value_7, mask=mask_2 & live_1)  # specs/indexer/logits.py:83
