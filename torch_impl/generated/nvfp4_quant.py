# nvfp4_quant, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 863a6a9a1e4bfc4937509c261eba5d63fb0f0d6346316cae990b9e5969b16b0a
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
    even_m = False
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
    M, N,
    stride_x0,
):
    offs_m = tl.program_id(0) * 4 + tl.arange(0, 4)  # specs/quant/group.py:65
    mask_m = offs_m < M  # specs/quant/group.py:65
    offs_n = tl.program_id(1) * 8 * 16 + tl.arange(0, 128)  # specs/quant/group.py:65
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask_m[:, None], other=0.0)  # specs/quant/group.py:65
    x_1 = tl.reshape(x, [4, 8, 16]).to(tl.float32)  # specs/quant/group.py:50
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/quant/group.py:51
    raw = amax.to(tl.float32, bitcast=True) * 0.1666666716337204  # specs/quant/scaling.py:95
    g = tl.load(global_scale_ptr)  # specs/quant/group.py:55
    scaled = raw * g  # specs/quant/scaling.py:83
    value = scaled.to(tl.float8e4nv).to(tl.float32)  # specs/quant/scaling.py:84
    value_1 = tl.where(scaled.to(tl.int32, bitcast=True) >= 0x7f800000, float("nan"), value)  # specs/quant/scaling.py:86
    empty = value_1 == 0.0  # specs/quant/scaling.py:87
    inverse = tl.div_rn(1.0, tl.where(empty, 1.0, value_1 * tl.div_rn(1.0, g)))  # specs/quant/scaling.py:88
    q = x_1 * tl.reshape(tl.where(empty, 0.0, inverse), [4, 8, 1])  # specs/quant/scaling.py:41
    offs_scale1 = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:97
    tl.store(scale_ptr + (offs_m[:, None] * (N // 16) + offs_scale1[None, :]), value_1.to(tl.float8e4nv), mask=mask_m[:, None])  # specs/quant/group.py:97
    bits = q.to(tl.int32, bitcast=True)  # specs/tile/library/codec.py:58
    magnitude = (bits & 0x7fffffff).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:60
    magnitude_1 = tl.where(magnitude <= 6.0, magnitude, 6.0)  # specs/tile/library/codec.py:63
    exponent = tl.maximum((magnitude_1.to(tl.int32, bitcast=True) >> 23) - 127, 0)  # specs/tile/library/codec.py:65
    exponent_1 = 1 - exponent  # specs/tile/library/codec.py:67
    code = (exponent << 1) + (magnitude_1 * ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True) + 12582912.0 - 12582912.0).to(tl.int32)  # specs/tile/library/codec.py:67
    code_1 = tl.where(bits < 0, code | 8, code)  # specs/tile/library/codec.py:73
    codes = tl.where(q != q, 0, code_1)  # specs/tile/library/codec.py:74
    pairs = tl.reshape(codes, [4, 8, 8, 2])  # specs/quant/scaling.py:126
    shift = tl.reshape(tl.arange(0, 2) * 4, [1, 1, 1, 2])  # specs/quant/scaling.py:127
    index = tl.sum(pairs << shift, axis=3)  # specs/quant/scaling.py:128
    codes_1 = index.to(tl.uint8)  # specs/quant/scaling.py:128
    offs_q1 = tl.program_id(1) * 8 * 8 + tl.arange(0, 64)  # specs/quant/group.py:74
    tl.store(q_ptr + (offs_m[:, None] * (N // 2) + offs_q1[None, :]), tl.reshape(codes_1, [4, 64]), mask=mask_m[:, None])  # specs/quant/group.py:74
