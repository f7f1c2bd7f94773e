# mxfp8_quant, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 32
    element = e4m3
    scale_format = e8m0
    ue8m0 = True
    eps = 1.1754943508222875e-38
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
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
    BLOCK_M: tl.constexpr = 4
    BLOCK_G: tl.constexpr = 8
    index = tl.program_id(1) * BLOCK_G  # specs/quant/group.py:49
    offs_m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/quant/group.py:66
    offs_n = index * group + tl.arange(0, BLOCK_G * group)
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]))
    x_1 = tl.reshape(x, [BLOCK_M, BLOCK_G, group]).to(tl.float32)  # specs/quant/group.py:50
    # Bit patterns: NaN and infinity are above everything finite.
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax, 0x800000)  # 2**23, specs/quant/scaling.py:56
    lifted = bits < 0xd800000  # float32 bits of 2**-100
    bits_1 = tl.where(lifted, bits + 0x20000000, bits)  # float32 bits of 2**-63
    raw = bits_1.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    bits_2 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_2 >> 23) - 127 + ((bits_2 & 0x7fffff) != 0).to(tl.int32)  # 2**23 - 1
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)
    exponent_2 = tl.maximum(tl.where(lifted, exponent_1 - 64, exponent_1), -127)  # specs/quant/scaling.py:68
    # 0x400000 is 2**22, specs/quant/scaling.py:120
    value = tl.where(exponent_2 == -127, 0x400000, (exponent_2 + 127) << 23).to(tl.float32, bitcast=True)
    exponent_3 = -exponent_2  # specs/quant/scaling.py:69
    inverse = ((exponent_3 + 127) << 23).to(tl.float32, bitcast=True)
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
    codes = q.to(tl.float8e4nv)  # specs/quant/group.py:59
    # specs/quant/group.py:75
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.reshape(codes, [BLOCK_M, BLOCK_G * group]))
