# per_tensor_quant_fp8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""tensor_amax: Largest magnitudes of strided parts of a tensor.

Generated. Specialised on
    x = bf16
    partial = int32
    even_m = True
    even_n = True
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
    BLOCK_M: tl.constexpr = 4
    BLOCK_N: tl.constexpr = 1024
    pid = tl.program_id(0)  # specs/quant/tensor.py:57
    across = tl.cdiv(N, BLOCK_N)
    blocks = tl.cdiv(M, BLOCK_M) * across
    rounds = (blocks + 255 - pid) // 256
    amax = tl.full([BLOCK_M], 0, tl.int32)
    arange_4 = tl.arange(0, BLOCK_M)  # specs/quant/tensor.py:65
    arange_1024 = tl.arange(0, BLOCK_N)
    for k in range(rounds):  # specs/quant/tensor.py:69
        block = pid + k * 256  # specs/quant/tensor.py:62
        offs_m = block // across * BLOCK_M + arange_4
        offs_n = block % across * BLOCK_N + arange_1024
        x = tl.load(x_ptr + (offs_m[:, None] * stride_x0 + offs_n[None, :]))
        x_1 = x.to(tl.float32)
        index = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=1)
        amax = tl.maximum(amax, index)
    amax_max = tl.max(amax, axis=0)  # specs/quant/tensor.py:70
    tl.store(partial_ptr + pid, amax_max)
