# per_tensor_quant_fp8, case "dynamic", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 55dcfee40df145cfc31072957670cf0e88d42a064735fd9bc8683ab99ccefb45
"""tensor_amax: Largest magnitudes of strided parts of a tensor.

Generated. Specialised on
    x = bf16
    partial = int32
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
def tensor_amax(
    x_ptr,
    partial_ptr,
    M, N,
    stride_x0,
):
    pid = tl.program_id(0)  # specs/quant/tensor.py:64
    across = (N + 1023) // 1024  # specs/quant/tensor.py:65
    blocks = (M + 3) // 4 * across  # specs/quant/tensor.py:66
    rounds = (blocks + 255 - pid) // 256  # specs/quant/tensor.py:75
    amax = tl.full([4], 0, tl.int32)  # specs/quant/tensor.py:76
    for k in range(rounds):  # specs/quant/tensor.py:76
        block = pid + k * 256  # specs/quant/tensor.py:69
        rows = block // across * 4 + tl.arange(0, 4)  # specs/quant/tensor.py:70
        columns = block % across * 1024 + tl.arange(0, 1024)  # specs/quant/tensor.py:71
        mask = (rows < M)[:, None]  # specs/quant/tensor.py:58
        x = tl.load(x_ptr + (rows[:, None] * stride_x0 + columns[None, :]), mask=mask & (columns < N)[None, :], other=0.0)  # specs/quant/tensor.py:72
        x_1 = x.to(tl.float32)  # specs/quant/tensor.py:72
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)  # specs/quant/tensor.py:73
        amax = tl.maximum(amax, index)
    amax_max = tl.max(amax, axis=0)  # specs/quant/tensor.py:77
    tl.store(partial_ptr + pid, amax_max)  # specs/quant/tensor.py:77
