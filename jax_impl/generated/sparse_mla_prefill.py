# sparse_mla_prefill, case "v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 bb032f41d6f6049348765502aabc229e5cd2c916843ad2c4775fdc84ee069212
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
    tile = pl.program_id(0)  # specs/attention/sparse.py:80
    blocks = (H + 15) // 16  # specs/attention/sparse.py:80
    rest = jax.lax.div(tile, jnp.int32(1))  # specs/attention/sparse.py:81
    head = jax.lax.rem(rest, jnp.int32(blocks)) * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/attention/sparse.py:82
    token = jax.lax.div(rest, jnp.int32(blocks))  # specs/attention/sparse.py:84
    t = head < H  # specs/attention/sparse.py:84
    part = plgpu.load(q_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_1 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_2 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_3 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_4 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_5 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_6 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    part_7 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    topk_length = plgpu.load(topk_length_ref.at[token])  # specs/attention/sparse.py:172
    length = jnp.minimum(jnp.maximum(topk_length, 0), P)  # specs/attention/sparse.py:172
    upper = jax.lax.div(length + 63, jnp.int32(64))  # specs/attention/sparse.py:144
    peak = jnp.full((16,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:50
    t_1 = jnp.full((16,), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_2 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_3 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_4 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_5 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_6 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_7 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_8 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    t_9 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
    def step(k, carry):  # specs/attention/sparse.py:225
        (carried, carried_1, part_8, part_9, part_10, part_11, part_12, part_13, part_14, part_15) = carry
        entry = k * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:206
        index = plgpu.load(indices_ref.at[token, entry], mask=entry < length, other=-1)  # specs/attention/sparse.py:207
        live = (index >= 0) & (index < S)  # specs/attention/sparse.py:210
        columns = plgpu.load(kv_ref.at[index[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_1 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_2 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_3 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_4 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_5 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_6 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        columns_7 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:45
        score = jnp.dot(part, transposed(columns), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_1 = score + jnp.dot(part_1, transposed(columns_1), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_2 = score_1 + jnp.dot(part_2, transposed(columns_2), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_3 = score_2 + jnp.dot(part_3, transposed(columns_3), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_4 = score_3 + jnp.dot(part_4, transposed(columns_4), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_5 = score_4 + jnp.dot(part_5, transposed(columns_5), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_6 = score_5 + jnp.dot(part_6, transposed(columns_6), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        product = score_6 + jnp.dot(part_7, transposed(columns_7), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_7 = jnp.where(live[None, :], product * 1.0, float("-inf"))  # specs/attention/softmax.py:68
        highest = jnp.max(score_7, axis=1)  # specs/attention/softmax.py:86
        peak_1 = jnp.maximum(carried, highest)  # specs/attention/softmax.py:87
        base = jnp.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:88
        weight = exp2(score_7 - base[:, None])  # specs/attention/softmax.py:89
        decay = exp2(carried - base)  # specs/attention/softmax.py:90
        t_10 = jnp.sum(weight, axis=1)  # specs/attention/softmax.py:91
        total_8 = fma(carried_1, decay, t_10)  # specs/attention/softmax.py:91
        narrow = weight.astype(jnp.bfloat16)  # specs/attention/softmax.py:92
        product_1 = part_8 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_2 = part_9 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_3 = part_10 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_4 = part_11 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_5 = part_12 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_6 = part_13 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_7 = part_14 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_8 = part_15 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        return (peak_1, total_8, product_1, product_2, product_3, product_4, product_5, product_6, product_7, product_8)
    (state_peak, state_total, total, total_1, total_2, total_3, total_4, total_5, total_6, total_7) = jax.lax.fori_loop(0, upper, step, (peak, t_1, t_2, t_3, t_4, t_5, t_6, t_7, t_8, t_9))  # specs/attention/sparse.py:225
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=t, other=0.0)  # specs/attention/sparse.py:233
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:233
    base_1 = jnp.where(state_peak == float("-inf"), 0.0, state_peak)  # specs/attention/softmax.py:121
    whole = state_total + exp2(sink - base_1)  # specs/attention/softmax.py:122
    known = state_total > 0.0  # specs/attention/softmax.py:123
    factor = jnp.where(known, div_rn(jnp.full((16,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:124
    plgpu.store(out_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], (total * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], (total_1 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], (total_2 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], (total_3 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], (total_4 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], (total_5 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], (total_6 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], (total_7 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    lost = (state_total != state_total) & (state_peak < float("inf"))  # specs/attention/softmax.py:135
    plgpu.store(max_logits_ref.at[token, head], jnp.where(lost, state_total, state_peak * 0.6931471805599453), mask=t)  # specs/attention/sparse.py:239
    known_1 = state_total != 0.0  # specs/attention/softmax.py:129
    plgpu.store(lse_ref.at[token, head], jnp.where(known_1, (state_peak + jnp.log2(jnp.where(known_1, state_total, 1.0))) * 0.6931471805599453, float("-inf")), mask=t)  # specs/attention/sparse.py:240
