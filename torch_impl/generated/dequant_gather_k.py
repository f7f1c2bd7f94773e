# dequant_gather_k, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""gather_rows: Rows of a paged cache dequantised into a dense workspace.

Generated. Specialised on
    offset = 0
    layout = v4
    block_size = 64
    out = bf16
    cache = uint8
    seq_lens = int32
    block_table = int32
    ROWS = 64
    D = 512
    BLOCK_T = 16
    CHUNK = 128
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def gather_rows(
    cache_ptr, seq_lens_ptr, block_table_ptr,
    out_ptr,
    M, PAGES, TABLE,
    stride_out0, stride_out1,
    stride_cache0,
    stride_block_table0,
):
    ROWS: tl.constexpr = 64
    BLOCK_T: tl.constexpr = 16
    CHUNK: tl.constexpr = 128
    request = tl.program_id(0)  # specs/cache/gather.py:51
    tile = tl.program_id(1)
    count = tl.load(seq_lens_ptr + request)
    # The grid covers the longest request that fits; programs past a short one exit at once.
    if tile * BLOCK_T < count:
        row = tile * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/cache/gather.py:56
        # The last `count` rows: prefill attends to a window, not to the whole prefix.
        position = count - count + row  # specs/cache/gather.py:65
        # gather_lens above seq_lens would start before the request, and offset + count may exceed the workspace.
        live = (row < count) & (position >= 0) & (row < M)
        # Masked lanes too: // and % of negative numbers differ between targets.
        position_1 = tl.maximum(position, 0)
        entry = position_1 // ROWS
        live_1 = live & (entry < TABLE)
        # Page numbers are user data: -1 (none) and stale entries must not become addresses.
        page = tl.load(block_table_ptr + (request * stride_block_table0 + entry), mask=live_1, other=-1)
        live_2 = live_1 & (page >= 0) & (page < PAGES)
        row_1 = position_1 % ROWS
        start = row_1 * 576
        # Gathered layouts keep all scales of a page after its last row of data.
        start_1 = row_1 * 8 + ROWS * 576
        # Chunk by chunk: a whole row of 512 columns at a time would spill. Unread rows keep what `out` had.
        index = tl.arange(0, CHUNK)
        column = index[None, :]
        start_2 = start[:, None]
        live_3 = live_2[:, None]
        values = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_2
            ).to(tl.pointer_type(tl.float8e4nv)) + column,
            mask=live_3, other=0.0
        )
        code = tl.load(
            (cache_ptr + page.to(tl.int64) * stride_cache0 + start_1).to(tl.pointer_type(tl.int32)), mask=live_2,
            other=0
        )
        codes = code & 255
        value = (codes << 23).to(tl.float32, bitcast=True)
        # E8M0 code 0 is 2**-127, a float32 subnormal: an exponent field of 0 would read as 0.
        value_1 = tl.where(codes == 0, 5.877471754111438e-39, value)  # 2**-127
        spread = tl.where(codes == 255, float("nan"), value_1)[:, None]
        # A chunk spans few groups: a few selects replace a load of scales per column.
        mask = column >= 64
        code_1 = code >> 8
        codes_1 = code_1 & 255
        value_2 = (codes_1 << 23).to(tl.float32, bitcast=True)
        value_3 = tl.where(codes_1 == 0, 5.877471754111438e-39, value_2)  # 2**-127
        value_4 = values.to(tl.float32) * tl.where(
            mask, tl.where(codes_1 == 255, float("nan"), value_3)[:, None], spread
        )
        tl.store(
            out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + column), value_4.to(tl.bfloat16),
            mask=live_3
        )
        # Bytes from the start of the page, in int32; the page's own offset is added in int64.
        start_3 = start + CHUNK * 8 // 8
        start_4 = start_3[:, None]
        values_1 = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_4
            ).to(tl.pointer_type(tl.float8e4nv)) + column,
            mask=live_3, other=0.0
        )
        code_2 = code >> 16
        codes_2 = code_2 & 255
        value_5 = (codes_2 << 23).to(tl.float32, bitcast=True)
        value_6 = tl.where(codes_2 == 0, 5.877471754111438e-39, value_5)  # 2**-127
        spread_1 = tl.where(codes_2 == 255, float("nan"), value_6)[:, None]
        code_3 = code >> 24
        codes_3 = code_3 & 255
        value_7 = (codes_3 << 23).to(tl.float32, bitcast=True)
        value_8 = tl.where(codes_3 == 0, 5.877471754111438e-39, value_7)  # 2**-127
        value_9 = values_1.to(tl.float32) * tl.where(
            mask, tl.where(codes_3 == 255, float("nan"), value_8)[:, None], spread_1
        )
        tl.store(
            out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index + CHUNK)[None, :]),
            value_9.to(tl.bfloat16), mask=live_3
        )
        start_5 = start + (CHUNK + CHUNK) * 8 // 8
        start_6 = start_5[:, None]
        values_2 = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_6
            ).to(tl.pointer_type(tl.float8e4nv)) + column,
            mask=live_3, other=0.0
        )
        start_7 = start_1 + 4
        code_4 = tl.load(
            (cache_ptr + page.to(tl.int64) * stride_cache0 + start_7).to(tl.pointer_type(tl.int32)), mask=live_2,
            other=0
        )
        codes_4 = code_4 & 255
        value_10 = (codes_4 << 23).to(tl.float32, bitcast=True)
        value_11 = tl.where(codes_4 == 0, 5.877471754111438e-39, value_10)  # 2**-127
        spread_2 = tl.where(codes_4 == 255, float("nan"), value_11)[:, None]
        code_5 = code_4 >> 8
        codes_5 = code_5 & 255
        value_12 = (codes_5 << 23).to(tl.float32, bitcast=True)
        value_13 = tl.where(codes_5 == 0, 5.877471754111438e-39, value_12)  # 2**-127
        value_14 = values_2.to(tl.float32) * tl.where(
            mask, tl.where(codes_5 == 255, float("nan"), value_13)[:, None], spread_2
        )
        tl.store(
            out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index + (CHUNK + CHUNK))[None, :]),
            value_14.to(tl.bfloat16), mask=live_3
        )
        index_1 = tl.arange(0, CHUNK // 2)
        start_8 = start + 384
        start_9 = start_8[:, None]
        values_3 = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_9
            ).to(tl.pointer_type(tl.float8e4nv)) + index_1[None, :],
            mask=live_3, other=0.0
        )
        code_6 = code_4 >> 16
        codes_6 = code_6 & 255
        value_15 = (codes_6 << 23).to(tl.float32, bitcast=True)
        value_16 = tl.where(codes_6 == 0, 5.877471754111438e-39, value_15)  # 2**-127
        spread_3 = tl.where(codes_6 == 255, float("nan"), value_16)[:, None]
        value_17 = values_3.to(tl.float32) * spread_3
        tl.store(
            out_ptr + (
                request * stride_out0 + row[:, None] * stride_out1 + (index_1 + (CHUNK + CHUNK + CHUNK))[None, :]
            ),
            value_17.to(tl.bfloat16), mask=live_3
        )
        start_10 = start + 448
        start_11 = start_10[:, None]
        cache = tl.load(
            (
                cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_11
            ).to(tl.pointer_type(tl.bfloat16)) + index_1[None, :],
            mask=live_3, other=0.0
        )
        tl.store(
            out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index_1 + 448)[None, :]), cache,
            mask=live_3
        )
