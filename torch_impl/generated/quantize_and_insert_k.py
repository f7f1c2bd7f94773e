# quantize_and_insert_k, case "v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 7dc4f0a7d6514e85165923a888a095f70af25dcb773639e094ada10db5621f3b
"""insert_rows: Rows quantised and written into their slots.

Generated. Specialised on
    layout = v4
    block_size = 16
    k = bf16
    cache = uint8
    slot_mapping = int32
    ROWS = 16
    D = 512
    BLOCK_T = 2
    num_warps = 2
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def insert_rows(
    k_ptr, slot_mapping_ptr,
    cache_ptr,
    TS, PAGES,
    stride_k0,
    stride_cache0,
):
    token = tl.program_id(0) * 2 + tl.arange(0, 2)  # specs/cache/write.py:46
    live = token < TS  # specs/cache/write.py:47
    slot = tl.load(slot_mapping_ptr + token, mask=live, other=-1)  # specs/cache/write.py:48
    held = tl.maximum(slot, 0)  # specs/cache/insert.py:58
    page = held // 16  # specs/cache/insert.py:59
    live_1 = live & (slot >= 0) & (page < PAGES)  # specs/cache/insert.py:60
    row = held % 16  # specs/cache/insert.py:61
    data = row * 576  # specs/cache/insert.py:62
    t = row * 8 + 9216  # specs/cache/insert.py:63
    inside = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:99
    number = tl.arange(0, 8)[:, None]  # specs/cache/insert.py:99
    live_2 = number < 7  # specs/cache/insert.py:100
    index = (number * 64 + inside)[None, :, :]  # specs/cache/insert.py:115
    rows = live_1[:, None, None]  # specs/cache/insert.py:109
    k = tl.load(k_ptr + (token[:, None, None] * stride_k0 + index), mask=rows & live_2[None, :, :], other=0.0)  # specs/cache/insert.py:116
    x = k.to(tl.float32)  # specs/cache/insert.py:116
    amax_bits = tl.max(tl.abs(x).to(tl.int32, bitcast=True), axis=2)  # specs/cache/insert.py:141
    bits = tl.maximum(amax_bits, 0x38d1b717)  # specs/quant/scaling.py:56
    raw = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # specs/quant/scaling.py:114
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)  # specs/quant/scaling.py:115
    value = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:19
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:19
    broken = amax_bits >= 0x7f800000  # specs/quant/scaling.py:71
    y = x * tl.reshape(tl.where(broken, float("nan"), inverse), [2, 8, 1])  # specs/quant/scaling.py:41
    value_1 = y.to(tl.float8e4nv)  # specs/cache/insert.py:145
    inside_1 = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:99
    number_1 = tl.arange(0, 8)[:, None]  # specs/cache/insert.py:99
    live_3 = number_1 < 7  # specs/cache/insert.py:100
    start = data[:, None, None]  # specs/cache/insert.py:171
    rows_1 = live_1[:, None, None]  # specs/cache/insert.py:109
    mask = rows_1 & live_3[None, :, :]  # specs/cache/insert.py:110
    tl.store((cache_ptr + page[:, None, None].to(tl.int64) * stride_cache0 + start).to(tl.pointer_type(tl.float8e4nv)) + (number_1 * 64 + inside_1)[None, :, :], value_1, mask=mask)  # specs/cache/insert.py:173
    number_2 = tl.arange(0, 8)  # specs/cache/insert.py:148
    mask_1 = live_1[:, None]  # specs/cache/insert.py:149
    mask_2 = mask_1 & (number_2 < 7)[None, :]  # specs/cache/insert.py:150
    start_1 = t[:, None]  # specs/cache/insert.py:151
    t_1 = tl.where(broken, float("nan"), value).to(tl.int32, bitcast=True)  # specs/cache/insert.py:152
    t_2 = t_1 & 0x7fffffff  # specs/cache/insert.py:152
    t_3 = tl.where(t_2 < 0x600000, 0, (t_2 + 0x400000) >> 23)  # specs/cache/insert.py:152
    tl.store(cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_1 + number_2[None, :], tl.where(((t_1 < 0) & (t_2 != 0)) | (t_2 > 0x7f800000), 255, tl.where(t_3 > 254, 254, t_3)).to(tl.uint8), mask=mask_2)  # specs/cache/insert.py:152
    inside_2 = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:99
    number_3 = tl.arange(0, 1)[:, None]  # specs/cache/insert.py:99
    t_4 = number_3 * 64 + inside_2  # specs/cache/insert.py:101
    index_1 = t_4[None, :, :] + 448  # specs/cache/insert.py:115
    k_1 = tl.load(k_ptr + (token[:, None, None] * stride_k0 + index_1), mask=live_1[:, None, None], other=0.0)  # specs/cache/insert.py:116
    x_1 = k_1.to(tl.float32)  # specs/cache/insert.py:116
    value_2 = x_1.to(tl.bfloat16)  # specs/cache/insert.py:76
    start_2 = (data + 448)[:, None, None]  # specs/cache/insert.py:171
    mask_3 = live_1[:, None, None]  # specs/cache/insert.py:109
    tl.store((cache_ptr + page[:, None, None].to(tl.int64) * stride_cache0 + start_2).to(tl.pointer_type(tl.bfloat16)) + t_4[None, :, :], value_2, mask=mask_3)  # specs/cache/insert.py:173
    index_2 = tl.arange(0, 1)  # specs/cache/insert.py:178
    mask_4 = live_1[:, None]  # specs/cache/insert.py:179
    value_3 = tl.full([2, 1], 0, tl.uint8)  # specs/cache/insert.py:181
    tl.store(cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + (t + 7)[:, None] + index_2[None, :], value_3, mask=mask_4)  # specs/cache/insert.py:182
