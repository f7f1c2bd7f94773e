# per_token_quant_fp8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""per_token_quant_fp8: FP8 codes of every row, with one float32 scale per row.

Generated. Specialised on
    element = e4m3
    x = bf16
    q = e4m3
    scale = f32
    even_m = True
    even_n = False
    BLOCK_M = 1
    BLOCK_N = 2048
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def per_token_quant_fp8(
    x_ptr,
    q_ptr, scale_ptr,
    N,
    stride_x0,
):
    BLOCK_M: tl.constexpr = 1
    BLOCK_N: tl.constexpr = 2048
    blocks = tl.cdiv(N, BLOCK_N)  # specs/quant/row.py:46
    amax = tl.full([BLOCK_M], 0, tl.int32)  # specs/quant/row.py:77
    # Rows over the edge are not stored, so anything is read for them, without a mask.
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)  # specs/quant/row.py:59
    arange_2048 = tl.arange(0, BLOCK_N)
    for k in range(blocks):  # specs/quant/row.py:77
        offs_n = k * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n = offs_n < N
        x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=mask_n[None, :], other=0.0)
        x_1 = x.to(tl.float32)
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/row.py:75
        amax = tl.maximum(amax, index)
    bits = tl.maximum(amax, 0x3b000000)  # float32 bits of 2**-9, specs/quant/scaling.py:56
    value = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # 1/448
    tl.store(scale_ptr + offs_m, value)  # specs/quant/row.py:67
    for k_1 in range(blocks):  # specs/quant/row.py:85
        offs_n_1 = k_1 * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n_1 = offs_n_1 < N
        x_2 = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n_1[None, :]), mask=mask_n_1[None, :], other=0.0)
        x_3 = x_2.to(tl.float32)
        codes = tl.div_rn(x_3, tl.reshape(value, [BLOCK_M, 1])).to(tl.float8e4nv)  # specs/quant/row.py:83
        # specs/quant/row.py:63
        tl.store(q_ptr + (offs_m[:, None] * N + offs_n_1[None, :]), codes, mask=mask_n_1[None, :])
