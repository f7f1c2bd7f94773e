# paged_mqa_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""paged_mqa_logits: Scores of cached keys for all queries of one request.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 64
    lens = query
    fill = True
    logits_dtype = f32
    q = e4m3
    cache = uint8
    weights = f32
    context_lens = int32
    block_tables = int32
    logits = f32
    H = 64
    ROWS = 64
    QUERIES = 2
    BLOCK_M = 16
    BLOCK_N = 128
    BLOCK_H = 64
    CHUNK = 128
    TILES = 8
    num_warps = 4
    num_stages = 2
"""

import triton
import triton.language as tl


@triton.jit
def paged_mqa_logits(
    q_ptr, cache_ptr, weights_ptr, context_lens_ptr, block_tables_ptr,
    logits_ptr,
    B, NB, PAGES, max_model_len, first, least,
    stride_q0, stride_q1, stride_q2,
    stride_cache0,
    stride_weights0,
    stride_context_lens0,
    stride_block_tables0,
):
    H: tl.constexpr = 64
    ROWS: tl.constexpr = 64
    QUERIES: tl.constexpr = 2
    BLOCK_N: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 64
    CHUNK: tl.constexpr = 128
    TILES: tl.constexpr = 8
    out_request = tl.program_id(0)  # specs/indexer/paged_logits.py:57
    part = tl.program_id(1)
    request = first + out_request
    # The last launch over slices of the requests may reach past B.
    if request < B:
        length = tl.load(context_lens_ptr + request * stride_context_lens0)  # specs/indexer/paged_logits.py:70
        # Columns of a logits row end at max_model_len, lengths of padding may not.
        upper = tl.minimum(length, max_model_len)
        length_1 = tl.load(context_lens_ptr + (request * stride_context_lens0 + 1))
        other = tl.minimum(length_1, max_model_len)
        upper_1 = tl.maximum(upper, other)  # specs/indexer/paged_logits.py:95
        # Requests with at most `least` keys are not scored: top-k takes all of them anyway.
        upper_2 = tl.where(upper_1 > least, upper_1, 0)
        first_tile = part * TILES
        last_tile = tl.minimum(first_tile + TILES, tl.cdiv(max_model_len, BLOCK_N))
        end_tile = tl.minimum(tl.maximum(tl.cdiv(tl.maximum(upper_2, 0), BLOCK_N), first_tile), last_tile)
        # The queries are loaded inside: programs past a short request do not load them.
        if first_tile < end_tile:
            known = request >= 0  # specs/indexer/paged_logits.py:103
            row = request * QUERIES
            # Unrolled: all heads of a query stay in registers while its keys stream by.
            head = tl.arange(0, BLOCK_H)  # specs/indexer/keys.py:104
            inside = (head < H) & known
            weight = tl.load(weights_ptr + (row * stride_weights0 + head), mask=inside, other=0.0)
            column = tl.arange(0, CHUNK)[None, :]
            # specs/indexer/keys.py:117
            part_1 = tl.load(
                q_ptr + (request * stride_q0 + head[:, None] * stride_q2 + column), mask=inside[:, None], other=0.0
            )
            # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
            other_1 = tl.permute(part_1, [1, 0])
            weight_1 = weight * 0.5  # specs/indexer/keys.py:121
            row_1 = row + 1  # specs/indexer/paged_logits.py:106
            # specs/indexer/keys.py:106
            weight_2 = tl.load(weights_ptr + (row_1 * stride_weights0 + head), mask=inside, other=0.0)
            # specs/indexer/keys.py:117
            part_2 = tl.load(
                q_ptr + (request * stride_q0 + 1 * stride_q1 + head[:, None] * stride_q2 + column),
                mask=inside[:, None], other=0.0
            )
            other_2 = tl.permute(part_2, [1, 0])
            weight_3 = weight_2 * 0.5  # specs/indexer/keys.py:121
            for k in tl.range(first_tile, end_tile, num_stages=2):  # specs/indexer/paged_logits.py:125
                column_1 = k * BLOCK_N + tl.arange(0, BLOCK_N)  # specs/indexer/paged_logits.py:112
                entry = column_1 // ROWS
                live = (column_1 < upper_2) & (entry < NB)
                page = tl.load(block_tables_ptr + (request * stride_block_tables0 + entry), mask=live, other=-1)
                live_1 = live & (page >= 0) & (page < PAGES)
                # Page 0 where there is none: the address is computed for masked lanes too.
                page_1 = tl.where(live_1, page, 0)
                inside_1 = column_1 % ROWS
                start = inside_1 * 128  # specs/indexer/keys.py:150
                shares = inside_1 * 4 + ROWS * 128
                part_3 = tl.load(
                    (
                        cache_ptr + page_1[:, None].to(tl.int64) * stride_cache0 + start[:, None]
                    ).to(tl.pointer_type(tl.float8e4nv)) + column,
                    mask=live_1[:, None], other=0.0
                )
                scale = tl.load(
                    (cache_ptr + page_1.to(tl.int64) * stride_cache0 + shares).to(tl.pointer_type(tl.float32)),
                    mask=live_1, other=0.0
                )
                # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
                products = tl.dot(part_3, other_1)  # specs/indexer/keys.py:174
                # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
                total = tl.sum((products + tl.abs(products)) * weight_1[None, :], axis=1)
                # Once per key instead of once per head and key; relu commutes with a positive factor.
                # specs/indexer/paged_logits.py:120
                value = tl.where(live_1 & (column_1 < upper), total * scale, float("-inf"))
                # Without fill top-k never looks past the limit, and nothing is written there.
                mask = column_1 < max_model_len
                index = out_request * QUERIES
                tl.store(logits_ptr + (index * max_model_len + column_1), value, mask=mask)
                products_1 = tl.dot(part_3, other_2)  # specs/indexer/keys.py:174
                total_1 = tl.sum((products_1 + tl.abs(products_1)) * weight_3[None, :], axis=1)
                # specs/indexer/paged_logits.py:120
                value_1 = tl.where(live_1 & (column_1 < other), total_1 * scale, float("-inf"))
                tl.store(logits_ptr + ((index + 1) * max_model_len + column_1), value_1, mask=mask)
        for k_1 in range(end_tile, last_tile):  # specs/indexer/paged_logits.py:137
            column_2 = k_1 * BLOCK_N + tl.arange(0, BLOCK_N)  # specs/indexer/paged_logits.py:132
            value_2 = tl.full([BLOCK_N], float("-inf"), tl.float32)
            index_1 = out_request * QUERIES
            mask_1 = column_2 < max_model_len
            tl.store(logits_ptr + (index_1 * max_model_len + column_2), value_2, mask=mask_1)
            value_3 = tl.full([BLOCK_N], float("-inf"), tl.float32)
            tl.store(logits_ptr + ((index_1 + 1) * max_model_len + column_2), value_3, mask=mask_1)
