# per_token_group_quant_fp8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 4935fafadab5d1569eb39e7292c279ccf95a5d82782c5db80b4e7de2c6e36e74
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 128
    element = e4m3
    scale_format = f32
    ue8m0 = False
    eps = 1e-10
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
    scale = f32
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
    mask_m = offs_m < M
    offs_n = tl.program_id(1) * 8 * 128 + tl.arange(0, 1024)
    mask_n = offs_n < N
    mask = mask_m[:, None] & mask_n[None, :]
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask, other=0.0)
    x_1 = tl.reshape(x, [4, 8, 128]).to(tl.float32)  # specs/quant/group.py:50
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    q = tl.div_rn(x_1, tl.reshape(scale, [4, 8, 1]))  # specs/quant/scaling.py:42
    offs_scale1 = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:97
    mask_scale1 = offs_scale1 < N // 128
    tl.store(
        scale_ptr + (offs_m[:, None] * (N // 128) + offs_scale1[None, :]), scale,
        mask=mask_m[:, None] & mask_scale1[None, :]
    )
    codes = q.to(tl.float8e4nv)  # specs/quant/group.py:58
    # specs/quant/group.py:74
    tl.store(q_ptr + (offs_m[:, None] * N + offs_n[None, :]), tl.reshape(codes, [4, 1024]), mask=mask)
