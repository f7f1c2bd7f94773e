# mqa_logits, case "fp8", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 58bc9c7a7ca149e4723349956f2c68ac187e08a1365495f3f94a4c97f0020049
"""mqa_logits: Scores of dense keys for BLOCK_M queries.

Generated. Specialised on
    layout = indexer_fp8
    fill = True
    logits_dtype = f32
    q = e4m3
    k = e4m3
    weights = f32
    ks = int32
    ke = int32
    k_scale = f32
    logits = f32
    H = 64
    BLOCK_M = 2
    BLOCK_N = 64
    BLOCK_H = 64
    CHUNK = 128
    TILES = 16
    num_warps = 4
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import dot_fp8, pipelined, sum_of_products, transposed


def mqa_logits(
    q_ref, k_ref, weights_ref, ks_ref, ke_ref, k_scale_ref,
    logits_ref,
    *, M, MC, N, first, least,
):
    row = pl.program_id(0) * 2  # specs/indexer/logits.py:44
    upper = row * 0  # specs/indexer/logits.py:47
    query = first + row  # specs/indexer/logits.py:50
    live = (row < MC) & (query < M)  # specs/indexer/logits.py:51
    ks = plgpu.load(ks_ref.at[query], mask=live, other=0)  # specs/indexer/logits.py:53
    start = jnp.maximum(ks, 0)  # specs/indexer/logits.py:53
    ke = plgpu.load(ke_ref.at[query], mask=live, other=0)  # specs/indexer/logits.py:53
    end = jnp.minimum(ke, N)  # specs/indexer/logits.py:53
    seen = end - start > least  # specs/indexer/logits.py:55
    lower = jnp.where(seen, jnp.minimum(N, start), N)  # specs/indexer/logits.py:56
    upper_1 = jnp.where(seen, jnp.maximum(upper, end), upper)  # specs/indexer/logits.py:57
    head = jnp.arange(64, dtype=jnp.int32)  # specs/indexer/keys.py:103
    mask = head < 64  # specs/indexer/keys.py:104
    inside = mask & live  # specs/indexer/keys.py:104
    weight = plgpu.load(weights_ref.at[query, head], mask=inside, other=0.0)  # specs/indexer/keys.py:105
    column = jnp.arange(128, dtype=jnp.int32)[None, :]  # specs/indexer/keys.py:114
    part = plgpu.load(q_ref.at[query, head[:, None], column], mask=jnp.broadcast_to(inside[:, None], (64, 128)), other=0.0)  # specs/indexer/keys.py:116
    other = transposed(part)  # specs/indexer/keys.py:120
    weight_1 = weight * 0.5  # specs/indexer/keys.py:120
    query_1 = query + 1  # specs/indexer/logits.py:50
    out_row = row + 1  # specs/indexer/logits.py:51
    live_1 = (out_row < MC) & (query_1 < M)  # specs/indexer/logits.py:51
    ks_1 = plgpu.load(ks_ref.at[query_1], mask=live_1, other=0)  # specs/indexer/logits.py:53
    start_1 = jnp.maximum(ks_1, 0)  # specs/indexer/logits.py:53
    ke_1 = plgpu.load(ke_ref.at[query_1], mask=live_1, other=0)  # specs/indexer/logits.py:53
    end_1 = jnp.minimum(ke_1, N)  # specs/indexer/logits.py:53
    seen_1 = end_1 - start_1 > least  # specs/indexer/logits.py:55
    lower_1 = jnp.where(seen_1, jnp.minimum(lower, start_1), lower)  # specs/indexer/logits.py:56
    upper_2 = jnp.where(seen_1, jnp.maximum(upper_1, end_1), upper_1)  # specs/indexer/logits.py:57
    inside_1 = mask & live_1  # specs/indexer/keys.py:104
    weight_2 = plgpu.load(weights_ref.at[query_1, head], mask=inside_1, other=0.0)  # specs/indexer/keys.py:105
    part_1 = plgpu.load(q_ref.at[query_1, head[:, None], column], mask=jnp.broadcast_to(inside_1[:, None], (64, 128)), other=0.0)  # specs/indexer/keys.py:116
    other_1 = transposed(part_1)  # specs/indexer/keys.py:120
    weight_3 = weight_2 * 0.5  # specs/indexer/keys.py:120
    first_tile = pl.program_id(1) * 16  # specs/indexer/logits.py:59
    last_tile = jnp.minimum(first_tile + 16, (N + 63) // 64)  # specs/indexer/logits.py:60
    begin = jnp.minimum(jnp.maximum(jax.lax.div(lower_1, jnp.int32(64)), first_tile), last_tile)  # specs/indexer/logits.py:62
    end_tile = jnp.maximum(jnp.minimum(jax.lax.div(upper_2 + 63, jnp.int32(64)), last_tile), begin)  # specs/indexer/logits.py:63
    def step(k, carry):  # specs/indexer/logits.py:85
        k = pipelined(k, 3, warps=4)
        () = carry
        column_1 = k * 64 + head  # specs/indexer/logits.py:66
        live_2 = column_1 < N  # specs/indexer/logits.py:67
        part_2 = plgpu.load(k_ref.at[column_1[:, None], column], mask=jnp.broadcast_to(live_2[:, None], (64, 128)), other=0.0)  # specs/indexer/keys.py:137
        scale = plgpu.load(k_scale_ref.at[column_1], mask=live_2, other=0.0)  # specs/indexer/keys.py:138
        inside_2 = (column_1 >= start) & (column_1 < end)  # specs/indexer/logits.py:70
        products = dot_fp8(part_2, other)  # specs/indexer/keys.py:169
        total = sum_of_products(products + jnp.abs(products), weight_1[None, :], 1)  # specs/indexer/keys.py:173
        value = total * scale  # specs/indexer/keys.py:177
        value_1 = jnp.where(inside_2, value, float("-inf"))  # specs/indexer/logits.py:74
        plgpu.store(logits_ref.at[row, column_1], value_1, mask=live_2 & live)  # specs/indexer/logits.py:75
        inside_3 = (column_1 >= start_1) & (column_1 < end_1)  # specs/indexer/logits.py:70
        products_1 = dot_fp8(part_2, other_1)  # specs/indexer/keys.py:169
        total_1 = sum_of_products(products_1 + jnp.abs(products_1), weight_3[None, :], 1)  # specs/indexer/keys.py:173
        value_2 = total_1 * scale  # specs/indexer/keys.py:177
        value_3 = jnp.where(inside_3, value_2, float("-inf"))  # specs/indexer/logits.py:74
        plgpu.store(logits_ref.at[out_row, column_1], value_3, mask=live_2 & live_1)  # specs/indexer/logits.py:75
        return ()
    () = jax.lax.fori_loop(begin, end_tile, step, ())  # specs/indexer/logits.py:85
    def step_1(k_1, carry):  # specs/indexer/logits.py:88
        () = carry
        column_2 = k_1 * 64 + head  # specs/indexer/logits.py:80
        value_4 = jnp.full((64,), float("-inf"), jnp.float32)  # specs/indexer/logits.py:82
        mask_1 = column_2 < N  # specs/indexer/logits.py:83
        plgpu.store(logits_ref.at[row, column_2], value_4, mask=mask_1 & live)  # specs/indexer/logits.py:83
        value_5 = jnp.full((64,), float("-inf"), jnp.float32)  # specs/indexer/logits.py:82
        plgpu.store(logits_ref.at[out_row, column_2], value_5, mask=mask_1 & live_1)  # specs/indexer/logits.py:83
        return ()
    () = jax.lax.fori_loop(first_tile, begin, step_1, ())  # specs/indexer/logits.py:88
    def step_2(k_2, carry):  # specs/indexer/logits.py:89
        () = carry
        column_3 = k_2 * 64 + head  # specs/indexer/logits.py:80
        value_6 = jnp.full((64,), float("-inf"), jnp.float32)  # specs/indexer/logits.py:82
        mask_2 = column_3 < N  # specs/indexer/logits.py:83
        plgpu.store(logits_ref.at[row, column_3], value_6, mask=mask_2 & live)  # specs/indexer/logits.py:83
        value_7 = jnp.full((64,), float("-inf"), jnp.float32)  # specs/indexer/logits.py:82
        plgpu.store(logits_ref.at[out_row, column_3], value_7, mask=mask_2 & live_1)  # specs/indexer/logits.py:83
        return ()
    () = jax.lax.fori_loop(end_tile, last_tile, step_2, ())  # specs/indexer/logits.py:89
