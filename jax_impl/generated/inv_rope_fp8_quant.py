# inv_rope_fp8_quant, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""inv_rope_fp8_quant: Attention output rotated back and quantised, in the order of a grouped projection.

Generated. Specialised on
    n_groups = 8
    o = bf16
    positions = int32
    cos_sin = f32
    q = e4m3
    scale = f32
    ROPE = 64
    BLOCK_H = 4
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, fms, split_pairs


def inv_rope_fp8_quant(
    o_ref, positions_ref, cos_sin_ref,
    q_ref, scale_ref,
    *, H, POSITIONS,
):
    n_groups = 8
    ROPE = 64
    BLOCK_H = 4
    token = pl.program_id(0)  # specs/output/inverse.py:57
    head = pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    mask = (head < H)[:, None]
    live = mask[:, :, None]
    block = jnp.arange(4, dtype=jnp.int32)
    column = (block * 128)[:, None] + jnp.arange(128, dtype=jnp.int32)[None, :]
    o = plgpu.load(
        o_ref.at[token, head[:, None, None], column[None, :, :]], mask=jnp.broadcast_to(live, (BLOCK_H, 4, 128)),
        other=0.0
    )
    x = o.astype(jnp.float32)
    position = plgpu.load(positions_ref.at[token])
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < POSITIONS)
    pair = (block * 64)[:, None] + jnp.arange(64, dtype=jnp.int32)[None, :] - (512 - ROPE) // 2
    turn = (pair >= 0) & known
    pair_1 = jnp.maximum(pair, 0)
    cos_sin = plgpu.load(cos_sin_ref.at[position, pair_1], mask=turn, other=0.0)
    cosine = cos_sin[None, :, :]
    cos_sin_1 = plgpu.load(cos_sin_ref.at[position, pair_1 + ROPE // 2], mask=turn, other=0.0)
    sine = cos_sin_1[None, :, :]
    even, odd = split_pairs(x.reshape(BLOCK_H, 4, 64, 2))
    sine_1 = sine * -1.0
    # Interleaved pairs (GPT-J), not halves (NeoX).
    new = fms(even, cosine, odd * sine_1)  # specs/cache/rope.py:22
    new_1 = fma(even, sine_1, odd * cosine)
    # specs/output/inverse.py:71
    y = jnp.concatenate(
        [jnp.where(turn[None, :, :], new, even)[..., None], jnp.where(turn[None, :, :], new_1, odd)[..., None]], axis=-1
    ).reshape(BLOCK_H, 4, 128)
    amax_bits = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(y), jnp.int32), axis=2)
    bits = jnp.maximum(amax_bits, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
    value = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
    infinite = amax_bits == 0x7f800000  # float32 bits of infinity
    nan = amax_bits > 0x7f800000  # float32 bits of infinity
    inverse_1 = jnp.where(infinite, 0.0, inverse)
    # specs/output/inverse.py:73
    codes = (y * jnp.where(nan, float("nan"), inverse_1).reshape(BLOCK_H, 4, 1)).astype(jnp.float8_e4m3fn)
    heads = H // n_groups
    group = jax.lax.div(head, jnp.full((BLOCK_H,), heads, jnp.int32))
    first = jax.lax.rem(head, jnp.full((BLOCK_H,), heads, jnp.int32))
    place = (first * 512)[:, None, None] + column[None, :, :]
    plgpu.store(
        q_ref.at[group[:, None][:, :, None], token, place], codes, mask=jnp.broadcast_to(live, (BLOCK_H, 4, 128))
    )
    place_1 = (first * 4)[:, None] + block[None, :]
    plgpu.store(
        scale_ref.at[group[:, None], token, place_1], jnp.where(infinite | nan, raw, value),
        mask=jnp.broadcast_to(mask, (BLOCK_H, 4))
    )
