# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 d2830b3fb86fb6047f6d6672d0063e9cd9b39ecd6b56db01c02ebb8fe3d31302
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
    out_request = tl.program_id(0)  # specs/indexer/paged_logits.py:57
    part = tl.program_id(1)  # specs/indexer/paged_logits.py:57
    request = first + out_request  # specs/indexer/paged_logits.py:58
    if request < B:  # specs/indexer/paged_logits.py:63
        length = tl.load(context_lens_ptr + request * stride_context_lens0)  # specs/indexer/paged_logits.py:69
        upper = tl.minimum(length, max_model_len)  # specs/indexer/paged_logits.py:72
        upper_1 = tl.where(upper > least, upper, 0)  # specs/indexer/paged_logits.py:92
        first_tile = part * 8  # specs/indexer/paged_logits.py:93
        last_tile = tl.minimum(first_tile + 8, (max_model_len + 127) // 128)  # specs/indexer/paged_logits.py:94
        end_tile = tl.minimum(tl.maximum((tl.maximum(upper_1, 0) + 127) // 128, first_tile), last_tile)  # specs/indexer/paged_logits.py:95
        if first_tile < end_tile:  # specs/indexer/paged_logits.py:119
            known = request >= 0  # specs/indexer/paged_logits.py:98
            row = request * 1 + 0  # specs/indexer/paged_logits.py:101
            head = 0 + tl.arange(0, 64)  # specs/indexer/keys.py:101
            inside = (head < 64) & known  # specs/indexer/keys.py:102
            weight = tl.load(weights_ptr + (row * stride_weights0 + head), mask=inside, other=0.0)  # specs/indexer/keys.py:103
            column = tl.arange(0, 128)[None, :]  # specs/indexer/keys.py:111
            part_1 = tl.load(q_ptr + (row * stride_q0 + head[:, None] * stride_q1 + column + 0), mask=inside[:, None], other=0.0)  # specs/indexer/keys.py:113
            other = tl.permute(part_1, [1, 0])  # specs/indexer/keys.py:116
            t = weight * 0.5  # specs/indexer/keys.py:116
            for k in tl.range(first_tile, end_tile, num_stages=2):  # specs/indexer/paged_logits.py:117
                column_1 = k * 128 + tl.arange(0, 128)  # specs/indexer/paged_logits.py:106
                entry = column_1 // 16  # specs/indexer/paged_logits.py:107
                live = (column_1 < upper_1) & (entry < NB)  # specs/indexer/paged_logits.py:108
                page = tl.load(block_tables_ptr + (request * stride_block_tables0 + entry), mask=live, other=-1)  # specs/indexer/paged_logits.py:109
                live_1 = live & (page >= 0) & (page < PAGES)  # specs/indexer/paged_logits.py:110
                page_1 = tl.where(live_1, page, 0)  # specs/indexer/paged_logits.py:111
                inside_1 = column_1 % 16  # specs/indexer/paged_logits.py:111
                start = inside_1 * 128  # specs/indexer/keys.py:141
                shares = inside_1 * 4 + 2048  # specs/indexer/keys.py:141
                column_2 = tl.arange(0, 128)[None, :]  # specs/indexer/keys.py:148
                part_2 = tl.load((cache_ptr + page_1[:, None].to(tl.int64) * stride_cache0 + (start + 0)[:, None]).to(tl.pointer_type(tl.float8e4nv)) + column_2, mask=live_1[:, None], other=0.0)  # specs/indexer/keys.py:150
                cache = tl.load((cache_ptr + page_1.to(tl.int64) * stride_cache0 + shares).to(tl.pointer_type(tl.float32)), mask=live_1, other=0.0)  # specs/indexer/keys.py:153
                products = tl.dot(part_2, other)  # specs/indexer/keys.py:163
                total = tl.sum((products + tl.abs(products)) * t[None, :], axis=1)  # specs/indexer/keys.py:167
                value = tl.where(live_1 & (column_1 < upper), total * cache, float("-inf"))  # specs/indexer/paged_logits.py:113
                mask = column_1 < upper  # specs/indexer/paged_logits.py:114
                tl.store(logits_ptr + ((out_request * 1 + 0) * max_model_len + column_1), value, mask=mask)  # specs/indexer/paged_logits.py:115
