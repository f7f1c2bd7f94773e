# int4_gemm_w4a16, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 1deaf415321cc84a6291fd3d0df2f7c917204cbdcbe036728efbbf2b07d3afb2
"""int4_gemm_w4a16: Product of 16-bit activations and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    a = bf16
    b = int32
    b_scale = bf16
    c = bf16
    even_m = False
    even_n = True
    even_k = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def int4_gemm_w4a16(
    a_ref, b_ref, b_scale_ref,
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
    acc = jnp.full((16, 64), 0.0, jnp.float32)  # specs/gemm/int4.py:56
    t = (K + 127) // 128  # specs/gemm/int4.py:57
    def step(k, carry):  # specs/gemm/int4.py:57
        (acc_2,) = carry
        depth = k * 128 + jnp.arange(128, dtype=jnp.int32)  # specs/gemm/tiles.py:33
        a = plgpu.load(a_ref.at[a_rows[:, None], depth[None, :]])  # specs/gemm/int4.py:50
        group = jax.lax.div(k * 128, jnp.int32(128))  # specs/gemm/int4.py:51
        word = k * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/gemm/tiles.py:33
        packed = plgpu.load(b_ref.at[cols[None, :], word[:, None]])  # specs/gemm/int4.py:66
        shift = (jnp.arange(8, dtype=jnp.int32) * 4)[None, :][:, :, None]  # specs/gemm/int4.py:67
        nibble = (packed[:, None, :] >> shift & 15).reshape(128, 64)  # specs/gemm/int4.py:68
        value = jax.lax.bitcast_convert_type(nibble | 0x4b000000, jnp.float32)  # specs/gemm/int4.py:69
        weight = (value - 8388616.0).astype(jnp.bfloat16)  # specs/gemm/int4.py:52
        t_1 = plgpu.load(b_scale_ref.at[group, cols])  # specs/gemm/int4.py:53
        scale = t_1.astype(jnp.float32)  # specs/gemm/int4.py:53
        t_2 = jnp.dot(a, weight, preferred_element_type=jnp.float32)  # specs/gemm/int4.py:54
        return (acc_2 + t_2 * scale[None, :],)
    (acc_1,) = jax.lax.fori_loop(0, t, step, (acc,))  # specs/gemm/int4.py:57
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:46
    plgpu.store(c_ref.at[rows[:, None], cols[None, :]], acc_1.astype(jnp.bfloat16), mask=jnp.broadcast_to(mask, (16, 64)))  # specs/gemm/tiles.py:48
