# sparse_mla_prefill, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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
    BLOCK_H = 64
    BLOCK_K = 64
    CHUNK = 128
    VALUE_CHUNK = 0
    VALUE_PARTS = 1
    RELOAD = 0
    num_warps = 8
    num_stages = 2
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
    VALUES: tl.constexpr = 512
    BLOCK_H: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 64
    CHUNK: tl.constexpr = 128
    tile = tl.program_id(0)  # specs/attention/sparse.py:78
    blocks = tl.cdiv(H, BLOCK_H)
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = tile % blocks * BLOCK_H + tl.arange(0, BLOCK_H)
    token = tile // blocks
    live = head < H
    arange_128 = tl.arange(0, CHUNK)  # specs/attention/columns.py:25
    # specs/attention/sparse.py:172
    part = tl.load(
        q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + arange_128[None, :]), mask=live[:, None], other=0.0
    )
    index = (arange_128 + CHUNK)[None, :]
    part_1 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index), mask=live[:, None], other=0.0)
    index_1 = (arange_128 + (CHUNK + CHUNK))[None, :]
    part_2 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_1), mask=live[:, None], other=0.0)
    index_2 = (arange_128 + (CHUNK + CHUNK + CHUNK))[None, :]
    part_3 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_2), mask=live[:, None], other=0.0)
    # A length is user data: above the width it would read the next token's list.
    topk_length = tl.load(topk_length_ptr + token)  # specs/attention/sparse.py:185
    length = tl.minimum(tl.maximum(topk_length, 0), P)
    upper = tl.cdiv(length, BLOCK_K)  # specs/attention/sparse.py:155
    peak = tl.full([BLOCK_H], float("-inf"), tl.float32)  # specs/attention/softmax.py:65
    total = tl.full([BLOCK_H], 0.0, tl.float32)
    sums_0 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:66
    sums_1 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_2 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_3 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    entry = tl.arange(0, BLOCK_K)  # specs/attention/sparse.py:220
    # Entries past the length are stale; -1 makes them skipped like missing ones.
    index_3 = tl.load(indices_ptr + (token * stride_indices0 + entry), mask=entry < length, other=-1)
    # Index loads feed gathers: prefetched one step, they are off the critical path of the pipeline.
    for k in tl.range(upper, num_stages=2):  # specs/attention/sparse.py:242
        # Past the range on the last step, but never past the list: masked by its length.
        k_1 = k + 1  # specs/attention/sparse.py:236
        entry_1 = k_1 * BLOCK_K + entry  # specs/attention/sparse.py:220
        following = tl.load(indices_ptr + (token * stride_indices0 + entry_1), mask=entry_1 < length, other=-1)
        # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
        live_1 = (index_3 >= 0) & (index_3 < S)  # specs/attention/sparse.py:226
        # Chunks are loaded where a dot takes them: a row of 576 columns does not fit into registers.
        # specs/attention/prefill.py:46
        columns = tl.load(
            kv_ptr + (index_3[:, None] * stride_kv0 + arange_128[None, :]), mask=live_1[:, None], other=0.0
        )
        columns_1 = tl.load(kv_ptr + (index_3[:, None] * stride_kv0 + index), mask=live_1[:, None], other=0.0)
        columns_2 = tl.load(kv_ptr + (index_3[:, None] * stride_kv0 + index_1), mask=live_1[:, None], other=0.0)
        columns_3 = tl.load(kv_ptr + (index_3[:, None] * stride_kv0 + index_2), mask=live_1[:, None], other=0.0)
        # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
        score = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:120
        score_1 = tl.dot(part_1, tl.permute(columns_1, [1, 0]), acc=score)
        score_2 = tl.dot(part_2, tl.permute(columns_2, [1, 0]), acc=score_1)
        score_3 = tl.dot(part_3, tl.permute(columns_3, [1, 0]), acc=score_2)
        # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
        score_4 = tl.where(live_1[None, :], score_3, float("-inf"))  # specs/attention/softmax.py:89
        highest = tl.max(score_4, axis=1)  # specs/attention/softmax.py:138
        peak_1 = tl.maximum(peak, highest)
        # no key so far: the difference of infinities is NaN
        base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)
        # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
        weight = tl.exp2(score_4 - base[:, None])
        decay = tl.exp2(peak - base)
        # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
        weight_sum = tl.sum(weight, axis=1)
        total_1 = total * decay + weight_sum
        narrow = weight.to(tl.bfloat16)
        sums_0_1 = tl.dot(narrow, columns, acc=sums_0 * decay[:, None])
        sums_1_1 = tl.dot(narrow, columns_1, acc=sums_1 * decay[:, None])
        sums_2_1 = tl.dot(narrow, columns_2, acc=sums_2 * decay[:, None])
        sums_3_1 = tl.dot(narrow, columns_3, acc=sums_3 * decay[:, None])
        index_3 = following
        peak = peak_1
        total = total_1
        sums_0 = sums_0_1
        sums_1 = sums_1_1
        sums_2 = sums_2_1
        sums_3 = sums_3_1
    # The sink is a score in natural units; the state is in powers of two.
    attn_sink = tl.load(attn_sink_ptr + head, mask=live, other=0.0)  # specs/attention/sparse.py:252
    sink = attn_sink * 1.4426950408889634  # log2(e)
    # No key at all: -inf - -inf is NaN.
    base_1 = tl.where(peak == float("-inf"), 0.0, peak)  # specs/attention/softmax.py:182
    whole = total + tl.exp2(sink - base_1)
    # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
    known = total > 0.0
    factor = tl.where(known, tl.div_rn(1.0, tl.where(known, whole, 1.0)), 0.0)
    # specs/attention/sparse.py:256
    tl.store(
        out_ptr + (token * (H * VALUES) + head[:, None] * VALUES + arange_128[None, :]),
        (sums_0 * factor[:, None]).to(tl.bfloat16), mask=live[:, None]
    )
    tl.store(
        out_ptr + (token * (H * VALUES) + head[:, None] * VALUES + index), (sums_1 * factor[:, None]).to(tl.bfloat16),
        mask=live[:, None]
    )
    tl.store(
        out_ptr + (token * (H * VALUES) + head[:, None] * VALUES + index_1), (sums_2 * factor[:, None]).to(tl.bfloat16),
        mask=live[:, None]
    )
    tl.store(
        out_ptr + (token * (H * VALUES) + head[:, None] * VALUES + index_2), (sums_3 * factor[:, None]).to(tl.bfloat16),
        mask=live[:, None]
    )
    # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
    lost = (total != total) & (peak < float("inf"))  # specs/attention/softmax.py:198
    # Programs that share a row all know its scores; one of them stores.
    # 0.6931471805599453 is ln(2), specs/attention/sparse.py:259
    tl.store(max_logits_ptr + (token * H + head), tl.where(lost, total, peak * 0.6931471805599453), mask=live)
    # NaN stays NaN
    known_1 = total != 0.0  # specs/attention/softmax.py:191
    # 0.6931471805599453 is ln(2), specs/attention/sparse.py:260
    tl.store(
        lse_ptr + (token * H + head),
        tl.where(known_1, (peak + tl.log2(tl.where(known_1, total, 1.0))) * 0.6931471805599453, float("-inf")),
        mask=live
    )
