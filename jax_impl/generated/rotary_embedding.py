# rotary_embedding, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, fms


def rotary_embedding(
    positions_ref, cos_sin_ref,
    q_ref, k_ref,
    *, HQ, HK, POSITIONS,
):
    ROT = 128
    BLOCK_H = 32
    token = pl.program_id(0)  # specs/rope/embedding.py:53
    part = pl.program_id(1)
    position = plgpu.load(positions_ref.at[token])  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = jnp.arange(64, dtype=jnp.int32)
    there = jnp.broadcast_to(known, (64,))
    cosine = plgpu.load(cos_sin_ref.at[position, pair], mask=there, other=0.0)
    sine = plgpu.load(cos_sin_ref.at[position, pair + ROT // 2], mask=there, other=0.0)
    of_q = pl.cdiv(HQ, BLOCK_H)  # specs/rope/embedding.py:58
    @pl.when(part < of_q)
    def branch():
        head = (part * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32))[:, None]  # specs/rope/embedding.py:68
        live = (head < HQ) & known
        c = pair[None, :]  # specs/rope/rotation.py:85
        c_1 = c + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        q = plgpu.load(q_ref.at[token, head, c], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
        a = q.astype(jnp.float32)
        q_1 = plgpu.load(q_ref.at[token, head, c_1], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
        b = q_1.astype(jnp.float32)
        c_2 = cosine[None, :]  # specs/rope/rotation.py:97
        s = sine[None, :]
        a_1 = fms(a, c_2, b * s)
        b_1 = fma(b, c_2, a * s)
        # specs/rope/rotation.py:76
        plgpu.store(q_ref.at[token, head, c], a_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
        plgpu.store(q_ref.at[token, head, c_1], b_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
    @pl.when(part >= of_q)  # specs/rope/embedding.py:60
    def branch_1():
        block = part - of_q  # specs/rope/embedding.py:60
        head_1 = (block * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32))[:, None]  # specs/rope/embedding.py:68
        live_1 = (head_1 < HK) & known
        c_3 = pair[None, :]  # specs/rope/rotation.py:85
        c_4 = c_3 + ROT // 2  # specs/rope/rotation.py:88
        # specs/rope/rotation.py:68
        k = plgpu.load(k_ref.at[token, head_1, c_3], mask=jnp.broadcast_to(live_1, (BLOCK_H, 64)), other=0.0)
        a_2 = k.astype(jnp.float32)
        k_1 = plgpu.load(k_ref.at[token, head_1, c_4], mask=jnp.broadcast_to(live_1, (BLOCK_H, 64)), other=0.0)
        b_2 = k_1.astype(jnp.float32)
        c_5 = cosine[None, :]  # specs/rope/rotation.py:97
        s_1 = sine[None, :]
        a_3 = fms(a_2, c_5, b_2 * s_1)
        b_3 = fma(b_2, c_5, a_2 * s_1)
        # specs/rope/rotation.py:76
        plgpu.store(
            k_ref.at[token, head_1, c_3], a_3.astype(jnp.bfloat16), mask=jnp.broadcast_to(live_1, (BLOCK_H, 64))
        )
        plgpu.store(
            k_ref.at[token, head_1, c_4], b_3.astype(jnp.bfloat16), mask=jnp.broadcast_to(live_1, (BLOCK_H, 64))
        )
