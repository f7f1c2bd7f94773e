# grouped_gemm_mxfp4, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_mxfp4: Products of the rows of experts with the experts' MXFP4 weights.

Generated. Specialised on
    a_scale_group = 128
    weight_order = nk
    topk = 6
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    b_scale = e8m0
    offsets = int32
    order = int32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 8
    BLOCK_N = 64
    BLOCK_K = 256
    GROUP_M = 1
    num_warps = 2
    num_stages = 3
    offsets = 64-bit
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import high_e2m1_times, low_e2m1_times, pipelined, split_pairs, transposed


def grouped_gemm_mxfp4(
    a_ref, b_ref, b_scale_ref, offsets_ref, order_ref,
    c_ref,
    *, TA, N, K, R,
):
    topk = 6
    E = 256
    BLOCK_M = 8
    BLOCK_N = 64
    BLOCK_K = 256
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
    index_1 = jnp.where(live, end, 0)
    owned = live & (expert < E)
    expert_1 = jnp.minimum(expert, E - 1)
    row = slot + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/moe/grouped.py:90
    pair = plgpu.load(order_ref.at[row], mask=(row >= 0) & (row < R), other=0)
    source = jnp.maximum(jnp.minimum(jax.lax.div(pair, jnp.full((BLOCK_M,), topk, jnp.int32)), TA - 1), 0)
    acc = jnp.full((BLOCK_N, BLOCK_M), 0.0, jnp.float32)  # specs/moe/grouped_packed.py:68
    arange_128 = jnp.arange(BLOCK_K // 2, dtype=jnp.int32)  # specs/moe/grouped_packed.py:56
    offs_n = tile_n * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)
    # A code times a power of two is exact in BF16, which has the exponents of E8M0: one sum goes over all groups.
    arange_8 = jnp.arange(BLOCK_K // 32, dtype=jnp.int32)
    def step(k, carry):  # specs/moe/grouped_packed.py:68
        k = pipelined(k, 3, warps=2)
        (acc_2,) = carry
        inside = (row < index_1)[:, None]  # specs/moe/grouped.py:109
        # specs/moe/grouped.py:119
        a = plgpu.load(
            a_ref.at[source[:, None], (k * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32))[None, :]],
            mask=jnp.broadcast_to(inside, (BLOCK_M, BLOCK_K)), other=0.0
        )
        even, odd = split_pairs(a.reshape(BLOCK_M, BLOCK_K // 2, 2))  # specs/moe/grouped_packed.py:55
        offs_b1 = k * (BLOCK_K // 2) + arange_128
        packed = plgpu.load(b_ref.at[expert_1, offs_n[None, :], offs_b1[:, None]])
        offs_b_scale1 = k * (BLOCK_K // 32) + arange_8
        b_scale = plgpu.load(b_scale_ref.at[expert_1, offs_n[None, :], offs_b_scale1[:, None]])
        index_2 = b_scale.astype(jnp.int32)
        scale = jax.lax.bitcast_convert_type(
            jnp.where(index_2 == 255, 32704, jnp.maximum(index_2 << 7, 64)).astype(jnp.int16), jnp.bfloat16
        )
        factor = jnp.broadcast_to(scale[:, None, :], (BLOCK_K // 32, 16, BLOCK_N)).reshape(BLOCK_K // 2, BLOCK_N)
        low = low_e2m1_times(packed, factor)  # specs/moe/grouped_packed.py:60
        high = high_e2m1_times(packed, factor)
        # specs/moe/grouped_packed.py:52
        acc_3 = acc_2 + jnp.dot(transposed(low), transposed(even), preferred_element_type=jnp.float32)
        return (acc_3 + jnp.dot(transposed(high), transposed(odd), preferred_element_type=jnp.float32),)
    # specs/moe/grouped_packed.py:68
    (acc_1,) = jax.lax.fori_loop(0, jnp.where(owned, jnp.int32(pl.cdiv(K, BLOCK_K)), jnp.int32(0)), step, (acc,))
    acc_4 = acc_1 * 4.0
    acc_5 = transposed(acc_4)
    offs_r = slot + arange_8  # specs/moe/grouped.py:126
    mask_r = offs_r < index_1
    plgpu.store(
        c_ref.at[offs_r[:, None], offs_n[None, :]], acc_5.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_r[:, None], (BLOCK_M, BLOCK_N))
    )
