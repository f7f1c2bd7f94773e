# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""paged_mqa_logits: Scores of cached keys for all queries of one request.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 16
    lens = query
    fill = False
    logits_dtype = f32
    q = e4m3
    cache = uint8
    weights = f32
    context_lens = int32
    block_tables = int32
    logits = f32
    H = 64
    ROWS = 16
    QUERIES = 1
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
    stride_q0, stride_q1,
    stride_cache0,
    stride_weights0,
    stride_context_lens0,
    stride_block_tables0,
):
    H: tl.constexpr = 64
    ROWS: tl.constexpr = 16
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
        # Requests with at most `least` keys are not scored: top-k takes all of them anyway.
        upper_1 = tl.where(upper > least, upper, 0)  # specs/indexer/paged_logits.py:97
        first_tile = part * TILES
        last_tile = tl.minimum(first_tile + TILES, tl.cdiv(max_model_len, BLOCK_N))
        end_tile = tl.minimum(tl.maximum(tl.cdiv(tl.maximum(upper_1, 0), BLOCK_N), first_tile), last_tile)
        # The queries are loaded inside: programs past a short request do not load them.
        if first_tile < end_tile:
            known = request >= 0  # specs/indexer/paged_logits.py:103
            # Unrolled: all heads of a query stay in registers while its keys stream by.
            head = tl.arange(0, BLOCK_H)  # specs/indexer/keys.py:104
            inside = (head < H) & known
            weight = tl.load(weights_ptr + (request * stride_weights0 + head), mask=inside, other=0.0)
            column = tl.arange(0, CHUNK)[None, :]
            # specs/indexer/keys.py:117
            part_1 = tl.load(
                q_ptr + (request * stride_q0 + head[:, None] * stride_q1 + column), mask=inside[:, None], other=0.0
            )
            # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
            other = tl.permute(part_1, [1, 0])
            weight_1 = weight * 0.5  # specs/indexer/keys.py:121
            for k in tl.range(first_tile, end_tile, num_stages=2):  # specs/indexer/paged_logits.py:125
                column_1 = k * BLOCK_N + tl.arange(0, BLOCK_N)  # specs/indexer/paged_logits.py:112
                entry = column_1 // ROWS
                live = (column_1 < upper_1) & (entry < NB)
                page = tl.load(block_tables_ptr + (request * stride_block_tables0 + entry), mask=live, other=-1)
                live_1 = live & (page >= 0) & (page < PAGES)
                # Page 0 where there is none: the address is computed for masked lanes too.
                page_1 = tl.where(live_1, page, 0)
                inside_1 = column_1 % ROWS
                start = inside_1 * 128  # specs/indexer/keys.py:150
                shares = inside_1 * 4 + ROWS * 128
                part_2 = tl.load(
                    (
                        cache_ptr + page_1[:, None].to(tl.int64) * stride_cache0 + start[:, None]
                    ).to(tl.pointer_type(tl.float8e4nv)) + column,
                    mask=live_1[:, None], other=0.0
                )
                scale = tl.load(
                    (cache_ptr + page_1.to(tl.int64) * stride_cache0 + shares).to(tl.pointer_type(tl.float32)),
                    mask=live_1, other=0.0
                )
                mask = column_1 < upper  # specs/indexer/paged_logits.py:120
                # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
                products = tl.dot(part_2, other)  # specs/indexer/keys.py:174
                # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
                total = tl.sum((products + tl.abs(products)) * weight_1[None, :], axis=1)
                # Once per key instead of once per head and key; relu commutes with a positive factor.
                value = tl.where(live_1 & mask, total * scale, float("-inf"))  # specs/indexer/paged_logits.py:120
                tl.store(logits_ptr + (out_request * max_model_len + column_1), value, mask=mask)
