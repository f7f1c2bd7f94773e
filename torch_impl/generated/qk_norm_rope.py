# qk_norm_rope, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""qk_norm_rope: Queries and keys of packed rows normalised head by head and rotated, in place.

Generated. Specialised on
    num_q_heads = 32
    num_k_heads = 8
    eps = 1e-06
    style = once
    neox = True
    offset = 0
    inverse = False
    round_between = False
    qkv = bf16
    q_weight = bf16
    k_weight = bf16
    positions = int32
    cos_sin = f32
    D = 128
    ROT = 128
    BLOCK_H = 8
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def qk_norm_rope(
    q_weight_ptr, k_weight_ptr, positions_ptr, cos_sin_ptr,
    qkv_ptr,
    POSITIONS,
    stride_qkv0,
    stride_cos_sin0,
):
    num_q_heads: tl.constexpr = 32
    num_k_heads: tl.constexpr = 8
    D: tl.constexpr = 128
    ROT: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 8
    token = tl.program_id(0)  # specs/rope/qk_norm.py:55
    head = (tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H))[:, None]
    position = tl.load(positions_ptr + token)  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = tl.arange(0, 64)
    there = tl.broadcast_to(known, [64])
    cosine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair), mask=there, other=0.0)
    sine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair + ROT // 2), mask=there, other=0.0)
    live = (head < num_q_heads + num_k_heads) & known  # specs/rope/qk_norm.py:58
    column = tl.arange(0, 128)[None, :]
    index = head * D  # specs/rope/qk_norm.py:61
    # Summed as `rms_norm` sums a row, so that the two agree to the byte.
    qkv = tl.load(qkv_ptr + (token * stride_qkv0 + index + column), mask=live, other=0.0)  # specs/rope/qk_norm.py:67
    x = qkv.to(tl.float32)
    value = tl.sum(x * x, axis=1)
    mean = tl.div_rn(value, 128.0)
    inverse = tl.div_rn(1.0, tl.sqrt(mean + 1e-06))[:, None]
    c = pair[None, :]  # specs/rope/rotation.py:85
    c_1 = c + ROT // 2  # specs/rope/rotation.py:88
    index_1 = index + c  # specs/rope/qk_norm.py:61
    qkv_1 = tl.load(qkv_ptr + (token * stride_qkv0 + index_1), mask=live, other=0.0)  # specs/rope/rotation.py:68
    x_1 = qkv_1.to(tl.float32)
    index_2 = index + c_1  # specs/rope/qk_norm.py:61
    qkv_2 = tl.load(qkv_ptr + (token * stride_qkv0 + index_2), mask=live, other=0.0)  # specs/rope/rotation.py:68
    x_2 = qkv_2.to(tl.float32)
    q_weight = tl.load(q_weight_ptr + c)
    of_q = q_weight.to(tl.float32)
    q_weight_1 = tl.load(q_weight_ptr + c_1)
    of_q_1 = q_weight_1.to(tl.float32)
    k_weight = tl.load(k_weight_ptr + c)
    of_k = k_weight.to(tl.float32)
    k_weight_1 = tl.load(k_weight_ptr + c_1)
    of_k_1 = k_weight_1.to(tl.float32)
    mask = head < num_q_heads  # specs/rope/qk_norm.py:73
    weight = tl.where(mask, of_q, of_k)
    y = x_1 * inverse
    a = y * weight
    weight_1 = tl.where(mask, of_q_1, of_k_1)
    y_1 = x_2 * inverse
    b = y_1 * weight_1
    c_2 = cosine[None, :]  # specs/rope/rotation.py:97
    s = sine[None, :]
    a_1 = a * c_2 - b * s
    b_1 = b * c_2 + a * s
    tl.store(qkv_ptr + (token * stride_qkv0 + index_1), a_1.to(tl.bfloat16), mask=live)  # specs/rope/rotation.py:76
    tl.store(qkv_ptr + (token * stride_qkv0 + index_2), b_1.to(tl.bfloat16), mask=live)
