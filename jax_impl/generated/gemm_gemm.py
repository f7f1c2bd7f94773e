# gemm, case "prefill", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gemm: Product of unquantised activations and weights.

Generated. Specialised on
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = bf16
    b = bf16
    c = bf16
    SPLITS = 1
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    num_warps = 8
    num_stages = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def gemm(
    a_ref, b_ref,
    c_ref,
    *, M, N, K,
):
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_m = pl.cdiv(M, BLOCK_M)
    tiles_n = pl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = jax.lax.div(pid, jnp.int32(per_band))
    first = band * GROUP_M
    height = jnp.minimum(tiles_m - first, GROUP_M)
    inside = jax.lax.rem(pid, jnp.int32(per_band))
    tile_m = first + jax.lax.rem(inside, height)
    tile_n = jax.lax.div(inside, height)
    steps = pl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)
    arange_128 = jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/dense.py:44
    offs_m = tile_m * BLOCK_M + arange_128
    arange_64 = jnp.arange(BLOCK_K, dtype=jnp.int32)
    offs_n = tile_n * BLOCK_N + arange_128
    def step(k, carry):  # specs/gemm/dense.py:69
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_64  # specs/gemm/dense.py:44
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        b = plgpu.load(b_ref.at[offs_n[None, :], offs_k[:, None]])
        return (acc_2 + jnp.dot(a, b, preferred_element_type=jnp.float32),)
    (acc_1,) = jax.lax.fori_loop(0, steps, step, (acc,))  # specs/gemm/dense.py:69
    # Rounded once.
    plgpu.store(c_ref.at[offs_m[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16))  # specs/gemm/tiles.py:76
