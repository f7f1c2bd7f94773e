# flash_attn_varlen, case "causal", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 617cd30ed5950927e92503a5c21db0cdd44dd55e010fa1388a3b011bb6851a7f
"""flash_attention: Attention of the rows of one request and key head.

Generated. Specialised on
    softmax_scale = 0.6931471805599453
    causal = True
    window_left = -1
    window_right = -1
    softcap = 0.0
    out_dtype = bf16
    return_softmax_lse = True
    splits = 0
    q = bf16
    k = bf16
    v = bf16
    cu_seqlens_q = int32
    cu_seqlens_k = int32
    out = bf16
    lse = f32
    D = 64
    DV = 64
    GROUP = 2
    SPLITS = 1
    WHOLE_TILES = False
    BLOCK_M = 64
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
    q_ptr, k_ptr, v_ptr, cu_seqlens_q_ptr, cu_seqlens_k_ptr,
    out_ptr, lse_ptr,
    TQ, HQ, HKV, PAGE, BOUNDS, LONGEST_Q,
    stride_q0, stride_q1,
    stride_k1, stride_k2,
    stride_v1, stride_v2,
):
    DV: tl.constexpr = 64
    GROUP: tl.constexpr = 2
    BLOCK_M: tl.constexpr = 64
    BLOCK_N: tl.constexpr = 64
    CHUNK: tl.constexpr = 64
    tiles = tl.cdiv(LONGEST_Q * GROUP, BLOCK_M)  # specs/flash/work.py:77
    number = tl.program_id(0)  # specs/flash/work.py:58
    rest = number // tiles
    first = (tiles - 1 - number % tiles) * BLOCK_M
    arange_64 = tl.arange(0, BLOCK_M)
    row = first + arange_64
    number_1 = rest // HKV
    bound = tl.load(cu_seqlens_q_ptr + number_1)  # specs/flash/work.py:94
    first_1 = tl.minimum(tl.maximum(bound, 0), TQ)  # specs/flash/work.py:107
    index = tl.minimum(number_1 + 1, BOUNDS - 1)  # specs/flash/work.py:95
    cu_seqlens_q = tl.load(cu_seqlens_q_ptr + index)
    end = tl.minimum(cu_seqlens_q, TQ)
    queries = tl.maximum(end - first_1, 0)
    bound_1 = tl.load(cu_seqlens_k_ptr + number_1)
    first_2 = tl.minimum(tl.maximum(bound_1, 0), PAGE)  # specs/flash/work.py:107
    cu_seqlens_k = tl.load(cu_seqlens_k_ptr + index)  # specs/flash/work.py:95
    end_1 = tl.minimum(cu_seqlens_k, PAGE)
    keys = tl.maximum(end_1 - first_2, 0)
    head = rest % HKV  # specs/flash/work.py:63
    position = row // GROUP
    head_1 = head * GROUP + row % GROUP
    live = row < queries * GROUP
    arange_64_1 = tl.arange(0, BLOCK_N)  # specs/flash/keys.py:32
    if first < queries * GROUP:  # specs/flash/varlen.py:57
        live_1 = live[:, None]  # specs/flash/varlen.py:120
        token = first_1 + position  # specs/flash/work.py:47
        token_1 = token[:, None]  # specs/flash/varlen.py:122
        index_1 = tl.arange(0, CHUNK)[None, :]
        part = tl.load(q_ptr + (token_1 * stride_q0 + head_1[:, None] * stride_q1 + index_1), mask=live_1, other=0.0)
        shift = keys - queries  # specs/flash/work.py:126
        lowest = first // GROUP + shift
        highest = tl.minimum((first + (BLOCK_M - 1)) // GROUP, queries - 1) + shift
        end_2 = tl.minimum(keys, tl.maximum(highest + 1, 0))  # specs/flash/work.py:133
        full_end = tl.minimum(keys, tl.maximum(lowest + 1, 0))
        end_3 = tl.cdiv(end_2, BLOCK_N)  # specs/flash/work.py:137
        end_4 = full_end // BLOCK_N
        peak = tl.full([BLOCK_M], float("-inf"), tl.float32)  # specs/attention/softmax.py:50
        total = tl.full([BLOCK_M], 0.0, tl.float32)
        sums_0 = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:51
        for tile in range(end_4):  # specs/flash/varlen.py:72
            first_3 = tile * BLOCK_N  # specs/flash/keys.py:44
            # The range ends with the keys of the request: what follows are keys of others.
            offs_page = first_2 + first_3 + arange_64_1  # specs/flash/keys.py:32
            columns = tl.load(k_ptr + (offs_page[:, None] * stride_k1 + head * stride_k2 + arange_64_1[None, :]))
            # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
            product = tl.dot(part, tl.permute(columns, [1, 0]))  # specs/attention/softmax.py:78
            # specs/flash/keys.py:32
            chunk = tl.load(v_ptr + (offs_page[:, None] * stride_v1 + head * stride_v2 + arange_64_1[None, :]))
            highest_1 = tl.max(product, axis=1)  # specs/attention/softmax.py:88
            # Scaling the row maximum is [heads], scaling all scores [heads, keys]; legal because factor > 0.
            peak_1 = tl.maximum(peak, highest_1)
            # no key so far: the difference of infinities is NaN
            base = tl.where(peak_1 == float("-inf"), 0.0, peak_1)
            # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
            weight = tl.exp2(product - base[:, None])
            decay = tl.exp2(peak - base)
            # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
            weight_sum = tl.sum(weight, axis=1)
            total_1 = total * decay + weight_sum
            # a program may have no part of the values
            narrow = weight.to(tl.bfloat16)
            sums_0_1 = tl.dot(narrow, chunk, acc=sums_0 * decay[:, None])  # specs/attention/softmax.py:98
            peak = peak_1
            total = total_1
            sums_0 = sums_0_1
        for tile_1 in range(end_4, end_3):  # specs/flash/varlen.py:72
            first_4 = tile_1 * BLOCK_N  # specs/flash/keys.py:44
            offs_page_1 = first_2 + first_4 + arange_64_1  # specs/flash/keys.py:32
            mask_page = offs_page_1 < first_2 + keys
            columns_1 = tl.load(
                k_ptr + (offs_page_1[:, None] * stride_k1 + head * stride_k2 + arange_64_1[None, :]),
                mask=mask_page[:, None], other=0.0
            )
            product_1 = tl.dot(part, tl.permute(columns_1, [1, 0]))  # specs/attention/softmax.py:78
            own = position + shift  # specs/flash/scores.py:65
            position_1 = (first_4 + arange_64_1)[None, :]
            distance = position_1 - own[:, None]
            seen = position_1 < keys  # specs/flash/scores.py:44
            seen_1 = seen & (distance <= 0)
            score = tl.where(seen_1, product_1, float("-inf"))
            # specs/flash/keys.py:32
            chunk_1 = tl.load(
                v_ptr + (offs_page_1[:, None] * stride_v1 + head * stride_v2 + arange_64_1[None, :]),
                mask=mask_page[:, None], other=0.0
            )
            highest_2 = tl.max(score, axis=1)  # specs/attention/softmax.py:88
            peak_2 = tl.maximum(peak, highest_2)
            base_1 = tl.where(peak_2 == float("-inf"), 0.0, peak_2)
            weight_1 = tl.exp2(score - base_1[:, None])
            decay_1 = tl.exp2(peak - base_1)
            weight_1_sum = tl.sum(weight_1, axis=1)
            total_2 = total * decay_1 + weight_1_sum
            narrow_1 = weight_1.to(tl.bfloat16)
            sums_0_2 = tl.dot(narrow_1, chunk_1, acc=sums_0 * decay_1[:, None])  # specs/attention/softmax.py:98
            peak = peak_2
            total = total_2
            sums_0 = sums_0_2
        # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
        known = total > 0.0  # specs/attention/softmax.py:131
        factor = tl.where(known, tl.div_rn(1.0, tl.where(known, total, 1.0)), 0.0)
        mean = sums_0 * factor[:, None]  # specs/flash/results.py:29
        # specs/flash/results.py:46
        tl.store(out_ptr + (token_1 * (HQ * DV) + head_1[:, None] * DV + index_1), mean.to(tl.bfloat16), mask=live_1)
        finite = (peak > float("-inf")) & (peak < float("inf"))  # specs/flash/results.py:52
        base_2 = tl.where(finite, peak, 0.0)
        total_3 = total * tl.exp2(tl.where(finite, peak, float("-inf")) - base_2)
        # 0.6931471805599453 is ln(2)
        logarithm = tl.where(finite, (base_2 + tl.log2(tl.where(finite, total_3, 1.0))) * 0.6931471805599453, peak)
        # a maximum may drop NaN
        # specs/flash/results.py:31
        tl.store(lse_ptr + (head_1 * TQ + token), tl.where(total != total, total, logarithm), mask=live)
    if number_1 == BOUNDS - 1:  # specs/flash/varlen.py:58
        bound_2 = tl.load(cu_seqlens_q_ptr)  # specs/flash/work.py:101
        first_5 = tl.minimum(tl.maximum(bound_2, 0), TQ)  # specs/flash/work.py:107
        bound_3 = tl.load(cu_seqlens_q_ptr + BOUNDS - 1)  # specs/flash/work.py:102
        end_5 = tl.maximum(tl.minimum(tl.maximum(bound_3, 0), TQ), first_5)
        programs = tiles * HKV  # specs/flash/unowned.py:24
        own_1 = head * tiles + first // BLOCK_M
        count = (TQ - (end_5 - first_5)) * HQ
        tiles_1 = tl.cdiv(count, BLOCK_M)
        for step in range((tl.maximum(tiles_1 - own_1, 0) + (programs - 1)) // programs):
            row_1 = (own_1 + step * programs) * BLOCK_M + arange_64  # specs/flash/unowned.py:29
            token_2 = row_1 // HQ
            token_3 = tl.where(token_2 < first_5, token_2, token_2 + (end_5 - first_5))
            head_2 = row_1 % HQ
            live_2 = row_1 < count
            zero = tl.full([BLOCK_M, CHUNK], 0.0, tl.float32)  # specs/attention/softmax.py:51
            token_4 = token_3[:, None]  # specs/flash/results.py:43
            mask = live_2[:, None]
            tl.store(
                out_ptr + (token_4 * (HQ * DV) + head_2[:, None] * DV + tl.arange(0, CHUNK)[None, :]),
                zero.to(tl.bfloat16), mask=mask
            )
            # specs/flash/unowned.py:46
            tl.store(lse_ptr + (head_2 * TQ + token_3), tl.full([BLOCK_M], float("-inf"), tl.float32), mask=live_2)
