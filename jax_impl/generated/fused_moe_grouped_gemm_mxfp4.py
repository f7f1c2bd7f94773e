# fused_moe, case "decode-v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_mxfp4: Products of the rows of experts with the experts' MXFP4 weights.

Generated. Specialised on
    a_scale_group = 128
    weight_order = nk
    topk = 1
    out_dtype = bf16
    invariant = False
    a = e4m3
    b = uint8
    b_scale = e8m0
    offsets = int32
    a_scale = f32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 2
    num_stages = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import fma, high_e2m1_times, low_e2m1_times, pipelined, split_pairs, transposed


def grouped_gemm_mxfp4(
    a_ref, b_ref, b_scale_ref, offsets_ref, a_scale_ref,
    c_ref,
    *, TA, N, K, R,
):
    E = 256
    BLOCK_M = 16
    BLOCK_N = 64
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
    acc = jnp.full((BLOCK_N, BLOCK_M), 0.0, jnp.float32)  # specs/moe/grouped_packed.py:68
    offs_ta = slot + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/moe/grouped.py:116
    clamped_ta = jnp.minimum(offs_ta, TA - 1)
    arange_128 = jnp.arange(BLOCK_K, dtype=jnp.int32)
    arange_64 = jnp.arange(BLOCK_K // 2, dtype=jnp.int32)  # specs/moe/grouped_packed.py:56
    offs_n = tile_n * BLOCK_N + arange_64
    # A code times a power of two is exact in BF16, which has the exponents of E8M0: one sum goes over all groups.
    arange_4 = jnp.arange(BLOCK_K // 32, dtype=jnp.int32)
    def step(k, carry):  # specs/moe/grouped_packed.py:68
        k = pipelined(k, 4, warps=2)
        (acc_2,) = carry
        offs_k = k * BLOCK_K + arange_128  # specs/moe/grouped.py:116
        a = plgpu.load(a_ref.at[clamped_ta[:, None], offs_k[None, :]])
        # specs/moe/grouped_packed.py:55
        even, odd = split_pairs(a.astype(jnp.bfloat16).reshape(BLOCK_M, BLOCK_K // 2, 2))
        offs_b1 = k * (BLOCK_K // 2) + arange_64
        packed = plgpu.load(b_ref.at[expert_1, offs_n[None, :], offs_b1[:, None]])
        offs_b_scale1 = k * (BLOCK_K // 32) + arange_4
        b_scale = plgpu.load(b_scale_ref.at[expert_1, offs_n[None, :], offs_b_scale1[:, None]])
        index_1 = b_scale.astype(jnp.int32)
        scale = jax.lax.bitcast_convert_type(
            jnp.where(index_1 == 255, 32704, jnp.maximum(index_1 << 7, 64)).astype(jnp.int16), jnp.bfloat16
        )
        factor = jnp.broadcast_to(scale[:, None, :], (BLOCK_K // 32, 16, BLOCK_N)).reshape(BLOCK_K // 2, BLOCK_N)
        low = low_e2m1_times(packed, factor)  # specs/moe/grouped_packed.py:60
        high = high_e2m1_times(packed, factor)
        by_row = plgpu.load(a_scale_ref.at[clamped_ta, k])  # specs/moe/grouped.py:116
        by_row_1 = by_row[None, :]  # specs/moe/grouped_packed.py:64
        # specs/moe/grouped_packed.py:52
        acc_3 = jnp.dot(transposed(low), transposed(even), preferred_element_type=jnp.float32)
        product = acc_3 + jnp.dot(transposed(high), transposed(odd), preferred_element_type=jnp.float32)
        return (fma(product, by_row_1, acc_2),)
    # specs/moe/grouped_packed.py:68
    (acc_1,) = jax.lax.fori_loop(0, jnp.where(owned, jnp.int32(pl.cdiv(K, BLOCK_K)), jnp.int32(0)), step, (acc,))
    acc_4 = acc_1 * 4.0
    acc_5 = transposed(acc_4)
    mask_r = offs_ta < jnp.where(live, end, 0)  # specs/moe/grouped.py:126
    plgpu.store(
        c_ref.at[offs_ta[:, None], offs_n[None, :]], acc_5.astype(jnp.bfloat16),
        mask=jnp.broadcast_to(mask_r[:, None], (BLOCK_M, BLOCK_N))
    )
