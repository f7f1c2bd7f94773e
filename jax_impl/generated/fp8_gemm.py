# fp8_gemm, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 c8d1fb5c9397e1d98858f4467005060c208ee0e2c0e7cfed9b3034320f17637b
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
    pid = pl.program_id(0)  # specs/gemm/tiles.py:19
    tiles_n = (N + 63) // 64
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    acc = jnp.full((16, 64), 0.0, jnp.float32)  # specs/gemm/scaled.py:59
    offs_m = tile_m * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/gemm/scaled.py:50
    clamped_m = jnp.minimum(offs_m, M - 1)
    arange_128 = jnp.arange(128, dtype=jnp.int32)
    offs_n = tile_n * 64 + jnp.arange(64, dtype=jnp.int32)
    def step(k, carry):  # specs/gemm/scaled.py:60
        k = pipelined(k, 5, warps=4)
        (acc_2,) = carry
        offs_k = k * 128 + arange_128  # specs/gemm/scaled.py:50
        a = plgpu.load(a_ref.at[clamped_m[:, None], offs_k[None, :]])
        b = plgpu.load(b_ref.at[offs_n[None, :], offs_k[:, None]])
        b_scale = plgpu.load(b_scale_ref.at[jax.lax.div(tile_n * 64, jnp.int32(128)), k])  # specs/gemm/tiles.py:46
        a_scale = plgpu.load(a_scale_ref.at[clamped_m, k])
        scale = (a_scale * b_scale)[:, None]  # specs/gemm/scaled.py:91
        product = dot_fp8(a, b)  # specs/gemm/scaled.py:54
        return (fma(product, scale, acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, (K + 127) // 128, step, (acc,))  # specs/gemm/scaled.py:60
    bias = plgpu.load(bias_ref.at[offs_n])  # specs/gemm/tiles.py:40
    acc_3 = acc_1 + bias[None, :]
    mask_m = offs_m < M
    plgpu.store(
        c_ref.at[offs_m[:, None], offs_n[None, :]], acc_3.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_m[:, None], (16, 64))
    )
