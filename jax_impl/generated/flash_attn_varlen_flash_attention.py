# flash_attn_varlen, case "decode-pages-of-16", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""flash_attention: Attention of the rows of one request and key head.

Generated. Specialised on
    softmax_scale = 0.6931471805599453
    causal = True
    window_left = -1
    window_right = -1
    softcap = 0.0
    out_dtype = bf16
    kv_layout = separate
    return_softmax_lse = False
    splits = 0
    invariant = False
    q = bf16
    k = bf16
    v = bf16
    cu_seqlens_q = int32
    seqused_k = int32
    block_table = int32
    out = bf16
    D = 128
    DV = 128
    GROUP = 4
    SPLITS = 1
    WHOLE_TILES = False
    BLOCK_M = 128
    BLOCK_N = 64
    CHUNK = 128
    RELOAD = 0
    num_warps = 8
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma, transposed


def flash_attention(
    q_ref, k_ref, v_ref, cu_seqlens_q_ref, seqused_k_ref, block_table_ref,
    out_ref,
    *, TQ, HQ, HKV, PAGES, PAGE, BOUNDS, TABLE, LONGEST_Q,
):
    GROUP = 4
    BLOCK_M = 128
    BLOCK_N = 64
    CHUNK = 128
    tiles = pl.cdiv(LONGEST_Q * GROUP, BLOCK_M)  # specs/flash/work.py:77
    number = pl.program_id(0)  # specs/flash/work.py:58
    rest = jax.lax.div(number, jnp.int32(tiles))
    first = (tiles - 1 - jax.lax.rem(number, jnp.int32(tiles))) * BLOCK_M
    arange_128 = jnp.arange(BLOCK_M, dtype=jnp.int32)
    row = first + arange_128
    number_1 = jax.lax.div(rest, jnp.int32(HKV))
    bound = plgpu.load(cu_seqlens_q_ref.at[number_1])  # specs/flash/work.py:94
    first_1 = jnp.minimum(jnp.maximum(bound, 0), TQ)  # specs/flash/work.py:107
    cu_seqlens_q = plgpu.load(cu_seqlens_q_ref.at[jnp.minimum(number_1 + 1, BOUNDS - 1)])  # specs/flash/work.py:95
    end = jnp.minimum(cu_seqlens_q, TQ)
    queries = jnp.maximum(end - first_1, 0)
    seqused_k = plgpu.load(seqused_k_ref.at[number_1], mask=number_1 < BOUNDS - 1, other=0)  # specs/flash/work.py:84
    used = jnp.maximum(seqused_k, 0)
    keys = jnp.minimum(used, TABLE * PAGE * jnp.minimum(jnp.int32(PAGES), 1))
    head = jax.lax.rem(rest, jnp.int32(HKV))  # specs/flash/work.py:63
    position = jax.lax.div(row, jnp.full((BLOCK_M,), GROUP, jnp.int32))
    head_1 = head * GROUP + jax.lax.rem(row, jnp.full((BLOCK_M,), GROUP, jnp.int32))
    live = row < queries * GROUP
    @pl.when(first < queries * GROUP)  # specs/flash/varlen.py:60
    def branch():
        live_1 = live[:, None]  # specs/flash/varlen.py:128
        token = first_1 + position  # specs/flash/work.py:47
        token_1 = token[:, None]  # specs/flash/varlen.py:130
        index = jnp.arange(CHUNK, dtype=jnp.int32)[None, :]
        part = plgpu.load(
            q_ref.at[token_1, head_1[:, None], index], mask=jnp.broadcast_to(live_1, (BLOCK_M, CHUNK)), other=0.0
        )
        shift = keys - queries  # specs/flash/work.py:126
        lowest = jax.lax.div(first, jnp.int32(GROUP)) + shift
        highest = jnp.minimum(jax.lax.div(first + (BLOCK_M - 1), jnp.int32(GROUP)), queries - 1) + shift
        end_1 = jnp.minimum(keys, jnp.maximum(highest + 1, 0))  # specs/flash/work.py:133
        full_end = jnp.minimum(keys, jnp.maximum(lowest + 1, 0))
        end_2 = jax.lax.div(end_1 + (BLOCK_N - 1), jnp.int32(BLOCK_N))  # specs/flash/work.py:137
        end_3 = jax.lax.div(full_end, jnp.int32(BLOCK_N))
        peak = jnp.full((BLOCK_M,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:65
        total = jnp.full((BLOCK_M,), 0.0, jnp.float32)
        sums_0 = jnp.full((BLOCK_M, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:66
        def step(tile, carry):  # specs/flash/varlen.py:75
            (peak_2, total_2, sums_0_2) = carry
            first_2 = tile * BLOCK_N  # specs/flash/keys.py:52
            position_1 = first_2 + jnp.arange(BLOCK_N, dtype=jnp.int32)
            page = plgpu.load(
                block_table_ref.at[number_1, jax.lax.div(position_1, jnp.full((BLOCK_N,), PAGE, jnp.int32))]
            )
            page_1 = jnp.minimum(jnp.maximum(page, 0), PAGES - 1)[:, None]  # specs/flash/keys.py:34
            index_1 = jax.lax.rem(position_1, jnp.full((BLOCK_N,), PAGE, jnp.int32))[:, None]
            columns = plgpu.load(k_ref.at[page_1, index_1, head, index])
            # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
            # specs/attention/softmax.py:120
            product = jnp.dot(part, transposed(columns), preferred_element_type=jnp.float32)
            chunk = plgpu.load(v_ref.at[page_1, index_1, head, index])  # specs/flash/keys.py:38
            highest_1 = jnp.max(product, axis=1)  # specs/attention/softmax.py:138
            peak_3 = jnp.maximum(peak_2, highest_1)
            # no key so far: the difference of infinities is NaN
            base = jnp.where(peak_3 == float("-inf"), 0.0, peak_3)
            # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
            weight = exp2(product - base[:, None])
            decay = exp2(peak_2 - base)
            # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
            weight_sum = jnp.sum(weight, axis=1)
            total_3 = fma(total_2, decay, weight_sum)
            narrow = weight.astype(jnp.bfloat16)
            sums_0_3 = sums_0_2 * decay[:, None] + jnp.dot(narrow, chunk, preferred_element_type=jnp.float32)
            return (peak_3, total_3, sums_0_3)
        # specs/flash/varlen.py:75
        (peak_1, total_1, sums_0_1) = jax.lax.fori_loop(0, end_3, step, (peak, total, sums_0))
        def step_1(tile_1, carry):
            (peak_5, total_5, sums_0_5) = carry
            first_3 = tile_1 * BLOCK_N  # specs/flash/keys.py:52
            position_2 = first_3 + jnp.arange(BLOCK_N, dtype=jnp.int32)
            live_2 = position_2 < keys
            page_2 = plgpu.load(
                block_table_ref.at[number_1, jax.lax.div(position_2, jnp.full((BLOCK_N,), PAGE, jnp.int32))],
                mask=live_2, other=0
            )
            page_3 = jnp.minimum(jnp.maximum(page_2, 0), PAGES - 1)[:, None]  # specs/flash/keys.py:34
            mask = live_2[:, None]
            index_2 = jax.lax.rem(position_2, jnp.full((BLOCK_N,), PAGE, jnp.int32))[:, None]
            columns_1 = plgpu.load(
                k_ref.at[page_3, index_2, head, index], mask=jnp.broadcast_to(mask, (BLOCK_N, CHUNK)), other=0.0
            )
            # specs/attention/softmax.py:120
            product_1 = jnp.dot(part, transposed(columns_1), preferred_element_type=jnp.float32)
            own = position + shift  # specs/flash/scores.py:65
            position_3 = position_2[None, :]
            distance = position_3 - own[:, None]
            seen = position_3 < keys  # specs/flash/scores.py:44
            seen_1 = seen & (distance <= 0)
            score = jnp.where(seen_1, product_1, float("-inf"))
            # specs/flash/keys.py:38
            chunk_1 = plgpu.load(
                v_ref.at[page_3, index_2, head, index], mask=jnp.broadcast_to(mask, (BLOCK_N, CHUNK)), other=0.0
            )
            highest_2 = jnp.max(score, axis=1)  # specs/attention/softmax.py:138
            peak_6 = jnp.maximum(peak_5, highest_2)
            base_1 = jnp.where(peak_6 == float("-inf"), 0.0, peak_6)
            weight_1 = exp2(score - base_1[:, None])
            decay_1 = exp2(peak_5 - base_1)
            weight_1_sum = jnp.sum(weight_1, axis=1)
            total_6 = fma(total_5, decay_1, weight_1_sum)
            narrow_1 = weight_1.astype(jnp.bfloat16)
            sums_0_6 = sums_0_5 * decay_1[:, None] + jnp.dot(narrow_1, chunk_1, preferred_element_type=jnp.float32)
            return (peak_6, total_6, sums_0_6)
        # specs/flash/varlen.py:75
        (peak_4, total_4, sums_0_4) = jax.lax.fori_loop(end_3, end_2, step_1, (peak_1, total_1, sums_0_1))
        # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
        known = total_4 > 0.0  # specs/attention/softmax.py:185
        factor = jnp.where(known, div_rn(jnp.full((BLOCK_M,), 1.0, jnp.float32), jnp.where(known, total_4, 1.0)), 0.0)
        mean = sums_0_4 * factor[:, None]  # specs/flash/results.py:30
        # specs/flash/results.py:47
        plgpu.store(
            out_ref.at[token_1, head_1[:, None], index], mean.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_1, (BLOCK_M, CHUNK))
        )
    @pl.when(number_1 == BOUNDS - 1)  # specs/flash/varlen.py:61
    def branch_1():
        bound_1 = plgpu.load(cu_seqlens_q_ref.at[jnp.int32(0)])  # specs/flash/work.py:101
        first_4 = jnp.minimum(jnp.maximum(bound_1, 0), TQ)  # specs/flash/work.py:107
        bound_2 = plgpu.load(cu_seqlens_q_ref.at[jnp.int32(BOUNDS - 1)])  # specs/flash/work.py:102
        end_4 = jnp.maximum(jnp.minimum(jnp.maximum(bound_2, 0), TQ), first_4)
        programs = tiles * HKV  # specs/flash/unowned.py:24
        own_1 = head * tiles + jax.lax.div(first, jnp.int32(BLOCK_M))
        count = (TQ - (end_4 - first_4)) * HQ
        tiles_1 = jax.lax.div(count + (BLOCK_M - 1), jnp.int32(BLOCK_M))
        def step_2(step_3, carry):
            () = carry
            row_1 = (own_1 + step_3 * programs) * BLOCK_M + arange_128  # specs/flash/unowned.py:29
            token_2 = jax.lax.div(row_1, jnp.full((BLOCK_M,), HQ, jnp.int32))
            token_3 = jnp.where(token_2 < first_4, token_2, token_2 + (end_4 - first_4))
            head_2 = jax.lax.rem(row_1, jnp.full((BLOCK_M,), HQ, jnp.int32))
            live_3 = row_1 < count
            zero = jnp.full((BLOCK_M, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:66
            token_4 = token_3[:, None]  # specs/flash/results.py:44
            mask_1 = live_3[:, None]
            plgpu.store(
                out_ref.at[token_4, head_2[:, None], jnp.arange(CHUNK, dtype=jnp.int32)[None, :]],
                zero.astype(jnp.bfloat16), mask=jnp.broadcast_to(mask_1, (BLOCK_M, CHUNK))
            )
            return ()
        # specs/flash/unowned.py:34
        () = jax.lax.fori_loop(
            0, jax.lax.div(jnp.maximum(tiles_1 - own_1, 0) + (programs - 1), jnp.int32(programs)), step_2, ()
        )
