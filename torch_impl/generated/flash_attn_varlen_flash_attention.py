# flash_attn_varlen, case "decode-pages-of-16", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""flash_attention: Attention of the rows of one request and key head.

Generated. Specialised on
    softmax_scale = 0.6931471805599453
    causal = True
    window_left = -1
    window_right = -1
    softcap = 0.0
    out_dtype = bf16
    kv_layout = separate
    return_softmax_lse = False
    splits = 0
    invariant = False
    q = bf16
    k = bf16
    v = bf16
    cu_seqlens_q = int32
    seqused_k = int32
    block_table = int32
    out = bf16
    D = 128
    DV = 128
    GROUP = 4
    SPLITS = 1
    WHOLE_TILES = False
    BLOCK_M = 16
    BLOCK_N = 64
    CHUNK = 64
    RELOAD = 0
    num_warps = 4
    num_stages = 3
"""

import triton
import triton.language as tl


@triton.jit
def flash_attention(
    q_ptr, k_ptr, v_ptr, cu_seqlens_q_ptr, seqused_k_ptr, block_table_ptr,
    out_ptr,
    TQ, HQ, HKV, PAGES, PAGE, BOUNDS, TABLE, LONGEST_Q,
    stride_q0, stride_q1,
    stride_k0, stride_k1, stride_k2,
    stride_v0, stride_v1, stride_v2,
    stride_block_table0,
):
    DV: tl.constexpr = 128
    GROUP: tl.constexpr = 4
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 64
    CHUNK: tl.constexpr = 64
    tiles = tl.cdiv(LONGEST_Q * GROUP, BLOCK_M)  # specs/flash/work.py:77
    number = tl.program_id(0)  # specs/flash/work.py:58
    rest = number // tiles
    first = (tiles - 1 - number % tiles) * BLOCK_M
    arange_16 = tl.arange(0, BLOCK_M)
    row = first + arange_16
    number_1 = rest // HKV
    bound = tl.load(cu_seqlens_q_ptr + number_1)  # specs/flash/work.py:94
    first_1 = tl.minimum(tl.maximum(bound, 0), TQ)  # specs/flash/work.py:107
    cu_seqlens_q = tl.load(cu_seqlens_q_ptr + tl.minimum(number_1 + 1, BOUNDS - 1))  # specs/flash/work.py:95
    end = tl.minimum(cu_seqlens_q, TQ)
    queries = tl.maximum(end - first_1, 0)
    seqused_k = tl.load(seqused_k_ptr + number_1, mask=number_1 < BOUNDS - 1, other=0)  # specs/flash/work.py:84
    used = tl.maximum(seqused_k, 0)
    keys = tl.minimum(used, TABLE * PAGE * tl.minimum(PAGES, 1))
    head = rest % HKV  # specs/flash/work.py:63
    position = row // GROUP
    head_1 = head * GROUP + row % GROUP
    live = row < queries * GROUP
    if first < queries * GROUP:  # specs/flash/varlen.py:60
        live_1 = live[:, None]  # specs/flash/varlen.py:128
        token = first_1 + position  # specs/flash/work.py:47
        token_1 = token[:, None]  # specs/flash/varlen.py:130
        arange_64 = tl.arange(0, CHUNK)  # specs/attention/columns.py:25
        # specs/flash/varlen.py:131
        part = tl.load(
            q_ptr + (token_1 * stride_q0 + head_1[:, None] * stride_q1 + arange_64[None, :]), mask=live_1, other=0.0
        )
        index = (arange_64 + CHUNK)[None, :]
        part_1 = tl.load(q_ptr + (token_1 * stride_q0 + head_1[:, None] * stride_q1 + index), mask=live_1, other=0.0)
        shift = keys - queries  # specs/flash/work.py:126
        lowest = first // GROUP + shift
        highest = tl.minimum((first + (BLOCK_M - 1)) // GROUP, queries - 1) + shift
        end_1 = tl.minimum(keys, tl.maximum(highest + 1, 0))  # specs/flash/work.py:133
        full_end = tl.minimum(keys, tl.maximum(lowest + 1, 0))
        end_2 = tl.cdiv(end_1, BLOCK_N)  # specs/flash/work.py:137
        end_3 = full_end // BLOCK_N
        peak = tl.full([BLOCK_M], float("-inf"), tl.float32)  # specs/attention/softmax.py:65
        total = tl.full([BLOCK_M], 0.0, tl.float32)
        sums_0 = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:66
        sums_1 = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)
        for tile in range(end_3):  # specs/flash/varlen.py:75
            first_2 = tile * BLOCK_N  # specs/flash/keys.py:52
            position_1 = first_2 + tl.arange(0, BLOCK_N)
            page = tl.load(block_table_ptr + (number_1 * stride_block_table0 + position_1 // PAGE))
            page_1 = tl.minimum(tl.maximum(page, 0), PAGES - 1)[:, None]  # specs/flash/keys.py:34
            index_1 = (position_1 % PAGE)[:, None]
            columns = tl.load(
                k_ptr + (page_1 * stride_k0 + index_1 * stride_k1 + head * stride_k2 + arange_64[None, :])
            )
            columns_1 = tl.load(k_ptr + (page_1 * stride_k0 + index_1 * stride_k1 + head * stride_k2 + index))
            # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
            score = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:120
            product = tl.dot(part_1, tl.permute(columns_1, [1, 0]), acc=score)
            # specs/flash/keys.py:38
            chunk = tl.load(v_ptr + (page_1 * stride_v0 + index_1 * stride_v1 + head * stride_v2 + arange_64[None, :]))
            chunk_1 = tl.load(v_ptr + (page_1 * stride_v0 + index_1 * stride_v1 + head * stride_v2 + index))
            highest_1 = tl.max(product, axis=1)  # specs/attention/softmax.py:138
            peak_1 = tl.maximum(peak, highest_1)
            # no key so far: the difference of infinities is NaN
            base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)
            # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
            weight = tl.exp2(product - base[:, None])
            decay = tl.exp2(peak - base)
            # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
            weight_sum = tl.sum(weight, axis=1)
            total_1 = total * decay + weight_sum
            narrow = weight.to(tl.bfloat16)
            sums_0_1 = tl.dot(narrow, chunk, acc=sums_0 * decay[:, None])
            sums_1_1 = tl.dot(narrow, chunk_1, acc=sums_1 * decay[:, None])
            peak = peak_1
            total = total_1
            sums_0 = sums_0_1
            sums_1 = sums_1_1
        for tile_1 in range(end_3, end_2):  # specs/flash/varlen.py:75
            first_3 = tile_1 * BLOCK_N  # specs/flash/keys.py:52
            position_2 = first_3 + tl.arange(0, BLOCK_N)
            live_2 = position_2 < keys
            page_2 = tl.load(
                block_table_ptr + (number_1 * stride_block_table0 + position_2 // PAGE), mask=live_2, other=0
            )
            page_3 = tl.minimum(tl.maximum(page_2, 0), PAGES - 1)[:, None]  # specs/flash/keys.py:34
            mask = live_2[:, None]
            index_2 = (position_2 % PAGE)[:, None]
            columns_2 = tl.load(
                k_ptr + (page_3 * stride_k0 + index_2 * stride_k1 + head * stride_k2 + arange_64[None, :]), mask=mask,
                other=0.0
            )
            columns_3 = tl.load(
                k_ptr + (page_3 * stride_k0 + index_2 * stride_k1 + head * stride_k2 + index), mask=mask, other=0.0
            )
            score_1 = tl.dot(part, tl.permute(columns_2, [1, 0]))  # specs/attention/softmax.py:120
            product_1 = tl.dot(part_1, tl.permute(columns_3, [1, 0]), acc=score_1)
            own = position + shift  # specs/flash/scores.py:65
            position_3 = position_2[None, :]
            distance = position_3 - own[:, None]
            seen = position_3 < keys  # specs/flash/scores.py:44
            seen_1 = seen & (distance <= 0)
            score_2 = tl.where(seen_1, product_1, float("-inf"))
            # specs/flash/keys.py:38
            chunk_2 = tl.load(
                v_ptr + (page_3 * stride_v0 + index_2 * stride_v1 + head * stride_v2 + arange_64[None, :]), mask=mask,
                other=0.0
            )
            chunk_3 = tl.load(
                v_ptr + (page_3 * stride_v0 + index_2 * stride_v1 + head * stride_v2 + index), mask=mask, other=0.0
            )
            highest_2 = tl.max(score_2, axis=1)  # specs/attention/softmax.py:138
            peak_2 = tl.maximum(peak, highest_2)
            base_1 = tl.where(peak_2 == float("-inf"), 0.0, peak_2)
            weight_1 = tl.exp2(score_2 - base_1[:, None])
            decay_1 = tl.exp2(peak - base_1)
            weight_1_sum = tl.sum(weight_1, axis=1)
            total_2 = total * decay_1 + weight_1_sum
            narrow_1 = weight_1.to(tl.bfloat16)
            sums_0_2 = tl.dot(narrow_1, chunk_2, acc=sums_0 * decay_1[:, None])
            sums_1_2 = tl.dot(narrow_1, chunk_3, acc=sums_1 * decay_1[:, None])
            peak = peak_2
            total = total_2
            sums_0 = sums_0_2
            sums_1 = sums_1_2
        # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
        known = total > 0.0  # specs/attention/softmax.py:185
        factor = tl.where(known, tl.div_rn(1.0, tl.where(known, total, 1.0)), 0.0)
        mean = sums_0 * factor[:, None]  # specs/flash/results.py:30
        # specs/flash/results.py:47
        tl.store(
            out_ptr + (token_1 * (HQ * DV) + head_1[:, None] * DV + arange_64[None, :]), mean.to(tl.bfloat16),
            mask=live_1
        )
        mean_1 = sums_1 * factor[:, None]  # specs/flash/results.py:30
        # specs/flash/results.py:47
        tl.store(out_ptr + (token_1 * (HQ * DV) + head_1[:, None] * DV + index), mean_1.to(tl.bfloat16), mask=live_1)
    if number_1 == BOUNDS - 1:  # specs/flash/varlen.py:61
        bound_1 = tl.load(cu_seqlens_q_ptr)  # specs/flash/work.py:101
        first_4 = tl.minimum(tl.maximum(bound_1, 0), TQ)  # specs/flash/work.py:107
        bound_2 = tl.load(cu_seqlens_q_ptr + BOUNDS - 1)  # specs/flash/work.py:102
        end_4 = tl.maximum(tl.minimum(tl.maximum(bound_2, 0), TQ), first_4)
        programs = tiles * HKV  # specs/flash/unowned.py:24
        own_1 = head * tiles + first // BLOCK_M
        count = (TQ - (end_4 - first_4)) * HQ
        tiles_1 = tl.cdiv(count, BLOCK_M)
        for step in range((tl.maximum(tiles_1 - own_1, 0) + (programs - 1)) // programs):
            row_1 = (own_1 + step * programs) * BLOCK_M + arange_16  # specs/flash/unowned.py:29
            token_2 = row_1 // HQ
            token_3 = tl.where(token_2 < first_4, token_2, token_2 + (end_4 - first_4))
            head_2 = row_1 % HQ
            live_3 = row_1 < count
            zero = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:66
            zero_1 = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)
            token_4 = token_3[:, None]  # specs/flash/results.py:44
            mask_1 = live_3[:, None]
            arange_64_1 = tl.arange(0, CHUNK)  # specs/attention/columns.py:25
            # specs/flash/results.py:47
            tl.store(
                out_ptr + (token_4 * (HQ * DV) + head_2[:, None] * DV + arange_64_1[None, :]), zero.to(tl.bfloat16),
                mask=mask_1
            )
            tl.store(
                out_ptr + (token_4 * (HQ * DV) + head_2[:, None] * DV + (arange_64_1 + CHUNK)[None, :]),
                zero_1.to(tl.bfloat16), mask=mask_1
            )
