# sparse_mla_prefill, case "v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 a1a99be2868b0c70e16d0f1ab8749ccdc12bb6b73c24fea0e14367f8b0cfa269
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
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, fma


def sparse_mla_prefill(
    q_ref, kv_ref, indices_ref, attn_sink_ref, topk_length_ref,
    out_ref, max_logits_ref, lse_ref,
    *, T, H, S, P, SINKS,
):
    blocks = (H + 15) // 16  # specs/attention/sparse.py:67
    tile = pl.program_id(0)  # specs/attention/sparse.py:68
    head = jax.lax.rem(tile, jnp.int32(blocks)) * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/attention/sparse.py:69
    token = jax.lax.div(tile, jnp.int32(blocks))  # specs/attention/sparse.py:70
    t = head < H  # specs/attention/sparse.py:70
    part = plgpu.load(q_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_1 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_2 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_3 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_4 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_5 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_6 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    part_7 = plgpu.load(q_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    topk_length = plgpu.load(topk_length_ref.at[token])  # specs/attention/sparse.py:99
    length = jnp.minimum(jnp.maximum(topk_length, 0), P)  # specs/attention/sparse.py:99
    count = jax.lax.div(length + 63, jnp.int32(64))  # specs/attention/sparse.py:86
    peak = jnp.full((16,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:41
    t_1 = jnp.full((16,), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_2 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_3 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_4 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_5 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_6 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_7 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_8 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    t_9 = jnp.full((16, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:42
    def step(k, carry):  # specs/attention/sparse.py:91
        (peak_1, total_8, part_8, part_9, part_10, part_11, part_12, part_13, part_14, part_15) = carry
        entry = k * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:126
        index = plgpu.load(indices_ref.at[token, entry], mask=entry < length, other=-1)  # specs/attention/sparse.py:127
        live = (index >= 0) & (index < S)  # specs/attention/sparse.py:128
        columns = plgpu.load(kv_ref.at[index[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_1 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_2 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_3 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_4 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_5 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_6 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        columns_7 = plgpu.load(kv_ref.at[index[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], mask=jnp.broadcast_to(live[:, None], (64, 64)), other=0.0)  # specs/attention/prefill.py:71
        score = jnp.dot(part, jnp.transpose(columns, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_1 = score + jnp.dot(part_1, jnp.transpose(columns_1, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_2 = score_1 + jnp.dot(part_2, jnp.transpose(columns_2, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_3 = score_2 + jnp.dot(part_3, jnp.transpose(columns_3, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_4 = score_3 + jnp.dot(part_4, jnp.transpose(columns_4, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_5 = score_4 + jnp.dot(part_5, jnp.transpose(columns_5, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_6 = score_5 + jnp.dot(part_6, jnp.transpose(columns_6, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_7 = score_6 + jnp.dot(part_7, jnp.transpose(columns_7, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_8 = jnp.where(live[None, :], score_7 * 1.0, float("-inf"))  # specs/attention/softmax.py:56
        t_10 = jnp.max(score_8, axis=1)  # specs/attention/softmax.py:57
        peak_2 = jnp.maximum(peak_1, t_10)  # specs/attention/softmax.py:57
        base = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:58
        weight = jnp.exp2(score_8 - base[:, None])  # specs/attention/softmax.py:59
        decay = jnp.exp2(peak_1 - base)  # specs/attention/softmax.py:60
        t_11 = jnp.sum(weight, axis=1)  # specs/attention/softmax.py:61
        total_9 = fma(total_8, decay, t_11)  # specs/attention/softmax.py:61
        narrow = weight.astype(jnp.bfloat16)  # specs/attention/softmax.py:62
        product = part_8 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_1 = part_9 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_2 = part_10 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_3 = part_11 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_4 = part_12 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_5 = part_13 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_6 = part_14 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_7 = part_15 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        return (peak_2, total_9, product, product_1, product_2, product_3, product_4, product_5, product_6, product_7)
    (state_peak, state_total, total, total_1, total_2, total_3, total_4, total_5, total_6, total_7) = jax.lax.fori_loop(0, count, step, (peak, t_1, t_2, t_3, t_4, t_5, t_6, t_7, t_8, t_9))  # specs/attention/sparse.py:91
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=t, other=0.0)  # specs/attention/sparse.py:138
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:138
    base_1 = jnp.where(state_peak == float("-inf"), 0.0, state_peak)  # specs/attention/softmax.py:72
    whole = state_total + jnp.exp2(sink - base_1)  # specs/attention/softmax.py:73
    known = state_total > 0.0  # specs/attention/softmax.py:74
    factor = jnp.where(known, div_rn(jnp.full((16,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:75
    plgpu.store(out_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], (total * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 64)[None, :]], (total_1 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 128)[None, :]], (total_2 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 192)[None, :]], (total_3 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 256)[None, :]], (total_4 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 320)[None, :]], (total_5 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 384)[None, :]], (total_6 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(out_ref.at[token, head[:, None], (jnp.arange(64, dtype=jnp.int32) + 448)[None, :]], (total_7 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(max_logits_ref.at[token, head], state_peak * 0.6931471805599453, mask=t)  # specs/attention/sparse.py:144
    known_1 = state_total > 0.0  # specs/attention/softmax.py:80
    plgpu.store(lse_ref.at[token, head], jnp.where(known_1, (state_peak + jnp.log2(jnp.where(known_1, state_total, 1.0))) * 0.6931471805599453, float("-inf")), mask=t)  # specs/attention/sparse.py:145
