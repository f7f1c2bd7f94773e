# sparse_mla_prefill, case "v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 78c4eeceaa9ab18c2118894663e5515eba9d327ffd102a51cef11c340d40a5a2
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
    BLOCK_H = 16
    BLOCK_K = 64
    CHUNK = 64
    VALUE_PARTS = 1
    RELOAD = 0
    num_warps = 4
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
    BLOCK_H = 16
    BLOCK_K = 64
    CHUNK = 64
    tile = pl.program_id(0)  # specs/attention/sparse.py:80
    blocks = pl.cdiv(H, BLOCK_H)
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = jax.lax.rem(tile, jnp.int32(blocks)) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    token = jax.lax.div(tile, jnp.int32(blocks))
    live = head < H
    arange_64 = jnp.arange(CHUNK, dtype=jnp.int32)  # specs/attention/columns.py:21
    # specs/attention/sparse.py:166
    part = plgpu.load(
        q_ref.at[token, head[:, None], arange_64[None, :]], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)),
        other=0.0
    )
    index = (arange_64 + CHUNK)[None, :]
    part_1 = plgpu.load(
        q_ref.at[token, head[:, None], index], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_1 = (arange_64 + (CHUNK + CHUNK))[None, :]
    part_2 = plgpu.load(
        q_ref.at[token, head[:, None], index_1], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_2 = (arange_64 + (CHUNK + CHUNK + CHUNK))[None, :]
    part_3 = plgpu.load(
        q_ref.at[token, head[:, None], index_2], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_3 = (arange_64 + (CHUNK + CHUNK + CHUNK + CHUNK))[None, :]
    part_4 = plgpu.load(
        q_ref.at[token, head[:, None], index_3], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_4 = (arange_64 + 320)[None, :]
    part_5 = plgpu.load(
        q_ref.at[token, head[:, None], index_4], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_5 = (arange_64 + (320 + CHUNK))[None, :]
    part_6 = plgpu.load(
        q_ref.at[token, head[:, None], index_5], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_6 = (arange_64 + (320 + CHUNK + CHUNK))[None, :]
    part_7 = plgpu.load(
        q_ref.at[token, head[:, None], index_6], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    # A length is user data: above the width it would read the next token's list.
    topk_length = plgpu.load(topk_length_ref.at[token])  # specs/attention/sparse.py:178
    length = jnp.minimum(jnp.maximum(topk_length, 0), P)
    upper = jax.lax.div(length + (BLOCK_K - 1), jnp.int32(BLOCK_K))  # specs/attention/sparse.py:148
    peak = jnp.full((BLOCK_H,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:50
    total = jnp.full((BLOCK_H,), 0.0, jnp.float32)
    sums_0 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    sums_1 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_2 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_3 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_4 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_5 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_6 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_7 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    def step(k, carry):  # specs/attention/sparse.py:236
        (peak_2, total_2, sums_0_2, sums_1_2, sums_2_2, sums_3_2, sums_4_2, sums_5_2, sums_6_2, sums_7_2) = carry
        entry = k * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/attention/sparse.py:213
        # Entries past the length are stale; -1 makes them skipped like missing ones.
        index_7 = plgpu.load(indices_ref.at[token, entry], mask=entry < length, other=-1)
        # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
        live_1 = (index_7 >= 0) & (index_7 < S)  # specs/attention/sparse.py:219
        # Chunks are loaded where a dot takes them: a row of 576 columns does not fit into registers.
        # specs/attention/prefill.py:46
        columns = plgpu.load(
            kv_ref.at[index_7[:, None], arange_64[None, :]], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)),
            other=0.0
        )
        columns_1 = plgpu.load(
            kv_ref.at[index_7[:, None], index], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_2 = plgpu.load(
            kv_ref.at[index_7[:, None], index_1], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_3 = plgpu.load(
            kv_ref.at[index_7[:, None], index_2], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_4 = plgpu.load(
            kv_ref.at[index_7[:, None], index_3], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_5 = plgpu.load(
            kv_ref.at[index_7[:, None], index_4], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_6 = plgpu.load(
            kv_ref.at[index_7[:, None], index_5], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        columns_7 = plgpu.load(
            kv_ref.at[index_7[:, None], index_6], mask=jnp.broadcast_to(live_1[:, None], (BLOCK_K, CHUNK)), other=0.0
        )
        # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
        # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
        score = jnp.dot(part, transposed(columns), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:78
        score_1 = score + jnp.dot(part_1, transposed(columns_1), preferred_element_type=jnp.float32)
        score_2 = score_1 + jnp.dot(part_2, transposed(columns_2), preferred_element_type=jnp.float32)
        score_3 = score_2 + jnp.dot(part_3, transposed(columns_3), preferred_element_type=jnp.float32)
        score_4 = score_3 + jnp.dot(part_4, transposed(columns_4), preferred_element_type=jnp.float32)
        score_5 = score_4 + jnp.dot(part_5, transposed(columns_5), preferred_element_type=jnp.float32)
        score_6 = score_5 + jnp.dot(part_6, transposed(columns_6), preferred_element_type=jnp.float32)
        product = score_6 + jnp.dot(part_7, transposed(columns_7), preferred_element_type=jnp.float32)
        score_7 = jnp.where(live_1[None, :], product, float("-inf"))  # specs/attention/softmax.py:69
        highest = jnp.max(score_7, axis=1)  # specs/attention/softmax.py:88
        # Scaling the row maximum is [heads], scaling all scores [heads, keys]; legal because factor > 0.
        peak_3 = jnp.maximum(peak_2, highest)
        # no key so far: the difference of infinities is NaN
        base = jnp.where(peak_3 == float("-inf"), 0.0, peak_3)
        # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
        weight = exp2(score_7 - base[:, None])
        decay = exp2(peak_2 - base)
        # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
        weight_sum = jnp.sum(weight, axis=1)
        total_3 = fma(total_2, decay, weight_sum)
        # a program may have no part of the values
        narrow = weight.astype(jnp.bfloat16)
        # specs/attention/softmax.py:98
        sums_0_3 = sums_0_2 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)
        sums_1_3 = sums_1_2 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)
        sums_2_3 = sums_2_2 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)
        sums_3_3 = sums_3_2 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)
        sums_4_3 = sums_4_2 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)
        sums_5_3 = sums_5_2 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)
        sums_6_3 = sums_6_2 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)
        sums_7_3 = sums_7_2 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)
        return (peak_3, total_3, sums_0_3, sums_1_3, sums_2_3, sums_3_3, sums_4_3, sums_5_3, sums_6_3, sums_7_3)
    # specs/attention/sparse.py:236
    (
        peak_1, total_1, sums_0_1, sums_1_1, sums_2_1, sums_3_1, sums_4_1, sums_5_1, sums_6_1, sums_7_1
    ) = jax.lax.fori_loop(0, upper, step, (peak, total, sums_0, sums_1, sums_2, sums_3, sums_4, sums_5, sums_6, sums_7))
    # The sink is a score in natural units; the state is in powers of two.
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=live, other=0.0)  # specs/attention/sparse.py:245
    sink = attn_sink * 1.4426950408889634  # log2(e)
    # No key at all: -inf - -inf is NaN.
    base_1 = jnp.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:128
    whole = total_1 + exp2(sink - base_1)
    # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
    known = total_1 > 0.0
    factor = jnp.where(known, div_rn(jnp.full((BLOCK_H,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)
    # specs/attention/sparse.py:249
    plgpu.store(
        out_ref.at[token, head[:, None], arange_64[None, :]], (sums_0_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index], (sums_1_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_1], (sums_2_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_2], (sums_3_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_3], (sums_4_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_4], (sums_5_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_5], (sums_6_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        out_ref.at[token, head[:, None], index_6], (sums_7_1 * factor[:, None]).astype(jnp.bfloat16),
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
    lost = (total_1 != total_1) & (peak_1 < float("inf"))  # specs/attention/softmax.py:144
    # Programs that share a row all know its scores; one of them stores.
    # 0.6931471805599453 is ln(2), specs/attention/sparse.py:252
    plgpu.store(max_logits_ref.at[token, head], jnp.where(lost, total_1, peak_1 * 0.6931471805599453), mask=live)
    # NaN stays NaN
    known_1 = total_1 != 0.0  # specs/attention/softmax.py:137
    # 0.6931471805599453 is ln(2), specs/attention/sparse.py:253
    plgpu.store(
        lse_ref.at[token, head],
        jnp.where(known_1, (peak_1 + jnp.log2(jnp.where(known_1, total_1, 1.0))) * 0.6931471805599453, float("-inf")),
        mask=live
    )
