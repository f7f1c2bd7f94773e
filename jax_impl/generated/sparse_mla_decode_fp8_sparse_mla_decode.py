# sparse_mla_decode_fp8, case "v4", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 d6daf5fa765130666f695a6b62d1ce0639e69ba3603c65b97299170d3d83cccd
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
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, fma
from jax_impl.platforms.views import load_view


def sparse_mla_decode(
    q_ref, swa_cache_ref, swa_indices_ref, swa_lens_ref, comp_cache_ref, topk_indices_ref, topk_lens_ref, attn_sink_ref,
    out_ref, max_logits_ref, lse_ref,
    *, T, H, W, K, SINKS, SWA_PAGES, SWA_BYTES, COMP_PAGES, COMP_BYTES,
):
    blocks = (H + 15) // 16  # specs/attention/sparse.py:67
    tile = pl.program_id(0)  # specs/attention/sparse.py:68
    head = jax.lax.rem(tile, jnp.int32(blocks)) * 16 + jnp.arange(16, dtype=jnp.int32)  # specs/attention/sparse.py:69
    token = jax.lax.div(tile, jnp.int32(blocks))  # specs/attention/sparse.py:70
    t = head < H  # specs/attention/sparse.py:70
    count = COMP_PAGES * 2  # specs/attention/decode.py:64
    count_1 = SWA_PAGES * 16  # specs/attention/decode.py:66
    index = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part = plgpu.load(q_ref.at[token, head[:, None], (index + 0)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_1 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_1 = plgpu.load(q_ref.at[token, head[:, None], (index_1 + 64)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_2 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_2 = plgpu.load(q_ref.at[token, head[:, None], (index_2 + 128)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_3 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_3 = plgpu.load(q_ref.at[token, head[:, None], (index_3 + 192)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_4 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_4 = plgpu.load(q_ref.at[token, head[:, None], (index_4 + 256)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_5 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_5 = plgpu.load(q_ref.at[token, head[:, None], (index_5 + 320)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_6 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_6 = plgpu.load(q_ref.at[token, head[:, None], (index_6 + 384)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    index_7 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    part_7 = plgpu.load(q_ref.at[token, head[:, None], (index_7 + 448)[None, :]], mask=jnp.broadcast_to(t[:, None], (16, 64)), other=0.0)  # specs/attention/sparse.py:76
    topk_lens = plgpu.load(topk_lens_ref.at[token])  # specs/attention/sparse.py:99
    length = jnp.minimum(jnp.maximum(topk_lens, 0), K)  # specs/attention/sparse.py:99
    swa_lens = plgpu.load(swa_lens_ref.at[token])  # specs/attention/sparse.py:99
    length_1 = jnp.minimum(jnp.maximum(swa_lens, 0), W)  # specs/attention/sparse.py:99
    count_2 = jax.lax.div(length + 63, jnp.int32(64))  # specs/attention/sparse.py:86
    count_3 = jax.lax.div(length_1 + 63, jnp.int32(64))  # specs/attention/sparse.py:86
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
        (peak_1, total, part_8, part_9, part_10, part_11, part_12, part_13, part_14, part_15) = carry
        entry = k * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:126
        index_8 = plgpu.load(topk_indices_ref.at[token, entry], mask=entry < length, other=-1)  # specs/attention/sparse.py:127
        live = (index_8 >= 0) & (index_8 < count)  # specs/attention/sparse.py:128
        slot = jnp.maximum(index_8, 0)  # specs/attention/decode.py:50
        page = jax.lax.div(slot, jnp.full((64,), 2, jnp.int32))  # specs/attention/decode.py:51
        row = jax.lax.rem(slot, jnp.full((64,), 2, jnp.int32))  # specs/attention/decode.py:51
        t_10 = row * 576  # specs/tile/library/pages.py:60
        start = row * 8 + 1152  # specs/tile/library/pages.py:61
        start_1 = (t_10 + 0)[:, None]  # specs/tile/library/pages.py:80
        live_1 = live[:, None]  # specs/tile/library/pages.py:81
        values = load_view(comp_cache_ref, page[:, None], start_1, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_1, (64, 64)))  # specs/tile/library/pages.py:82
        code = load_view(comp_cache_ref, page, start, jnp.int32(0), jnp.int32, mask=live)  # specs/tile/library/pages.py:131
        codes = code & 255  # specs/tile/library/pages.py:123
        value = jax.lax.bitcast_convert_type(codes << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_1 = jnp.where(codes == 0, 5.877471754111438e-39, value)  # specs/tile/library/codec.py:88
        spread = jnp.where(codes == 255, float("nan"), value_1)[:, None]  # specs/tile/library/pages.py:98
        columns = (values.astype(jnp.float32) * spread).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_2 = (t_10 + 64)[:, None]  # specs/tile/library/pages.py:80
        live_2 = live[:, None]  # specs/tile/library/pages.py:81
        values_1 = load_view(comp_cache_ref, page[:, None], start_2, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_2, (64, 64)))  # specs/tile/library/pages.py:82
        code_1 = code >> 8  # specs/tile/library/pages.py:122
        codes_1 = code_1 & 255  # specs/tile/library/pages.py:123
        value_2 = jax.lax.bitcast_convert_type(codes_1 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_3 = jnp.where(codes_1 == 0, 5.877471754111438e-39, value_2)  # specs/tile/library/codec.py:88
        spread_1 = jnp.where(codes_1 == 255, float("nan"), value_3)[:, None]  # specs/tile/library/pages.py:98
        columns_1 = (values_1.astype(jnp.float32) * spread_1).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_3 = (t_10 + 128)[:, None]  # specs/tile/library/pages.py:80
        live_3 = live[:, None]  # specs/tile/library/pages.py:81
        values_2 = load_view(comp_cache_ref, page[:, None], start_3, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_3, (64, 64)))  # specs/tile/library/pages.py:82
        code_2 = code >> 16  # specs/tile/library/pages.py:122
        codes_2 = code_2 & 255  # specs/tile/library/pages.py:123
        value_4 = jax.lax.bitcast_convert_type(codes_2 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_5 = jnp.where(codes_2 == 0, 5.877471754111438e-39, value_4)  # specs/tile/library/codec.py:88
        spread_2 = jnp.where(codes_2 == 255, float("nan"), value_5)[:, None]  # specs/tile/library/pages.py:98
        columns_2 = (values_2.astype(jnp.float32) * spread_2).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_4 = (t_10 + 192)[:, None]  # specs/tile/library/pages.py:80
        live_4 = live[:, None]  # specs/tile/library/pages.py:81
        values_3 = load_view(comp_cache_ref, page[:, None], start_4, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_4, (64, 64)))  # specs/tile/library/pages.py:82
        code_3 = code >> 24  # specs/tile/library/pages.py:122
        codes_3 = code_3 & 255  # specs/tile/library/pages.py:123
        value_6 = jax.lax.bitcast_convert_type(codes_3 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_7 = jnp.where(codes_3 == 0, 5.877471754111438e-39, value_6)  # specs/tile/library/codec.py:88
        spread_3 = jnp.where(codes_3 == 255, float("nan"), value_7)[:, None]  # specs/tile/library/pages.py:98
        columns_3 = (values_3.astype(jnp.float32) * spread_3).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_5 = (t_10 + 256)[:, None]  # specs/tile/library/pages.py:80
        live_5 = live[:, None]  # specs/tile/library/pages.py:81
        values_4 = load_view(comp_cache_ref, page[:, None], start_5, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_5, (64, 64)))  # specs/tile/library/pages.py:82
        start_6 = start + 4  # specs/tile/library/pages.py:130
        code_4 = load_view(comp_cache_ref, page, start_6, jnp.int32(0), jnp.int32, mask=live)  # specs/tile/library/pages.py:131
        codes_4 = code_4 & 255  # specs/tile/library/pages.py:123
        value_8 = jax.lax.bitcast_convert_type(codes_4 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_9 = jnp.where(codes_4 == 0, 5.877471754111438e-39, value_8)  # specs/tile/library/codec.py:88
        spread_4 = jnp.where(codes_4 == 255, float("nan"), value_9)[:, None]  # specs/tile/library/pages.py:98
        columns_4 = (values_4.astype(jnp.float32) * spread_4).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_7 = (t_10 + 320)[:, None]  # specs/tile/library/pages.py:80
        live_6 = live[:, None]  # specs/tile/library/pages.py:81
        values_5 = load_view(comp_cache_ref, page[:, None], start_7, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_6, (64, 64)))  # specs/tile/library/pages.py:82
        code_5 = code_4 >> 8  # specs/tile/library/pages.py:122
        codes_5 = code_5 & 255  # specs/tile/library/pages.py:123
        value_10 = jax.lax.bitcast_convert_type(codes_5 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_11 = jnp.where(codes_5 == 0, 5.877471754111438e-39, value_10)  # specs/tile/library/codec.py:88
        spread_5 = jnp.where(codes_5 == 255, float("nan"), value_11)[:, None]  # specs/tile/library/pages.py:98
        columns_5 = (values_5.astype(jnp.float32) * spread_5).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_8 = (t_10 + 384)[:, None]  # specs/tile/library/pages.py:80
        live_7 = live[:, None]  # specs/tile/library/pages.py:81
        values_6 = load_view(comp_cache_ref, page[:, None], start_8, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_7, (64, 64)))  # specs/tile/library/pages.py:82
        code_6 = code_4 >> 16  # specs/tile/library/pages.py:122
        codes_6 = code_6 & 255  # specs/tile/library/pages.py:123
        value_12 = jax.lax.bitcast_convert_type(codes_6 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_13 = jnp.where(codes_6 == 0, 5.877471754111438e-39, value_12)  # specs/tile/library/codec.py:88
        spread_6 = jnp.where(codes_6 == 255, float("nan"), value_13)[:, None]  # specs/tile/library/pages.py:98
        columns_6 = (values_6.astype(jnp.float32) * spread_6).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_9 = (t_10 + 448)[:, None]  # specs/tile/library/pages.py:80
        live_8 = live[:, None]  # specs/tile/library/pages.py:81
        columns_7 = load_view(comp_cache_ref, page[:, None], start_9, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.bfloat16, mask=jnp.broadcast_to(live_8, (64, 64)))  # specs/tile/library/pages.py:82
        score = jnp.dot(part, jnp.transpose(columns, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_1 = score + jnp.dot(part_1, jnp.transpose(columns_1, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_2 = score_1 + jnp.dot(part_2, jnp.transpose(columns_2, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_3 = score_2 + jnp.dot(part_3, jnp.transpose(columns_3, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_4 = score_3 + jnp.dot(part_4, jnp.transpose(columns_4, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_5 = score_4 + jnp.dot(part_5, jnp.transpose(columns_5, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_6 = score_5 + jnp.dot(part_6, jnp.transpose(columns_6, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_7 = score_6 + jnp.dot(part_7, jnp.transpose(columns_7, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_8 = jnp.where(live[None, :], score_7 * 1.0, float("-inf"))  # specs/attention/softmax.py:56
        t_11 = jnp.max(score_8, axis=1)  # specs/attention/softmax.py:57
        peak_2 = jnp.maximum(peak_1, t_11)  # specs/attention/softmax.py:57
        base = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:58
        weight = jnp.exp2(score_8 - base[:, None])  # specs/attention/softmax.py:59
        decay = jnp.exp2(peak_1 - base)  # specs/attention/softmax.py:60
        t_12 = jnp.sum(weight, axis=1)  # specs/attention/softmax.py:61
        total_1 = fma(total, decay, t_12)  # specs/attention/softmax.py:61
        narrow = weight.astype(jnp.bfloat16)  # specs/attention/softmax.py:62
        product = part_8 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_1 = part_9 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_2 = part_10 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_3 = part_11 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_4 = part_12 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_5 = part_13 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_6 = part_14 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_7 = part_15 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        return (peak_2, total_1, product, product_1, product_2, product_3, product_4, product_5, product_6, product_7)
    (carried, carried_1, carried_2, carried_3, carried_4, carried_5, carried_6, carried_7, carried_8, carried_9) = jax.lax.fori_loop(0, count_2, step, (peak, t_1, t_2, t_3, t_4, t_5, t_6, t_7, t_8, t_9))  # specs/attention/sparse.py:91
    def step_1(k_1, carry):  # specs/attention/sparse.py:91
        (peak_3, total_10, part_16, part_17, part_18, part_19, part_20, part_21, part_22, part_23) = carry
        entry_1 = k_1 * 64 + jnp.arange(64, dtype=jnp.int32)  # specs/attention/sparse.py:126
        index_9 = plgpu.load(swa_indices_ref.at[token, entry_1], mask=entry_1 < length_1, other=-1)  # specs/attention/sparse.py:127
        live_9 = (index_9 >= 0) & (index_9 < count_1)  # specs/attention/sparse.py:128
        slot_1 = jnp.maximum(index_9, 0)  # specs/attention/decode.py:50
        page_1 = jax.lax.div(slot_1, jnp.full((64,), 16, jnp.int32))  # specs/attention/decode.py:51
        row_1 = jax.lax.rem(slot_1, jnp.full((64,), 16, jnp.int32))  # specs/attention/decode.py:51
        t_13 = row_1 * 576  # specs/tile/library/pages.py:60
        start_10 = row_1 * 8 + 9216  # specs/tile/library/pages.py:61
        start_11 = (t_13 + 0)[:, None]  # specs/tile/library/pages.py:80
        live_10 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_7 = load_view(swa_cache_ref, page_1[:, None], start_11, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_10, (64, 64)))  # specs/tile/library/pages.py:82
        code_7 = load_view(swa_cache_ref, page_1, start_10, jnp.int32(0), jnp.int32, mask=live_9)  # specs/tile/library/pages.py:131
        codes_7 = code_7 & 255  # specs/tile/library/pages.py:123
        value_14 = jax.lax.bitcast_convert_type(codes_7 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_15 = jnp.where(codes_7 == 0, 5.877471754111438e-39, value_14)  # specs/tile/library/codec.py:88
        spread_7 = jnp.where(codes_7 == 255, float("nan"), value_15)[:, None]  # specs/tile/library/pages.py:98
        columns_8 = (values_7.astype(jnp.float32) * spread_7).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_12 = (t_13 + 64)[:, None]  # specs/tile/library/pages.py:80
        live_11 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_8 = load_view(swa_cache_ref, page_1[:, None], start_12, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_11, (64, 64)))  # specs/tile/library/pages.py:82
        code_8 = code_7 >> 8  # specs/tile/library/pages.py:122
        codes_8 = code_8 & 255  # specs/tile/library/pages.py:123
        value_16 = jax.lax.bitcast_convert_type(codes_8 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_17 = jnp.where(codes_8 == 0, 5.877471754111438e-39, value_16)  # specs/tile/library/codec.py:88
        spread_8 = jnp.where(codes_8 == 255, float("nan"), value_17)[:, None]  # specs/tile/library/pages.py:98
        columns_9 = (values_8.astype(jnp.float32) * spread_8).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_13 = (t_13 + 128)[:, None]  # specs/tile/library/pages.py:80
        live_12 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_9 = load_view(swa_cache_ref, page_1[:, None], start_13, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_12, (64, 64)))  # specs/tile/library/pages.py:82
        code_9 = code_7 >> 16  # specs/tile/library/pages.py:122
        codes_9 = code_9 & 255  # specs/tile/library/pages.py:123
        value_18 = jax.lax.bitcast_convert_type(codes_9 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_19 = jnp.where(codes_9 == 0, 5.877471754111438e-39, value_18)  # specs/tile/library/codec.py:88
        spread_9 = jnp.where(codes_9 == 255, float("nan"), value_19)[:, None]  # specs/tile/library/pages.py:98
        columns_10 = (values_9.astype(jnp.float32) * spread_9).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_14 = (t_13 + 192)[:, None]  # specs/tile/library/pages.py:80
        live_13 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_10 = load_view(swa_cache_ref, page_1[:, None], start_14, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_13, (64, 64)))  # specs/tile/library/pages.py:82
        code_10 = code_7 >> 24  # specs/tile/library/pages.py:122
        codes_10 = code_10 & 255  # specs/tile/library/pages.py:123
        value_20 = jax.lax.bitcast_convert_type(codes_10 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_21 = jnp.where(codes_10 == 0, 5.877471754111438e-39, value_20)  # specs/tile/library/codec.py:88
        spread_10 = jnp.where(codes_10 == 255, float("nan"), value_21)[:, None]  # specs/tile/library/pages.py:98
        columns_11 = (values_10.astype(jnp.float32) * spread_10).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_15 = (t_13 + 256)[:, None]  # specs/tile/library/pages.py:80
        live_14 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_11 = load_view(swa_cache_ref, page_1[:, None], start_15, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_14, (64, 64)))  # specs/tile/library/pages.py:82
        start_16 = start_10 + 4  # specs/tile/library/pages.py:130
        code_11 = load_view(swa_cache_ref, page_1, start_16, jnp.int32(0), jnp.int32, mask=live_9)  # specs/tile/library/pages.py:131
        codes_11 = code_11 & 255  # specs/tile/library/pages.py:123
        value_22 = jax.lax.bitcast_convert_type(codes_11 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_23 = jnp.where(codes_11 == 0, 5.877471754111438e-39, value_22)  # specs/tile/library/codec.py:88
        spread_11 = jnp.where(codes_11 == 255, float("nan"), value_23)[:, None]  # specs/tile/library/pages.py:98
        columns_12 = (values_11.astype(jnp.float32) * spread_11).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_17 = (t_13 + 320)[:, None]  # specs/tile/library/pages.py:80
        live_15 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_12 = load_view(swa_cache_ref, page_1[:, None], start_17, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_15, (64, 64)))  # specs/tile/library/pages.py:82
        code_12 = code_11 >> 8  # specs/tile/library/pages.py:122
        codes_12 = code_12 & 255  # specs/tile/library/pages.py:123
        value_24 = jax.lax.bitcast_convert_type(codes_12 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_25 = jnp.where(codes_12 == 0, 5.877471754111438e-39, value_24)  # specs/tile/library/codec.py:88
        spread_12 = jnp.where(codes_12 == 255, float("nan"), value_25)[:, None]  # specs/tile/library/pages.py:98
        columns_13 = (values_12.astype(jnp.float32) * spread_12).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_18 = (t_13 + 384)[:, None]  # specs/tile/library/pages.py:80
        live_16 = live_9[:, None]  # specs/tile/library/pages.py:81
        values_13 = load_view(swa_cache_ref, page_1[:, None], start_18, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.float8_e4m3fn, mask=jnp.broadcast_to(live_16, (64, 64)))  # specs/tile/library/pages.py:82
        code_13 = code_11 >> 16  # specs/tile/library/pages.py:122
        codes_13 = code_13 & 255  # specs/tile/library/pages.py:123
        value_26 = jax.lax.bitcast_convert_type(codes_13 << 23, jnp.float32)  # specs/tile/library/codec.py:87
        value_27 = jnp.where(codes_13 == 0, 5.877471754111438e-39, value_26)  # specs/tile/library/codec.py:88
        spread_13 = jnp.where(codes_13 == 255, float("nan"), value_27)[:, None]  # specs/tile/library/pages.py:98
        columns_14 = (values_13.astype(jnp.float32) * spread_13).astype(jnp.bfloat16)  # specs/tile/library/pages.py:76
        start_19 = (t_13 + 448)[:, None]  # specs/tile/library/pages.py:80
        live_17 = live_9[:, None]  # specs/tile/library/pages.py:81
        columns_15 = load_view(swa_cache_ref, page_1[:, None], start_19, jnp.arange(64, dtype=jnp.int32)[None, :], jnp.bfloat16, mask=jnp.broadcast_to(live_17, (64, 64)))  # specs/tile/library/pages.py:82
        score_9 = jnp.dot(part, jnp.transpose(columns_8, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_10 = score_9 + jnp.dot(part_1, jnp.transpose(columns_9, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_11 = score_10 + jnp.dot(part_2, jnp.transpose(columns_10, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_12 = score_11 + jnp.dot(part_3, jnp.transpose(columns_11, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_13 = score_12 + jnp.dot(part_4, jnp.transpose(columns_12, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_14 = score_13 + jnp.dot(part_5, jnp.transpose(columns_13, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_15 = score_14 + jnp.dot(part_6, jnp.transpose(columns_14, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_16 = score_15 + jnp.dot(part_7, jnp.transpose(columns_15, (1, 0)), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:54
        score_17 = jnp.where(live_9[None, :], score_16 * 1.0, float("-inf"))  # specs/attention/softmax.py:56
        t_14 = jnp.max(score_17, axis=1)  # specs/attention/softmax.py:57
        peak_4 = jnp.maximum(peak_3, t_14)  # specs/attention/softmax.py:57
        base_1 = jnp.where(peak_4 == float("-inf"), 0.0, peak_4)  # specs/attention/softmax.py:58
        weight_1 = jnp.exp2(score_17 - base_1[:, None])  # specs/attention/softmax.py:59
        decay_1 = jnp.exp2(peak_3 - base_1)  # specs/attention/softmax.py:60
        t_15 = jnp.sum(weight_1, axis=1)  # specs/attention/softmax.py:61
        total_11 = fma(total_10, decay_1, t_15)  # specs/attention/softmax.py:61
        narrow_1 = weight_1.astype(jnp.bfloat16)  # specs/attention/softmax.py:62
        product_8 = part_16 * decay_1[:, None] + jnp.dot(narrow_1, columns_8, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_9 = part_17 * decay_1[:, None] + jnp.dot(narrow_1, columns_9, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_10 = part_18 * decay_1[:, None] + jnp.dot(narrow_1, columns_10, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_11 = part_19 * decay_1[:, None] + jnp.dot(narrow_1, columns_11, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_12 = part_20 * decay_1[:, None] + jnp.dot(narrow_1, columns_12, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_13 = part_21 * decay_1[:, None] + jnp.dot(narrow_1, columns_13, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_14 = part_22 * decay_1[:, None] + jnp.dot(narrow_1, columns_14, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        product_15 = part_23 * decay_1[:, None] + jnp.dot(narrow_1, columns_15, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:64
        return (peak_4, total_11, product_8, product_9, product_10, product_11, product_12, product_13, product_14, product_15)
    (state_peak, state_total, total_2, total_3, total_4, total_5, total_6, total_7, total_8, total_9) = jax.lax.fori_loop(0, count_3, step_1, (carried, carried_1, carried_2, carried_3, carried_4, carried_5, carried_6, carried_7, carried_8, carried_9))  # specs/attention/sparse.py:91
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=t, other=0.0)  # specs/attention/sparse.py:138
    sink = attn_sink * 1.4426950408889634  # specs/attention/sparse.py:138
    base_2 = jnp.where(state_peak == float("-inf"), 0.0, state_peak)  # specs/attention/softmax.py:72
    whole = state_total + jnp.exp2(sink - base_2)  # specs/attention/softmax.py:73
    known = state_total > 0.0  # specs/attention/softmax.py:74
    factor = jnp.where(known, div_rn(jnp.full((16,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0)  # specs/attention/softmax.py:75
    index_10 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_10 + 0)[None, :]], (total_2 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_11 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_11 + 64)[None, :]], (total_3 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_12 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_12 + 128)[None, :]], (total_4 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_13 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_13 + 192)[None, :]], (total_5 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_14 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_14 + 256)[None, :]], (total_6 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_15 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_15 + 320)[None, :]], (total_7 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_16 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_16 + 384)[None, :]], (total_8 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    index_17 = jnp.arange(64, dtype=jnp.int32)  # specs/tile/library/pages.py:31
    plgpu.store(out_ref.at[token, head[:, None], (index_17 + 448)[None, :]], (total_9 * factor[:, None]).astype(jnp.bfloat16), mask=jnp.broadcast_to(t[:, None], (16, 64)))  # specs/attention/sparse.py:142
    plgpu.store(max_logits_ref.at[token, head], state_peak * 0.6931471805599453, mask=t)  # specs/attention/sparse.py:144
    known_1 = state_total > 0.0  # specs/attention/softmax.py:80
    plgpu.store(lse_ref.at[token, head], jnp.where(known_1, (state_peak + jnp.log2(jnp.where(known_1, state_total, 1.0))) * 0.6931471805599453, float("-inf")), mask=t)  # specs/attention/sparse.py:145
