# nvfp4_quant, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 16
    element = e2m1
    scale_format = e4m3
    ue8m0 = False
    eps = 0.0
    scale_layout = row
    per_byte = 2
    x = bf16
    global_scale = f32
    q = uint8
    scale = e4m3
    even_m = True
    even_g = True
    BLOCK_M = 4
    BLOCK_G = 8
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_quant(
    x_ptr, global_scale_ptr,
    q_ptr, scale_ptr,
    N,
    stride_x0,
):
    group: tl.constexpr = 16
    per_byte: tl.constexpr = 2
    BLOCK_M: tl.constexpr = 4
    BLOCK_G: tl.constexpr = 8
    index = tl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/quant/group.py:66
    offs_n = index * group + tl.arange(0, BLOCK_G * group)
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]))
    x_1 = tl.reshape(x, [BLOCK_M, BLOCK_G, group]).to(tl.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)
    raw = amax.to(tl.float32, bitcast=True) * 0.1666666716337204  # 1/6, specs/quant/scaling.py:95
    g = tl.load(global_scale_ptr)  # specs/quant/group.py:56
    scaled = raw * g  # specs/quant/scaling.py:83
    value = scaled.to(tl.float8e4nv).to(tl.float32)
    value_1 = tl.where(scaled.to(tl.int32, bitcast=True) >= 0x7f800000, float("nan"), value)  # float32 bits of infinity
    empty = value_1 == 0.0
    inverse = tl.div_rn(1.0, tl.where(empty, 1.0, value_1 * tl.div_rn(1.0, g)))
    q = x_1 * tl.reshape(tl.where(empty, 0.0, inverse), [BLOCK_M, BLOCK_G, 1])  # specs/quant/scaling.py:41
    offs_scale1 = index + tl.arange(0, BLOCK_G)  # specs/quant/group.py:98
    tl.store(scale_ptr + (offs_m[:, None] * (N // group) + offs_scale1[None, :]), value_1.to(tl.float8e4nv))
    bits = q.to(tl.int32, bitcast=True)
    # The sign is put back at the end: rounding to nearest even is symmetric.
    magnitude = (bits & 0x7fffffff).to(tl.float32, bitcast=True)  # 2**31 - 1
    # NaN too: it is converted to an integer below
    magnitude_1 = tl.where(magnitude <= 6.0, magnitude, 6.0)
    # At emin and below the step between codes is constant: subnormal codes need no case of their own.
    exponent = tl.maximum((magnitude_1.to(tl.int32, bitcast=True) >> 23) - 127, 0)
    # Added, not or-ed: a significand that rounds up to 2 carries into the exponent, as it should.
    exponent_1 = 1 - exponent
    # 12582912.0 is 3 * 2**22
    code = (exponent << 1) + (
        magnitude_1 * ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True) + 12582912.0 - 12582912.0
    ).to(tl.int32)
    code_1 = tl.where(bits < 0, code | 8, code)
    codes = tl.where(q != q, 0, code_1)
    pairs = tl.reshape(codes, [BLOCK_M, BLOCK_G, group // 2, 2])  # specs/quant/scaling.py:126
    shift = tl.reshape(tl.arange(0, 2) * 4, [1, 1, 1, 2])
    index_1 = tl.sum(pairs << shift, axis=3)
    codes_1 = index_1.to(tl.uint8)
    offs_q1 = index * (group // per_byte) + tl.arange(0, BLOCK_G * (group // per_byte))  # specs/quant/group.py:75
    tl.store(
        q_ptr + (offs_m[:, None] * (N // per_byte) + offs_q1[None, :]),
        tl.reshape(codes_1, [BLOCK_M, BLOCK_G * (group // per_byte)])
    )
