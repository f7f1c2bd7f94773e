# qk_norm_rope, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, fma, fms


def qk_norm_rope(
    q_weight_ref, k_weight_ref, positions_ref, cos_sin_ref,
    qkv_ref,
    *, POSITIONS,
):
    num_q_heads = 32
    num_k_heads = 8
    D = 128
    ROT = 128
    BLOCK_H = 8
    token = pl.program_id(0)  # specs/rope/qk_norm.py:55
    head = (pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32))[:, None]
    position = plgpu.load(positions_ref.at[token])  # specs/rope/rotation.py:32
    known = (position >= 0) & (position < POSITIONS)
    pair = jnp.arange(64, dtype=jnp.int32)
    there = jnp.broadcast_to(known, (64,))
    cosine = plgpu.load(cos_sin_ref.at[position, pair], mask=there, other=0.0)
    sine = plgpu.load(cos_sin_ref.at[position, pair + ROT // 2], mask=there, other=0.0)
    live = (head < num_q_heads + num_k_heads) & known  # specs/rope/qk_norm.py:58
    column = jnp.arange(128, dtype=jnp.int32)[None, :]
    index = head * D  # specs/rope/qk_norm.py:61
    # Summed as `rms_norm` sums a row, so that the two agree to the byte.
    # specs/rope/qk_norm.py:67
    qkv = plgpu.load(qkv_ref.at[token, index + column], mask=jnp.broadcast_to(live, (BLOCK_H, 128)), other=0.0)
    x = qkv.astype(jnp.float32)
    value = jnp.sum(x * x, axis=1)
    mean = div_rn(value, jnp.full((BLOCK_H,), 128.0, jnp.float32))
    inverse = div_rn(jnp.full((BLOCK_H,), 1.0, jnp.float32), jnp.sqrt(mean + 1e-06))[:, None]
    c = pair[None, :]  # specs/rope/rotation.py:85
    c_1 = c + ROT // 2  # specs/rope/rotation.py:88
    index_1 = index + c  # specs/rope/qk_norm.py:61
    # specs/rope/rotation.py:68
    qkv_1 = plgpu.load(qkv_ref.at[token, index_1], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
    x_1 = qkv_1.astype(jnp.float32)
    index_2 = index + c_1  # specs/rope/qk_norm.py:61
    # specs/rope/rotation.py:68
    qkv_2 = plgpu.load(qkv_ref.at[token, index_2], mask=jnp.broadcast_to(live, (BLOCK_H, 64)), other=0.0)
    x_2 = qkv_2.astype(jnp.float32)
    q_weight = plgpu.load(q_weight_ref.at[c])
    of_q = q_weight.astype(jnp.float32)
    q_weight_1 = plgpu.load(q_weight_ref.at[c_1])
    of_q_1 = q_weight_1.astype(jnp.float32)
    k_weight = plgpu.load(k_weight_ref.at[c])
    of_k = k_weight.astype(jnp.float32)
    k_weight_1 = plgpu.load(k_weight_ref.at[c_1])
    of_k_1 = k_weight_1.astype(jnp.float32)
    mask = head < num_q_heads  # specs/rope/qk_norm.py:73
    weight = jnp.where(mask, of_q, of_k)
    y = x_1 * inverse
    a = y * weight
    weight_1 = jnp.where(mask, of_q_1, of_k_1)
    y_1 = x_2 * inverse
    b = y_1 * weight_1
    c_2 = cosine[None, :]  # specs/rope/rotation.py:97
    s = sine[None, :]
    a_1 = fms(a, c_2, b * s)
    b_1 = fma(b, c_2, a * s)
    # specs/rope/rotation.py:76
    plgpu.store(qkv_ref.at[token, index_1], a_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
    plgpu.store(qkv_ref.at[token, index_2], b_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(live, (BLOCK_H, 64)))
