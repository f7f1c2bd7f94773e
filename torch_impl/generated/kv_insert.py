# kv_insert, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""kv_insert: Keys and values of new tokens written into their slots of a paged cache.

Generated. Specialised on
    kv_layout = separate
    key = bf16
    value = bf16
    key_cache = bf16
    value_cache = bf16
    slot_mapping = int32
    D = 128
    DV = 128
    even_heads = True
    BLOCK_T = 2
    BLOCK_H = 4
    num_warps = 2
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def kv_insert(
    key_ptr, value_ptr, slot_mapping_ptr,
    key_cache_ptr, value_cache_ptr,
    TS, PAGES, PAGE,
    stride_key0, stride_key1,
    stride_value0, stride_value1,
    stride_key_cache0, stride_key_cache1, stride_key_cache2,
    stride_value_cache0, stride_value_cache1, stride_value_cache2,
):
    BLOCK_T: tl.constexpr = 2
    BLOCK_H: tl.constexpr = 4
    token = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)  # specs/cache/kv_insert.py:85
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    index = tl.arange(0, 128)[None, None, :]  # specs/cache/kv_insert.py:98
    live = token < TS
    mask = live[:, None, None]
    x = tl.load(
        key_ptr + (token[:, None, None] * stride_key0 + head[None, :, None] * stride_key1 + index), mask=mask, other=0.0
    )
    y = tl.load(
        value_ptr + (token[:, None, None] * stride_value0 + head[None, :, None] * stride_value1 + index), mask=mask,
        other=0.0
    )
    slot = tl.load(slot_mapping_ptr + token, mask=live, other=-1)  # specs/cache/kv_insert.py:74
    # Clamped because // and % of negative numbers differ between targets; such slots are masked.
    clamped = tl.maximum(slot, 0)
    page = clamped // PAGE
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live_1 = (slot >= 0) & (page < PAGES)
    rows = live_1[:, None]  # specs/cache/kv_insert.py:143
    page_1 = page[:, None]  # specs/cache/kv_insert.py:122
    row = (clamped % PAGE)[:, None]
    tl.store(
        key_cache_ptr + (
            page_1[:, :, None] * stride_key_cache0 + row[:, :, None] * stride_key_cache1 + head[
                None, :, None
            ] * stride_key_cache2 + index
        ),
        x, mask=rows[:, :, None]
    )
    tl.store(
        value_cache_ptr + (
            page_1[:, :, None] * stride_value_cache0 + row[:, :, None] * stride_value_cache1 + head[
                None, :, None
            ] * stride_value_cache2 + index
        ),
        y, mask=rows[:, :, None]
    )
