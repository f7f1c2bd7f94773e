# indexer_q_fp8, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""indexer_q_fp8: Queries of the indexer rotated and quantised, and the weights of their heads.

Generated. Specialised on
    softmax_scale = 0.08838834764831845
    head_scale = 0.125
    positions = int32
    q = bf16
    cos_sin = f32
    weights = bf16
    q_fp8 = e4m3
    weights_out = f32
    ROPE = 64
    BLOCK_H = 16
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import split_pairs


def indexer_q_fp8(
    positions_ref, q_ref, cos_sin_ref, weights_ref,
    q_fp8_ref, weights_out_ref,
    *, H, POSITIONS,
):
    ROPE = 64
    BLOCK_H = 16
    token = pl.program_id(0)  # specs/indexer/query.py:56
    head = pl.program_id(1) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    live = head < H
    index = jnp.arange(128, dtype=jnp.int32)[None, :]  # specs/indexer/query.py:82
    q = plgpu.load(
        q_ref.at[token, head[:, None], index], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, 128)), other=0.0
    )
    x = q.astype(jnp.float32)
    position = plgpu.load(positions_ref.at[token])
    # The last columns rotate; pairs before them have negative numbers and pass through.
    pair = jnp.arange(64, dtype=jnp.int32) - (128 - ROPE) // 2
    # Positions of padding are arbitrary and must not index the table.
    there = (pair >= 0) & (position >= 0) & (position < POSITIONS)
    pair_1 = jnp.maximum(pair, 0)
    cos_sin = plgpu.load(cos_sin_ref.at[position, pair_1], mask=there, other=0.0)
    cosine = cos_sin[None, :]
    cos_sin_1 = plgpu.load(cos_sin_ref.at[position, pair_1 + ROPE // 2], mask=there, other=0.0)
    sine = cos_sin_1[None, :]
    even, odd = split_pairs(x.reshape(BLOCK_H, 64, 2))
    b = odd * -1.0  # specs/cache/rope.py:30
    # specs/cache/rope.py:51
    x_high = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(cosine, jnp.int32) & -256, jnp.float32)
    y_high = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(sine, jnp.int32) & -256, jnp.float32)
    # x_high has 16 bits and a has 8: the product fits in 24, so neither it nor a contracted fma rounds.
    a = even * x_high  # specs/cache/rope.py:37
    b_1 = b * y_high
    total = a + b_1  # specs/cache/rope.py:56
    # No |a| >= |b| is assumed, unlike in the three-operation version.
    b_part = total - a
    error_high = a - (total - b_part) + (b_1 - b_part)
    a_1 = even * (cosine - x_high)  # specs/cache/rope.py:38
    b_2 = b * (sine - y_high)
    total_1 = a_1 + b_2  # specs/cache/rope.py:56
    b_part_1 = total_1 - a_1
    error_low = a_1 - (total_1 - b_part_1) + (b_2 - b_part_1)
    total_2 = total + total_1
    b_part_2 = total_2 - total
    error = total - (total_2 - b_part_2) + (total_1 - b_part_2)
    total_3 = error_high + error_low
    b_part_3 = total_3 - error_high
    lost = error_high - (total_3 - b_part_3) + (error_low - b_part_3)
    total_4 = error + total_3
    b_part_4 = total_4 - error
    lost_too = error - (total_4 - b_part_4) + (total_3 - b_part_4)
    total_5 = total_2 + total_4
    b_part_5 = total_5 - total_2
    error_1 = total_2 - (total_5 - b_part_5) + (total_4 - b_part_5)
    # Only the sign of the lost bits matters: it decides ties, not digits.
    error_2 = error_1 + (lost + lost_too)  # specs/cache/rope.py:45
    bits = jax.lax.bitcast_convert_type(total_5, jnp.int32)  # specs/cache/rope.py:67
    # The exact sum is nearer to zero than total: the odd neighbour is then the one below in magnitude.
    inward = (error_2 > 0.0) ^ (total_5 > 0.0)
    odd_1 = jnp.where(inward, bits - (1 - (bits & 1)), bits | 1)
    # Bits 0: both zeros become +0, so cached bytes do not depend on the order of the products.
    # Rounding to odd, then to bfloat16, equals one rounding of the exact sum: no double rounding.
    # specs/cache/rope.py:47
    turned_even = jax.lax.bitcast_convert_type(
        jnp.where(total_5 == 0.0, 0, jnp.where(error_2 == 0.0, bits, odd_1)), jnp.float32
    ).astype(jnp.bfloat16).astype(jnp.float32)
    # specs/cache/rope.py:51
    x_high_1 = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(sine, jnp.int32) & -256, jnp.float32)
    y_high_1 = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(cosine, jnp.int32) & -256, jnp.float32)
    a_2 = even * x_high_1  # specs/cache/rope.py:37
    b_3 = odd * y_high_1
    total_6 = a_2 + b_3  # specs/cache/rope.py:56
    b_part_6 = total_6 - a_2
    error_high_1 = a_2 - (total_6 - b_part_6) + (b_3 - b_part_6)
    a_3 = even * (sine - x_high_1)  # specs/cache/rope.py:38
    b_4 = odd * (cosine - y_high_1)
    total_7 = a_3 + b_4  # specs/cache/rope.py:56
    b_part_7 = total_7 - a_3
    error_low_1 = a_3 - (total_7 - b_part_7) + (b_4 - b_part_7)
    total_8 = total_6 + total_7
    b_part_8 = total_8 - total_6
    error_3 = total_6 - (total_8 - b_part_8) + (total_7 - b_part_8)
    total_9 = error_high_1 + error_low_1
    b_part_9 = total_9 - error_high_1
    lost_1 = error_high_1 - (total_9 - b_part_9) + (error_low_1 - b_part_9)
    total_10 = error_3 + total_9
    b_part_10 = total_10 - error_3
    lost_too_1 = error_3 - (total_10 - b_part_10) + (total_9 - b_part_10)
    total_11 = total_8 + total_10
    b_part_11 = total_11 - total_8
    error_4 = total_8 - (total_11 - b_part_11) + (total_10 - b_part_11)
    error_5 = error_4 + (lost_1 + lost_too_1)  # specs/cache/rope.py:45
    bits_1 = jax.lax.bitcast_convert_type(total_11, jnp.int32)  # specs/cache/rope.py:67
    inward_1 = (error_5 > 0.0) ^ (total_11 > 0.0)
    odd_2 = jnp.where(inward_1, bits_1 - (1 - (bits_1 & 1)), bits_1 | 1)
    # specs/cache/rope.py:47
    turned_odd = jax.lax.bitcast_convert_type(
        jnp.where(total_11 == 0.0, 0, jnp.where(error_5 == 0.0, bits_1, odd_2)), jnp.float32
    ).astype(jnp.bfloat16).astype(jnp.float32)
    turn = there[None, :]  # specs/indexer/query.py:94
    x_1 = jnp.concatenate(
        [jnp.where(turn, turned_even, even)[..., None], jnp.where(turn, turned_odd, odd)[..., None]], axis=-1
    ).reshape(BLOCK_H, 128)
    # FP8 has one group per row, MXFP4 one per 32 columns; reshape keeps one body for both.
    blocks = x_1.reshape(BLOCK_H, 1, 128)  # specs/indexer/query.py:63
    amax_bits = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(blocks), jnp.int32), axis=2)
    bits_2 = jnp.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
    raw = jax.lax.bitcast_convert_type(bits_2, jnp.float32) * 0.0022321429569274187  # 1/448
    bits_3 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_3 >> 23) - 127 + ((bits_3 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
    value = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
    infinite = amax_bits == 0x7f800000  # float32 bits of infinity
    nan = amax_bits > 0x7f800000  # float32 bits of infinity
    inverse_1 = jnp.where(infinite, 0.0, inverse)
    # specs/indexer/query.py:65
    y = (blocks * jnp.where(nan, float("nan"), inverse_1).reshape(BLOCK_H, 1, 1)).reshape(BLOCK_H, 128)
    weights = plgpu.load(weights_ref.at[token, head], mask=live, other=0.0)
    weight = weights.astype(jnp.float32)
    plgpu.store(
        q_fp8_ref.at[token, head[:, None], index], y.astype(jnp.float8_e4m3fn),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, 128))
    )
    # The one scale of an FP8 query is positive and passes through relu: folded into the head's weight here.
    weight_1 = weight * jnp.where(infinite | nan, raw, value).reshape(BLOCK_H)
    # In this order, as vLLM multiplies: float32 products are not associative.
    plgpu.store(weights_out_ref.at[token, head], weight_1 * 0.08838834764831845 * 0.125, mask=live)  # 1/sqrt(128)
