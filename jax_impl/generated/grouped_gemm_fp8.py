# grouped_gemm_fp8, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_fp8: Products of the rows of experts with the experts' FP8 weights.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    topk = 6
    out_dtype = bf16
    invariant = False
    a = e4m3
    b = e4m3
    b_scale = f32
    offsets = int32
    order = int32
    a_scale = f32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 128
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
    SWAP_AB = 1
    offsets = 64-bit
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import dot_fp8, fma, pipelined, transposed


def grouped_gemm_fp8(
    a_ref, b_ref, b_scale_ref, offsets_ref, order_ref, a_scale_ref,
    c_ref,
    *, TA, N, K, R,
):
    group = 128
    topk = 6
    E = 256
    BLOCK_M = 16
    BLOCK_N = 128
    BLOCK_K = 128
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    slot = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    number = jnp.arange(256, dtype=jnp.int32)  # specs/moe/grouped.py:64
    exists = number < E
    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    offsets = plgpu.load(offsets_ref.at[number], mask=exists, other=0)
    passed = exists & ((offsets <= slot) | (number == 0))
    offsets_1 = plgpu.load(offsets_ref.at[jnp.int32(E)])
    last = jnp.asarray(offsets_1 <= slot, jnp.int32)
    index = jnp.sum(passed.astype(jnp.int32), axis=0, dtype=jnp.int32)
    expert = index + last - 1
    offsets_2 = plgpu.load(offsets_ref.at[expert])
    begin = jnp.where(expert == 0, 0, offsets_2)
    offsets_3 = plgpu.load(offsets_ref.at[jnp.minimum(expert + 1, E)])
    end = jnp.where(expert == E, R, jnp.minimum(offsets_3, R))
    starts = jax.lax.rem(slot - begin, jnp.int32(BLOCK_M)) == 0
    live = starts & (slot < end)
    owned = live & (expert < E)
    expert_1 = jnp.minimum(expert, E - 1)
    row = slot + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/moe/grouped.py:90
    pair = plgpu.load(order_ref.at[row], mask=(row >= 0) & (row < R), other=0)
    source = jnp.maximum(jnp.minimum(jax.lax.div(pair, jnp.full((BLOCK_M,), topk, jnp.int32)), TA - 1), 0)
    steps = jnp.where(owned, jnp.int32(pl.cdiv(K, BLOCK_K)), jnp.int32(0))  # specs/moe/grouped.py:97
    acc = jnp.full((BLOCK_N, BLOCK_M), 0.0, jnp.float32)  # specs/moe/grouped_fp8.py:61
    arange_128 = jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/moe/grouped_fp8.py:48
    offs_n = tile_n * BLOCK_N + arange_128
    def step(k, carry):  # specs/moe/grouped_fp8.py:61
        k = pipelined(k, 5, warps=4)
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_128  # specs/moe/grouped.py:119
        a = plgpu.load(a_ref.at[source[:, None], offs_k[None, :]])
        b = plgpu.load(b_ref.at[expert_1, offs_n[None, :], offs_k[:, None]])  # specs/moe/grouped_fp8.py:48
        tile_n_1 = jax.lax.div(tile_n * BLOCK_N, jnp.int32(BLOCK_N))
        # specs/gemm/tiles.py:81
        scale = plgpu.load(b_scale_ref.at[expert_1, jax.lax.div(tile_n_1 * BLOCK_N, jnp.int32(group)), k])
        by_row = plgpu.load(a_scale_ref.at[source, k])  # specs/moe/grouped.py:118
        scale_1 = (by_row * scale)[:, None]  # specs/moe/grouped_fp8.py:52
        # Columns of b are rows of the matrix instruction; of Hopper's 64 the few rows of a would leave most empty.
        product = dot_fp8(transposed(b), transposed(a))
        return (fma(product, transposed(scale_1), acc_2),)
    (acc_1,) = jax.lax.fori_loop(0, steps, step, (acc,))  # specs/moe/grouped_fp8.py:61
    acc_3 = transposed(acc_1)
    mask_r = row < jnp.where(live, end, 0)  # specs/moe/grouped.py:126
    plgpu.store(
        c_ref.at[row[:, None], offs_n[None, :]], acc_3.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_r[:, None], (BLOCK_M, BLOCK_N))
    )
