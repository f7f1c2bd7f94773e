# inv_rope_fp8_quant, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def inv_rope_fp8_quant(
    o_ptr, positions_ptr, cos_sin_ptr,
    q_ptr, scale_ptr,
    T, H, POSITIONS,
    stride_o0, stride_o1,
    stride_cos_sin0,
):
    n_groups: tl.constexpr = 8
    ROPE: tl.constexpr = 64
    BLOCK_H: tl.constexpr = 4
    token = tl.program_id(0)  # specs/output/inverse.py:57
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    mask = (head < H)[:, None]
    live = mask[:, :, None]
    block = tl.arange(0, 4)
    column = (block * 128)[:, None] + tl.arange(0, 128)[None, :]
    o = tl.load(
        o_ptr + (token * stride_o0 + head[:, None, None] * stride_o1 + column[None, :, :]), mask=live, other=0.0
    )
    x = o.to(tl.float32)
    position = tl.load(positions_ptr + token)
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < POSITIONS)
    pair = (block * 64)[:, None] + tl.arange(0, 64)[None, :] - (512 - ROPE) // 2
    turn = (pair >= 0) & known
    pair_1 = tl.maximum(pair, 0)
    cos_sin = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair_1), mask=turn, other=0.0)
    cosine = cos_sin[None, :, :]
    cos_sin_1 = tl.load(cos_sin_ptr + (position * stride_cos_sin0 + pair_1 + ROPE // 2), mask=turn, other=0.0)
    sine = cos_sin_1[None, :, :]
    even, odd = tl.split(tl.reshape(x, [BLOCK_H, 4, 64, 2]))
    sine_1 = sine * -1.0
    # Interleaved pairs (GPT-J), not halves (NeoX).
    new = even * cosine - odd * sine_1  # specs/cache/rope.py:22
    new_1 = even * sine_1 + odd * cosine
    # specs/output/inverse.py:71
    y = tl.reshape(
        tl.join(tl.where(turn[None, :, :], new, even), tl.where(turn[None, :, :], new_1, odd)), [BLOCK_H, 4, 128]
    )
    amax_bits = tl.max(tl.abs(y).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax_bits, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
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
    # specs/output/inverse.py:73
    codes = (y * tl.reshape(tl.where(nan, float("nan"), inverse_1), [BLOCK_H, 4, 1])).to(tl.float8e4nv)
    heads = H // n_groups
    group = head // heads
    first = head % heads
    place = (first * 512)[:, None, None] + column[None, :, :]
    tl.store(
        q_ptr + (group[:, None][:, :, None] * (T * (H // n_groups * 512)) + token * (H // n_groups * 512) + place),
        codes, mask=live
    )
    place_1 = (first * 4)[:, None] + block[None, :]
    tl.store(
        scale_ptr + (group[:, None] * (T * (H // n_groups * 4)) + token * (H // n_groups * 4) + place_1),
        tl.where(infinite | nan, raw, value), mask=mask
    )
