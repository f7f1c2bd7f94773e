# mxfp4_quant, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 32
    element = e2m1
    scale_format = e8m0
    ue8m0 = True
    eps = 7.052966104933725e-38
    scale_layout = row
    per_byte = 2
    x = bf16
    q = uint8
    scale = e8m0
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
    x_ptr,
    q_ptr, scale_ptr,
    N,
    stride_x0,
):
    group: tl.constexpr = 32
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
    bits = tl.maximum(amax, 0x1c00000)  # float32 bits of 3 * 2**-125, specs/quant/scaling.py:56
    raw = bits.to(tl.float32, bitcast=True) * 0.1666666716337204  # 1/6
    bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # 2**23 - 1
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)
    value = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)
    broken = amax >= 0x7f800000  # float32 bits of infinity
    scale = tl.where(broken, float("nan"), value)
    q = x_1 * tl.reshape(tl.where(broken, float("nan"), inverse), [BLOCK_M, BLOCK_G, 1])  # specs/quant/scaling.py:41
    index_1 = scale.to(tl.int32, bitcast=True)  # specs/quant/group.py:98
    index_2 = index_1 & 0x7fffffff  # 2**31 - 1, 2**23 - 1
    index_3 = tl.where(index_2 < 0x600000, 0, (index_2 + 0x400000) >> 23)  # 2**22
    offs_scale1 = index + tl.arange(0, BLOCK_G)
    # 0x7f800000 is float32 bits of infinity
    tl.store(
        scale_ptr + (offs_m[:, None] * (N // group) + offs_scale1[None, :]),
        tl.where(
            ((index_1 < 0) & (index_2 != 0)) | (index_2 > 0x7f800000), 255, tl.where(index_3 > 254, 254, index_3)
        ).to(tl.uint8)
    )
    bits_2 = q.to(tl.int32, bitcast=True)
    # The sign is put back at the end: rounding to nearest even is symmetric.
    magnitude = (bits_2 & 0x7fffffff).to(tl.float32, bitcast=True)  # 2**31 - 1, 2**23 - 1
    # NaN too: it is converted to an integer below
    magnitude_1 = tl.where(magnitude <= 6.0, magnitude, 6.0)
    # At emin and below the step between codes is constant: subnormal codes need no case of their own.
    exponent_3 = tl.maximum((magnitude_1.to(tl.int32, bitcast=True) >> 23) - 127, 0)
    # Added, not or-ed: a significand that rounds up to 2 carries into the exponent, as it should.
    exponent_4 = 1 - exponent_3
    # 12582912.0 is 3 * 2**22
    code = (exponent_3 << 1) + (
        magnitude_1 * ((exponent_4 + 127) << 23).to(tl.float32, bitcast=True) + 12582912.0 - 12582912.0
    ).to(tl.int32)
    code_1 = tl.where(bits_2 < 0, code | 8, code)
    codes = tl.where(q != q, 0, code_1)
    pairs = tl.reshape(codes, [BLOCK_M, BLOCK_G, group // 2, 2])  # specs/quant/scaling.py:126
    shift = tl.reshape(tl.arange(0, 2) * 4, [1, 1, 1, 2])
    index_4 = tl.sum(pairs << shift, axis=3)
    codes_1 = index_4.to(tl.uint8)
    offs_q1 = index * (group // per_byte) + tl.arange(0, BLOCK_G * (group // per_byte))  # specs/quant/group.py:75
    tl.store(
        q_ptr + (offs_m[:, None] * (N // per_byte) + offs_q1[None, :]),
        tl.reshape(codes_1, [BLOCK_M, BLOCK_G * (group // per_byte)])
    )
