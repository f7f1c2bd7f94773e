# grouped_gemm, case "prefill", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm: Products of the rows of experts with the experts' unquantised weights.

Generated. Specialised on
    weight_order = nk
    topk = 6
    invariant = False
    a = bf16
    b = bf16
    offsets = int32
    order = int32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = False
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    num_warps = 8
    num_stages = 4
    offsets = 64-bit
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def grouped_gemm(
    a_ref, b_ref, offsets_ref, order_ref,
    c_ref,
    *, TA, N, K, R,
):
    topk = 6
    E = 256
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    row_tiles = R // BLOCK_M + (E + 1)  # specs/moe/grouped.py:63
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = jax.lax.div(pid, jnp.int32(per_band))
    first = band * GROUP_M
    height = jnp.minimum(row_tiles - first, GROUP_M)
    inside = jax.lax.rem(pid, jnp.int32(per_band))
    slot = first + jax.lax.rem(inside, height)
    tile_n = jax.lax.div(inside, height)
    number = jnp.arange(256, dtype=jnp.int32)  # specs/moe/grouped.py:64
    exists = number < E
    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    offset = plgpu.load(offsets_ref.at[number], mask=exists, other=0)
    passed = exists & ((jax.lax.div(offset, jnp.full((256,), BLOCK_M, jnp.int32)) + number <= slot) | (number == 0))
    offset_1 = plgpu.load(offsets_ref.at[jnp.int32(E)])
    last = jnp.asarray(jax.lax.div(offset_1, jnp.int32(BLOCK_M)) + E <= slot, jnp.int32)
    index = jnp.sum(passed.astype(jnp.int32), axis=0, dtype=jnp.int32)
    expert = index + last - 1
    offsets = plgpu.load(offsets_ref.at[expert])
    begin = jnp.where(expert == 0, 0, offsets)
    offsets_1 = plgpu.load(offsets_ref.at[jnp.minimum(expert + 1, E)])
    end = jnp.where(expert == E, R, jnp.minimum(offsets_1, R))
    first_1 = begin + (slot - (jax.lax.div(begin, jnp.int32(BLOCK_M)) + expert)) * BLOCK_M
    starts = first_1 >= 0
    live = starts & (first_1 < end)
    owned = live & (expert < E)
    expert_1 = jnp.minimum(expert, E - 1)
    row = first_1 + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/moe/grouped.py:90
    pair = plgpu.load(order_ref.at[row], mask=(row >= 0) & (row < R), other=0)
    source = jnp.maximum(jnp.minimum(jax.lax.div(pair, jnp.full((BLOCK_M,), topk, jnp.int32)), TA - 1), 0)
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/moe/grouped_dense.py:38
    arange_64 = jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/moe/grouped_dense.py:36
    arange_128 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    offs_n = tile_n * BLOCK_N + arange_128
    def step(k, carry):  # specs/moe/grouped_dense.py:38
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_64  # specs/moe/grouped.py:119
        a = plgpu.load(a_ref.at[source[:, None], offs_k[None, :]])
        b = plgpu.load(b_ref.at[expert_1, offs_n[None, :], offs_k[:, None]])  # specs/moe/grouped_dense.py:36
        return (acc_2 + jnp.dot(a, b, preferred_element_type=jnp.float32),)
    # specs/moe/grouped_dense.py:38
    (acc_1,) = jax.lax.fori_loop(0, jnp.where(owned, jnp.int32(pl.cdiv(K, BLOCK_K)), jnp.int32(0)), step, (acc,))
    offs_r = first_1 + arange_128  # specs/moe/grouped.py:126
    mask_r = offs_r < jnp.where(live, end, 0)
    plgpu.store(
        c_ref.at[offs_r[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_r[:, None], (BLOCK_M, BLOCK_N))
    )
