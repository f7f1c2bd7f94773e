# fp8_gemm_w8a16, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""fp8_gemm_w8a16_split: Product of 16-bit activations and an FP8 weight.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    invariant = False
    a = bf16
    b = e4m3
    b_scale = f32
    c = f32
    SPLITS = 2
    even_m = True
    even_n = True
    even_k = True
    batched = False
    BLOCK_M = 64
    BLOCK_N = 32
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 6
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, pipelined


def fp8_gemm_w8a16_split(
    a_ref, b_ref, b_scale_ref,
    c_ref,
    *, N, K,
):
    group = 128
    SPLITS = 2
    BLOCK_M = 64
    BLOCK_N = 32
    BLOCK_K = 128
    split = pl.program_id(1)  # specs/gemm/scaled.py:45
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/gemm/scaled.py:65
    steps = pl.cdiv(K, BLOCK_K)
    # Rows and columns over the edge are not stored, so anything is read for them: a mask would keep loads from
    # being asynchronous copies. Past the end of K both operands are zeros.
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/scaled.py:55
    arange_128 = jnp.arange(BLOCK_K, dtype=jnp.int32)
    offs_n = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)
    def step(k, carry):  # specs/gemm/scaled.py:66
        k = pipelined(k, 6, warps=4)
        (acc_2,) = carry
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        offs_k = k_1 * BLOCK_K + arange_128  # specs/gemm/scaled.py:55
        a = plgpu.load(a_ref.at[offs_m[:, None], offs_k[None, :]])
        b = plgpu.load(b_ref.at[offs_n[None, :], offs_k[:, None]])
        # specs/gemm/tiles.py:81
        scale = plgpu.load(b_scale_ref.at[jax.lax.div(tile_n * BLOCK_N, jnp.int32(group)), k_1])
        # Scales multiply the sum of their group in float32, so their range never limits the operands'.
        product = jnp.dot(a, b.astype(jnp.bfloat16), preferred_element_type=jnp.float32)  # specs/gemm/scaled.py:60
        return (fma(product, scale, acc_2),)
    # specs/gemm/scaled.py:66
    (acc_1,) = jax.lax.fori_loop(0, jax.lax.div(steps - split + (SPLITS - 1), jnp.int32(SPLITS)), step, (acc,))
    plgpu.store(c_ref.at[split, offs_m[:, None], offs_n[None, :]], acc_1)  # specs/gemm/tiles.py:71
