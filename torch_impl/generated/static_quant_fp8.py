# static_quant_fp8, case "token", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 3c17b62594faefad9cbb1715ecdcb2cd5cd439e7ec8c293089d13f49958e11b5
"""static_quant_fp8: FP8 codes under scales that are given: of the tensor, of every row or column, or of 2-D groups.

Generated. Specialised on
    scale_mode = token
    group_m = 128
    group_n = 128
    element = e4m3
    x = bf16
    scale = f32
    q = e4m3
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
def static_quant_fp8(
    x_ptr, scale_ptr,
    q_ptr,
    M, N,
    stride_x0,
):
    rows = tl.program_id(0) * 4 + tl.arange(0, 4)  # specs/quant/static.py:32
    columns = tl.program_id(1) * 1024 + tl.arange(0, 1024)  # specs/quant/static.py:33
    live = (rows < M)[:, None]  # specs/quant/static.py:34
    live_1 = live & (columns < N)[None, :]  # specs/quant/static.py:35
    x = tl.load(x_ptr + (rows[:, None] * stride_x0 + columns[None, :]), mask=live_1, other=0.0)  # specs/quant/static.py:36
    x_1 = x.to(tl.float32)  # specs/quant/static.py:36
    rows_1 = tl.minimum(rows, M - 1)  # specs/quant/static.py:42
    scale = tl.load(scale_ptr + rows_1)  # specs/quant/static.py:48
    tl.store(q_ptr + (rows[:, None] * N + columns[None, :]), tl.div_rn(x_1, scale[:, None]).to(tl.float8e4nv), mask=live_1)  # specs/quant/static.py:37
