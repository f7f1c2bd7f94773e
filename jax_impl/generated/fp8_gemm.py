# fp8_gemm, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 4d0a8ee70bef0d91b306a251bce1c46ef83eec06d23c2209b231f9f9fa5ee665
"""fp8_gemm: W8A8 product of FP8 activations and an FP8 weight.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    out_dtype = bf16
    a = e4m3
    b = e4m3
    a_scale = f32
    b_scale = f32
    bias = f32
    c = bf16
    even_m = False
    even_n = True
    even_k = True
    batched = False
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import dot_fp8, fma, pipelined


def fp8_gemm(
    a_ref, b_ref, a_scale_ref, b_scale_ref, bias_ref,
    c_ref,
    *, M, N, K,
):
    pid = pl.program_id(0)  # specs/gemm/tiles.py:18
    tiles_n = (N + 63) // 64  # specs/gemm/tiles.py:20
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))  # specs/gemm/tiles.py:22
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))  # specs/gemm/tiles.py:22
    rows = tile_m * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/gemm/tiles.py:33
    cols = tile_n * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/gemm/tiles.py:33
    a_rows = jnp.minimum(rows, M - 1)  # specs/gemm/tiles.py:38
    acc = jnp.full((16, 64), 0.0, jnp.float32)  # specs/gemm/scaled.py:50
    count = (K + 127) // 128  # specs/gemm/scaled.py:51
    def step(k, carry):  # specs/gemm/scaled.py:51
        k = pipelined(k, 5, warps=4)
        (acc_2,) = carry
        depth = k * 128 + jnp.arange(128, dtype=jnp.int32)  # specs/gemm/tiles.py:33
        a = plgpu.load(a_ref.at[a_rows[:, None], depth[None, :]])  # specs/gemm/scaled.py:41
        b = plgpu.load(b_ref.at[cols[None, :], depth[:, None]])  # specs/gemm/scaled.py:42
        b_scale = plgpu.load(b_scale_ref.at[jax.lax.div(tile_n * 64, jnp.int32(128)), k])  # specs/gemm/tiles.py:58
        a_scale = plgpu.load(a_scale_ref.at[a_rows, k])  # specs/gemm/tiles.py:58
        scale = (a_scale * b_scale)[:, None]  # specs/gemm/scaled.py:81
        product = dot_fp8(a, b)  # specs/gemm/scaled.py:45
        return (fma(product, scale, acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, count, step, (acc,))  # specs/gemm/scaled.py:51
    bias = plgpu.load(bias_ref.at[cols])  # specs/gemm/tiles.py:45
    acc_3 = acc_1 + bias[None, :]  # specs/gemm/tiles.py:45
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:51
    plgpu.store(c_ref.at[rows[:, None], cols[None, :]], acc_3.astype(jnp.bfloat16), mask=jnp.broadcast_to(mask, (16, 64)))  # specs/gemm/tiles.py:53
