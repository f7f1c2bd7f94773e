# bmm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""bmm: Products of unquantised activations, one weight per batch.

Generated. Specialised on
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = bf16
    b = bf16
    c = bf16
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 64
    BLOCK_N = 64
    BLOCK_K = 64
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def bmm(
    a_ref, b_ref,
    c_ref,
    *, N, K,
):
    BLOCK_M = 64
    BLOCK_N = 64
    BLOCK_K = 64
    batch = pl.program_id(1)  # specs/gemm/batched.py:38
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    steps = pl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)
    arange_64 = jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/batched.py:42
    offs_m = tile_m * BLOCK_M + arange_64
    offs_n = tile_n * BLOCK_N + arange_64
    def step(k, carry):  # specs/gemm/dense.py:69
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_64  # specs/gemm/batched.py:42
        a = plgpu.load(a_ref.at[offs_m[:, None], batch, offs_k[None, :]])
        b = plgpu.load(b_ref.at[batch, offs_n[None, :], offs_k[:, None]])
        return (acc_2 + jnp.dot(a, b, preferred_element_type=jnp.float32),)
    (acc_1,) = jax.lax.fori_loop(0, steps, step, (acc,))  # specs/gemm/dense.py:69
    # specs/gemm/batched.py:45
    plgpu.store(c_ref.at[offs_m[:, None], batch, offs_n[None, :]], acc_1.astype(jnp.bfloat16))
