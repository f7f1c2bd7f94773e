# sparse_mla_decode_fp8, case "h64", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""sparse_mla_decode_part: Attention of one token's heads over rows of paged caches.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    layout = v4
    block_size = 64
    comp_block_size = 2
    splits = 0
    q = bf16
    swa_cache = uint8
    swa_indices = int32
    swa_lens = int32
    comp_cache = uint8
    topk_indices = int32
    topk_lens = int32
    partial = f32
    partial_peak = f32
    partial_total = f32
    D = 512
    SWA_ROWS = 64
    COMP_ROWS = 2
    VALUES = 512
    SPLITS = 3
    BLOCK_H = 64
    BLOCK_K = 64
    CHUNK = 64
    VALUE_CHUNK = 0
    VALUE_PARTS = 1
    RELOAD = 0
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def sparse_mla_decode_part(
    q_ptr, swa_cache_ptr, swa_indices_ptr, swa_lens_ptr, comp_cache_ptr, topk_indices_ptr, topk_lens_ptr,
    partial_ptr, partial_peak_ptr, partial_total_ptr,
    T, H, W, K, SWA_PAGES, COMP_PAGES,
    stride_q0, stride_q1,
    stride_swa_cache0,
    stride_swa_indices0,
    stride_comp_cache0,
    stride_topk_indices0,
):
    SWA_ROWS: tl.constexpr = 64
    COMP_ROWS: tl.constexpr = 2
    VALUES: tl.constexpr = 512
    SPLITS: tl.constexpr = 3
    BLOCK_H: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 64
    CHUNK: tl.constexpr = 64
    tile = tl.program_id(0)  # specs/attention/sparse.py:78
    blocks = tl.cdiv(H, BLOCK_H)
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = tile % blocks * BLOCK_H + tl.arange(0, BLOCK_H)
    split = tl.program_id(1)
    token = tile // blocks
    live = head < H
    # The compressed cache first, then the window: one softmax runs over both lists, in this order everywhere.
    total = COMP_PAGES * COMP_ROWS  # specs/attention/decode.py:69
    total_1 = SWA_PAGES * SWA_ROWS
    index = tl.arange(0, CHUNK)
    # specs/attention/sparse.py:172
    part = tl.load(
        q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index[None, :]), mask=live[:, None], other=0.0
    )
    index_1 = (index + CHUNK)[None, :]
    part_1 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_1), mask=live[:, None], other=0.0)
    index_2 = (index + (CHUNK + CHUNK))[None, :]
    part_2 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_2), mask=live[:, None], other=0.0)
    index_3 = (index + (CHUNK + CHUNK + CHUNK))[None, :]
    part_3 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_3), mask=live[:, None], other=0.0)
    index_4 = (index + (CHUNK + CHUNK + CHUNK + CHUNK))[None, :]
    part_4 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_4), mask=live[:, None], other=0.0)
    index_5 = (index + 320)[None, :]
    part_5 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_5), mask=live[:, None], other=0.0)
    index_6 = (index + (320 + CHUNK))[None, :]
    part_6 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_6), mask=live[:, None], other=0.0)
    index_7 = (index + 448)[None, :]
    part_7 = tl.load(q_ptr + (token * stride_q0 + head[:, None] * stride_q1 + index_7), mask=live[:, None], other=0.0)
    # A length is user data: above the width it would read the next token's list.
    topk_lens = tl.load(topk_lens_ptr + token)  # specs/attention/sparse.py:185
    length = tl.minimum(tl.maximum(topk_lens, 0), K)
    swa_lens = tl.load(swa_lens_ptr + token)
    length_1 = tl.minimum(tl.maximum(swa_lens, 0), W)
    total_2 = tl.cdiv(length, BLOCK_K)  # specs/attention/sparse.py:155
    count = tl.cdiv(length_1, BLOCK_K)
    total_3 = total_2 + count  # specs/attention/sparse.py:197
    # Tiles, not keys, are shared out: only the last tile of a list is partly masked.
    start = split * total_3 // SPLITS
    end = (split + 1) * total_3 // SPLITS
    lower = tl.minimum(tl.maximum(start, 0), total_2)
    upper = tl.minimum(tl.maximum(end, 0), total_2)
    start_1 = start - total_2
    end_1 = end - total_2
    lower_1 = tl.minimum(tl.maximum(start_1, 0), count)
    upper_1 = tl.minimum(tl.maximum(end_1, 0), count)
    peak = tl.full([BLOCK_H], float("-inf"), tl.float32)  # specs/attention/softmax.py:65
    total_4 = tl.full([BLOCK_H], 0.0, tl.float32)
    sums_0 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:66
    sums_1 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_2 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_3 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_4 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_5 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_6 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    sums_7 = tl.full([BLOCK_H, CHUNK], 0.0, tl.float32)
    for k in range(lower, upper):  # specs/attention/sparse.py:243
        entry = k * BLOCK_K + tl.arange(0, BLOCK_K)  # specs/attention/sparse.py:220
        # Entries past the length are stale; -1 makes them skipped like missing ones.
        index_8 = tl.load(topk_indices_ptr + (token * stride_topk_indices0 + entry), mask=entry < length, other=-1)
        # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
        live_1 = (index_8 >= 0) & (index_8 < total)  # specs/attention/sparse.py:226
        # Skipped entries are -1; // and % of negative numbers differ between targets.
        slot = tl.maximum(index_8, 0)  # specs/attention/decode.py:54
        page = slot // COMP_ROWS
        row = slot % COMP_ROWS
        start_2 = row * 576
        # Gathered layouts keep all scales of a page after its last row of data.
        start_3 = row * 8 + COMP_ROWS * 576
        start_4 = start_2[:, None]
        live_2 = live_1[:, None]
        values = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_4
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code = tl.load(
            (comp_cache_ptr + page.to(tl.int64) * stride_comp_cache0 + start_3).to(tl.pointer_type(tl.int32)),
            mask=live_1, other=0
        )
        codes = code & 255
        value = (codes << 23).to(tl.float32, bitcast=True)
        # E8M0 code 0 is 2**-127, a float32 subnormal: an exponent field of 0 would read as 0.
        value_1 = tl.where(codes == 0, 5.877471754111438e-39, value)  # 2**-127
        spread = tl.where(codes == 255, float("nan"), value_1)[:, None]
        value_2 = values.to(tl.float32) * spread
        columns = value_2.to(tl.bfloat16)
        # Bytes from the start of the page, in int32; the page's own offset is added in int64.
        start_5 = start_2 + CHUNK * 8 // 8
        start_6 = start_5[:, None]
        values_1 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_6
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code_1 = code >> 8
        codes_1 = code_1 & 255
        value_3 = (codes_1 << 23).to(tl.float32, bitcast=True)
        value_4 = tl.where(codes_1 == 0, 5.877471754111438e-39, value_3)  # 2**-127
        spread_1 = tl.where(codes_1 == 255, float("nan"), value_4)[:, None]
        value_5 = values_1.to(tl.float32) * spread_1
        columns_1 = value_5.to(tl.bfloat16)
        start_7 = start_2 + (CHUNK + CHUNK) * 8 // 8
        start_8 = start_7[:, None]
        values_2 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_8
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code_2 = code >> 16
        codes_2 = code_2 & 255
        value_6 = (codes_2 << 23).to(tl.float32, bitcast=True)
        value_7 = tl.where(codes_2 == 0, 5.877471754111438e-39, value_6)  # 2**-127
        spread_2 = tl.where(codes_2 == 255, float("nan"), value_7)[:, None]
        value_8 = values_2.to(tl.float32) * spread_2
        columns_2 = value_8.to(tl.bfloat16)
        start_9 = start_2 + 192
        start_10 = start_9[:, None]
        values_3 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_10
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code_3 = code >> 24
        codes_3 = code_3 & 255
        value_9 = (codes_3 << 23).to(tl.float32, bitcast=True)
        value_10 = tl.where(codes_3 == 0, 5.877471754111438e-39, value_9)  # 2**-127
        spread_3 = tl.where(codes_3 == 255, float("nan"), value_10)[:, None]
        value_11 = values_3.to(tl.float32) * spread_3
        columns_3 = value_11.to(tl.bfloat16)
        start_11 = start_2 + 256
        start_12 = start_11[:, None]
        values_4 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_12
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        start_13 = start_3 + 4
        code_4 = tl.load(
            (comp_cache_ptr + page.to(tl.int64) * stride_comp_cache0 + start_13).to(tl.pointer_type(tl.int32)),
            mask=live_1, other=0
        )
        codes_4 = code_4 & 255
        value_12 = (codes_4 << 23).to(tl.float32, bitcast=True)
        value_13 = tl.where(codes_4 == 0, 5.877471754111438e-39, value_12)  # 2**-127
        spread_4 = tl.where(codes_4 == 255, float("nan"), value_13)[:, None]
        value_14 = values_4.to(tl.float32) * spread_4
        columns_4 = value_14.to(tl.bfloat16)
        start_14 = start_2 + 320
        start_15 = start_14[:, None]
        values_5 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_15
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code_5 = code_4 >> 8
        codes_5 = code_5 & 255
        value_15 = (codes_5 << 23).to(tl.float32, bitcast=True)
        value_16 = tl.where(codes_5 == 0, 5.877471754111438e-39, value_15)  # 2**-127
        spread_5 = tl.where(codes_5 == 255, float("nan"), value_16)[:, None]
        value_17 = values_5.to(tl.float32) * spread_5
        columns_5 = value_17.to(tl.bfloat16)
        start_16 = start_2 + (320 + CHUNK) * 8 // 8
        start_17 = start_16[:, None]
        values_6 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_17
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_2, other=0.0
        )
        code_6 = code_4 >> 16
        codes_6 = code_6 & 255
        value_18 = (codes_6 << 23).to(tl.float32, bitcast=True)
        value_19 = tl.where(codes_6 == 0, 5.877471754111438e-39, value_18)  # 2**-127
        spread_6 = tl.where(codes_6 == 255, float("nan"), value_19)[:, None]
        value_20 = values_6.to(tl.float32) * spread_6
        columns_6 = value_20.to(tl.bfloat16)
        start_18 = start_2 + 448
        start_19 = start_18[:, None]
        columns_7 = tl.load(
            (
                comp_cache_ptr + page[:, None].to(tl.int64) * stride_comp_cache0 + start_19
            ).to(tl.pointer_type(tl.bfloat16)) + index[None, :],
            mask=live_2, other=0.0
        )
        # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
        score = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:120
        score_1 = tl.dot(part_1, tl.permute(columns_1, [1, 0]), acc=score)
        score_2 = tl.dot(part_2, tl.permute(columns_2, [1, 0]), acc=score_1)
        score_3 = tl.dot(part_3, tl.permute(columns_3, [1, 0]), acc=score_2)
        score_4 = tl.dot(part_4, tl.permute(columns_4, [1, 0]), acc=score_3)
        score_5 = tl.dot(part_5, tl.permute(columns_5, [1, 0]), acc=score_4)
        score_6 = tl.dot(part_6, tl.permute(columns_6, [1, 0]), acc=score_5)
        score_7 = tl.dot(part_7, tl.permute(columns_7, [1, 0]), acc=score_6)
        # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
        score_8 = tl.where(live_1[None, :], score_7, float("-inf"))  # specs/attention/softmax.py:89
        highest = tl.max(score_8, axis=1)  # specs/attention/softmax.py:138
        peak_1 = tl.maximum(peak, highest)
        # no key so far: the difference of infinities is NaN
        base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)
        # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
        weight = tl.exp2(score_8 - base[:, None])
        decay = tl.exp2(peak - base)
        # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
        weight_sum = tl.sum(weight, axis=1)
        total_5 = total_4 * decay + weight_sum
        narrow = weight.to(tl.bfloat16)
        sums_0_1 = tl.dot(narrow, columns, acc=sums_0 * decay[:, None])
        sums_1_1 = tl.dot(narrow, columns_1, acc=sums_1 * decay[:, None])
        sums_2_1 = tl.dot(narrow, columns_2, acc=sums_2 * decay[:, None])
        sums_3_1 = tl.dot(narrow, columns_3, acc=sums_3 * decay[:, None])
        sums_4_1 = tl.dot(narrow, columns_4, acc=sums_4 * decay[:, None])
        sums_5_1 = tl.dot(narrow, columns_5, acc=sums_5 * decay[:, None])
        sums_6_1 = tl.dot(narrow, columns_6, acc=sums_6 * decay[:, None])
        sums_7_1 = tl.dot(narrow, columns_7, acc=sums_7 * decay[:, None])
        peak = peak_1
        total_4 = total_5
        sums_0 = sums_0_1
        sums_1 = sums_1_1
        sums_2 = sums_2_1
        sums_3 = sums_3_1
        sums_4 = sums_4_1
        sums_5 = sums_5_1
        sums_6 = sums_6_1
        sums_7 = sums_7_1
    for k_1 in range(lower_1, upper_1):  # specs/attention/sparse.py:243
        entry_1 = k_1 * BLOCK_K + tl.arange(0, BLOCK_K)  # specs/attention/sparse.py:220
        index_9 = tl.load(swa_indices_ptr + (token * stride_swa_indices0 + entry_1), mask=entry_1 < length_1, other=-1)
        live_3 = (index_9 >= 0) & (index_9 < total_1)  # specs/attention/sparse.py:226
        slot_1 = tl.maximum(index_9, 0)  # specs/attention/decode.py:54
        page_1 = slot_1 // SWA_ROWS
        row_1 = slot_1 % SWA_ROWS
        start_20 = row_1 * 576
        start_21 = row_1 * 8 + SWA_ROWS * 576
        start_22 = start_20[:, None]
        live_4 = live_3[:, None]
        values_7 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_22
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_7 = tl.load(
            (swa_cache_ptr + page_1.to(tl.int64) * stride_swa_cache0 + start_21).to(tl.pointer_type(tl.int32)),
            mask=live_3, other=0
        )
        codes_7 = code_7 & 255
        value_21 = (codes_7 << 23).to(tl.float32, bitcast=True)
        value_22 = tl.where(codes_7 == 0, 5.877471754111438e-39, value_21)  # 2**-127
        spread_7 = tl.where(codes_7 == 255, float("nan"), value_22)[:, None]
        value_23 = values_7.to(tl.float32) * spread_7
        columns_8 = value_23.to(tl.bfloat16)
        start_23 = start_20 + CHUNK * 8 // 8
        start_24 = start_23[:, None]
        values_8 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_24
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_8 = code_7 >> 8
        codes_8 = code_8 & 255
        value_24 = (codes_8 << 23).to(tl.float32, bitcast=True)
        value_25 = tl.where(codes_8 == 0, 5.877471754111438e-39, value_24)  # 2**-127
        spread_8 = tl.where(codes_8 == 255, float("nan"), value_25)[:, None]
        value_26 = values_8.to(tl.float32) * spread_8
        columns_9 = value_26.to(tl.bfloat16)
        start_25 = start_20 + (CHUNK + CHUNK) * 8 // 8
        start_26 = start_25[:, None]
        values_9 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_26
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_9 = code_7 >> 16
        codes_9 = code_9 & 255
        value_27 = (codes_9 << 23).to(tl.float32, bitcast=True)
        value_28 = tl.where(codes_9 == 0, 5.877471754111438e-39, value_27)  # 2**-127
        spread_9 = tl.where(codes_9 == 255, float("nan"), value_28)[:, None]
        value_29 = values_9.to(tl.float32) * spread_9
        columns_10 = value_29.to(tl.bfloat16)
        start_27 = start_20 + 192
        start_28 = start_27[:, None]
        values_10 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_28
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_10 = code_7 >> 24
        codes_10 = code_10 & 255
        value_30 = (codes_10 << 23).to(tl.float32, bitcast=True)
        value_31 = tl.where(codes_10 == 0, 5.877471754111438e-39, value_30)  # 2**-127
        spread_10 = tl.where(codes_10 == 255, float("nan"), value_31)[:, None]
        value_32 = values_10.to(tl.float32) * spread_10
        columns_11 = value_32.to(tl.bfloat16)
        start_29 = start_20 + 256
        start_30 = start_29[:, None]
        values_11 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_30
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        start_31 = start_21 + 4
        code_11 = tl.load(
            (swa_cache_ptr + page_1.to(tl.int64) * stride_swa_cache0 + start_31).to(tl.pointer_type(tl.int32)),
            mask=live_3, other=0
        )
        codes_11 = code_11 & 255
        value_33 = (codes_11 << 23).to(tl.float32, bitcast=True)
        value_34 = tl.where(codes_11 == 0, 5.877471754111438e-39, value_33)  # 2**-127
        spread_11 = tl.where(codes_11 == 255, float("nan"), value_34)[:, None]
        value_35 = values_11.to(tl.float32) * spread_11
        columns_12 = value_35.to(tl.bfloat16)
        start_32 = start_20 + 320
        start_33 = start_32[:, None]
        values_12 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_33
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_12 = code_11 >> 8
        codes_12 = code_12 & 255
        value_36 = (codes_12 << 23).to(tl.float32, bitcast=True)
        value_37 = tl.where(codes_12 == 0, 5.877471754111438e-39, value_36)  # 2**-127
        spread_12 = tl.where(codes_12 == 255, float("nan"), value_37)[:, None]
        value_38 = values_12.to(tl.float32) * spread_12
        columns_13 = value_38.to(tl.bfloat16)
        start_34 = start_20 + (320 + CHUNK) * 8 // 8
        start_35 = start_34[:, None]
        values_13 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_35
            ).to(tl.pointer_type(tl.float8e4nv)) + index[None, :],
            mask=live_4, other=0.0
        )
        code_13 = code_11 >> 16
        codes_13 = code_13 & 255
        value_39 = (codes_13 << 23).to(tl.float32, bitcast=True)
        value_40 = tl.where(codes_13 == 0, 5.877471754111438e-39, value_39)  # 2**-127
        spread_13 = tl.where(codes_13 == 255, float("nan"), value_40)[:, None]
        value_41 = values_13.to(tl.float32) * spread_13
        columns_14 = value_41.to(tl.bfloat16)
        start_36 = start_20 + 448
        start_37 = start_36[:, None]
        columns_15 = tl.load(
            (
                swa_cache_ptr + page_1[:, None].to(tl.int64) * stride_swa_cache0 + start_37
            ).to(tl.pointer_type(tl.bfloat16)) + index[None, :],
            mask=live_4, other=0.0
        )
        score_9 = tl.dot(part, tl.permute(columns_8, [1, 0]))  # specs/attention/softmax.py:120
        score_10 = tl.dot(part_1, tl.permute(columns_9, [1, 0]), acc=score_9)
        score_11 = tl.dot(part_2, tl.permute(columns_10, [1, 0]), acc=score_10)
        score_12 = tl.dot(part_3, tl.permute(columns_11, [1, 0]), acc=score_11)
        score_13 = tl.dot(part_4, tl.permute(columns_12, [1, 0]), acc=score_12)
        score_14 = tl.dot(part_5, tl.permute(columns_13, [1, 0]), acc=score_13)
        score_15 = tl.dot(part_6, tl.permute(columns_14, [1, 0]), acc=score_14)
        score_16 = tl.dot(part_7, tl.permute(columns_15, [1, 0]), acc=score_15)
        score_17 = tl.where(live_3[None, :], score_16, float("-inf"))  # specs/attention/softmax.py:89
        highest_1 = tl.max(score_17, axis=1)  # specs/attention/softmax.py:138
        peak_2 = tl.maximum(peak, highest_1)
        base_1 = tl.where(peak_2 == float("-inf"), 0.0, peak_2)
        weight_1 = tl.exp2(score_17 - base_1[:, None])
        decay_1 = tl.exp2(peak - base_1)
        weight_1_sum = tl.sum(weight_1, axis=1)
        total_6 = total_4 * decay_1 + weight_1_sum
        narrow_1 = weight_1.to(tl.bfloat16)
        sums_0_2 = tl.dot(narrow_1, columns_8, acc=sums_0 * decay_1[:, None])
        sums_1_2 = tl.dot(narrow_1, columns_9, acc=sums_1 * decay_1[:, None])
        sums_2_2 = tl.dot(narrow_1, columns_10, acc=sums_2 * decay_1[:, None])
        sums_3_2 = tl.dot(narrow_1, columns_11, acc=sums_3 * decay_1[:, None])
        sums_4_2 = tl.dot(narrow_1, columns_12, acc=sums_4 * decay_1[:, None])
        sums_5_2 = tl.dot(narrow_1, columns_13, acc=sums_5 * decay_1[:, None])
        sums_6_2 = tl.dot(narrow_1, columns_14, acc=sums_6 * decay_1[:, None])
        sums_7_2 = tl.dot(narrow_1, columns_15, acc=sums_7 * decay_1[:, None])
        peak = peak_2
        total_4 = total_6
        sums_0 = sums_0_2
        sums_1 = sums_1_2
        sums_2 = sums_2_2
        sums_3 = sums_3_2
        sums_4 = sums_4_2
        sums_5 = sums_5_2
        sums_6 = sums_6_2
        sums_7 = sums_7_2
    # Unnormalised float32: the merge weighs them by exp2(peak - largest peak) and divides once.
    # specs/attention/splits.py:51
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index[None, :]),
        sums_0, mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_1), sums_1,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_2), sums_2,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_3), sums_3,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_4), sums_4,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_5), sums_5,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_6), sums_6,
        mask=live[:, None]
    )
    tl.store(
        partial_ptr + (split * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + index_7), sums_7,
        mask=live[:, None]
    )
    # Programs that share the value columns of a row agree on its peak and total; one stores them.
    tl.store(partial_peak_ptr + (split * (T * H) + token * H + head), peak, mask=live)
    tl.store(partial_total_ptr + (split * (T * H) + token * H + head), total_4, mask=live)
