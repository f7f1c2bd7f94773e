# rms_norm, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""rms_norm: Rows divided by their root mean square and multiplied by a weight.

Generated. Specialised on
    eps = 1e-06
    style = once
    variance_size = 0
    x = bf16
    weight = bf16
    residual = bf16
    y = bf16
    N = 7168
    even_m = True
    BLOCK_M = 1
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def rms_norm(
    x_ptr, weight_ptr,
    residual_ptr, y_ptr,
    stride_x0,
    stride_residual0,
):
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
    # specs/norm/rms.py:37
    tl.store(y_ptr + (offs_m[:, None] * N + arange_8192[None, :]), (y * weight_1).to(tl.bfloat16), mask=mask_n[None, :])
