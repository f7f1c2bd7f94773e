# per_token_quant_int8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""per_token_quant_int8: INT8 codes of every row: int8 without, uint8 with a zero point per row.

Generated. Specialised on
    element = int8
    x = bf16
    q = int8
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
def per_token_quant_int8(
    x_ptr,
    q_ptr, scale_ptr,
    N,
    stride_x0,
):
    BLOCK_M: tl.constexpr = 1
    BLOCK_N: tl.constexpr = 2048
    blocks = tl.cdiv(N, BLOCK_N)  # specs/quant/row.py:46
    high = tl.full([BLOCK_M], float("-inf"), tl.float32)  # specs/quant/row.py:104
    low = tl.full([BLOCK_M], float("inf"), tl.float32)
    amax = tl.full([BLOCK_M], 0, tl.int32)
    # Rows over the edge are not stored, so anything is read for them, without a mask.
    offs_m = tl.program_id(0) + tl.arange(0, BLOCK_M)  # specs/quant/row.py:59
    arange_2048 = tl.arange(0, BLOCK_N)
    for k in range(blocks):  # specs/quant/row.py:105
        offs_n = k * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n = offs_n < N
        inside = mask_n[None, :]
        x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]), mask=inside, other=0.0)
        x_1 = x.to(tl.float32)
        top = tl.where(inside, x_1, float("-inf"))  # specs/quant/row.py:95
        bottom = tl.where(inside, x_1, float("inf"))
        top_max = tl.max(top, axis=1)
        high_1 = tl.maximum(high, top_max)
        bottom_min = tl.min(bottom, axis=1)
        low_1 = tl.minimum(low, bottom_min)
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)
        amax_1 = tl.maximum(amax, index)
        high = high_1
        low = low_1
        amax = amax_1
    # 0x3aa67621 is float32 bits of 0.00127, specs/quant/row.py:109
    span = tl.div_rn(tl.maximum(amax, 0x3aa67621).to(tl.float32, bitcast=True), 127.0)
    s = span.to(tl.bfloat16).to(tl.float32)
    tl.store(scale_ptr + offs_m, s)  # specs/quant/row.py:67
    for k_1 in range(blocks):  # specs/quant/row.py:126
        offs_n_1 = k_1 * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n_1 = offs_n_1 < N
        x_2 = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n_1[None, :]), mask=mask_n_1[None, :], other=0.0)
        q = tl.div_rn(x_2.to(tl.float32), s[:, None])  # specs/quant/row.py:122
        value = tl.where(q > 127.0, 127.0, q)
        # 12582912.0 is 3 * 2**22
        codes = (
            (
                tl.where(q != q, 0.0, tl.where(value < -128.0, -128.0, value)) + 12582912.0 - 12582912.0
            ).to(tl.int32) & 255
        ).to(tl.int8)
        # specs/quant/row.py:63
        tl.store(q_ptr + (offs_m[:, None] * N + offs_n_1[None, :]), codes, mask=mask_n_1[None, :])
