# per_token_quant_fp8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 50eaf36eb4a002bc3f6a068e3c4d3a18c7750a08249fedf2b04efbf848365410
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
    t = tl.program_id(0) * 1 + tl.arange(0, 1)  # specs/quant/row.py:47
    count = (N + 2047) // 2048  # specs/quant/row.py:49
    t_1 = tl.full([1], 0, tl.int32)  # specs/quant/row.py:84
    for k in range(count):  # specs/quant/row.py:84
        columns = k * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        x = tl.load(x_ptr + (t[:, None] * stride_x0 + columns[None, :]), mask=(columns < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_1 = x.to(tl.float32)  # specs/quant/row.py:64
        t_2 = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/row.py:82
        t_1 = tl.maximum(t_1, t_2)
    bits = tl.maximum(t_1, 0x3b000000)  # specs/quant/scaling.py:56
    value = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    tl.store(scale_ptr + t, value)  # specs/quant/row.py:74
    for k_1 in range(count):  # specs/quant/row.py:92
        columns_1 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        x_2 = tl.load(x_ptr + (t[:, None] * stride_x0 + columns_1[None, :]), mask=(columns_1 < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_3 = x_2.to(tl.float32)  # specs/quant/row.py:64
        codes = tl.div_rn(x_3, tl.reshape(value, [1, 1])).to(tl.float8e4nv)  # specs/quant/row.py:90
        columns_2 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        mask = (columns_2 < N)[None, :]  # specs/quant/row.py:58
        tl.store(q_ptr + (t[:, None] * N + columns_2[None, :]), codes, mask=mask)  # specs/quant/row.py:70
