# dequant_gather_k, case "whole", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 c0f7e9d95aa4b3ae3324327d8a26b6ff0bc8d451136f5bcc0b1102f7f9d6ebe9
"""gather_rows: Rows of a paged cache dequantised into a dense workspace.

Generated. Specialised on
    offset = 0
    layout = v4
    block_size = 16
    out = bf16
    cache = uint8
    seq_lens = int32
    block_table = int32
    ROWS = 16
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
    request = tl.program_id(0)  # specs/cache/gather.py:50
    tile = tl.program_id(1)  # specs/cache/gather.py:50
    count = tl.load(seq_lens_ptr + request)  # specs/cache/gather.py:51
    if tile * 16 < count:  # specs/cache/gather.py:58
        row = tile * 16 + tl.arange(0, 16)  # specs/cache/gather.py:55
        position = count - count + row  # specs/cache/gather.py:64
        live = (row < count) & (position >= 0) & (row < M)  # specs/cache/gather.py:67
        position_1 = tl.maximum(position, 0)  # specs/cache/gather.py:69
        entry = position_1 // 16  # specs/cache/gather.py:70
        live_1 = live & (entry < TABLE)  # specs/cache/gather.py:71
        page = tl.load(block_table_ptr + (request * stride_block_table0 + entry), mask=live_1, other=-1)  # specs/cache/gather.py:73
        live_2 = live_1 & (page >= 0) & (page < PAGES)  # specs/cache/gather.py:74
        row_1 = position_1 % 16  # specs/cache/gather.py:75
        data = row_1 * 576  # specs/tile/library/pages.py:72
        start = row_1 * 8 + 9216  # specs/tile/library/pages.py:74
        index = tl.arange(0, 128)  # specs/tile/library/pages.py:33
        column = index[None, :]  # specs/cache/gather.py:78
        start_1 = data[:, None]  # specs/tile/library/pages.py:104
        live_3 = live_2[:, None]  # specs/tile/library/pages.py:105
        values = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_1).to(tl.pointer_type(tl.float8e4nv)) + column, mask=live_3, other=0.0)  # specs/tile/library/pages.py:106
        code = tl.load((cache_ptr + page.to(tl.int64) * stride_cache0 + start).to(tl.pointer_type(tl.int32)), mask=live_2, other=0)  # specs/tile/library/pages.py:158
        codes = code & 255  # specs/tile/library/pages.py:150
        value = (codes << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_1 = tl.where(codes == 0, 5.877471754111438e-39, value)  # specs/tile/library/codec.py:127
        spread = tl.where(codes == 255, float("nan"), value_1)[:, None]  # specs/tile/library/pages.py:124
        mask = column >= 64  # specs/tile/library/pages.py:129
        code_1 = code >> 8  # specs/tile/library/pages.py:149
        codes_1 = code_1 & 255  # specs/tile/library/pages.py:150
        value_2 = (codes_1 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_3 = tl.where(codes_1 == 0, 5.877471754111438e-39, value_2)  # specs/tile/library/codec.py:127
        value_4 = values.to(tl.float32) * tl.where(mask, tl.where(codes_1 == 255, float("nan"), value_3)[:, None], spread)  # specs/tile/library/pages.py:94
        tl.store(out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + column), value_4.to(tl.bfloat16), mask=live_3)  # specs/cache/gather.py:78
        start_2 = (data + 128)[:, None]  # specs/tile/library/pages.py:104
        values_1 = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_2).to(tl.pointer_type(tl.float8e4nv)) + column, mask=live_3, other=0.0)  # specs/tile/library/pages.py:106
        code_2 = code >> 16  # specs/tile/library/pages.py:149
        codes_2 = code_2 & 255  # specs/tile/library/pages.py:150
        value_5 = (codes_2 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_6 = tl.where(codes_2 == 0, 5.877471754111438e-39, value_5)  # specs/tile/library/codec.py:127
        spread_1 = tl.where(codes_2 == 255, float("nan"), value_6)[:, None]  # specs/tile/library/pages.py:124
        code_3 = code >> 24  # specs/tile/library/pages.py:149
        codes_3 = code_3 & 255  # specs/tile/library/pages.py:150
        value_7 = (codes_3 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_8 = tl.where(codes_3 == 0, 5.877471754111438e-39, value_7)  # specs/tile/library/codec.py:127
        value_9 = values_1.to(tl.float32) * tl.where(mask, tl.where(codes_3 == 255, float("nan"), value_8)[:, None], spread_1)  # specs/tile/library/pages.py:94
        tl.store(out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index + 128)[None, :]), value_9.to(tl.bfloat16), mask=live_3)  # specs/cache/gather.py:78
        start_3 = (data + 256)[:, None]  # specs/tile/library/pages.py:104
        values_2 = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_3).to(tl.pointer_type(tl.float8e4nv)) + column, mask=live_3, other=0.0)  # specs/tile/library/pages.py:106
        start_4 = start + 4  # specs/tile/library/pages.py:157
        code_4 = tl.load((cache_ptr + page.to(tl.int64) * stride_cache0 + start_4).to(tl.pointer_type(tl.int32)), mask=live_2, other=0)  # specs/tile/library/pages.py:158
        codes_4 = code_4 & 255  # specs/tile/library/pages.py:150
        value_10 = (codes_4 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_11 = tl.where(codes_4 == 0, 5.877471754111438e-39, value_10)  # specs/tile/library/codec.py:127
        spread_2 = tl.where(codes_4 == 255, float("nan"), value_11)[:, None]  # specs/tile/library/pages.py:124
        code_5 = code_4 >> 8  # specs/tile/library/pages.py:149
        codes_5 = code_5 & 255  # specs/tile/library/pages.py:150
        value_12 = (codes_5 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_13 = tl.where(codes_5 == 0, 5.877471754111438e-39, value_12)  # specs/tile/library/codec.py:127
        value_14 = values_2.to(tl.float32) * tl.where(mask, tl.where(codes_5 == 255, float("nan"), value_13)[:, None], spread_2)  # specs/tile/library/pages.py:94
        tl.store(out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index + 256)[None, :]), value_14.to(tl.bfloat16), mask=live_3)  # specs/cache/gather.py:78
        index_1 = tl.arange(0, 64)  # specs/tile/library/pages.py:33
        start_5 = (data + 384)[:, None]  # specs/tile/library/pages.py:104
        values_3 = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_5).to(tl.pointer_type(tl.float8e4nv)) + index_1[None, :], mask=live_3, other=0.0)  # specs/tile/library/pages.py:106
        code_6 = code_4 >> 16  # specs/tile/library/pages.py:149
        codes_6 = code_6 & 255  # specs/tile/library/pages.py:150
        value_15 = (codes_6 << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:125
        value_16 = tl.where(codes_6 == 0, 5.877471754111438e-39, value_15)  # specs/tile/library/codec.py:127
        spread_3 = tl.where(codes_6 == 255, float("nan"), value_16)[:, None]  # specs/tile/library/pages.py:124
        value_17 = values_3.to(tl.float32) * spread_3  # specs/tile/library/pages.py:94
        tl.store(out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index_1 + 384)[None, :]), value_17.to(tl.bfloat16), mask=live_3)  # specs/cache/gather.py:78
        start_6 = (data + 448)[:, None]  # specs/tile/library/pages.py:104
        cache = tl.load((cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_6).to(tl.pointer_type(tl.bfloat16)) + index_1[None, :], mask=live_3, other=0.0)  # specs/tile/library/pages.py:106
        tl.store(out_ptr + (request * stride_out0 + row[:, None] * stride_out1 + (index_1 + 448)[None, :]), cache, mask=live_3)  # specs/cache/gather.py:78
