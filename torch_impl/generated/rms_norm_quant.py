# rms_norm_quant, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""rms_norm_quant: FP8 codes of normalised rows, with one scale per group or per row.

Generated. Specialised on
    eps = 1e-06
    style = once
    variance_size = 0
    group = 128
    scale_format = f32
    ue8m0 = False
    scale_layout = row
    x = bf16
    weight = bf16
    residual = bf16
    q = e4m3
    scale = f32
    N = 7168
    even_m = True
    BLOCK_M = 1
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def rms_norm_quant(
    x_ptr, weight_ptr,
    residual_ptr, q_ptr, scale_ptr,
    stride_x0,
    stride_residual0,
):
    group: tl.constexpr = 128
    N: tl.constexpr = 7168
    BLOCK_M: tl.constexpr = 1
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)  # specs/norm/rows.py:67
    arange_8192 = tl.arange(0, 8192)
    mask_n = arange_8192 < 7168
    x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + arange_8192[None, :]), mask=mask_n[None, :], other=0.0)
    # The norm reads the sum as it is stored, as the operations one after the other would.
    residual = tl.load(
        residual_ptr + (offs_m[:, None] * stride_residual0 + arange_8192[None, :]), mask=mask_n[None, :], other=0.0
    )
    x_1 = (x.to(tl.float32) + residual.to(tl.float32)).to(tl.bfloat16)
    tl.store(residual_ptr + (offs_m[:, None] * stride_residual0 + arange_8192[None, :]), x_1, mask=mask_n[None, :])
    s = x_1.to(tl.float32)
    square = s * s
    # A division: a product with 1 / count could be contracted with the addition of eps, in some kernels and not others.
    square_sum = tl.sum(square, axis=1)
    mean = tl.div_rn(square_sum, 7168.0)
    y = s * tl.div_rn(1.0, tl.sqrt(mean + 1e-06))[:, None]
    weight = tl.load(weight_ptr + arange_8192, mask=mask_n, other=0.0)
    weight_1 = weight.to(tl.float32)[None, :]
    y_1 = (y * weight_1).to(tl.bfloat16)
    y_2 = tl.reshape(y_1, [BLOCK_M, 8192 // group, group])  # specs/norm/rms_quant.py:40
    x_2 = y_2.to(tl.float32)  # specs/quant/fused.py:41
    amax = tl.max(tl.abs(x_2).to(tl.int32, bitcast=True), axis=2)
    bits = tl.maximum(amax, 0x2edbe6ff)  # float32 bits of 1e-10, specs/quant/scaling.py:56
    scale = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    arange_64 = tl.arange(0, 8192 // group)  # specs/quant/group.py:98
    mask_scale1 = arange_64 < 56
    tl.store(scale_ptr + (offs_m[:, None] * (N // group) + arange_64[None, :]), scale, mask=mask_scale1[None, :])
    codes = tl.div_rn(x_2, tl.reshape(scale, [BLOCK_M, 8192 // group, 1])).to(tl.float8e4nv)  # specs/quant/fused.py:47
    # Stored as groups: codes as rows would have the compiler lay the rows out for them, and add the squares up in
    # another order than rms_norm does.
    row = offs_m[:, None][:, :, None]  # specs/norm/rms_quant.py:43
    column = (arange_64 * group)[None, :, None] + tl.arange(0, group)[None, None, :]
    inside = column < N
    tl.store(q_ptr + (row * N + column), codes, mask=inside)
