# sparse_mla_decode_fp8, case "h64", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""sparse_mla_decode_part: Attention of one token's heads over rows of paged caches.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    layout = v4
    block_size = 64
    comp_block_size = 2
    splits = 0
    q = bf16
    swa_cache = uint8
    swa_indices = int32
    swa_lens = int32
    comp_cache = uint8
    topk_indices = int32
    topk_lens = int32
    partial = f32
    partial_peak = f32
    partial_total = f32
    D = 512
    SWA_ROWS = 64
    COMP_ROWS = 2
    VALUES = 512
    SPLITS = 3
    BLOCK_H = 64
    BLOCK_K = 64
    CHUNK = 64
    VALUE_CHUNK = 0
    VALUE_PARTS = 1
    RELOAD = 0
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import exp2, fma, transposed
from jax_impl.platforms.views import load_view


def sparse_mla_decode_part(
    q_ref, swa_cache_ref, swa_indices_ref, swa_lens_ref, comp_cache_ref, topk_indices_ref, topk_lens_ref,
    partial_ref, partial_peak_ref, partial_total_ref,
    *, H, W, K, SWA_PAGES, COMP_PAGES,
):
    SWA_ROWS = 64
    COMP_ROWS = 2
    SPLITS = 3
    BLOCK_H = 64
    BLOCK_K = 64
    CHUNK = 64
    tile = pl.program_id(0)  # specs/attention/sparse.py:78
    blocks = pl.cdiv(H, BLOCK_H)
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = jax.lax.rem(tile, jnp.int32(blocks)) * BLOCK_H + jnp.arange(BLOCK_H, dtype=jnp.int32)
    split = pl.program_id(1)
    token = jax.lax.div(tile, jnp.int32(blocks))
    live = head < H
    # The compressed cache first, then the window: one softmax runs over both lists, in this order everywhere.
    total = COMP_PAGES * COMP_ROWS  # specs/attention/decode.py:69
    total_1 = SWA_PAGES * SWA_ROWS
    index = jnp.arange(CHUNK, dtype=jnp.int32)
    # specs/attention/sparse.py:172
    part = plgpu.load(
        q_ref.at[token, head[:, None], index[None, :]], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)),
        other=0.0
    )
    index_1 = (index + CHUNK)[None, :]
    part_1 = plgpu.load(
        q_ref.at[token, head[:, None], index_1], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_2 = (index + (CHUNK + CHUNK))[None, :]
    part_2 = plgpu.load(
        q_ref.at[token, head[:, None], index_2], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_3 = (index + (CHUNK + CHUNK + CHUNK))[None, :]
    part_3 = plgpu.load(
        q_ref.at[token, head[:, None], index_3], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_4 = (index + (CHUNK + CHUNK + CHUNK + CHUNK))[None, :]
    part_4 = plgpu.load(
        q_ref.at[token, head[:, None], index_4], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_5 = (index + 320)[None, :]
    part_5 = plgpu.load(
        q_ref.at[token, head[:, None], index_5], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_6 = (index + (320 + CHUNK))[None, :]
    part_6 = plgpu.load(
        q_ref.at[token, head[:, None], index_6], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    index_7 = (index + 448)[None, :]
    part_7 = plgpu.load(
        q_ref.at[token, head[:, None], index_7], mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK)), other=0.0
    )
    # A length is user data: above the width it would read the next token's list.
    topk_lens = plgpu.load(topk_lens_ref.at[token])  # specs/attention/sparse.py:185
    length = jnp.minimum(jnp.maximum(topk_lens, 0), K)
    swa_lens = plgpu.load(swa_lens_ref.at[token])
    length_1 = jnp.minimum(jnp.maximum(swa_lens, 0), W)
    total_2 = jax.lax.div(length + (BLOCK_K - 1), jnp.int32(BLOCK_K))  # specs/attention/sparse.py:155
    count = jax.lax.div(length_1 + (BLOCK_K - 1), jnp.int32(BLOCK_K))
    total_3 = total_2 + count  # specs/attention/sparse.py:197
    # Tiles, not keys, are shared out: only the last tile of a list is partly masked.
    start = jax.lax.div(split * total_3, jnp.int32(SPLITS))
    end = jax.lax.div((split + 1) * total_3, jnp.int32(SPLITS))
    lower = jnp.minimum(jnp.maximum(start, 0), total_2)
    upper = jnp.minimum(jnp.maximum(end, 0), total_2)
    start_1 = start - total_2
    end_1 = end - total_2
    lower_1 = jnp.minimum(jnp.maximum(start_1, 0), count)
    upper_1 = jnp.minimum(jnp.maximum(end_1, 0), count)
    peak = jnp.full((BLOCK_H,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:65
    total_4 = jnp.full((BLOCK_H,), 0.0, jnp.float32)
    sums_0 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)  # specs/attention/softmax.py:66
    sums_1 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_2 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_3 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_4 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_5 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_6 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    sums_7 = jnp.full((BLOCK_H, CHUNK), 0.0, jnp.float32)
    def step(k, carry):  # specs/attention/sparse.py:243
        (peak_2, total_6, sums_0_2, sums_1_2, sums_2_2, sums_3_2, sums_4_2, sums_5_2, sums_6_2, sums_7_2) = carry
        entry = k * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/attention/sparse.py:220
        # Entries past the length are stale; -1 makes them skipped like missing ones.
        index_8 = plgpu.load(topk_indices_ref.at[token, entry], mask=entry < length, other=-1)
        # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
        live_1 = (index_8 >= 0) & (index_8 < total)  # specs/attention/sparse.py:226
        # Skipped entries are -1; // and % of negative numbers differ between targets.
        slot = jnp.maximum(index_8, 0)  # specs/attention/decode.py:54
        page = jax.lax.div(slot, jnp.full((BLOCK_K,), COMP_ROWS, jnp.int32))
        row = jax.lax.rem(slot, jnp.full((BLOCK_K,), COMP_ROWS, jnp.int32))
        start_2 = row * 576
        # Gathered layouts keep all scales of a page after its last row of data.
        start_3 = row * 8 + COMP_ROWS * 576
        start_4 = start_2[:, None]
        live_2 = live_1[:, None]
        values = load_view(
            comp_cache_ref, page[:, None], start_4, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code = load_view(comp_cache_ref, page, start_3, jnp.int32(0), jnp.int32, mask=live_1)
        codes = code & 255
        value = jax.lax.bitcast_convert_type(codes << 23, jnp.float32)
        # E8M0 code 0 is 2**-127, a float32 subnormal: an exponent field of 0 would read as 0.
        value_1 = jnp.where(codes == 0, 5.877471754111438e-39, value)  # 2**-127
        spread = jnp.where(codes == 255, float("nan"), value_1)[:, None]
        value_2 = values.astype(jnp.float32) * spread
        columns = value_2.astype(jnp.bfloat16)
        # Bytes from the start of the page, in int32; the page's own offset is added in int64.
        start_5 = start_2 + CHUNK * 8 // 8
        start_6 = start_5[:, None]
        values_1 = load_view(
            comp_cache_ref, page[:, None], start_6, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code_1 = code >> 8
        codes_1 = code_1 & 255
        value_3 = jax.lax.bitcast_convert_type(codes_1 << 23, jnp.float32)
        value_4 = jnp.where(codes_1 == 0, 5.877471754111438e-39, value_3)  # 2**-127
        spread_1 = jnp.where(codes_1 == 255, float("nan"), value_4)[:, None]
        value_5 = values_1.astype(jnp.float32) * spread_1
        columns_1 = value_5.astype(jnp.bfloat16)
        start_7 = start_2 + (CHUNK + CHUNK) * 8 // 8
        start_8 = start_7[:, None]
        values_2 = load_view(
            comp_cache_ref, page[:, None], start_8, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code_2 = code >> 16
        codes_2 = code_2 & 255
        value_6 = jax.lax.bitcast_convert_type(codes_2 << 23, jnp.float32)
        value_7 = jnp.where(codes_2 == 0, 5.877471754111438e-39, value_6)  # 2**-127
        spread_2 = jnp.where(codes_2 == 255, float("nan"), value_7)[:, None]
        value_8 = values_2.astype(jnp.float32) * spread_2
        columns_2 = value_8.astype(jnp.bfloat16)
        start_9 = start_2 + 192
        start_10 = start_9[:, None]
        values_3 = load_view(
            comp_cache_ref, page[:, None], start_10, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code_3 = code >> 24
        codes_3 = code_3 & 255
        value_9 = jax.lax.bitcast_convert_type(codes_3 << 23, jnp.float32)
        value_10 = jnp.where(codes_3 == 0, 5.877471754111438e-39, value_9)  # 2**-127
        spread_3 = jnp.where(codes_3 == 255, float("nan"), value_10)[:, None]
        value_11 = values_3.astype(jnp.float32) * spread_3
        columns_3 = value_11.astype(jnp.bfloat16)
        start_11 = start_2 + 256
        start_12 = start_11[:, None]
        values_4 = load_view(
            comp_cache_ref, page[:, None], start_12, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        start_13 = start_3 + 4
        code_4 = load_view(comp_cache_ref, page, start_13, jnp.int32(0), jnp.int32, mask=live_1)
        codes_4 = code_4 & 255
        value_12 = jax.lax.bitcast_convert_type(codes_4 << 23, jnp.float32)
        value_13 = jnp.where(codes_4 == 0, 5.877471754111438e-39, value_12)  # 2**-127
        spread_4 = jnp.where(codes_4 == 255, float("nan"), value_13)[:, None]
        value_14 = values_4.astype(jnp.float32) * spread_4
        columns_4 = value_14.astype(jnp.bfloat16)
        start_14 = start_2 + 320
        start_15 = start_14[:, None]
        values_5 = load_view(
            comp_cache_ref, page[:, None], start_15, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code_5 = code_4 >> 8
        codes_5 = code_5 & 255
        value_15 = jax.lax.bitcast_convert_type(codes_5 << 23, jnp.float32)
        value_16 = jnp.where(codes_5 == 0, 5.877471754111438e-39, value_15)  # 2**-127
        spread_5 = jnp.where(codes_5 == 255, float("nan"), value_16)[:, None]
        value_17 = values_5.astype(jnp.float32) * spread_5
        columns_5 = value_17.astype(jnp.bfloat16)
        start_16 = start_2 + (320 + CHUNK) * 8 // 8
        start_17 = start_16[:, None]
        values_6 = load_view(
            comp_cache_ref, page[:, None], start_17, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        code_6 = code_4 >> 16
        codes_6 = code_6 & 255
        value_18 = jax.lax.bitcast_convert_type(codes_6 << 23, jnp.float32)
        value_19 = jnp.where(codes_6 == 0, 5.877471754111438e-39, value_18)  # 2**-127
        spread_6 = jnp.where(codes_6 == 255, float("nan"), value_19)[:, None]
        value_20 = values_6.astype(jnp.float32) * spread_6
        columns_6 = value_20.astype(jnp.bfloat16)
        start_18 = start_2 + 448
        start_19 = start_18[:, None]
        columns_7 = load_view(
            comp_cache_ref, page[:, None], start_19, index[None, :], jnp.bfloat16,
            mask=jnp.broadcast_to(live_2, (BLOCK_K, CHUNK))
        )
        # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
        score = jnp.dot(part, transposed(columns), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:120
        score_1 = score + jnp.dot(part_1, transposed(columns_1), preferred_element_type=jnp.float32)
        score_2 = score_1 + jnp.dot(part_2, transposed(columns_2), preferred_element_type=jnp.float32)
        score_3 = score_2 + jnp.dot(part_3, transposed(columns_3), preferred_element_type=jnp.float32)
        score_4 = score_3 + jnp.dot(part_4, transposed(columns_4), preferred_element_type=jnp.float32)
        score_5 = score_4 + jnp.dot(part_5, transposed(columns_5), preferred_element_type=jnp.float32)
        score_6 = score_5 + jnp.dot(part_6, transposed(columns_6), preferred_element_type=jnp.float32)
        score_7 = score_6 + jnp.dot(part_7, transposed(columns_7), preferred_element_type=jnp.float32)
        # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
        score_8 = jnp.where(live_1[None, :], score_7, float("-inf"))  # specs/attention/softmax.py:89
        highest = jnp.max(score_8, axis=1)  # specs/attention/softmax.py:138
        peak_3 = jnp.maximum(peak_2, highest)
        # no key so far: the difference of infinities is NaN
        base = jnp.where(peak_3 == float("-inf"), 0.0, peak_3)
        # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
        weight = exp2(score_8 - base[:, None])
        decay = exp2(peak_2 - base)
        # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
        weight_sum = jnp.sum(weight, axis=1)
        total_7 = fma(total_6, decay, weight_sum)
        narrow = weight.astype(jnp.bfloat16)
        sums_0_3 = sums_0_2 * decay[:, None] + jnp.dot(narrow, columns, preferred_element_type=jnp.float32)
        sums_1_3 = sums_1_2 * decay[:, None] + jnp.dot(narrow, columns_1, preferred_element_type=jnp.float32)
        sums_2_3 = sums_2_2 * decay[:, None] + jnp.dot(narrow, columns_2, preferred_element_type=jnp.float32)
        sums_3_3 = sums_3_2 * decay[:, None] + jnp.dot(narrow, columns_3, preferred_element_type=jnp.float32)
        sums_4_3 = sums_4_2 * decay[:, None] + jnp.dot(narrow, columns_4, preferred_element_type=jnp.float32)
        sums_5_3 = sums_5_2 * decay[:, None] + jnp.dot(narrow, columns_5, preferred_element_type=jnp.float32)
        sums_6_3 = sums_6_2 * decay[:, None] + jnp.dot(narrow, columns_6, preferred_element_type=jnp.float32)
        sums_7_3 = sums_7_2 * decay[:, None] + jnp.dot(narrow, columns_7, preferred_element_type=jnp.float32)
        return (peak_3, total_7, sums_0_3, sums_1_3, sums_2_3, sums_3_3, sums_4_3, sums_5_3, sums_6_3, sums_7_3)
    # specs/attention/sparse.py:243
    (
        peak_1, total_5, sums_0_1, sums_1_1, sums_2_1, sums_3_1, sums_4_1, sums_5_1, sums_6_1, sums_7_1
    ) = jax.lax.fori_loop(
        lower, upper, step, (peak, total_4, sums_0, sums_1, sums_2, sums_3, sums_4, sums_5, sums_6, sums_7)
    )
    def step_1(k_1, carry):
        (peak_5, total_9, sums_0_5, sums_1_5, sums_2_5, sums_3_5, sums_4_5, sums_5_5, sums_6_5, sums_7_5) = carry
        entry_1 = k_1 * BLOCK_K + jnp.arange(BLOCK_K, dtype=jnp.int32)  # specs/attention/sparse.py:220
        index_9 = plgpu.load(swa_indices_ref.at[token, entry_1], mask=entry_1 < length_1, other=-1)
        live_3 = (index_9 >= 0) & (index_9 < total_1)  # specs/attention/sparse.py:226
        slot_1 = jnp.maximum(index_9, 0)  # specs/attention/decode.py:54
        page_1 = jax.lax.div(slot_1, jnp.full((BLOCK_K,), SWA_ROWS, jnp.int32))
        row_1 = jax.lax.rem(slot_1, jnp.full((BLOCK_K,), SWA_ROWS, jnp.int32))
        start_20 = row_1 * 576
        start_21 = row_1 * 8 + SWA_ROWS * 576
        start_22 = start_20[:, None]
        live_4 = live_3[:, None]
        values_7 = load_view(
            swa_cache_ref, page_1[:, None], start_22, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_7 = load_view(swa_cache_ref, page_1, start_21, jnp.int32(0), jnp.int32, mask=live_3)
        codes_7 = code_7 & 255
        value_21 = jax.lax.bitcast_convert_type(codes_7 << 23, jnp.float32)
        value_22 = jnp.where(codes_7 == 0, 5.877471754111438e-39, value_21)  # 2**-127
        spread_7 = jnp.where(codes_7 == 255, float("nan"), value_22)[:, None]
        value_23 = values_7.astype(jnp.float32) * spread_7
        columns_8 = value_23.astype(jnp.bfloat16)
        start_23 = start_20 + CHUNK * 8 // 8
        start_24 = start_23[:, None]
        values_8 = load_view(
            swa_cache_ref, page_1[:, None], start_24, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_8 = code_7 >> 8
        codes_8 = code_8 & 255
        value_24 = jax.lax.bitcast_convert_type(codes_8 << 23, jnp.float32)
        value_25 = jnp.where(codes_8 == 0, 5.877471754111438e-39, value_24)  # 2**-127
        spread_8 = jnp.where(codes_8 == 255, float("nan"), value_25)[:, None]
        value_26 = values_8.astype(jnp.float32) * spread_8
        columns_9 = value_26.astype(jnp.bfloat16)
        start_25 = start_20 + (CHUNK + CHUNK) * 8 // 8
        start_26 = start_25[:, None]
        values_9 = load_view(
            swa_cache_ref, page_1[:, None], start_26, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_9 = code_7 >> 16
        codes_9 = code_9 & 255
        value_27 = jax.lax.bitcast_convert_type(codes_9 << 23, jnp.float32)
        value_28 = jnp.where(codes_9 == 0, 5.877471754111438e-39, value_27)  # 2**-127
        spread_9 = jnp.where(codes_9 == 255, float("nan"), value_28)[:, None]
        value_29 = values_9.astype(jnp.float32) * spread_9
        columns_10 = value_29.astype(jnp.bfloat16)
        start_27 = start_20 + 192
        start_28 = start_27[:, None]
        values_10 = load_view(
            swa_cache_ref, page_1[:, None], start_28, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_10 = code_7 >> 24
        codes_10 = code_10 & 255
        value_30 = jax.lax.bitcast_convert_type(codes_10 << 23, jnp.float32)
        value_31 = jnp.where(codes_10 == 0, 5.877471754111438e-39, value_30)  # 2**-127
        spread_10 = jnp.where(codes_10 == 255, float("nan"), value_31)[:, None]
        value_32 = values_10.astype(jnp.float32) * spread_10
        columns_11 = value_32.astype(jnp.bfloat16)
        start_29 = start_20 + 256
        start_30 = start_29[:, None]
        values_11 = load_view(
            swa_cache_ref, page_1[:, None], start_30, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        start_31 = start_21 + 4
        code_11 = load_view(swa_cache_ref, page_1, start_31, jnp.int32(0), jnp.int32, mask=live_3)
        codes_11 = code_11 & 255
        value_33 = jax.lax.bitcast_convert_type(codes_11 << 23, jnp.float32)
        value_34 = jnp.where(codes_11 == 0, 5.877471754111438e-39, value_33)  # 2**-127
        spread_11 = jnp.where(codes_11 == 255, float("nan"), value_34)[:, None]
        value_35 = values_11.astype(jnp.float32) * spread_11
        columns_12 = value_35.astype(jnp.bfloat16)
        start_32 = start_20 + 320
        start_33 = start_32[:, None]
        values_12 = load_view(
            swa_cache_ref, page_1[:, None], start_33, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_12 = code_11 >> 8
        codes_12 = code_12 & 255
        value_36 = jax.lax.bitcast_convert_type(codes_12 << 23, jnp.float32)
        value_37 = jnp.where(codes_12 == 0, 5.877471754111438e-39, value_36)  # 2**-127
        spread_12 = jnp.where(codes_12 == 255, float("nan"), value_37)[:, None]
        value_38 = values_12.astype(jnp.float32) * spread_12
        columns_13 = value_38.astype(jnp.bfloat16)
        start_34 = start_20 + (320 + CHUNK) * 8 // 8
        start_35 = start_34[:, None]
        values_13 = load_view(
            swa_cache_ref, page_1[:, None], start_35, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        code_13 = code_11 >> 16
        codes_13 = code_13 & 255
        value_39 = jax.lax.bitcast_convert_type(codes_13 << 23, jnp.float32)
        value_40 = jnp.where(codes_13 == 0, 5.877471754111438e-39, value_39)  # 2**-127
        spread_13 = jnp.where(codes_13 == 255, float("nan"), value_40)[:, None]
        value_41 = values_13.astype(jnp.float32) * spread_13
        columns_14 = value_41.astype(jnp.bfloat16)
        start_36 = start_20 + 448
        start_37 = start_36[:, None]
        columns_15 = load_view(
            swa_cache_ref, page_1[:, None], start_37, index[None, :], jnp.bfloat16,
            mask=jnp.broadcast_to(live_4, (BLOCK_K, CHUNK))
        )
        # specs/attention/softmax.py:120
        score_9 = jnp.dot(part, transposed(columns_8), preferred_element_type=jnp.float32)
        score_10 = score_9 + jnp.dot(part_1, transposed(columns_9), preferred_element_type=jnp.float32)
        score_11 = score_10 + jnp.dot(part_2, transposed(columns_10), preferred_element_type=jnp.float32)
        score_12 = score_11 + jnp.dot(part_3, transposed(columns_11), preferred_element_type=jnp.float32)
        score_13 = score_12 + jnp.dot(part_4, transposed(columns_12), preferred_element_type=jnp.float32)
        score_14 = score_13 + jnp.dot(part_5, transposed(columns_13), preferred_element_type=jnp.float32)
        score_15 = score_14 + jnp.dot(part_6, transposed(columns_14), preferred_element_type=jnp.float32)
        score_16 = score_15 + jnp.dot(part_7, transposed(columns_15), preferred_element_type=jnp.float32)
        score_17 = jnp.where(live_3[None, :], score_16, float("-inf"))  # specs/attention/softmax.py:89
        highest_1 = jnp.max(score_17, axis=1)  # specs/attention/softmax.py:138
        peak_6 = jnp.maximum(peak_5, highest_1)
        base_1 = jnp.where(peak_6 == float("-inf"), 0.0, peak_6)
        weight_1 = exp2(score_17 - base_1[:, None])
        decay_1 = exp2(peak_5 - base_1)
        weight_1_sum = jnp.sum(weight_1, axis=1)
        total_10 = fma(total_9, decay_1, weight_1_sum)
        narrow_1 = weight_1.astype(jnp.bfloat16)
        sums_0_6 = sums_0_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_8, preferred_element_type=jnp.float32)
        sums_1_6 = sums_1_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_9, preferred_element_type=jnp.float32)
        sums_2_6 = sums_2_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_10, preferred_element_type=jnp.float32)
        sums_3_6 = sums_3_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_11, preferred_element_type=jnp.float32)
        sums_4_6 = sums_4_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_12, preferred_element_type=jnp.float32)
        sums_5_6 = sums_5_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_13, preferred_element_type=jnp.float32)
        sums_6_6 = sums_6_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_14, preferred_element_type=jnp.float32)
        sums_7_6 = sums_7_5 * decay_1[:, None] + jnp.dot(narrow_1, columns_15, preferred_element_type=jnp.float32)
        return (peak_6, total_10, sums_0_6, sums_1_6, sums_2_6, sums_3_6, sums_4_6, sums_5_6, sums_6_6, sums_7_6)
    # specs/attention/sparse.py:243
    (
        peak_4, total_8, sums_0_4, sums_1_4, sums_2_4, sums_3_4, sums_4_4, sums_5_4, sums_6_4, sums_7_4
    ) = jax.lax.fori_loop(
        lower_1, upper_1, step_1,
        (peak_1, total_5, sums_0_1, sums_1_1, sums_2_1, sums_3_1, sums_4_1, sums_5_1, sums_6_1, sums_7_1)
    )
    # Unnormalised float32: the merge weighs them by exp2(peak - largest peak) and divides once.
    # specs/attention/splits.py:51
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index[None, :]], sums_0_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_1], sums_1_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_2], sums_2_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_3], sums_3_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_4], sums_4_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_5], sums_5_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_6], sums_6_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    plgpu.store(
        partial_ref.at[split, token, head[:, None], index_7], sums_7_4,
        mask=jnp.broadcast_to(live[:, None], (BLOCK_H, CHUNK))
    )
    # Programs that share the value columns of a row agree on its peak and total; one stores them.
    plgpu.store(partial_peak_ref.at[split, token, head], peak_4, mask=live)
    plgpu.store(partial_total_ref.at[split, token, head], total_8, mask=live)
