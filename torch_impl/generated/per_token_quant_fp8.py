# per_token_quant_fp8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 9288f1bd31abf3db4a204f44ff52d1a94a9271a546376e19ee1926d1ae12cda9
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
    read = tl.program_id(0) + tl.arange(0, 1)  # specs/quant/row.py:47
    blocks = (N + 2047) // 2048  # specs/quant/row.py:49
    amax = tl.full([1], 0, tl.int32)  # specs/quant/row.py:84
    for k in range(blocks):  # specs/quant/row.py:84
        columns = k * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        x = tl.load(x_ptr + (read[:, None] * stride_x0 + columns[None, :]), mask=(columns < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_1 = x.to(tl.float32)  # specs/quant/row.py:64
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/row.py:82
        amax = tl.maximum(amax, index)
    bits = tl.maximum(amax, 0x3b000000)  # specs/quant/scaling.py:56
    value = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    tl.store(scale_ptr + read, value)  # specs/quant/row.py:74
    for k_1 in range(blocks):  # specs/quant/row.py:92
        columns_1 = k_1 * 2048 + tl.arange(0, 2048)  # specs/quant/row.py:54
        mask = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        x_2 = tl.load(x_ptr + (read[:, None] * stride_x0 + columns_1[None, :]), mask=mask, other=0.0)  # specs/quant/row.py:63
        x_3 = x_2.to(tl.float32)  # specs/quant/row.py:64
        codes = tl.div_rn(x_3, tl.reshape(value, [1, 1])).to(tl.float8e4nv)  # specs/quant/row.py:90
        tl.store(q_ptr + (read[:, None] * N + columns_1[None, :]), codes, mask=mask)  # specs/quant/row.py:70
