# mqa_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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
    H = 64
    BLOCK_M = 2
    BLOCK_N = 64
    BLOCK_H = 64
    CHUNK = 128
    TILES = 16
    row = pl.program_id(0) * BLOCK_M  # specs/indexer/logits.py:44
    # An empty range, as scalars of the kernel: widened by every query that sees keys.
    upper = row * 0
    # Launches take slices of the queries that fit into the logits buffer; `first` is the slice's start.
    query = first + row
    live = (row < MC) & (query < M)
    # Bounds are user data, clamped to the keys that exist; masked rows load 0, 0 and see none.
    ks = plgpu.load(ks_ref.at[query], mask=live, other=0)
    start = jnp.maximum(ks, 0)
    ke = plgpu.load(ke_ref.at[query], mask=live, other=0)
    end = jnp.minimum(ke, N)
    # Rows with at most `least` keys are not scored: top-k takes all of them anyway.
    seen = end - start > least
    lower = jnp.where(seen, jnp.minimum(N, start), N)
    upper_1 = jnp.where(seen, jnp.maximum(upper, end), upper)
    # Unrolled: all heads of a query stay in registers while its keys stream by.
    head = jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/indexer/keys.py:104
    mask = head < H
    inside = mask & live
    weight = plgpu.load(weights_ref.at[query, head], mask=inside, other=0.0)
    column = jnp.arange(CHUNK, dtype=jnp.int32)[None, :]
    # specs/indexer/keys.py:117
    part = plgpu.load(
        q_ref.at[query, head[:, None], column], mask=jnp.broadcast_to(inside[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
    other = transposed(part)
    weight_1 = weight * 0.5  # specs/indexer/keys.py:121
    query_1 = query + 1  # specs/indexer/logits.py:50
    out_row = row + 1
    live_1 = (out_row < MC) & (query_1 < M)
    ks_1 = plgpu.load(ks_ref.at[query_1], mask=live_1, other=0)
    start_1 = jnp.maximum(ks_1, 0)
    ke_1 = plgpu.load(ke_ref.at[query_1], mask=live_1, other=0)
    end_1 = jnp.minimum(ke_1, N)
    seen_1 = end_1 - start_1 > least
    lower_1 = jnp.where(seen_1, jnp.minimum(lower, start_1), lower)
    upper_2 = jnp.where(seen_1, jnp.maximum(upper_1, end_1), upper_1)
    inside_1 = mask & live_1  # specs/indexer/keys.py:105
    weight_2 = plgpu.load(weights_ref.at[query_1, head], mask=inside_1, other=0.0)
    # specs/indexer/keys.py:117
    part_1 = plgpu.load(
        q_ref.at[query_1, head[:, None], column], mask=jnp.broadcast_to(inside_1[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    other_1 = transposed(part_1)
    weight_3 = weight_2 * 0.5  # specs/indexer/keys.py:121
    first_tile = pl.program_id(1) * TILES  # specs/indexer/logits.py:59
    last_tile = jnp.minimum(first_tile + TILES, pl.cdiv(N, BLOCK_N))
    # Causal bounds leave whole tiles unseen at both ends; they are not read.
    begin = jnp.minimum(jnp.maximum(jax.lax.div(lower_1, jnp.int32(BLOCK_N)), first_tile), last_tile)
    end_tile = jnp.maximum(jnp.minimum(jax.lax.div(upper_2 + (BLOCK_N - 1), jnp.int32(BLOCK_N)), last_tile), begin)
    arange_64 = jnp.arange(BLOCK_N, dtype=jnp.int32)  # specs/indexer/keys.py:140
    def step(k, carry):  # specs/indexer/logits.py:85
        k = pipelined(k, 3, warps=4)
        () = carry
        first_1 = k * BLOCK_N  # specs/indexer/logits.py:66
        column_1 = first_1 + arange_64
        live_2 = column_1 < N  # specs/indexer/keys.py:134
        part_2 = plgpu.load(
            k_ref.at[column_1[:, None], column], mask=jnp.broadcast_to(live_2[:, None], (BLOCK_N, CHUNK)), other=0.0
        )
        scale = plgpu.load(k_scale_ref.at[column_1], mask=live_2, other=0.0)
        # One read of a tile of keys serves all BLOCK_M queries.
        inside_2 = (column_1 >= start) & (column_1 < end)  # specs/indexer/logits.py:70
        # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
        products = dot_fp8(part_2, other)  # specs/indexer/keys.py:174
        # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
        total = sum_of_products(products + jnp.abs(products), weight_1[None, :], 1)
        # Once per key instead of once per head and key; relu commutes with a positive factor.
        value = total * scale
        # -inf up to N: consumers of the full matrix (torch.topk) read every column.
        value_1 = jnp.where(inside_2, value, float("-inf"))  # specs/indexer/logits.py:74
        plgpu.store(logits_ref.at[row, column_1], value_1, mask=live_2 & live)
        inside_3 = (column_1 >= start_1) & (column_1 < end_1)
        products_1 = dot_fp8(part_2, other_1)  # specs/indexer/keys.py:174
        total_1 = sum_of_products(products_1 + jnp.abs(products_1), weight_3[None, :], 1)
        value_2 = total_1 * scale
        value_3 = jnp.where(inside_3, value_2, float("-inf"))  # specs/indexer/logits.py:74
        plgpu.store(logits_ref.at[out_row, column_1], value_3, mask=live_2 & live_1)
        return ()
    () = jax.lax.fori_loop(begin, end_tile, step, ())  # specs/indexer/logits.py:85
    # Tiles outside the range need no keys, only -inf.
    def step_1(k_1, carry):
        () = carry
        column_2 = k_1 * BLOCK_N + arange_64  # specs/indexer/logits.py:80
        value_4 = jnp.full((BLOCK_N,), float("-inf"), jnp.float32)
        mask_1 = column_2 < N
        plgpu.store(logits_ref.at[row, column_2], value_4, mask=mask_1 & live)
        value_5 = jnp.full((BLOCK_N,), float("-inf"), jnp.float32)
        plgpu.store(logits_ref.at[out_row, column_2], value_5, mask=mask_1 & live_1)
        return ()
    () = jax.lax.fori_loop(first_tile, begin, step_1, ())  # specs/indexer/logits.py:88
    def step_2(k_2, carry):
        () = carry
        column_3 = k_2 * BLOCK_N + arange_64  # specs/indexer/logits.py:80
        value_6 = jnp.full((BLOCK_N,), float("-inf"), jnp.float32)
        mask_2 = column_3 < N
        plgpu.store(logits_ref.at[row, column_3], value_6, mask=mask_2 & live)
        value_7 = jnp.full((BLOCK_N,), float("-inf"), jnp.float32)
        plgpu.store(logits_ref.at[out_row, column_3], value_7, mask=mask_2 & live_1)
        return ()
    () = jax.lax.fori_loop(end_tile, last_tile, step_2, ())  # specs/indexer/logits.py:89
