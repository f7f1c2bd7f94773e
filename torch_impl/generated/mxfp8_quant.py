# mxfp8_quant, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 78c9c06456f0eb5f53904255553b24d79eeeff26b5528c384298ce8f7b4d2db4
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
    index = scale.to(tl.int32, bitcast=True)  # specs/quant/group.py:73
    index_1 = index & 0x7fffffff  # specs/quant/group.py:73
    index_2 = tl.where(index_1 < 0x600000, 0, (index_1 + 0x400000) >> 23)  # specs/quant/group.py:73
    tl.store(scale_ptr + (rows[:, None] * (N // 32) + groups[None, :]), tl.where(((index < 0) & (index_1 != 0)) | (index_1 > 0x7f800000), 255, tl.where(index_2 > 254, 254, index_2)).to(tl.uint8), mask=live_1)  # specs/quant/group.py:73
    tl.store(q_ptr + (rows[:, None][:, :, None] * N + columns[None, :, :]), q.to(tl.float8e4nv), mask=mask)  # specs/quant/group.py:65
