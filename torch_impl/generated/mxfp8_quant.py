# mxfp8_quant, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 69cd24df1243c848c0c5022ce9fe866afd2e104c331956a706ba9588007f2948
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
    even_m = False
    even_g = False
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
    M, N,
    stride_x0,
):
    offs_m = tl.program_id(0) * 4 + tl.arange(0, 4)  # specs/quant/group.py:65
    mask_m = offs_m < M  # specs/quant/group.py:65
    offs_n = tl.program_id(1) * 8 * 32 + tl.arange(0, 256)  # specs/quant/group.py:65
    mask_n = offs_n < N  # specs/quant/group.py:65
    mask = mask_m[:, None] & mask_n[None, :]  # specs/quant/group.py:65
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask, other=0.0)  # specs/quant/group.py:65
    x_1 = tl.reshape(x, [4, 8, 32]).to(tl.float32)  # specs/quant/group.py:50
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/quant/group.py:51
    bits = tl.maximum(amax, 0x800000)  # specs/quant/scaling.py:56
    lifted = bits < 0xd800000  # specs/quant/scaling.py:60
    bits_1 = tl.where(lifted, bits + 0x20000000, bits)  # specs/quant/scaling.py:61
    raw = bits_1.to(tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    bits_2 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_2 >> 23) - 127 + ((bits_2 & 0x7fffff) != 0).to(tl.int32)  # specs/quant/scaling.py:114
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)  # specs/quant/scaling.py:115
    exponent_2 = tl.maximum(tl.where(lifted, exponent_1 - 64, exponent_1), -127)  # specs/quant/scaling.py:68
    value = tl.where(exponent_2 == -127, 0x400000, (exponent_2 + 127) << 23).to(tl.float32, bitcast=True)  # specs/quant/scaling.py:120
    exponent_3 = -exponent_2  # specs/quant/scaling.py:69
    inverse = ((exponent_3 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:19
    broken = amax >= 0x7f800000  # specs/quant/scaling.py:71
    scale = tl.where(broken, float("nan"), value)  # specs/quant/scaling.py:72
    q = x_1 * tl.reshape(tl.where(broken, float("nan"), inverse), [4, 8, 1])  # specs/quant/scaling.py:41
    index = scale.to(tl.int32, bitcast=True)  # specs/quant/group.py:97
    index_1 = index & 0x7fffffff  # specs/quant/group.py:97
    index_2 = tl.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:97
    offs_scale1 = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:97
    mask_scale1 = offs_scale1 < N // 32  # specs/quant/group.py:97
    tl.store(scale_ptr + (offs_m[:, None] * (N // 32) + offs_scale1[None, :]), tl.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, tl.where(index_2 > 254, 254, index_2)).to(tl.uint8), mask=mask_m[:, None] & mask_scale1[None, :])  # specs/quant/group.py:97
    codes = q.to(tl.float8e4nv)  # specs/quant/group.py:58
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.reshape(codes, [4, 256]), mask=mask)  # specs/quant/group.py:74
