# per_tensor_quant_fp8, case "dynamic", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 55dcfee40df145cfc31072957670cf0e88d42a064735fd9bc8683ab99ccefb45
"""tensor_quant: Codes of a tensor under one scale.

Generated. Specialised on
    element = e4m3
    x = bf16
    partial = int32
    q = e4m3
    scale = f32
    even_m = False
    even_n = False
    BLOCK_M = 4
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def tensor_quant(
    x_ptr, partial_ptr,
    q_ptr, scale_ptr,
    M, N,
    stride_x0,
):
    tile_m = tl.program_id(0)  # specs/quant/tensor.py:82
    tile_n = tl.program_id(1)  # specs/quant/tensor.py:82
    rows = tile_m * 4 + tl.arange(0, 4)  # specs/quant/tensor.py:83
    columns = tile_n * 1024 + tl.arange(0, 1024)  # specs/quant/tensor.py:84
    partial = tl.load(partial_ptr + tl.arange(0, 256))  # specs/quant/tensor.py:88
    amax = tl.max(partial, axis=0)  # specs/quant/tensor.py:88
    bits = tl.maximum(amax, 0x3b000000)  # specs/quant/scaling.py:56
    value = tl.cast(bits, tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    tl.store(scale_ptr, value, mask=(tile_m == 0) & (tile_n == 0))  # specs/quant/tensor.py:91
    mask = (rows < M)[:, None]  # specs/quant/tensor.py:58
    mask_1 = mask & (columns < N)[None, :]  # specs/quant/tensor.py:59
    x = tl.load(x_ptr + (rows[:, None] * stride_x0 + columns[None, :]), mask=mask_1, other=0.0)  # specs/quant/tensor.py:93
    x_1 = x.to(tl.float32)  # specs/quant/tensor.py:93
    tl.store(q_ptr + (rows[:, None] * N + columns[None, :]), tl.div_rn(x_1, value).to(tl.float8e4nv), mask=mask_1)  # specs/quant/tensor.py:94
