# mqa_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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
    H: tl.constexpr = 64
    BLOCK_M: tl.constexpr = 2
    BLOCK_N: tl.constexpr = 64
    BLOCK_H: tl.constexpr = 64
    CHUNK: tl.constexpr = 128
    TILES: tl.constexpr = 16
    row = tl.program_id(0) * BLOCK_M  # specs/indexer/logits.py:44
    # An empty range, as scalars of the kernel: widened by every query that sees keys.
    upper = row * 0
    # Launches take slices of the queries that fit into the logits buffer; `first` is the slice's start.
    query = first + row
    live = (row < MC) & (query < M)
    # Bounds are user data, clamped to the keys that exist; masked rows load 0, 0 and see none.
    ks = tl.load(ks_ptr + query, mask=live, other=0)
    start = tl.maximum(ks, 0)
    ke = tl.load(ke_ptr + query, mask=live, other=0)
    end = tl.minimum(ke, N)
    # Rows with at most `least` keys are not scored: top-k takes all of them anyway.
    seen = end - start > least
    lower = tl.where(seen, tl.minimum(N, start), N)
    upper_1 = tl.where(seen, tl.maximum(upper, end), upper)
    # Unrolled: all heads of a query stay in registers while its keys stream by.
    head = tl.arange(0, BLOCK_H)  # specs/indexer/keys.py:104
    mask = head < H
    inside = mask & live
    weight = tl.load(weights_ptr + (query * stride_weights0 + head), mask=inside, other=0.0)
    column = tl.arange(0, CHUNK)[None, :]
    # specs/indexer/keys.py:117
    part = tl.load(q_ptr + (query * stride_q0 + head[:, None] * stride_q1 + column), mask=inside[:, None], other=0.0)
    # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
    other = tl.permute(part, [1, 0])
    weight_1 = weight * 0.5  # specs/indexer/keys.py:121
    query_1 = query + 1  # specs/indexer/logits.py:50
    out_row = row + 1
    live_1 = (out_row < MC) & (query_1 < M)
    ks_1 = tl.load(ks_ptr + query_1, mask=live_1, other=0)
    start_1 = tl.maximum(ks_1, 0)
    ke_1 = tl.load(ke_ptr + query_1, mask=live_1, other=0)
    end_1 = tl.minimum(ke_1, N)
    seen_1 = end_1 - start_1 > least
    lower_1 = tl.where(seen_1, tl.minimum(lower, start_1), lower)
    upper_2 = tl.where(seen_1, tl.maximum(upper_1, end_1), upper_1)
    inside_1 = mask & live_1  # specs/indexer/keys.py:105
    weight_2 = tl.load(weights_ptr + (query_1 * stride_weights0 + head), mask=inside_1, other=0.0)
    # specs/indexer/keys.py:117
    part_1 = tl.load(
        q_ptr + (query_1 * stride_q0 + head[:, None] * stride_q1 + column), mask=inside_1[:, None], other=0.0
    )
    other_1 = tl.permute(part_1, [1, 0])
    weight_3 = weight_2 * 0.5  # specs/indexer/keys.py:121
    first_tile = tl.program_id(1) * TILES  # specs/indexer/logits.py:59
    last_tile = tl.minimum(first_tile + TILES, tl.cdiv(N, BLOCK_N))
    # Causal bounds leave whole tiles unseen at both ends; they are not read.
    begin = tl.minimum(tl.maximum(lower_1 // BLOCK_N, first_tile), last_tile)
    end_tile = tl.maximum(tl.minimum(tl.cdiv(upper_2, BLOCK_N), last_tile), begin)
    arange_64 = tl.arange(0, BLOCK_N)  # specs/indexer/keys.py:140
    for k in tl.range(begin, end_tile, num_stages=3):  # specs/indexer/logits.py:85
        first_1 = k * BLOCK_N  # specs/indexer/logits.py:66
        column_1 = first_1 + arange_64
        live_2 = column_1 < N  # specs/indexer/keys.py:134
        part_2 = tl.load(k_ptr + (column_1[:, None] * stride_k0 + column), mask=live_2[:, None], other=0.0)
        scale = tl.load(k_scale_ptr + column_1, mask=live_2, other=0.0)
        # One read of a tile of keys serves all BLOCK_M queries.
        inside_2 = (column_1 >= start) & (column_1 < end)  # specs/indexer/logits.py:70
        # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
        products = tl.dot(part_2, other)  # specs/indexer/keys.py:174
        # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
        total = tl.sum((products + tl.abs(products)) * weight_1[None, :], axis=1)
        # Once per key instead of once per head and key; relu commutes with a positive factor.
        value = total * scale
        # -inf up to N: consumers of the full matrix (torch.topk) read every column.
        value_1 = tl.where(inside_2, value, float("-inf"))  # specs/indexer/logits.py:74
        tl.store(logits_ptr + (row * N + column_1), value_1, mask=live_2 & live)
        inside_3 = (column_1 >= start_1) & (column_1 < end_1)
        products_1 = tl.dot(part_2, other_1)  # specs/indexer/keys.py:174
        total_1 = tl.sum((products_1 + tl.abs(products_1)) * weight_3[None, :], axis=1)
        value_2 = total_1 * scale
        value_3 = tl.where(inside_3, value_2, float("-inf"))  # specs/indexer/logits.py:74
        tl.store(logits_ptr + (out_row * N + column_1), value_3, mask=live_2 & live_1)
    # Tiles outside the range need no keys, only -inf.
    for k_1 in range(first_tile, begin):  # specs/indexer/logits.py:88
        column_2 = k_1 * BLOCK_N + arange_64  # specs/indexer/logits.py:80
        value_4 = tl.full([BLOCK_N], float("-inf"), tl.float32)
        mask_1 = column_2 < N
        tl.store(logits_ptr + (row * N + column_2), value_4, mask=mask_1 & live)
        value_5 = tl.full([BLOCK_N], float("-inf"), tl.float32)
        tl.store(logits_ptr + (out_row * N + column_2), value_5, mask=mask_1 & live_1)
    for k_2 in range(end_tile, last_tile):  # specs/indexer/logits.py:89
        column_3 = k_2 * BLOCK_N + arange_64  # specs/indexer/logits.py:80
        value_6 = tl.full([BLOCK_N], float("-inf"), tl.float32)
        mask_2 = column_3 < N
        tl.store(logits_ptr + (row * N + column_3), value_6, mask=mask_2 & live)
        value_7 = tl.full([BLOCK_N], float("-inf"), tl.float32)
        tl.store(logits_ptr + (out_row * N + column_3), value_7, mask=mask_2 & live_1)
