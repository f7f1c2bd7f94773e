# per_token_group_quant_fp8, case "hidden", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 ff617924e3ff1be958a08ab33357e4dbb976279a2aed35c8133820e771fe381a
"""group_quant: Scales and codes of groups of consecutive elements.

Generated. Specialised on
    group = 128
    element = e4m3
    scale_format = f32
    ue8m0 = False
    eps = 1e-10
    scale_layout = row
    per_byte = 1
    x = bf16
    q = e4m3
    scale = f32
    even_m = False
    even_g = False
    BLOCK_M = 4
    BLOCK_G = 8
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_quant(
    x_ptr,
    q_ptr, scale_ptr,
    M, N,
    stride_x0,
):
    rows = tl.program_id(0) * 4 + tl.arange(0, 4)  # specs/quant/group.py:48
    groups = tl.program_id(1) * 8 + tl.arange(0, 8)  # specs/quant/group.py:49
    inside = tl.arange(0, 128)  # specs/quant/group.py:50
    live = (rows < M)[:, None]  # specs/quant/group.py:51
    live_1 = live & (groups < N // 128)[None, :]  # specs/quant/group.py:52
    columns = (groups * 128)[:, None] + inside[None, :]  # specs/quant/group.py:53
    mask = live_1[:, :, None]  # specs/quant/group.py:54
    x = tl.load(x_ptr + (rows[:, None][:, :, None] * stride_x0 + columns[None, :, :]), mask=mask, other=0.0)  # specs/quant/group.py:56
    x_1 = x.to(tl.float32)  # specs/quant/group.py:56
    amax = tl.max(tl.abs(x_1).to(tl.int32, bitcast=True), axis=2)  # specs/quant/group.py:57
    bits = tl.maximum(amax, 0x2edbe6ff)  # specs/quant/scaling.py:56
    scale = bits.to(tl.float32, bitcast=True) * 0.0022321429569274187  # specs/quant/scaling.py:62
    q = tl.div_rn(x_1, tl.reshape(scale, [4, 8, 1]))  # specs/quant/scaling.py:42
    tl.store(scale_ptr + (rows[:, None] * (N // 128) + groups[None, :]), scale, mask=live_1)  # specs/quant/group.py:73
    tl.store(q_ptr + (rows[:, None][:, :, None] * N + columns[None, :, :]), q.to(tl.float8e4nv), mask=mask)  # specs/quant/group.py:65
