# per_token_quant_int8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 c7c96dedca4693b1954078b270a2a609a87739307f907cdd5d238b27d216e726
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
    t = tl.program_id(0) * 1 + tl.arange(0, 1)  # specs/quant/row.py:47
    count = (N + 2047) // 2048  # specs/quant/row.py:49
    t_1 = tl.full([1], float("-inf"), tl.float32)  # specs/quant/row.py:111
    t_2 = tl.full([1], float("inf"), tl.float32)  # specs/quant/row.py:111
    t_3 = tl.full([1], 0, tl.int32)  # specs/quant/row.py:111
    for k in range(count):  # specs/quant/row.py:112
        columns = k * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        x = tl.load(x_ptr + (t[:, None] * stride_x0 + columns[None, :]), mask=(columns < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_1 = x.to(tl.float32)  # specs/quant/row.py:64
        columns_1 = k * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        inside = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        top = tl.where(inside, x_1, float("-inf"))  # specs/quant/row.py:102
        bottom = tl.where(inside, x_1, float("inf"))  # specs/quant/row.py:103
        t_4 = tl.max(top, axis=1)  # specs/quant/row.py:105
        t_5 = tl.maximum(t_1, t_4)  # specs/quant/row.py:105
        t_6 = tl.min(bottom, axis=1)  # specs/quant/row.py:106
        t_7 = tl.minimum(t_2, t_6)  # specs/quant/row.py:106
        t_8 = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/row.py:107
        t_9 = tl.maximum(t_3, t_8)  # specs/quant/row.py:107
        t_1 = t_5
        t_2 = t_7
        t_3 = t_9
    span = tl.div_rn(tl.maximum(t_3, 0x3aa67621).to(tl.float32, bitcast=True), 127.0)  # specs/quant/row.py:116
    s = span.to(tl.bfloat16).to(tl.float32)  # specs/quant/row.py:120
    tl.store(scale_ptr + t, s)  # specs/quant/row.py:74
    for k_1 in range(count):  # specs/quant/row.py:133
        columns_2 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        x_2 = tl.load(x_ptr + (t[:, None] * stride_x0 + columns_2[None, :]), mask=(columns_2 < N)[None, :], other=0.0)  # specs/quant/row.py:63
        q = tl.div_rn(x_2.to(tl.float32), s[:, None])  # specs/quant/row.py:129
        t_10 = tl.where(q > 127.0, 127.0, q)  # specs/quant/row.py:131
        codes = ((tl.where(q != q, 0.0, tl.where(t_10 < -128.0, -128.0, t_10)) + 12582912.0 - 12582912.0).to(tl.int32) & 255).to(tl.int8)  # specs/quant/row.py:131
        columns_3 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        mask = (columns_3 < N)[None, :]  # specs/quant/row.py:58
        tl.store(q_ptr + (t[:, None] * N + columns_3[None, :]), codes, mask=mask)  # specs/quant/row.py:70
