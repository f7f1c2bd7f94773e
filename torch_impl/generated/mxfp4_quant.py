# mxfp4_quant, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 9b3ce6a1dc1e8ac72306a926169a7341e10148be0fd798b321ee6e49d9402d96
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
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask_m[:, None] & mask_n[None, :], other=0.0)  # specs/quant/group.py:65
    x_1 = tl.reshape(x, [4, 8, 32]).to(tl.float32)  # specs/quant/group.py:50
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/quant/group.py:51
    bits = tl.maximum(amax, 0x1c00000)  # specs/quant/scaling.py:56
    raw = bits.to(tl.float32, bitcast=True) * 0.1666666716337204  # specs/quant/scaling.py:62
    bits_1 = raw.to(tl.int32, bitcast=True)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).to(tl.int32)  # specs/quant/scaling.py:114
    exponent_1 = tl.minimum(tl.maximum(exponent, -127), 127)  # specs/quant/scaling.py:115
    value = ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:19
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = ((exponent_2 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:19
    broken = amax >= 0x7f800000  # specs/quant/scaling.py:71
    scale = tl.where(broken, float("nan"), value)  # specs/quant/scaling.py:72
    q = x_1 * tl.reshape(tl.where(broken, float("nan"), inverse), [4, 8, 1])  # specs/quant/scaling.py:41
    index = scale.to(tl.int32, bitcast=True)  # specs/quant/group.py:97
    index_1 = index & 0x7fffffff  # specs/quant/group.py:97
    index_2 = tl.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:97
    offs_scale1 = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:97
    mask_scale1 = offs_scale1 < N // 32  # specs/quant/group.py:97
    tl.store(scale_ptr + (offs_m[:, None] * (N // 32) + offs_scale1[None, :]), tl.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, tl.where(index_2 > 254, 254, index_2)).to(tl.uint8), mask=mask_m[:, None] & mask_scale1[None, :])  # specs/quant/group.py:97
    bits_2 = q.to(tl.int32, bitcast=True)  # specs/tile/library/codec.py:58
    magnitude = (bits_2 & 0x7fffffff).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:60
    magnitude_1 = tl.where(magnitude <= 6.0, magnitude, 6.0)  # specs/tile/library/codec.py:63
    exponent_3 = tl.maximum((magnitude_1.to(tl.int32, bitcast=True) >> 23) - 127, 0)  # specs/tile/library/codec.py:65
    exponent_4 = 1 - exponent_3  # specs/tile/library/codec.py:67
    code = (exponent_3 << 1) + (magnitude_1 * ((exponent_4 + 127) << 23).to(tl.float32, bitcast=True) + 12582912.0 - 12582912.0).to(tl.int32)  # specs/tile/library/codec.py:67
    code_1 = tl.where(bits_2 < 0, code | 8, code)  # specs/tile/library/codec.py:73
    codes = tl.where(q != q, 0, code_1)  # specs/tile/library/codec.py:74
    pairs = tl.reshape(codes, [4, 8, 16, 2])  # specs/quant/scaling.py:126
    shift = tl.reshape(tl.arange(0, 2) * 4, [1, 1, 1, 2])  # specs/quant/scaling.py:127
    index_3 = tl.sum(pairs << shift, axis=3)  # specs/quant/scaling.py:128
    codes_1 = index_3.to(tl.uint8)  # specs/quant/scaling.py:128
    offs_q1 = tl.program_id(1) * 8 * 16 + tl.arange(0, 128)  # specs/quant/group.py:74
    mask_q1 = offs_q1 < N // 2  # specs/quant/group.py:74
    tl.store(q_ptr + (offs_m[:, None] * (N // 2) + offs_q1[None, :]), tl.reshape(codes_1, [4, 128]), mask=mask_m[:, None] & mask_q1[None, :])  # specs/quant/group.py:74
