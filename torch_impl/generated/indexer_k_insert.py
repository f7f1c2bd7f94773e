# indexer_k_insert, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""insert_rows: Rows quantised and written into their slots.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 64
    k = bf16
    cache = uint8
    slot_mapping = int32
    ROWS = 64
    D = 128
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
    data = row * 128
    # Gathered layouts keep all scales of a page after the last row's data.
    number = tl.arange(0, 1)  # specs/cache/insert.py:92
    # Tiles are powers of two; the mask protects the bytes of the next field.
    inside = tl.arange(0, 128)[None, :]  # specs/cache/insert.py:103
    index = (number[:, None] * 128 + inside)[None, :, :]  # specs/cache/insert.py:160
    mask = live_1[:, None]  # specs/cache/insert.py:154
    mask_1 = mask[:, :, None]
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
    infinite = amax_bits == 0x7f800000  # float32 bits of infinity
    nan = amax_bits > 0x7f800000  # float32 bits of infinity
    inverse_1 = tl.where(infinite, 0.0, inverse)
    y = x * tl.reshape(tl.where(nan, float("nan"), inverse_1), [BLOCK_T, 1, 1])  # specs/quant/scaling.py:41
    value_1 = y.to(tl.float8e4nv)  # specs/cache/insert.py:194
    start = data[:, None, None]  # specs/cache/insert.py:221
    tl.store(
        (
            cache_ptr + page[:, None][:, :, None].to(tl.int64) * stride_cache0 + start
        ).to(tl.pointer_type(tl.float8e4nv)) + index,
        value_1, mask=mask_1
    )
    start_1 = (row * 4 + ROWS * 128)[:, None]  # specs/cache/insert.py:201
    tl.store(
        (
            cache_ptr + page[:, None].to(tl.int64) * stride_cache0 + start_1
        ).to(tl.pointer_type(tl.float32)) + number[None, :],
        tl.where(infinite | nan, raw, value), mask=mask
    )
