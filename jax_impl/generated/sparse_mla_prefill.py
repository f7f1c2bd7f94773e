# sparse_mla_prefill, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""sparse_mla_prefill: Attention of one token's heads over listed rows.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    d_v = 512
    q = bf16
    kv = bf16
    indices = int32
    attn_sink = f32
    topk_length = int32
    out = bf16
    max_logits = f32
    lse = f32
    D = 512
    VALUES = 512
    BLOCK_H = 128
    BLOCK_K = 64
    CHUNK = 256
    VALUE_CHUNK = 0
    VALUE_PARTS = 2
    RELOAD = 0
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma, transposed


def sparse_mla_prefill(
    q_ref, kv_ref, indices_ref, attn_sink_ref, topk_length_ref,
    out_ref, max_logits_ref, lse_ref,
    *, H, S, P,
):
    BLOCK_H = 128
    BLOCK_K = 64
    CHUNK = 256
    VALUE_PARTS = 2
    tile = pl.program_id(0)  # specs/attention/sparse.py:78
    blocks = pl.cdiv(H, BLOCK_H)
    rest = jax.lax.div(tile, jnp.int32(VALUE_PARTS))
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = jax.lax.rem(rest, jnp.int32(blocks)) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    token = jax.lax.div(rest, jnp.int32(blocks))
    live = head < H
    part = jax.lax.rem(tile, jnp.int32(VALUE_PARTS))
    # A branch per part: chunk numbers are Python values, and sums of different widths are different programs.
    @pl.when(part == 0)  # specs/attention/sparse.py:117
    def branch():
        arange_256 = jnp.arange(CHUNK, dtype=jnp.int32)  # specs/attention/columns.py:25
        # specs/attention/sparse.py:172
        part_1 = plgpu.load(
            q_ref.at[token, head[:, None], arange_256[None, :]], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)),
            other=0.0
        )
        index = (arange_256 + CHUNK)[None, :]
        part_2 = plgpu.load(
            q_ref.at[token, head[:, None], index], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
        )
        # A length is user data: above the width it would read the next token's list.
        topk_length = plgpu.load(topk_length_ref.at[token])  # specs/attention/sparse.py:185
        length = jnp.minimum(jnp.maximum(topk_length, 0), P)
        upper = jax.lax.div(length + (BLOCK_K - 1), jnp.int32(BLOCK_K))  # specs/attention/sparse.py:155
        peak = jnp.full((BLOCK_H,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:65
        total = jnp.full((BLOCK_H,), 0.0, jnp.float32)
        sums_0 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:66
        def step(k, carry):  # specs/attention/sparse.py:243
            (peak_2, total_2, sums_0_2) = carry
            entry = k * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/attention/sparse.py:220
            # Entries past the length are stale; -1 makes them skipped like missing ones.
            index_1 = plgpu.load(indices_ref.at[token, entry], mask=entry < length, other=-1)
            # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
            live_1 = (index_1 >= 0) & (index_1 < S)  # specs/attention/sparse.py:226
            # Chunks are loaded where a dot takes them: a row of 576 columns does not fit into registers.
            # specs/attention/prefill.py:46
            columns = plgpu.load(
                kv_ref.at[index_1[:, None], arange_256[None, :]],
                mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
            )
            columns_1 = plgpu.load(
                kv_ref.at[index_1[:, None], index], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
            )
            # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
            # specs/attention/softmax.py:120
            score = jnp.dot(part_1, transposed(columns), preferred_element_type=jnp.float32)
            score_1 = score + jnp.dot(part_2, transposed(columns_1), preferred_element_type=jnp.float32)
            # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
            score_2 = jnp.where(live_1[None, :], score_1, float("-inf"))  # specs/attention/softmax.py:89
            highest = jnp.max(score_2, axis=1)  # specs/attention/softmax.py:138
            peak_3 = jnp.maximum(peak_2, highest)
            # no key so far: the difference of infinities is NaN
            base = jnp.where(peak_3 == float("-inf"), 0.0, peak_3)
            # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
            weight = exp2(score_2 - base[:, None])
            decay = exp2(peak_2 - base)
            # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
            weight_sum = jnp.sum(weight, axis=1)
            total_3 = fma(total_2, decay, weight_sum)
            narrow = weight.astype(jnp.bfloat16)
            sums_0_3 = sums_0_2 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)
            return (peak_3, total_3, sums_0_3)
        # specs/attention/sparse.py:243
        (peak_1, total_1, sums_0_1) = jax.lax.fori_loop(0, upper, step, (peak, total, sums_0))
        # The sink is a score in natural units; the state is in powers of two.
        attn_sink = plgpu.load(attn_sink_ref.at[head], mask=live, other=0.0)  # specs/attention/sparse.py:252
        sink = attn_sink * 1.4426950408889634  # log2(e)
        # No key at all: -inf - -inf is NaN.
        base_1 = jnp.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:182
        whole = total_1 + exp2(sink - base_1)
        # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
        known = total_1 > 0.0
        factor = jnp.where(known, div_rn(jnp.full((BLOCK_H,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)
        # specs/attention/sparse.py:256
        plgpu.store(
            out_ref.at[token, head[:, None], arange_256[None, :]], (sums_0_1 * factor[:, None]).astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
        )
        # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
        lost = (total_1 != total_1) & (peak_1 < float("inf"))  # specs/attention/softmax.py:198
        # Programs that share a row all know its scores; one of them stores.
        # 0.6931471805599453 is ln(2), specs/attention/sparse.py:259
        plgpu.store(max_logits_ref.at[token, head], jnp.where(lost, total_1, peak_1 * 0.6931471805599453), mask=live)
        # NaN stays NaN
        known_1 = total_1 != 0.0  # specs/attention/softmax.py:191
        # 0.6931471805599453 is ln(2), specs/attention/sparse.py:260
        plgpu.store(
            lse_ref.at[token, head],
            jnp.where(
                known_1, (peak_1 + jnp.log2(jnp.where(known_1, total_1, 1.0))) * 0.6931471805599453, float("-inf")
            ),
            mask=live
        )
    @pl.when(part == 1)  # specs/attention/sparse.py:117
    def branch_1():
        arange_256_1 = jnp.arange(CHUNK, dtype=jnp.int32)  # specs/attention/columns.py:25
        # specs/attention/sparse.py:172
        part_3 = plgpu.load(
            q_ref.at[token, head[:, None], arange_256_1[None, :]],
            mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
        )
        index_2 = (arange_256_1 + CHUNK)[None, :]
        part_4 = plgpu.load(
            q_ref.at[token, head[:, None], index_2], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
        )
        topk_length_1 = plgpu.load(topk_length_ref.at[token])  # specs/attention/sparse.py:185
        length_1 = jnp.minimum(jnp.maximum(topk_length_1, 0), P)
        upper_1 = jax.lax.div(length_1 + (BLOCK_K - 1), jnp.int32(BLOCK_K))  # specs/attention/sparse.py:155
        peak_4 = jnp.full((BLOCK_H,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:65
        total_4 = jnp.full((BLOCK_H,), 0.0, jnp.float32)
        sums_0_4 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:66
        def step_1(k_1, carry):  # specs/attention/sparse.py:243
            (peak_6, total_6, sums_0_6) = carry
            entry_1 = k_1 * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/attention/sparse.py:220
            index_3 = plgpu.load(indices_ref.at[token, entry_1], mask=entry_1 < length_1, other=-1)
            live_2 = (index_3 >= 0) & (index_3 < S)  # specs/attention/sparse.py:226
            # specs/attention/prefill.py:46
            columns_2 = plgpu.load(
                kv_ref.at[index_3[:, None], arange_256_1[None, :]],
                mask=jnp.broadcast_to(live_2[:, None], (BLOCK_K, CHUNK)), other=0.0
            )
            columns_3 = plgpu.load(
                kv_ref.at[index_3[:, None], index_2], mask=jnp.broadcast_to(live_2[:, None], (BLOCK_K, CHUNK)),
                other=0.0
            )
            # specs/attention/softmax.py:120
            score_3 = jnp.dot(part_3, transposed(columns_2), preferred_element_type=jnp.float32)
            score_4 = score_3 + jnp.dot(part_4, transposed(columns_3), preferred_element_type=jnp.float32)
            score_5 = jnp.where(live_2[None, :], score_4, float("-inf"))  # specs/attention/softmax.py:89
            highest_1 = jnp.max(score_5, axis=1)  # specs/attention/softmax.py:138
            peak_7 = jnp.maximum(peak_6, highest_1)
            base_2 = jnp.where(peak_7 == float("-inf"), 0.0, peak_7)
            weight_1 = exp2(score_5 - base_2[:, None])
            decay_1 = exp2(peak_6 - base_2)
            weight_1_sum = jnp.sum(weight_1, axis=1)
            total_7 = fma(total_6, decay_1, weight_1_sum)
            narrow_1 = weight_1.astype(jnp.bfloat16)
            sums_0_7 = sums_0_6 * decay_1[:, None] + jnp.dot(narrow_1, columns_3, preferred_element_type=jnp.float32)
            return (peak_7, total_7, sums_0_7)
        # specs/attention/sparse.py:243
        (peak_5, total_5, sums_0_5) = jax.lax.fori_loop(0, upper_1, step_1, (peak_4, total_4, sums_0_4))
        attn_sink_1 = plgpu.load(attn_sink_ref.at[head], mask=live, other=0.0)  # specs/attention/sparse.py:252
        sink_1 = attn_sink_1 * 1.4426950408889634  # log2(e)
        base_3 = jnp.where(peak_5 == float("-inf"), 0.0, peak_5)  # specs/attention/softmax.py:182
        whole_1 = total_5 + exp2(sink_1 - base_3)
        known_2 = total_5 > 0.0
        factor_1 = jnp.where(
            known_2, div_rn(jnp.full((BLOCK_H,), 1.0, jnp.float32), jnp.where(known_2, whole_1, 1.0)), 0.0
        )
        # specs/attention/sparse.py:256
        plgpu.store(
            out_ref.at[token, head[:, None], index_2], (sums_0_5 * factor_1[:, None]).astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
        )
