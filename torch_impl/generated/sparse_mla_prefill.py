# sparse_mla_prefill, case "v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 22922fc738f5f2364e04dae2c4deba897765d37e229a8e04eb1d64791864b3ce
"""sparse_mla_prefill: Attention of one token's heads over listed rows.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    d_v = 512
    q = bf16
    kv = bf16
    indices = int32
    attn_sink = f32
    topk_length = int32
    out = bf16
    max_logits = f32
    lse = f32
    D = 512
    VALUES = 512
    BLOCK_H = 16
    BLOCK_K = 64
    CHUNK = 64
    VALUE_PARTS = 1
    RELOAD = 0
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def sparse_mla_prefill(
    q_ptr, kv_ptr, indices_ptr, attn_sink_ptr, topk_length_ptr,
    out_ptr, max_logits_ptr, lse_ptr,
    H, S, P,
    stride_q0, stride_q1,
    stride_kv0,
    stride_indices0,
):
    tile = tl.program_id(0)  # specs/attention/sparse.py:80
    blocks = (H + 15) // 16  # specs/attention/sparse.py:80
    head = tile % blocks * 16 + tl.arange(0, 16)  # specs/attention/sparse.py:83
    token = tile // blocks  # specs/attention/sparse.py:85
    live = head < H  # specs/attention/sparse.py:85
    arange_64 = tl.arange(0, 64)  # specs/attention/columns.py:21
    part = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + arange_64[None, :]), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index = (arange_64 + 64)[None, :]  # specs/attention/sparse.py:164
    part_1 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_1 = (arange_64 + 128)[None, :]  # specs/attention/sparse.py:164
    part_2 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_1), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_2 = (arange_64 + 192)[None, :]  # specs/attention/sparse.py:164
    part_3 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_2), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_3 = (arange_64 + 256)[None, :]  # specs/attention/sparse.py:164
    part_4 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_3), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_4 = (arange_64 + 320)[None, :]  # specs/attention/sparse.py:164
    part_5 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_4), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_5 = (arange_64 + 384)[None, :]  # specs/attention/sparse.py:164
    part_6 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_5), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    index_6 = (arange_64 + 448)[None, :]  # specs/attention/sparse.py:164
    part_7 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_6), mask=live[:, None], other=0.0)  # specs/attention/sparse.py:165
    topk_length = tl.load(topk_length_ptr + token)  # specs/attention/sparse.py:177
    length = tl.minimum(tl.maximum(topk_length, 0), P)  # specs/attention/sparse.py:177
    upper = (length + 63) // 64  # specs/attention/sparse.py:147
    peak = tl.full([16], float("-inf"), tl.float32)  # specs/attention/softmax.py:50
    total = tl.full([16], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_0 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_1 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_2 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_3 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_4 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_5 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_6 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    sums_7 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    for k in range(upper):  # specs/attention/sparse.py:235
        entry = k * 64 + arange_64  # specs/attention/sparse.py:212
        index_7 = tl.load(indices_ptr + (token * stride_indices0 + entry), mask=entry < length, other=-1)  # specs/attention/sparse.py:214
        live_1 = (index_7 >= 0) & (index_7 < S)  # specs/attention/sparse.py:218
        columns = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + arange_64[None, :]), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_1 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_2 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_1), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_3 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_2), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_4 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_3), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_5 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_4), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_6 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_5), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        columns_7 = tl.load(kv_ptr + (index_7[:, None] * stride_kv0 + index_6), mask=live_1[:, None], other=0.0)  # specs/attention/prefill.py:46
        score = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:78
        score_1 = tl.dot(part_1, tl.permute(columns_1, [1, 0]), acc=score)  # specs/attention/softmax.py:78
        score_2 = tl.dot(part_2, tl.permute(columns_2, [1, 0]), acc=score_1)  # specs/attention/softmax.py:78
        score_3 = tl.dot(part_3, tl.permute(columns_3, [1, 0]), acc=score_2)  # specs/attention/softmax.py:78
        score_4 = tl.dot(part_4, tl.permute(columns_4, [1, 0]), acc=score_3)  # specs/attention/softmax.py:78
        score_5 = tl.dot(part_5, tl.permute(columns_5, [1, 0]), acc=score_4)  # specs/attention/softmax.py:78
        score_6 = tl.dot(part_6, tl.permute(columns_6, [1, 0]), acc=score_5)  # specs/attention/softmax.py:78
        product = tl.dot(part_7, tl.permute(columns_7, [1, 0]), acc=score_6)  # specs/attention/softmax.py:78
        score_7 = tl.where(live_1[None, :], product, float("-inf"))  # specs/attention/softmax.py:69
        highest = tl.max(score_7, axis=1)  # specs/attention/softmax.py:88
        peak_1 = tl.maximum(peak, highest)  # specs/attention/softmax.py:90
        base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:91
        weight = tl.exp2(score_7 - base[:, None])  # specs/attention/softmax.py:93
        decay = tl.exp2(peak - base)  # specs/attention/softmax.py:94
        weight_sum = tl.sum(weight, axis=1)  # specs/attention/softmax.py:96
        total_1 = total * decay + weight_sum  # specs/attention/softmax.py:96
        narrow = weight.to(tl.bfloat16)  # specs/attention/softmax.py:97
        sums_0_1 = tl.dot(narrow, columns, acc=sums_0 * decay[:, None])  # specs/attention/softmax.py:98
        sums_1_1 = tl.dot(narrow, columns_1, acc=sums_1 * decay[:, None])  # specs/attention/softmax.py:98
        sums_2_1 = tl.dot(narrow, columns_2, acc=sums_2 * decay[:, None])  # specs/attention/softmax.py:98
        sums_3_1 = tl.dot(narrow, columns_3, acc=sums_3 * decay[:, None])  # specs/attention/softmax.py:98
        sums_4_1 = tl.dot(narrow, columns_4, acc=sums_4 * decay[:, None])  # specs/attention/softmax.py:98
        sums_5_1 = tl.dot(narrow, columns_5, acc=sums_5 * decay[:, None])  # specs/attention/softmax.py:98
        sums_6_1 = tl.dot(narrow, columns_6, acc=sums_6 * decay[:, None])  # specs/attention/softmax.py:98
        sums_7_1 = tl.dot(narrow, columns_7, acc=sums_7 * decay[:, None])  # specs/attention/softmax.py:98
        peak = peak_1
        total = total_1
        sums_0 = sums_0_1
        sums_1 = sums_1_1
        sums_2 = sums_2_1
        sums_3 = sums_3_1
        sums_4 = sums_4_1
        sums_5 = sums_5_1
        sums_6 = sums_6_1
        sums_7 = sums_7_1
    attn_sink = tl.load(attn_sink_ptr + head, mask=live, other=0.0)  # specs/attention/sparse.py:244
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:244
    base_1 = tl.where(peak == float("-inf"), 0.0, peak)  # specs/attention/softmax.py:128
    whole = total + tl.exp2(sink - base_1)  # specs/attention/softmax.py:129
    known = total > 0.0  # specs/attention/softmax.py:131
    factor = tl.where(known, tl.div_rn(1.0, tl.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:132
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + arange_64[None, :]), (sums_0 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index), (sums_1 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_1), (sums_2 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_2), (sums_3 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_3), (sums_4 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_4), (sums_5 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_5), (sums_6 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + index_6), (sums_7 * factor[:, None]).to(tl.bfloat16), mask=live[:, None])  # specs/attention/sparse.py:248
    lost = (total != total) & (peak < float("inf"))  # specs/attention/softmax.py:144
    tl.store(max_logits_ptr + (token * H + head), tl.where(lost, total, peak * 0.6931471805599453), mask=live)  # specs/attention/sparse.py:251
    known_1 = total != 0.0  # specs/attention/softmax.py:137
    tl.store(lse_ptr + (token * H + head), tl.where(known_1, (peak + tl.log2(tl.where(known_1, total, 1.0))) * 0.6931471805599453, float("-inf")), mask=live)  # specs/attention/sparse.py:252
