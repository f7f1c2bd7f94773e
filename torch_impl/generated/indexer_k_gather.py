# indexer_k_gather, case "fp8", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 2158003ae800c67bfae4e0e5f4cba89fd4d112974d25df3311e0a72777c41a4e
"""gather_keys: Codes and scales of cached keys copied into a dense workspace.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 64
    cache = uint8
    dst_k = e4m3
    dst_scale = uint8
    block_table = int32
    cu_seq_lens = int32
    ROWS = 64
    BLOCK_T = 32
    BLOCK_R = 64
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def gather_keys(
    cache_ptr, block_table_ptr, cu_seq_lens_ptr,
    dst_k_ptr, dst_scale_ptr,
    TK, B, NB, PAGES,
    stride_cache0,
    stride_dst_k0,
    stride_dst_scale0,
    stride_block_table0,
):
    first = tl.program_id(0) * 32  # specs/indexer/gather.py:38
    start = tl.load(cu_seq_lens_ptr)  # specs/indexer/gather.py:41
    cu_seq_lens = tl.load(cu_seq_lens_ptr + B)  # specs/indexer/gather.py:43
    total = tl.minimum(cu_seq_lens - start, TK)  # specs/indexer/gather.py:43
    if first < total:  # specs/indexer/gather.py:58
        row = first + tl.arange(0, 32)  # specs/indexer/gather.py:46
        first_1 = tl.load(cu_seq_lens_ptr)  # specs/cache/lookup.py:36
        ended = tl.full([32], 0, tl.int32)  # specs/cache/lookup.py:48
        for k in range((B + 63) // 64):  # specs/cache/lookup.py:48
            owner = k * 64 + tl.arange(0, 64)  # specs/cache/lookup.py:39
            inside = owner < B  # specs/cache/lookup.py:40
            cu_seq_lens_1 = tl.load(cu_seq_lens_ptr + owner + 1, mask=inside, other=0)  # specs/cache/lookup.py:42
            end = cu_seq_lens_1 - first_1  # specs/cache/lookup.py:42
            over = inside[None, :] & (end[None, :] <= row[:, None])  # specs/cache/lookup.py:45
            index = tl.sum(over.to(tl.int32), axis=1)  # specs/cache/lookup.py:46
            ended = ended + index
        live = (row < total) & (ended < B)  # specs/indexer/gather.py:48
        cu_seq_lens_2 = tl.load(cu_seq_lens_ptr + ended, mask=live, other=0)  # specs/indexer/gather.py:50
        position = tl.where(live, row - (cu_seq_lens_2 - start), 0)  # specs/indexer/gather.py:50
        entry = position // 64  # specs/indexer/gather.py:51
        live_1 = live & (entry < NB)  # specs/indexer/gather.py:52
        page = tl.load(block_table_ptr + (ended * stride_block_table0 + entry), mask=live_1, other=-1)  # specs/indexer/gather.py:53
        live_2 = live_1 & (page >= 0) & (page < PAGES)  # specs/indexer/gather.py:55
        inside_1 = position % 64  # specs/indexer/gather.py:56
        byte = inside_1 * 128  # specs/indexer/gather.py:64
        column = tl.arange(0, 128)[None, :]  # specs/indexer/gather.py:76
        mask = live_2[:, None]  # specs/indexer/gather.py:77
        codes = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + byte[:, None]).to(tl.pointer_type(tl.float8e4nv)) + column, mask=mask, other=0.0)  # specs/indexer/gather.py:78
        tl.store(dst_k_ptr + (row[:, None] * stride_dst_k0 + column), codes, mask=mask)  # specs/indexer/gather.py:79
        at_end = inside_1 * 4 + 8192  # specs/indexer/gather.py:66
        column_1 = tl.arange(0, 4)[None, :]  # specs/indexer/gather.py:76
        codes_1 = tl.load(cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + at_end[:, None] + column_1, mask=mask, other=0)  # specs/indexer/gather.py:78
        tl.store(dst_scale_ptr + (row[:, None] * stride_dst_scale0 + column_1), codes_1, mask=mask)  # specs/indexer/gather.py:79
