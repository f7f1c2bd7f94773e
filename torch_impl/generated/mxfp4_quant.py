# mxfp4_quant, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 61f3a00d345b198fc0ec2423d29b28e2bea98a913c8d73939ab30220a724ad0c
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
    rows = tl.program_id(0) * 4 + tl.arange(0, 4)  # specs/quant/group.py:48
    groups = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:49
    inside = tl.arange(0, 32)  # specs/quant/group.py:50
    live = (rows < M)[:, None]  # specs/quant/group.py:51
    live_1 = live & (groups < N // 32)[None, :]  # specs/quant/group.py:52
    columns = (groups * 32)[:, None] + inside[None, :]  # specs/quant/group.py:53
    mask = live_1[:, :, None]  # specs/quant/group.py:54
    x = tl.load(x_ptr + (rows[:, None][:, :, None] * stride_x0 + columns[None, :, :]), mask=mask, other=0.0)  # specs/quant/group.py:56
    x_1 = x.to(tl.float32)  # specs/quant/group.py:56
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/quant/group.py:57
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
    index = scale.to(tl.int32, bitcast=True)  # specs/quant/group.py:73
    index_1 = index & 0x7fffffff  # specs/quant/group.py:73
    index_2 = tl.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:73
    tl.store(scale_ptr + (rows[:, None] * (N // 32) + groups[None, :]), tl.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, tl.where(index_2 > 254, 254, index_2)).to(tl.uint8), mask=live_1)  # specs/quant/group.py:73
    half = tl.arange(0, 16)  # specs/quant/group.py:84
    columns_1 = (groups * 16)[:, None] + half[None, :]  # specs/quant/group.py:85
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
    tl.store(q_ptr + (rows[:, None][:, :, None] * (N // 2) + columns_1[None, :, :]), index_3.to(tl.uint8), mask=mask)  # specs/quant/group.py:88
