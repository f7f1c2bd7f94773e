# static_quant_fp8, case "token", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def static_quant_fp8(
    x_ref, scale_ref,
    q_ref,
    *, M, N,
):
    rows = pl.program_id(0) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/static.py:32
    columns = pl.program_id(1) * 1024 + jnp.arange(1024, dtype=jnp.int32)  # specs/quant/static.py:33
    live = (rows < M)[:, None]  # specs/quant/static.py:34
    live_1 = live & (columns < N)[None, :]  # specs/quant/static.py:35
    x = plgpu.load(x_ref.at[rows[:, None], columns[None, :]], mask=live_1, other=0.0)  # specs/quant/static.py:36
    x_1 = x.astype(jnp.float32)  # specs/quant/static.py:36
    rows_1 = jnp.minimum(rows, M - 1)  # specs/quant/static.py:42
    scale = plgpu.load(scale_ref.at[rows_1])  # specs/quant/static.py:48
    plgpu.store(q_ref.at[rows[:, None], columns[None, :]], div_rn(x_1, jnp.broadcast_to(scale[:, None], (4, 1024))).astype(jnp.float8_e4m3fn), mask=live_1)  # specs/quant/static.py:37
