# sparse_mla_prefill, case "v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 bb032f41d6f6049348765502aabc229e5cd2c916843ad2c4775fdc84ee069212
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
    rest = tile // 1  # specs/attention/sparse.py:81
    head = rest % blocks * 16 + tl.arange(0, 16)  # specs/attention/sparse.py:82
    token = rest // blocks  # specs/attention/sparse.py:84
    t = head < H  # specs/attention/sparse.py:84
    part = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + tl.arange(0, 64)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_1 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 64)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_2 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 128)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_3 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 192)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_4 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 256)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_5 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 320)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_6 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 384)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    part_7 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + (tl.arange(0, 64) + 448)[None, :]), mask=t[:, None], other=0.0)  # specs/attention/sparse.py:161
    topk_length = tl.load(topk_length_ptr + token)  # specs/attention/sparse.py:172
    length = tl.minimum(tl.maximum(topk_length, 0), P)  # specs/attention/sparse.py:172
    upper = (length + 63) // 64  # specs/attention/sparse.py:144
    peak = tl.full([16], float("-inf"), tl.float32)  # specs/attention/softmax.py:50
    t_1 = tl.full([16], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_2 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_3 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_4 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_5 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_6 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_7 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_8 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    t_9 = tl.full([16, 64], 0.0, tl.float32)  # specs/attention/softmax.py:51
    for k in range(upper):  # specs/attention/sparse.py:225
        entry = k * 64 + tl.arange(0, 64)  # specs/attention/sparse.py:206
        index = tl.load(indices_ptr + (token * stride_indices0 + entry), mask=entry < length, other=-1)  # specs/attention/sparse.py:207
        live = (index >= 0) & (index < S)  # specs/attention/sparse.py:210
        columns = tl.load(kv_ptr + (index[:, None] * stride_kv0 + tl.arange(0, 64)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_1 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 64)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_2 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 128)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_3 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 192)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_4 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 256)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_5 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 320)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_6 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 384)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        columns_7 = tl.load(kv_ptr + (index[:, None] * stride_kv0 + (tl.arange(0, 64) + 448)[None, :]), mask=live[:, None], other=0.0)  # specs/attention/prefill.py:45
        score = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:76
        score_1 = tl.dot(part_1, tl.permute(columns_1, [1, 0]), acc=score)  # specs/attention/softmax.py:76
        score_2 = tl.dot(part_2, tl.permute(columns_2, [1, 0]), acc=score_1)  # specs/attention/softmax.py:76
        score_3 = tl.dot(part_3, tl.permute(columns_3, [1, 0]), acc=score_2)  # specs/attention/softmax.py:76
        score_4 = tl.dot(part_4, tl.permute(columns_4, [1, 0]), acc=score_3)  # specs/attention/softmax.py:76
        score_5 = tl.dot(part_5, tl.permute(columns_5, [1, 0]), acc=score_4)  # specs/attention/softmax.py:76
        score_6 = tl.dot(part_6, tl.permute(columns_6, [1, 0]), acc=score_5)  # specs/attention/softmax.py:76
        product = tl.dot(part_7, tl.permute(columns_7, [1, 0]), acc=score_6)  # specs/attention/softmax.py:76
        score_7 = tl.where(live[None, :], product * 1.0, float("-inf"))  # specs/attention/softmax.py:68
        highest = tl.max(score_7, axis=1)  # specs/attention/softmax.py:86
        peak_1 = tl.maximum(peak, highest)  # specs/attention/softmax.py:87
        base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:88
        weight = tl.exp2(score_7 - base[:, None])  # specs/attention/softmax.py:89
        decay = tl.exp2(peak - base)  # specs/attention/softmax.py:90
        t_10 = tl.sum(weight, axis=1)  # specs/attention/softmax.py:91
        total = t_1 * decay + t_10  # specs/attention/softmax.py:91
        narrow = weight.to(tl.bfloat16)  # specs/attention/softmax.py:92
        product_1 = tl.dot(narrow, columns, acc=t_2 * decay[:, None])  # specs/attention/softmax.py:93
        product_2 = tl.dot(narrow, columns_1, acc=t_3 * decay[:, None])  # specs/attention/softmax.py:93
        product_3 = tl.dot(narrow, columns_2, acc=t_4 * decay[:, None])  # specs/attention/softmax.py:93
        product_4 = tl.dot(narrow, columns_3, acc=t_5 * decay[:, None])  # specs/attention/softmax.py:93
        product_5 = tl.dot(narrow, columns_4, acc=t_6 * decay[:, None])  # specs/attention/softmax.py:93
        product_6 = tl.dot(narrow, columns_5, acc=t_7 * decay[:, None])  # specs/attention/softmax.py:93
        product_7 = tl.dot(narrow, columns_6, acc=t_8 * decay[:, None])  # specs/attention/softmax.py:93
        product_8 = tl.dot(narrow, columns_7, acc=t_9 * decay[:, None])  # specs/attention/softmax.py:93
        peak = peak_1
        t_1 = total
        t_2 = product_1
        t_3 = product_2
        t_4 = product_3
        t_5 = product_4
        t_6 = product_5
        t_7 = product_6
        t_8 = product_7
        t_9 = product_8
    attn_sink = tl.load(attn_sink_ptr + head, mask=t, other=0.0)  # specs/attention/sparse.py:233
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:233
    base_1 = tl.where(peak == float("-inf"), 0.0, peak)  # specs/attention/softmax.py:121
    whole = t_1 + tl.exp2(sink - base_1)  # specs/attention/softmax.py:122
    known = t_1 > 0.0  # specs/attention/softmax.py:123
    factor = tl.where(known, tl.div_rn(1.0, tl.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:124
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + tl.arange(0, 64)[None, :]), (t_2 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 64)[None, :]), (t_3 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 128)[None, :]), (t_4 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 192)[None, :]), (t_5 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 256)[None, :]), (t_6 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 320)[None, :]), (t_7 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 384)[None, :]), (t_8 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    tl.store(out_ptr + (token * (H * 512) + head[:, None] * 512 + (tl.arange(0, 64) + 448)[None, :]), (t_9 * factor[:, None]).to(tl.bfloat16), mask=t[:, None])  # specs/attention/sparse.py:237
    lost = (t_1 != t_1) & (peak < float("inf"))  # specs/attention/softmax.py:135
    tl.store(max_logits_ptr + (token * H + head), tl.where(lost, t_1, peak * 0.6931471805599453), mask=t)  # specs/attention/sparse.py:239
    known_1 = t_1 != 0.0  # specs/attention/softmax.py:129
    tl.store(lse_ptr + (token * H + head), tl.where(known_1, (peak + tl.log2(tl.where(known_1, t_1, 1.0))) * 0.6931471805599453, float("-inf")), mask=t)  # specs/attention/sparse.py:240
