# per_token_quant_int8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 66c399fc2cb09c62db617715600b2b4dce14b61691a0dff16307794decd3342d
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
    read = tl.program_id(0) + tl.arange(0, 1)  # specs/quant/row.py:47
    blocks = (N + 2047) // 2048  # specs/quant/row.py:49
    high = tl.full([1], float("-inf"), tl.float32)  # specs/quant/row.py:111
    low = tl.full([1], float("inf"), tl.float32)  # specs/quant/row.py:111
    amax = tl.full([1], 0, tl.int32)  # specs/quant/row.py:111
    for k in range(blocks):  # specs/quant/row.py:112
        columns = k * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        inside = (columns < N)[None, :]  # specs/quant/row.py:58
        x = tl.load(x_ptr + (read[:, None] * stride_x0 + columns[None, :]), mask=inside, other=0.0)  # specs/quant/row.py:63
        x_1 = x.to(tl.float32)  # specs/quant/row.py:64
        top = tl.where(inside, x_1, float("-inf"))  # specs/quant/row.py:102
        bottom = tl.where(inside, x_1, float("inf"))  # specs/quant/row.py:103
        top_max = tl.max(top, axis=1)  # specs/quant/row.py:105
        high_1 = tl.maximum(high, top_max)  # specs/quant/row.py:105
        bottom_min = tl.min(bottom, axis=1)  # specs/quant/row.py:106
        low_1 = tl.minimum(low, bottom_min)  # specs/quant/row.py:106
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/row.py:107
        amax_1 = tl.maximum(amax, index)  # specs/quant/row.py:107
        high = high_1
        low = low_1
        amax = amax_1
    span = tl.div_rn(tl.maximum(amax, 0x3aa67621).to(tl.float32, bitcast=True), 127.0)  # specs/quant/row.py:116
    s = span.to(tl.bfloat16).to(tl.float32)  # specs/quant/row.py:120
    tl.store(scale_ptr + read, s)  # specs/quant/row.py:74
    for k_1 in range(blocks):  # specs/quant/row.py:133
        columns_1 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        mask = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        x_2 = tl.load(x_ptr + (read[:, None] * stride_x0 + columns_1[None, :]), mask=mask, other=0.0)  # specs/quant/row.py:63
        q = tl.div_rn(x_2.to(tl.float32), s[:, None])  # specs/quant/row.py:129
        value = tl.where(q > 127.0, 127.0, q)  # specs/quant/row.py:131
        codes = ((tl.where(q != q, 0.0, tl.where(value < -128.0, -128.0, value)) + 12582912.0 - 12582912.0).to(tl.int32) & 255).to(tl.int8)  # specs/quant/row.py:131
        tl.store(q_ptr + (read[:, None] * N + columns_1[None, :]), codes, mask=mask)  # specs/quant/row.py:70
