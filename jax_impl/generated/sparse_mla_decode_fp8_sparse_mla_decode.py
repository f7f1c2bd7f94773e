# sparse_mla_decode_fp8, case "v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 68b762b3abc0eedd027c1a288fcd700eaca0ef344e12a8c0c0db0d4faec0a9cc
"""sparse_mla_decode: Attention of one token's heads over rows of paged caches.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    layout = v4
    block_size = 16
    comp_block_size = 2
    splits = 0
    q = bf16
    swa_cache = uint8
    swa_indices = int32
    swa_lens = int32
    comp_cache = uint8
    topk_indices = int32
    topk_lens = int32
    attn_sink = f32
    out = bf16
    max_logits = f32
    lse = f32
    D = 512
    SWA_ROWS = 16
    COMP_ROWS = 2
    VALUES = 512
    SPLITS = 1
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
from jax_impl.platforms.views import load_view


def sparse_mla_decode(
    q_ref, swa_cache_ref, swa_indices_ref, swa_lens_ref, comp_cache_ref, topk_indices_ref, topk_lens_ref, attn_sink_ref,
    out_ref, max_logits_ref, lse_ref,
    *, H, W, K, SWA_PAGES, COMP_PAGES,
):
    tile = pl.program_id(0)  # specs/attention/sparse.py:80
    blocks = (H + 15) // 16  # specs/attention/sparse.py:80
    rest = jax.lax.div(tile, jnp.int32(1))  # specs/attention/sparse.py:81
    head = jax.lax.rem(rest, jnp.int32(blocks)) * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/attention/sparse.py:82
    token = jax.lax.div(rest, jnp.int32(blocks))  # specs/attention/sparse.py:84
    t = head < H  # specs/attention/sparse.py:84
    count = COMP_PAGES * 2  # specs/attention/decode.py:68
    count_1 = SWA_PAGES * 16  # specs/attention/decode.py:70
    part = plgpu.load(q_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_1 = plgpu.load(q_ref.at[token, head[:, None], (index + 64)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_1 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_2 = plgpu.load(q_ref.at[token, head[:, None], (index_1 + 128)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_2 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_3 = plgpu.load(q_ref.at[token, head[:, None], (index_2 + 192)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_3 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_4 = plgpu.load(q_ref.at[token, head[:, None], (index_3 + 256)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_4 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_5 = plgpu.load(q_ref.at[token, head[:, None], (index_4 + 320)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_5 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_6 = plgpu.load(q_ref.at[token, head[:, None], (index_5 + 384)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    index_6 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    part_7 = plgpu.load(q_ref.at[token, head[:, None], (index_6 + 448)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:161
    topk_lens = plgpu.load(topk_lens_ref.at[token])  # specs/attention/sparse.py:172
    length = jnp.minimum(jnp.maximum(topk_lens, 0), K)  # specs/attention/sparse.py:172
    swa_lens = plgpu.load(swa_lens_ref.at[token])  # specs/attention/sparse.py:172
    length_1 = jnp.minimum(jnp.maximum(swa_lens, 0), W)  # specs/attention/sparse.py:172
    upper = jax.lax.div(length + 63, jnp.int32(64))  # specs/attention/sparse.py:144
    upper_1 = jax.lax.div(length_1 + 63, jnp.int32(64))  # specs/attention/sparse.py:144
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
        (carried_10, carried_11, part_8, part_9, part_10, part_11, part_12, part_13, part_14, part_15) = carry
        entry = k * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:206
        index_7 = plgpu.load(topk_indices_ref.at[token, entry], mask=entry < length, other=-1)  # specs/attention/sparse.py:207
        live = (index_7 >= 0) & (index_7 < count)  # specs/attention/sparse.py:210
        slot = jnp.maximum(index_7, 0)  # specs/attention/decode.py:54
        page = jax.lax.div(slot, jnp.full((64,), 2, jnp.int32))  # specs/attention/decode.py:55
        row = jax.lax.rem(slot, jnp.full((64,), 2, jnp.int32))  # specs/attention/decode.py:55
        t_10 = row * 576  # specs/tile/library/pages.py:72
        start = row * 8 + 1152  # specs/tile/library/pages.py:73
        start_1 = t_10[:, None]  # specs/tile/library/pages.py:100
        live_1 = live[:, None]  # specs/tile/library/pages.py:101
        values = load_view(comp_cache_ref, page[:, None], start_1, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_1, (64, 64)))  # specs/tile/library/pages.py:102
        code = load_view(comp_cache_ref, page, start, jnp.int32(0), jnp.int32, mask=live)  # specs/tile/library/pages.py:150
        codes = code & 255  # specs/tile/library/pages.py:142
        value = jax.lax.bitcast_convert_type(codes << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_1 = jnp.where(codes == 0, 5.877471754111438e-39, value)  # specs/tile/library/codec.py:116
        spread = jnp.where(codes == 255, float("nan"), value_1)[:, None]  # specs/tile/library/pages.py:118
        value_2 = values.astype(jnp.float32) * spread  # specs/tile/library/pages.py:92
        columns = value_2.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_2 = (t_10 + 64)[:, None]  # specs/tile/library/pages.py:100
        live_2 = live[:, None]  # specs/tile/library/pages.py:101
        values_1 = load_view(comp_cache_ref, page[:, None], start_2, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_2, (64, 64)))  # specs/tile/library/pages.py:102
        code_1 = code >> 8  # specs/tile/library/pages.py:141
        codes_1 = code_1 & 255  # specs/tile/library/pages.py:142
        value_3 = jax.lax.bitcast_convert_type(codes_1 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_4 = jnp.where(codes_1 == 0, 5.877471754111438e-39, value_3)  # specs/tile/library/codec.py:116
        spread_1 = jnp.where(codes_1 == 255, float("nan"), value_4)[:, None]  # specs/tile/library/pages.py:118
        value_5 = values_1.astype(jnp.float32) * spread_1  # specs/tile/library/pages.py:92
        columns_1 = value_5.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_3 = (t_10 + 128)[:, None]  # specs/tile/library/pages.py:100
        live_3 = live[:, None]  # specs/tile/library/pages.py:101
        values_2 = load_view(comp_cache_ref, page[:, None], start_3, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_3, (64, 64)))  # specs/tile/library/pages.py:102
        code_2 = code >> 16  # specs/tile/library/pages.py:141
        codes_2 = code_2 & 255  # specs/tile/library/pages.py:142
        value_6 = jax.lax.bitcast_convert_type(codes_2 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_7 = jnp.where(codes_2 == 0, 5.877471754111438e-39, value_6)  # specs/tile/library/codec.py:116
        spread_2 = jnp.where(codes_2 == 255, float("nan"), value_7)[:, None]  # specs/tile/library/pages.py:118
        value_8 = values_2.astype(jnp.float32) * spread_2  # specs/tile/library/pages.py:92
        columns_2 = value_8.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_4 = (t_10 + 192)[:, None]  # specs/tile/library/pages.py:100
        live_4 = live[:, None]  # specs/tile/library/pages.py:101
        values_3 = load_view(comp_cache_ref, page[:, None], start_4, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_4, (64, 64)))  # specs/tile/library/pages.py:102
        code_3 = code >> 24  # specs/tile/library/pages.py:141
        codes_3 = code_3 & 255  # specs/tile/library/pages.py:142
        value_9 = jax.lax.bitcast_convert_type(codes_3 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_10 = jnp.where(codes_3 == 0, 5.877471754111438e-39, value_9)  # specs/tile/library/codec.py:116
        spread_3 = jnp.where(codes_3 == 255, float("nan"), value_10)[:, None]  # specs/tile/library/pages.py:118
        value_11 = values_3.astype(jnp.float32) * spread_3  # specs/tile/library/pages.py:92
        columns_3 = value_11.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_5 = (t_10 + 256)[:, None]  # specs/tile/library/pages.py:100
        live_5 = live[:, None]  # specs/tile/library/pages.py:101
        values_4 = load_view(comp_cache_ref, page[:, None], start_5, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_5, (64, 64)))  # specs/tile/library/pages.py:102
        start_6 = start + 4  # specs/tile/library/pages.py:149
        code_4 = load_view(comp_cache_ref, page, start_6, jnp.int32(0), jnp.int32, mask=live)  # specs/tile/library/pages.py:150
        codes_4 = code_4 & 255  # specs/tile/library/pages.py:142
        value_12 = jax.lax.bitcast_convert_type(codes_4 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_13 = jnp.where(codes_4 == 0, 5.877471754111438e-39, value_12)  # specs/tile/library/codec.py:116
        spread_4 = jnp.where(codes_4 == 255, float("nan"), value_13)[:, None]  # specs/tile/library/pages.py:118
        value_14 = values_4.astype(jnp.float32) * spread_4  # specs/tile/library/pages.py:92
        columns_4 = value_14.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_7 = (t_10 + 320)[:, None]  # specs/tile/library/pages.py:100
        live_6 = live[:, None]  # specs/tile/library/pages.py:101
        values_5 = load_view(comp_cache_ref, page[:, None], start_7, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_6, (64, 64)))  # specs/tile/library/pages.py:102
        code_5 = code_4 >> 8  # specs/tile/library/pages.py:141
        codes_5 = code_5 & 255  # specs/tile/library/pages.py:142
        value_15 = jax.lax.bitcast_convert_type(codes_5 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_16 = jnp.where(codes_5 == 0, 5.877471754111438e-39, value_15)  # specs/tile/library/codec.py:116
        spread_5 = jnp.where(codes_5 == 255, float("nan"), value_16)[:, None]  # specs/tile/library/pages.py:118
        value_17 = values_5.astype(jnp.float32) * spread_5  # specs/tile/library/pages.py:92
        columns_5 = value_17.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_8 = (t_10 + 384)[:, None]  # specs/tile/library/pages.py:100
        live_7 = live[:, None]  # specs/tile/library/pages.py:101
        values_6 = load_view(comp_cache_ref, page[:, None], start_8, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_7, (64, 64)))  # specs/tile/library/pages.py:102
        code_6 = code_4 >> 16  # specs/tile/library/pages.py:141
        codes_6 = code_6 & 255  # specs/tile/library/pages.py:142
        value_18 = jax.lax.bitcast_convert_type(codes_6 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_19 = jnp.where(codes_6 == 0, 5.877471754111438e-39, value_18)  # specs/tile/library/codec.py:116
        spread_6 = jnp.where(codes_6 == 255, float("nan"), value_19)[:, None]  # specs/tile/library/pages.py:118
        value_20 = values_6.astype(jnp.float32) * spread_6  # specs/tile/library/pages.py:92
        columns_6 = value_20.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_9 = (t_10 + 448)[:, None]  # specs/tile/library/pages.py:100
        live_8 = live[:, None]  # specs/tile/library/pages.py:101
        columns_7 = load_view(comp_cache_ref, page[:, None], start_9, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.bfloat16, mask=jnp.broadcast_to(live_8, (64, 64)))  # specs/tile/library/pages.py:102
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
        peak_1 = jnp.maximum(carried_10, highest)  # specs/attention/softmax.py:87
        base = jnp.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:88
        weight = exp2(score_7 - base[:, None])  # specs/attention/softmax.py:89
        decay = exp2(carried_10 - base)  # specs/attention/softmax.py:90
        t_11 = jnp.sum(weight, axis=1)  # specs/attention/softmax.py:91
        total = fma(carried_11, decay, t_11)  # specs/attention/softmax.py:91
        narrow = weight.astype(jnp.bfloat16)  # specs/attention/softmax.py:92
        product_1 = part_8 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_2 = part_9 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_3 = part_10 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_4 = part_11 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_5 = part_12 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_6 = part_13 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_7 = part_14 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_8 = part_15 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        return (peak_1, total, product_1, product_2, product_3, product_4, product_5, product_6, product_7, product_8)
    (carried, carried_1, carried_2, carried_3, carried_4, carried_5, carried_6, carried_7, carried_8, carried_9) = jax.lax.fori_loop(0, upper, step, (peak, t_1, t_2, t_3, t_4, t_5, t_6, t_7, t_8, t_9))  # specs/attention/sparse.py:225
    def step_1(k_1, carry):  # specs/attention/sparse.py:225
        (carried_12, carried_13, part_16, part_17, part_18, part_19, part_20, part_21, part_22, part_23) = carry
        entry_1 = k_1 * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:206
        index_8 = plgpu.load(swa_indices_ref.at[token, entry_1], mask=entry_1 < length_1, other=-1)  # specs/attention/sparse.py:207
        live_9 = (index_8 >= 0) & (index_8 < count_1)  # specs/attention/sparse.py:210
        slot_1 = jnp.maximum(index_8, 0)  # specs/attention/decode.py:54
        page_1 = jax.lax.div(slot_1, jnp.full((64,), 16, jnp.int32))  # specs/attention/decode.py:55
        row_1 = jax.lax.rem(slot_1, jnp.full((64,), 16, jnp.int32))  # specs/attention/decode.py:55
        t_12 = row_1 * 576  # specs/tile/library/pages.py:72
        start_10 = row_1 * 8 + 9216  # specs/tile/library/pages.py:73
        start_11 = t_12[:, None]  # specs/tile/library/pages.py:100
        live_10 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_7 = load_view(swa_cache_ref, page_1[:, None], start_11, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_10, (64, 64)))  # specs/tile/library/pages.py:102
        code_7 = load_view(swa_cache_ref, page_1, start_10, jnp.int32(0), jnp.int32, mask=live_9)  # specs/tile/library/pages.py:150
        codes_7 = code_7 & 255  # specs/tile/library/pages.py:142
        value_21 = jax.lax.bitcast_convert_type(codes_7 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_22 = jnp.where(codes_7 == 0, 5.877471754111438e-39, value_21)  # specs/tile/library/codec.py:116
        spread_7 = jnp.where(codes_7 == 255, float("nan"), value_22)[:, None]  # specs/tile/library/pages.py:118
        value_23 = values_7.astype(jnp.float32) * spread_7  # specs/tile/library/pages.py:92
        columns_8 = value_23.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_12 = (t_12 + 64)[:, None]  # specs/tile/library/pages.py:100
        live_11 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_8 = load_view(swa_cache_ref, page_1[:, None], start_12, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_11, (64, 64)))  # specs/tile/library/pages.py:102
        code_8 = code_7 >> 8  # specs/tile/library/pages.py:141
        codes_8 = code_8 & 255  # specs/tile/library/pages.py:142
        value_24 = jax.lax.bitcast_convert_type(codes_8 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_25 = jnp.where(codes_8 == 0, 5.877471754111438e-39, value_24)  # specs/tile/library/codec.py:116
        spread_8 = jnp.where(codes_8 == 255, float("nan"), value_25)[:, None]  # specs/tile/library/pages.py:118
        value_26 = values_8.astype(jnp.float32) * spread_8  # specs/tile/library/pages.py:92
        columns_9 = value_26.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_13 = (t_12 + 128)[:, None]  # specs/tile/library/pages.py:100
        live_12 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_9 = load_view(swa_cache_ref, page_1[:, None], start_13, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_12, (64, 64)))  # specs/tile/library/pages.py:102
        code_9 = code_7 >> 16  # specs/tile/library/pages.py:141
        codes_9 = code_9 & 255  # specs/tile/library/pages.py:142
        value_27 = jax.lax.bitcast_convert_type(codes_9 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_28 = jnp.where(codes_9 == 0, 5.877471754111438e-39, value_27)  # specs/tile/library/codec.py:116
        spread_9 = jnp.where(codes_9 == 255, float("nan"), value_28)[:, None]  # specs/tile/library/pages.py:118
        value_29 = values_9.astype(jnp.float32) * spread_9  # specs/tile/library/pages.py:92
        columns_10 = value_29.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_14 = (t_12 + 192)[:, None]  # specs/tile/library/pages.py:100
        live_13 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_10 = load_view(swa_cache_ref, page_1[:, None], start_14, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_13, (64, 64)))  # specs/tile/library/pages.py:102
        code_10 = code_7 >> 24  # specs/tile/library/pages.py:141
        codes_10 = code_10 & 255  # specs/tile/library/pages.py:142
        value_30 = jax.lax.bitcast_convert_type(codes_10 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_31 = jnp.where(codes_10 == 0, 5.877471754111438e-39, value_30)  # specs/tile/library/codec.py:116
        spread_10 = jnp.where(codes_10 == 255, float("nan"), value_31)[:, None]  # specs/tile/library/pages.py:118
        value_32 = values_10.astype(jnp.float32) * spread_10  # specs/tile/library/pages.py:92
        columns_11 = value_32.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_15 = (t_12 + 256)[:, None]  # specs/tile/library/pages.py:100
        live_14 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_11 = load_view(swa_cache_ref, page_1[:, None], start_15, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_14, (64, 64)))  # specs/tile/library/pages.py:102
        start_16 = start_10 + 4  # specs/tile/library/pages.py:149
        code_11 = load_view(swa_cache_ref, page_1, start_16, jnp.int32(0), jnp.int32, mask=live_9)  # specs/tile/library/pages.py:150
        codes_11 = code_11 & 255  # specs/tile/library/pages.py:142
        value_33 = jax.lax.bitcast_convert_type(codes_11 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_34 = jnp.where(codes_11 == 0, 5.877471754111438e-39, value_33)  # specs/tile/library/codec.py:116
        spread_11 = jnp.where(codes_11 == 255, float("nan"), value_34)[:, None]  # specs/tile/library/pages.py:118
        value_35 = values_11.astype(jnp.float32) * spread_11  # specs/tile/library/pages.py:92
        columns_12 = value_35.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_17 = (t_12 + 320)[:, None]  # specs/tile/library/pages.py:100
        live_15 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_12 = load_view(swa_cache_ref, page_1[:, None], start_17, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_15, (64, 64)))  # specs/tile/library/pages.py:102
        code_12 = code_11 >> 8  # specs/tile/library/pages.py:141
        codes_12 = code_12 & 255  # specs/tile/library/pages.py:142
        value_36 = jax.lax.bitcast_convert_type(codes_12 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_37 = jnp.where(codes_12 == 0, 5.877471754111438e-39, value_36)  # specs/tile/library/codec.py:116
        spread_12 = jnp.where(codes_12 == 255, float("nan"), value_37)[:, None]  # specs/tile/library/pages.py:118
        value_38 = values_12.astype(jnp.float32) * spread_12  # specs/tile/library/pages.py:92
        columns_13 = value_38.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_18 = (t_12 + 384)[:, None]  # specs/tile/library/pages.py:100
        live_16 = live_9[:, None]  # specs/tile/library/pages.py:101
        values_13 = load_view(swa_cache_ref, page_1[:, None], start_18, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_16, (64, 64)))  # specs/tile/library/pages.py:102
        code_13 = code_11 >> 16  # specs/tile/library/pages.py:141
        codes_13 = code_13 & 255  # specs/tile/library/pages.py:142
        value_39 = jax.lax.bitcast_convert_type(codes_13 << 23, jnp.float32)  # specs/tile/library/codec.py:115
        value_40 = jnp.where(codes_13 == 0, 5.877471754111438e-39, value_39)  # specs/tile/library/codec.py:116
        spread_13 = jnp.where(codes_13 == 255, float("nan"), value_40)[:, None]  # specs/tile/library/pages.py:118
        value_41 = values_13.astype(jnp.float32) * spread_13  # specs/tile/library/pages.py:92
        columns_14 = value_41.astype(jnp.bfloat16)  # specs/tile/library/pages.py:95
        start_19 = (t_12 + 448)[:, None]  # specs/tile/library/pages.py:100
        live_17 = live_9[:, None]  # specs/tile/library/pages.py:101
        columns_15 = load_view(swa_cache_ref, page_1[:, None], start_19, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.bfloat16, mask=jnp.broadcast_to(live_17, (64, 64)))  # specs/tile/library/pages.py:102
        score_8 = jnp.dot(part, transposed(columns_8), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_9 = score_8 + jnp.dot(part_1, transposed(columns_9), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_10 = score_9 + jnp.dot(part_2, transposed(columns_10), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_11 = score_10 + jnp.dot(part_3, transposed(columns_11), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_12 = score_11 + jnp.dot(part_4, transposed(columns_12), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_13 = score_12 + jnp.dot(part_5, transposed(columns_13), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_14 = score_13 + jnp.dot(part_6, transposed(columns_14), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        product_9 = score_14 + jnp.dot(part_7, transposed(columns_15), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
        score_15 = jnp.where(live_9[None, :], product_9 * 1.0, float("-inf"))  # specs/attention/softmax.py:68
        highest_1 = jnp.max(score_15, axis=1)  # specs/attention/softmax.py:86
        peak_2 = jnp.maximum(carried_12, highest_1)  # specs/attention/softmax.py:87
        base_1 = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:88
        weight_1 = exp2(score_15 - base_1[:, None])  # specs/attention/softmax.py:89
        decay_1 = exp2(carried_12 - base_1)  # specs/attention/softmax.py:90
        t_13 = jnp.sum(weight_1, axis=1)  # specs/attention/softmax.py:91
        total_9 = fma(carried_13, decay_1, t_13)  # specs/attention/softmax.py:91
        narrow_1 = weight_1.astype(jnp.bfloat16)  # specs/attention/softmax.py:92
        product_10 = part_16 * decay_1[:, None] + jnp.dot(narrow_1, columns_8, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_11 = part_17 * decay_1[:, None] + jnp.dot(narrow_1, columns_9, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_12 = part_18 * decay_1[:, None] + jnp.dot(narrow_1, columns_10, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_13 = part_19 * decay_1[:, None] + jnp.dot(narrow_1, columns_11, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_14 = part_20 * decay_1[:, None] + jnp.dot(narrow_1, columns_12, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_15 = part_21 * decay_1[:, None] + jnp.dot(narrow_1, columns_13, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_16 = part_22 * decay_1[:, None] + jnp.dot(narrow_1, columns_14, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        product_17 = part_23 * decay_1[:, None] + jnp.dot(narrow_1, columns_15, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
        return (peak_2, total_9, product_10, product_11, product_12, product_13, product_14, product_15, product_16, product_17)
    (state_peak, state_total, total_1, total_2, total_3, total_4, total_5, total_6, total_7, total_8) = jax.lax.fori_loop(0, upper_1, step_1, (carried, carried_1, carried_2, carried_3, carried_4, carried_5, carried_6, carried_7, carried_8, carried_9))  # specs/attention/sparse.py:225
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=t, other=0.0)  # specs/attention/sparse.py:233
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:233
    base_2 = jnp.where(state_peak == float("-inf"), 0.0, state_peak)  # specs/attention/softmax.py:121
    whole = state_total + exp2(sink - base_2)  # specs/attention/softmax.py:122
    known = state_total > 0.0  # specs/attention/softmax.py:123
    factor = jnp.where(known, div_rn(jnp.full((16,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:124
    plgpu.store(out_ref.at[token, head[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], (total_1 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_9 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_9 + 64)[None, :]], (total_2 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_10 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_10 + 128)[None, :]], (total_3 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_11 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_11 + 192)[None, :]], (total_4 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_12 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_12 + 256)[None, :]], (total_5 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_13 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_13 + 320)[None, :]], (total_6 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_14 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_14 + 384)[None, :]], (total_7 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    index_15 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:33
    plgpu.store(out_ref.at[token, head[:, None], (index_15 + 448)[None, :]], (total_8 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:237
    lost = (state_total != state_total) & (state_peak < float("inf"))  # specs/attention/softmax.py:135
    plgpu.store(max_logits_ref.at[token, head], jnp.where(lost, state_total, state_peak * 0.6931471805599453), mask=t)  # specs/attention/sparse.py:239
    known_1 = state_total != 0.0  # specs/attention/softmax.py:129
    plgpu.store(lse_ref.at[token, head], jnp.where(known_1, (state_peak + jnp.log2(jnp.where(known_1, state_total, 1.0))) * 0.6931471805599453, float("-inf")), mask=t)  # specs/attention/sparse.py:240
