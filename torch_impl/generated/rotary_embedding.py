# rotary_embedding, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""rotary_embedding: Heads of queries and keys rotated by their positions, in place.

Generated. Specialised on
    neox = True
    offset = 0
    inverse = False
    positions = int32
    q = bf16
    k = bf16
    cos_sin = f32
    D = 128
    ROT = 128
    BLOCK_H = 32
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def rotary_embedding(
    positions_ptr, cos_sin_ptr,
    q_ptr, k_ptr,
    HQ, HK, POSITIONS,
    stride_q0, stride_q1,
    stride_k0, stride_k1,
    stride_cos_sin0,
):
    ROT: tl.constexpr = 128
    BLOCK_H: tl.constexpr = 32
    token = tl.program_id(0)  # specs/rope/embedding.py:53
    part = tl.program_id(1)
    position = tl.load(positions_ptr + token)  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = tl.arange(0, 64)
    there = tl.broadcast_to(known, [64])
    cosine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair), mask=there, other=0.0)
    sine = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair + ROT // 2), mask=there, other=0.0)
    of_q = tl.cdiv(HQ, BLOCK_H)  # specs/rope/embedding.py:58
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
    if part >= of_q:  # specs/rope/embedding.py:60
        block = part - of_q  # specs/rope/embedding.py:60
        head_1 = (block * BLOCK_H + tl.arange(0, BLOCK_H))[:, None]  # specs/rope/embedding.py:68
        live_1 = (head_1 < HK) & known
        c_3 = pair[None, :]  # specs/rope/rotation.py:85
        c_4 = c_3 + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        k = tl.load(k_ptr + (token * stride_k0 + head_1 * stride_k1 + c_3), mask=live_1, other=0.0)
        a_2 = k.to(tl.float32)
        k_1 = tl.load(k_ptr + (token * stride_k0 + head_1 * stride_k1 + c_4), mask=live_1, other=0.0)
        b_2 = k_1.to(tl.float32)
        c_5 = cosine[None, :]  # specs/rope/rotation.py:97
        s_1 = sine[None, :]
        a_3 = a_2 * c_5 - b_2 * s_1
        b_3 = b_2 * c_5 + a_2 * s_1
        # specs/rope/rotation.py:76
        tl.store(k_ptr + (token * stride_k0 + head_1 * stride_k1 + c_3), a_3.to(tl.bfloat16), mask=live_1)
        tl.store(k_ptr + (token * stride_k0 + head_1 * stride_k1 + c_4), b_3.to(tl.bfloat16), mask=live_1)
