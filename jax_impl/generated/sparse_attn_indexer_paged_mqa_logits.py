# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 5cd96075a224c2e20807825c5cc730a9ae5f2e30e6c9dae8e1fd2e031efb1bb2
"""paged_mqa_logits: Scores of cached keys for all queries of one request.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 16
    lens = query
    fill = False
    logits_dtype = f32
    q = e4m3
    cache = uint8
    weights = f32
    context_lens = int32
    block_tables = int32
    logits = f32
    H = 64
    ROWS = 16
    QUERIES = 1
    BLOCK_M = 16
    BLOCK_N = 128
    BLOCK_H = 64
    CHUNK = 128
    TILES = 8
    num_warps = 4
    num_stages = 2
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import dot_fp8, pipelined, sum_of_products, transposed
from jax_impl.platforms.views import load_view


def paged_mqa_logits(
    q_ref, cache_ref, weights_ref, context_lens_ref, block_tables_ref,
    logits_ref,
    *, B, NB, PAGES, max_model_len, first, least,
):
    out_request = pl.program_id(0)  # specs/indexer/paged_logits.py:57
    part = pl.program_id(1)  # specs/indexer/paged_logits.py:57
    request = first + out_request  # specs/indexer/paged_logits.py:58
    @pl.when(request < B)  # specs/indexer/paged_logits.py:64
    def branch():
        length = plgpu.load(context_lens_ref.at[request, jnp.int32(0)])  # specs/indexer/paged_logits.py:70
        upper = jnp.minimum(length, max_model_len)  # specs/indexer/paged_logits.py:75
        upper_1 = jnp.where(upper > least, upper, 0)  # specs/indexer/paged_logits.py:97
        first_tile = part * 8  # specs/indexer/paged_logits.py:98
        last_tile = jnp.minimum(first_tile + 8, (max_model_len + 127) // 128)  # specs/indexer/paged_logits.py:99
        end_tile = jnp.minimum(jnp.maximum(jax.lax.div(jnp.maximum(upper_1, 0) + 127, jnp.int32(128)), first_tile), last_tile)  # specs/indexer/paged_logits.py:100
        @pl.when(first_tile < end_tile)  # specs/indexer/paged_logits.py:128
        def branch_1():
            known = request >= 0  # specs/indexer/paged_logits.py:103
            head = jnp.arange(64, dtype=jnp.int32)  # specs/indexer/keys.py:103
            inside = (head < 64) & known  # specs/indexer/keys.py:104
            weight = plgpu.load(weights_ref.at[request, head], mask=inside, other=0.0)  # specs/indexer/keys.py:105
            arange_128 = jnp.arange(128, dtype=jnp.int32)  # specs/indexer/keys.py:114
            column = arange_128[None, :]  # specs/indexer/keys.py:114
            part_1 = plgpu.load(q_ref.at[request, head[:, None], column], mask=jnp.broadcast_to(inside[:, None], (64, 128)), other=0.0)  # specs/indexer/keys.py:116
            other = transposed(part_1)  # specs/indexer/keys.py:120
            weight_1 = weight * 0.5  # specs/indexer/keys.py:120
            def step(k, carry):  # specs/indexer/paged_logits.py:125
                k = pipelined(k, 2, warps=4)
                () = carry
                column_1 = k * 128 + arange_128  # specs/indexer/paged_logits.py:112
                entry = jax.lax.div(column_1, jnp.full((128,), 16, jnp.int32))  # specs/indexer/paged_logits.py:113
                live = (column_1 < upper_1) & (entry < NB)  # specs/indexer/paged_logits.py:114
                page = plgpu.load(block_tables_ref.at[request, entry], mask=live, other=-1)  # specs/indexer/paged_logits.py:115
                live_1 = live & (page >= 0) & (page < PAGES)  # specs/indexer/paged_logits.py:116
                page_1 = jnp.where(live_1, page, 0)  # specs/indexer/paged_logits.py:118
                inside_1 = jax.lax.rem(column_1, jnp.full((128,), 16, jnp.int32))  # specs/indexer/paged_logits.py:118
                start = inside_1 * 128  # specs/indexer/keys.py:145
                shares = inside_1 * 4 + 2048  # specs/indexer/keys.py:145
                part_2 = load_view(cache_ref, page_1[:, None], start[:, None], column, jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_1[:, None], (128, 128)))  # specs/indexer/keys.py:155
                scale = load_view(cache_ref, page_1, shares, jnp.int32(0), jnp.float32, mask=live_1)  # specs/indexer/keys.py:158
                mask = column_1 < upper  # specs/indexer/paged_logits.py:120
                products = dot_fp8(part_2, other)  # specs/indexer/keys.py:169
                total = sum_of_products(products + jnp.abs(products), weight_1[None, :], 1)  # specs/indexer/keys.py:173
                value = jnp.where(live_1 & mask, total * scale, float("-inf"))  # specs/indexer/paged_logits.py:120
                plgpu.store(logits_ref.at[out_request, column_1], value, mask=mask)  # specs/indexer/paged_logits.py:123
                return ()
            () = jax.lax.fori_loop(first_tile, end_tile, step, ())  # specs/indexer/paged_logits.py:125
