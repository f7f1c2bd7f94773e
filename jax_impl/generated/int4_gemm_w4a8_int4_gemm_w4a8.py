# int4_gemm_w4a8, case "one-row", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 32912af3002cced7867d5ab2ba4d3702fda8a7db781f15756d67458d4f0bf5eb
"""int4_gemm_w4a8: Product of 8-bit activations (int8, uint8, e4m3) and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    scale_mode = token
    out_dtype = bf16
    a = int8
    b = uint8
    a_scale = f32
    b_scale = f32
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


def int4_gemm_w4a8(
    a_ref, b_ref, a_scale_ref, b_scale_ref,
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
            other=0
        )
        value = a.astype(jnp.float32)  # specs/gemm/int4_tiles.py:75
        a_even, a_odd = split_pairs(
            jax.lax.bitcast_convert_type(
                jnp.where(value != value, 32704, jax.lax.bitcast_convert_type(value.astype(jnp.bfloat16), jnp.int16)),
                jnp.bfloat16
            ).reshape(BLOCK_M, BLOCK_K // 2, 2)
        )
        offs_b0 = k * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:123
        packed = plgpu.load(b_ref.at[offs_n[None, :], offs_b0[:, None]])
        b_even = low_nibbles(packed, jnp.bfloat16)
        b_odd = high_nibbles(packed, jnp.bfloat16)
        product = jnp.dot(a_even, b_even, preferred_element_type=jnp.float32)  # specs/gemm/int4_tiles.py:79
        partial = product + jnp.dot(a_odd, b_odd, preferred_element_type=jnp.float32)
        scale = plgpu.load(b_scale_ref.at[k, offs_n])
        return (fma(partial, scale[None, :], acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, steps, step, (acc,))  # specs/gemm/int4_tiles.py:64
    a_scale = plgpu.load(a_scale_ref.at[offs_m], mask=mask_m, other=0.0)  # specs/gemm/tiles.py:46
    acc_3 = acc_1 * a_scale[:, None]  # specs/gemm/int4_w4a8.py:76
    # specs/gemm/tiles.py:41
    plgpu.store(
        c_ref.at[offs_m[:, None], offs_n[None, :]], acc_3.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_m[:, None], (BLOCK_M, BLOCK_N))
    )
