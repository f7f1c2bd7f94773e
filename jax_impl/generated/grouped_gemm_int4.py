# grouped_gemm_int4, case "decode-qwen3", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_int4: Products of the rows of experts with the experts' INT4 weights in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    topk = 8
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    b_scale = bf16
    offsets = int32
    order = int32
    c = bf16
    E = 128
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_nibbles, low_nibbles, pipelined, split_pairs


def grouped_gemm_int4(
    a_ref, b_ref, b_scale_ref, offsets_ref, order_ref,
    c_ref,
    *, TA, N, K, R,
):
    topk = 8
    E = 128
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    pid = pl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = pl.cdiv(N, BLOCK_N)
    slot = jax.lax.div(pid, jnp.int32(tiles_n))
    tile_n = jax.lax.rem(pid, jnp.int32(tiles_n))
    number = jnp.arange(128, dtype=jnp.int32)  # specs/moe/grouped.py:64
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
    acc = jnp.full((BLOCK_M, BLOCK_N), 0.0, jnp.float32)  # specs/moe/grouped_packed.py:85
    arange_64 = jnp.arange(BLOCK_K // 2, dtype=jnp.int32)  # specs/moe/grouped_packed.py:79
    offs_n = tile_n * BLOCK_N + arange_64
    def step(k, carry):  # specs/moe/grouped_packed.py:85
        k = pipelined(k, 3, warps=4)
        (acc_2,) = carry
        # specs/moe/grouped.py:119
        a = plgpu.load(a_ref.at[source[:, None], (k * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32))[None, :]])
        even, odd = split_pairs(a.reshape(BLOCK_M, BLOCK_K // 2, 2))  # specs/moe/grouped_packed.py:78
        offs_b1 = k * (BLOCK_K // 2) + arange_64
        packed = plgpu.load(b_ref.at[expert_1, offs_n[None, :], offs_b1[:, None]])
        low = low_nibbles(packed, jnp.bfloat16)  # specs/moe/grouped_packed.py:82
        high = high_nibbles(packed, jnp.bfloat16)
        product = jnp.dot(even, low, preferred_element_type=jnp.float32)  # specs/moe/grouped_packed.py:83
        product_1 = product + jnp.dot(odd, high, preferred_element_type=jnp.float32)
        b_scale = plgpu.load(b_scale_ref.at[expert_1, offs_n, k])  # specs/gemm/tiles.py:81
        return (fma(product_1, b_scale.astype(jnp.float32)[None, :], acc_2),)
    # specs/moe/grouped_packed.py:85
    (acc_1,) = jax.lax.fori_loop(0, jnp.where(owned, jnp.int32(pl.cdiv(K, BLOCK_K)), jnp.int32(0)), step, (acc,))
    mask_r = row < jnp.where(live, end, 0)  # specs/moe/grouped.py:126
    plgpu.store(
        c_ref.at[row[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_r[:, None], (BLOCK_M, BLOCK_N))
    )
