# sparse_mla_decode_fp8, case "h64", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""merge_parts: Results of split attention, merged in order.

Generated. Specialised on
    sm_scale = 0.6931471805599453
    return_lse = True
    partial = f32
    partial_peak = f32
    partial_total = f32
    attn_sink = f32
    out = bf16
    max_logits = f32
    lse = f32
    VALUES = 512
    SPLITS = 3
    MERGE_H = 4
    MERGE_D = 512
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def merge_parts(
    partial_ptr, partial_peak_ptr, partial_total_ptr, attn_sink_ptr,
    out_ptr, max_logits_ptr, lse_ptr,
    T, H,
):
    VALUES: tl.constexpr = 512
    MERGE_H: tl.constexpr = 4
    MERGE_D: tl.constexpr = 512
    # Tokens and head blocks share dimension 0: the others are limited to 65535 programs on CUDA.
    blocks = tl.cdiv(H, MERGE_H)  # specs/attention/merging.py:54
    tile = tl.program_id(0)
    token = tile // blocks
    head = tile % blocks * MERGE_H + tl.arange(0, MERGE_H)
    column = tl.program_id(1) * MERGE_D + tl.arange(0, MERGE_D)
    live = head < H
    inside = live[:, None] & (column < VALUES)[None, :]
    # -inf for heads past the last, as for splits without keys: their weights are 0.
    peak = tl.load(partial_peak_ptr + (token * H + head), mask=live, other=float("-inf"))
    other = tl.load(partial_peak_ptr + (1 * (T * H) + token * H + head), mask=live, other=float("-inf"))
    other_1 = tl.load(partial_peak_ptr + (2 * (T * H) + token * H + head), mask=live, other=float("-inf"))
    peak_1 = tl.maximum(peak, other)  # specs/attention/softmax.py:163
    peak_2 = tl.maximum(peak_1, other_1)
    base = tl.where(peak_2 == float("-inf"), 0.0, peak_2)
    # In order of the splits, not as they finish: no atomics, so results repeat bit for bit.
    weight = tl.exp2(peak - base)
    # All peaks first, so that every part is scaled once, by its final weight.
    share = tl.load(partial_total_ptr + (token * H + head), mask=live, other=0.0)  # specs/attention/merging.py:66
    values = tl.load(
        partial_ptr + (token * (H * VALUES) + head[:, None] * VALUES + column[None, :]), mask=inside, other=0.0
    )
    # Products that only the addition uses: both compilers then round once.
    total = share * weight  # specs/attention/softmax.py:172
    sums = values * weight[:, None]
    weight_1 = tl.exp2(other - base)
    # specs/attention/merging.py:66
    share_1 = tl.load(partial_total_ptr + (1 * (T * H) + token * H + head), mask=live, other=0.0)
    values_1 = tl.load(
        partial_ptr + (1 * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + column[None, :]),
        mask=inside, other=0.0
    )
    total_1 = total + share_1 * weight_1  # specs/attention/softmax.py:172
    sums_1 = sums + values_1 * weight_1[:, None]
    weight_2 = tl.exp2(other_1 - base)
    # specs/attention/merging.py:66
    share_2 = tl.load(partial_total_ptr + (2 * (T * H) + token * H + head), mask=live, other=0.0)
    values_2 = tl.load(
        partial_ptr + (2 * (T * H * VALUES) + token * (H * VALUES) + head[:, None] * VALUES + column[None, :]),
        mask=inside, other=0.0
    )
    total_2 = total_1 + share_2 * weight_2  # specs/attention/softmax.py:172
    # Here and not in the splits, which would count the sink once each.
    attn_sink = tl.load(attn_sink_ptr + head, mask=live, other=0.0)  # specs/attention/splits.py:63
    sink = attn_sink * 1.4426950408889634  # log2(e)
    # No key at all: -inf - -inf is NaN.
    base_1 = tl.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:182
    whole = total_2 + tl.exp2(sink - base_1)
    # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
    known = total_2 > 0.0
    # specs/attention/splits.py:64
    mean = (sums_1 + values_2 * weight_2[:, None]) * tl.where(
        known, tl.div_rn(1.0, tl.where(known, whole, 1.0)), 0.0
    )[:, None]
    tl.store(
        out_ptr + (token * (H * VALUES) + head[:, None] * VALUES + column[None, :]), mean.to(tl.bfloat16), mask=inside
    )
    # NaN stays NaN
    known_1 = total_2 != 0.0  # specs/attention/softmax.py:191
    # 0.6931471805599453 is ln(2)
    logarithm = tl.where(
        known_1, (peak_2 + tl.log2(tl.where(known_1, total_2, 1.0))) * 0.6931471805599453, float("-inf")
    )
    if tl.program_id(1) == 0:  # specs/attention/splits.py:73
        # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
        lost = (total_2 != total_2) & (peak_2 < float("inf"))  # specs/attention/softmax.py:198
        # 0.6931471805599453 is ln(2), specs/attention/splits.py:70
        tl.store(max_logits_ptr + (token * H + head), tl.where(lost, total_2, peak_2 * 0.6931471805599453), mask=live)
        tl.store(lse_ptr + (token * H + head), logarithm, mask=live)
