# int4_gemm_w4a16, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 33629f9a3251c9cdc8fe4a1e03747bccd37a3883ebbda575a652b3f288b980c1
"""int4_gemm_w4a16: Product of 16-bit activations and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    a = bf16
    b = uint8
    b_scale = bf16
    c = bf16
    SPLITS = 1
    even_m = False
    even_n = True
    even_k = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 3
    UNROLL = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_nibbles, low_nibbles, pipelined, split_pairs


def int4_gemm_w4a16(
    a_ref, b_ref, b_scale_ref,
    c_ref,
    *, M, N, K,
):
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    pid = pl.program_id(0)  # specs/gemm/tiles.py:19
    tiles_n = pl.cdiv(N, BLOCK_N)
    tile_m = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    steps = pl.cdiv(K, BLOCK_K)  # specs/gemm/int4_tiles.py:54
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)
    # Rows after the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    offs_m = tile_m * BLOCK_M + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/gemm/int4_tiles.py:91
    mask_m = offs_m < M
    arange_128 = jnp.arange(BLOCK_K, dtype=jnp.int32)
    arange_64 = jnp.arange(BLOCK_K // 2, dtype=jnp.int32)  # specs/gemm/int4_tiles.py:123
    offs_n = tile_n * BLOCK_N + arange_64
    # scales as well as what is multiplied
    def step(k, carry):  # specs/gemm/int4_tiles.py:64
        k = pipelined(k, 3, warps=4)
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_128  # specs/gemm/int4_tiles.py:91
        a = plgpu.load(
            a_ref.at[offs_m[:, None], offs_k[None, :]], mask=jnp.broadcast_to(mask_m[:, None], (BLOCK_M, BLOCK_K)),
            other=0.0
        )
        a_even, a_odd = split_pairs(a.reshape(BLOCK_M, BLOCK_K // 2, 2))  # specs/gemm/int4_tiles.py:75
        offs_b0 = k * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:123
        packed = plgpu.load(b_ref.at[offs_n[None, :], offs_b0[:, None]])
        b_even = low_nibbles(packed, jnp.bfloat16)
        b_odd = high_nibbles(packed, jnp.bfloat16)
        product = jnp.dot(a_even, b_even, preferred_element_type=jnp.float32)  # specs/gemm/int4_tiles.py:79
        partial = product + jnp.dot(a_odd, b_odd, preferred_element_type=jnp.float32)
        b_scale = plgpu.load(b_scale_ref.at[k, offs_n])
        scale = b_scale.astype(jnp.float32)
        return (fma(partial, scale[None, :], acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, steps, step, (acc,))  # specs/gemm/int4_tiles.py:64
    # specs/gemm/tiles.py:41
    plgpu.store(
        c_ref.at[offs_m[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_m[:, None], (BLOCK_M, BLOCK_N))
    )
