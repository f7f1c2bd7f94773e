# indexer_k_gather, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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
    ROWS: tl.constexpr = 64
    BLOCK_T: tl.constexpr = 32
    BLOCK_R: tl.constexpr = 64
    first = tl.program_id(0) * BLOCK_T  # specs/indexer/gather.py:38
    # A slice of the batch's array: its first element is not 0.
    start = tl.load(cu_seq_lens_ptr)
    # The workspace has room for an upper bound that the host knows; programs past the real total exit at once.
    cu_seq_lens = tl.load(cu_seq_lens_ptr + B)
    total = tl.minimum(cu_seq_lens - start, TK)
    if first < total:
        row = first + tl.arange(0, BLOCK_T)  # specs/indexer/gather.py:46
        # A slice of the batch's array: its first element is not 0.
        first_1 = tl.load(cu_seq_lens_ptr)  # specs/cache/lookup.py:36
        ended = tl.full([BLOCK_T], 0, tl.int32)
        for k in range(tl.cdiv(B, BLOCK_R)):
            owner = k * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/cache/lookup.py:39
            inside = owner < B
            # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts
            # included.
            cu_seq_lens_1 = tl.load(cu_seq_lens_ptr + owner + 1, mask=inside, other=0)
            end = cu_seq_lens_1 - first_1
            over = inside[None, :] & (end[None, :] <= row[:, None])
            index = tl.sum(over.to(tl.int32), axis=1)
            ended = ended + index
        live = (row < total) & (ended < B)  # specs/indexer/gather.py:48
        # 0 for masked rows: // and % below are defined for them.
        cu_seq_lens_2 = tl.load(cu_seq_lens_ptr + ended, mask=live, other=0)
        position = tl.where(live, row - (cu_seq_lens_2 - start), 0)
        entry = position // ROWS
        live_1 = live & (entry < NB)
        page = tl.load(block_table_ptr + (ended * stride_block_table0 + entry), mask=live_1, other=-1)
        # Page numbers are user data: -1 and stale entries must not become addresses.
        live_2 = live_1 & (page >= 0) & (page < PAGES)
        inside_1 = position % ROWS
        byte = inside_1 * 128  # specs/indexer/gather.py:64
        column = tl.arange(0, 128)[None, :]  # specs/indexer/gather.py:76
        mask = live_2[:, None]
        codes = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + byte[:, None]
            ).to(tl.pointer_type(tl.float8e4nv)) + column,
            mask=mask, other=0.0
        )
        tl.store(dst_k_ptr + (row[:, None] * stride_dst_k0 + column), codes, mask=mask)
        # All scales of a page lie after its last row of codes.
        at_end = inside_1 * 4 + ROWS * 128  # specs/indexer/gather.py:66
        column_1 = tl.arange(0, 4)[None, :]  # specs/indexer/gather.py:76
        codes_1 = tl.load(
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + at_end[:, None] + column_1, mask=mask, other=0
        )
        tl.store(dst_scale_ptr + (row[:, None] * stride_dst_scale0 + column_1), codes_1, mask=mask)
