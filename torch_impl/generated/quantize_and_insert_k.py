# quantize_and_insert_k, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""insert_rows: Rows quantised and written into their slots.

Generated. Specialised on
    layout = v4
    block_size = 64
    k = bf16
    cache = uint8
    slot_mapping = int32
    ROWS = 64
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
    ROWS: tl.constexpr = 64
    BLOCK_T: tl.constexpr = 2
    token = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/cache/write.py:47
    # slot_mapping may be shorter than k, whose last rows are padding then.
    live = token < TS
    # -1: no slot, and no byte is written.
    slot = tl.load(slot_mapping_ptr + token, mask=live, other=-1)
    # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
    clamped = tl.maximum(slot, 0)  # specs/cache/insert.py:59
    page = clamped // ROWS
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live_1 = live & (slot >= 0) & (page < PAGES)
    # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
    row = clamped % ROWS
    data = row * 576
    # Gathered layouts keep all scales of a page after the last row's data.
    scales = row * 8 + ROWS * 576
    number = tl.arange(0, 8)  # specs/cache/insert.py:92
    exist = number < 7
    # Tiles are powers of two; the mask protects the bytes of the next field.
    inside = tl.arange(0, 64)[None, :]  # specs/cache/insert.py:103
    live_2 = exist[:, None]
    index = (number[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
    mask = live_1[:, None]  # specs/cache/insert.py:154
    rows = mask[:, :, None]
    mask_1 = rows & live_2[None, :, :]
    k = tl.load(k_ptr + (token[:, None, None] * stride_k0 + index), mask=mask_1, other=0.0)  # specs/cache/insert.py:161
    x = k.to(tl.float32)
    # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
    amax_bits = tl.max(tl.abs(x).to(tl.int32, bitcast=True), axis=2)  # specs/cache/insert.py:190
    bits = tl.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
    raw = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # 2**23 - 1
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)
    value = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)
    broken = amax_bits >= 0x7f800000  # float32 bits of infinity
    y = x * tl.reshape(tl.where(broken, float("nan"), inverse), [BLOCK_T, 8, 1])  # specs/quant/scaling.py:41
    value_1 = y.to(tl.float8e4nv)  # specs/cache/insert.py:194
    start = data[:, None, None]  # specs/cache/insert.py:221
    tl.store(
        (
            cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start
        ).to(tl.pointer_type(tl.float8e4nv)) + index,
        value_1, mask=mask_1
    )
    # Columns of scales past the field's groups belong to the next field.
    mask_2 = mask & exist[None, :]  # specs/cache/insert.py:200
    start_1 = scales[:, None]
    index_1 = tl.where(broken, float("nan"), value).to(tl.int32, bitcast=True)
    index_2 = index_1 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
    index_3 = tl.where(index_2 < 0x600000, 0, (index_2 + 0x400000) >> 23)  # 2**22
    # 0x7f800000 is float32 bits of infinity
    tl.store(
        cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_1 + number[None, :],
        tl.where(
            ((index_1 < 0) & (index_2 != 0)) | (index_2 > 0x7f800000), 255, tl.where(index_3 > 254, 254, index_3)
        ).to(tl.uint8),
        mask=mask_2
    )
    number_1 = tl.arange(0, 1)  # specs/cache/insert.py:92
    index_4 = (number_1[:, None] * 64 + inside)[None, :, :]  # specs/cache/insert.py:160
    index_5 = index_4 + 448
    k_1 = tl.load(k_ptr + (token[:, None, None] * stride_k0 + index_5), mask=rows, other=0.0)
    x_1 = k_1.to(tl.float32)
    value_2 = x_1.to(tl.bfloat16)  # specs/cache/insert.py:135
    start_2 = (data + 448)[:, None, None]  # specs/cache/insert.py:221
    tl.store(
        (
            cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start_2
        ).to(tl.pointer_type(tl.bfloat16)) + index_4,
        value_2, mask=rows
    )
    value_3 = tl.full([BLOCK_T, 1], 0, tl.uint8)  # specs/cache/insert.py:231
    tl.store(
        cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + (scales + 7)[:, None] + number_1[None, :], value_3,
        mask=mask
    )
