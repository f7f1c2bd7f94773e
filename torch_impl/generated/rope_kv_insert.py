# rope_kv_insert, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""rope_kv_insert: Queries rotated in place; keys, rotated, and values written into their slots of a paged cache.

Generated. Specialised on
    neox = True
    offset = 0
    inverse = False
    kv_layout = separate
    positions = int32
    q = bf16
    key = bf16
    value = bf16
    cos_sin = f32
    key_cache = bf16
    value_cache = bf16
    slot_mapping = int32
    D = 128
    DV = 128
    ROT = 128
    even_heads = False
    BLOCK_H = 16
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def rope_kv_insert(
    positions_ptr, key_ptr, value_ptr, cos_sin_ptr, slot_mapping_ptr,
    q_ptr, key_cache_ptr, value_cache_ptr,
    TS, HQ, HKV, POSITIONS, PAGES, PAGE,
    stride_q0, stride_q1,
    stride_key0, stride_key1,
    stride_value0, stride_value1,
    stride_cos_sin0,
    stride_key_cache0, stride_key_cache1, stride_key_cache2,
    stride_value_cache0, stride_value_cache1, stride_value_cache2,
):
    ROT: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 16
    token = tl.program_id(0)  # specs/cache/rope_kv_insert.py:91
    part = tl.program_id(1)
    position = tl.load(positions_ptr + token)  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = tl.arange(0, 64)
    there = tl.broadcast_to(known, [64])
    cosine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair), mask=there, other=0.0)
    sine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair + ROT // 2), mask=there, other=0.0)
    of_q = tl.cdiv(HQ, BLOCK_H)  # specs/cache/rope_kv_insert.py:93
    if part < of_q:
        head = (part * BLOCK_H + tl.arange(0, BLOCK_H))[:, None]  # specs/rope/embedding.py:68
        live = (head < HQ) & known
        c = pair[None, :]  # specs/rope/rotation.py:85
        c_1 = c + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        q = tl.load(q_ptr + (token * stride_q0 + head * stride_q1 + c), mask=live, other=0.0)
        a = q.to(tl.float32)
        q_1 = tl.load(q_ptr + (token * stride_q0 + head * stride_q1 + c_1), mask=live, other=0.0)
        b = q_1.to(tl.float32)
        c_2 = cosine[None, :]  # specs/rope/rotation.py:97
        s = sine[None, :]
        a_1 = a * c_2 - b * s
        b_1 = b * c_2 + a * s
        # specs/rope/rotation.py:76
        tl.store(q_ptr + (token * stride_q0 + head * stride_q1 + c), a_1.to(tl.bfloat16), mask=live)
        tl.store(q_ptr + (token * stride_q0 + head * stride_q1 + c_1), b_1.to(tl.bfloat16), mask=live)
    if part >= of_q:  # specs/cache/rope_kv_insert.py:95
        block = part - of_q  # specs/cache/rope_kv_insert.py:95
        # A tile of one token: `insert_rows` works on tiles of tokens.
        row = token + tl.arange(0, 1)  # specs/cache/rope_kv_insert.py:103
        head_1 = block * BLOCK_H + tl.arange(0, BLOCK_H)
        live_1 = row < TS  # specs/cache/kv_insert.py:74
        slot = tl.load(slot_mapping_ptr + row, mask=live_1, other=-1)
        # Clamped because // and % of negative numbers differ between targets; such slots are masked.
        clamped = tl.maximum(slot, 0)
        page = clamped // PAGE
        # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
        live_2 = (slot >= 0) & (page < PAGES)
        mask = head_1 < HKV  # specs/cache/rope_kv_insert.py:105
        live_3 = mask[:, None]
        c_3 = pair[None, :]  # specs/rope/rotation.py:85
        c_4 = c_3 + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        key = tl.load(key_ptr + (token * stride_key0 + head_1[:, None] * stride_key1 + c_3), mask=live_3, other=0.0)
        a_2 = key.to(tl.float32)
        key_1 = tl.load(key_ptr + (token * stride_key0 + head_1[:, None] * stride_key1 + c_4), mask=live_3, other=0.0)
        b_2 = key_1.to(tl.float32)
        c_5 = cosine[None, :]  # specs/rope/rotation.py:97
        s_1 = sine[None, :]
        new = a_2 * c_5 - b_2 * s_1
        new_1 = b_2 * c_5 + a_2 * s_1
        a_3 = tl.where(known, new, a_2)  # specs/cache/rope_kv_insert.py:107
        b_3 = tl.where(known, new_1, b_2)
        codes = a_3.to(tl.bfloat16)[None, :, :]  # specs/cache/rope_kv_insert.py:111
        codes_1 = b_3.to(tl.bfloat16)[None, :, :]
        rows = live_2[:, None] & mask[None, :]  # specs/cache/kv_insert.py:143
        page_1 = page[:, None]  # specs/cache/kv_insert.py:122
        row_1 = (clamped % PAGE)[:, None]
        tl.store(
            key_cache_ptr + (
                page_1[:, :, None] * stride_key_cache0 + row_1[:, :, None] * stride_key_cache1 + head_1[
                    None, :, None
                ] * stride_key_cache2 + c_3[None, :, :]
            ),
            codes, mask=rows[:, :, None]
        )
        tl.store(
            key_cache_ptr + (
                page_1[:, :, None] * stride_key_cache0 + row_1[:, :, None] * stride_key_cache1 + head_1[
                    None, :, None
                ] * stride_key_cache2 + c_4[None, :, :]
            ),
            codes_1, mask=rows[:, :, None]
        )
        index = tl.arange(0, 128)[None, None, :]  # specs/cache/kv_insert.py:98
        mask_1 = (live_1[:, None] & mask[None, :])[:, :, None]
        x = tl.load(
            value_ptr + (row[:, None, None] * stride_value0 + head_1[None, :, None] * stride_value1 + index),
            mask=mask_1, other=0.0
        )
        # specs/cache/kv_insert.py:134
        tl.store(
            value_cache_ptr + (
                page_1[:, :, None] * stride_value_cache0 + row_1[:, :, None] * stride_value_cache1 + head_1[
                    None, :, None
                ] * stride_value_cache2 + index
            ),
            x, mask=rows[:, :, None]
        )
