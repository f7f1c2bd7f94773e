# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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
    H = 64
    ROWS = 16
    BLOCK_N = 128
    BLOCK_H = 64
    CHUNK = 128
    TILES = 8
    out_request = pl.program_id(0)  # specs/indexer/paged_logits.py:57
    part = pl.program_id(1)
    request = first + out_request
    # The last launch over slices of the requests may reach past B.
    @pl.when(request < B)
    def branch():
        length = plgpu.load(context_lens_ref.at[request, jnp.int32(0)])  # specs/indexer/paged_logits.py:70
        # Columns of a logits row end at max_model_len, lengths of padding may not.
        upper = jnp.minimum(length, max_model_len)
        # Requests with at most `least` keys are not scored: top-k takes all of them anyway.
        upper_1 = jnp.where(upper > least, upper, 0)  # specs/indexer/paged_logits.py:97
        first_tile = part * TILES
        last_tile = jnp.minimum(first_tile + TILES, pl.cdiv(max_model_len, BLOCK_N))
        end_tile = jnp.minimum(
            jnp.maximum(jax.lax.div(jnp.maximum(upper_1, 0) + (BLOCK_N - 1), jnp.int32(BLOCK_N)), first_tile), last_tile
        )
        # The queries are loaded inside: programs past a short request do not load them.
        @pl.when(first_tile < end_tile)
        def branch_1():
            known = request >= 0  # specs/indexer/paged_logits.py:103
            # Unrolled: all heads of a query stay in registers while its keys stream by.
            head = jnp.arange(BLOCK_H, dtype=jnp.int32)  # specs/indexer/keys.py:104
            inside = (head < H) & known
            weight = plgpu.load(weights_ref.at[request, head], mask=inside, other=0.0)
            column = jnp.arange(CHUNK, dtype=jnp.int32)[None, :]
            # specs/indexer/keys.py:117
            part_1 = plgpu.load(
                q_ref.at[request, head[:, None], column], mask=jnp.broadcast_to(inside[:, None], (BLOCK_H, CHUNK)),
                other=0.0
            )
            # Half the weight: `score` multiplies it with x + |x| = 2 relu(x).
            other = transposed(part_1)
            weight_1 = weight * 0.5  # specs/indexer/keys.py:121
            def step(k, carry):  # specs/indexer/paged_logits.py:125
                k = pipelined(k, 2, warps=4)
                () = carry
                column_1 = k * BLOCK_N + jnp.arange(BLOCK_N, dtype=jnp.int32)  # specs/indexer/paged_logits.py:112
                entry = jax.lax.div(column_1, jnp.full((BLOCK_N,), ROWS, jnp.int32))
                live = (column_1 < upper_1) & (entry < NB)
                page = plgpu.load(block_tables_ref.at[request, entry], mask=live, other=-1)
                live_1 = live & (page >= 0) & (page < PAGES)
                # Page 0 where there is none: the address is computed for masked lanes too.
                page_1 = jnp.where(live_1, page, 0)
                inside_1 = jax.lax.rem(column_1, jnp.full((BLOCK_N,), ROWS, jnp.int32))
                start = inside_1 * 128  # specs/indexer/keys.py:150
                shares = inside_1 * 4 + ROWS * 128
                part_2 = load_view(
                    cache_ref, page_1[:, None], start[:, None], column, jnp.float8_e4m3fn,
                    mask=jnp.broadcast_to(live_1[:, None], (BLOCK_N, CHUNK))
                )
                scale = load_view(cache_ref, page_1, shares, jnp.int32(0), jnp.float32, mask=live_1)
                mask = column_1 < upper  # specs/indexer/paged_logits.py:120
                # FP8 parts are summed outside: fp8 dot units accumulate in less than full float32.
                products = dot_fp8(part_2, other)  # specs/indexer/keys.py:174
                # x + |x| is twice relu(x), and NaN where x is, which a maximum may drop; halving is exact.
                total = sum_of_products(products + jnp.abs(products), weight_1[None, :], 1)
                # Once per key instead of once per head and key; relu commutes with a positive factor.
                value = jnp.where(live_1 & mask, total * scale, float("-inf"))  # specs/indexer/paged_logits.py:120
                plgpu.store(logits_ref.at[out_request, column_1], value, mask=mask)
                return ()
            () = jax.lax.fori_loop(first_tile, end_tile, step, ())  # specs/indexer/paged_logits.py:125
