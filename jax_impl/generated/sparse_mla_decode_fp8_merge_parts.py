# sparse_mla_decode_fp8, case "h64", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma


def merge_parts(
    partial_ref, partial_peak_ref, partial_total_ref, attn_sink_ref,
    out_ref, max_logits_ref, lse_ref,
    *, H,
):
    VALUES = 512
    MERGE_H = 4
    MERGE_D = 512
    # Tokens and head blocks share dimension 0: the others are limited to 65535 programs on CUDA.
    blocks = pl.cdiv(H, MERGE_H)  # specs/attention/merging.py:54
    tile = pl.program_id(0)
    token = jax.lax.div(tile, jnp.int32(blocks))
    head = jax.lax.rem(tile, jnp.int32(blocks)) * MERGE_H + jnp.arange(MERGE_H, dtype=jnp.int32)
    column = pl.program_id(1) * MERGE_D + jnp.arange(MERGE_D, dtype=jnp.int32)
    live = head < H
    inside = live[:, None] & (column < VALUES)[None, :]
    # -inf for heads past the last, as for splits without keys: their weights are 0.
    peak = plgpu.load(partial_peak_ref.at[jnp.int32(0), token, head], mask=live, other=float("-inf"))
    other = plgpu.load(partial_peak_ref.at[jnp.int32(1), token, head], mask=live, other=float("-inf"))
    other_1 = plgpu.load(partial_peak_ref.at[jnp.int32(2), token, head], mask=live, other=float("-inf"))
    peak_1 = jnp.maximum(peak, other)  # specs/attention/softmax.py:163
    peak_2 = jnp.maximum(peak_1, other_1)
    base = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)
    # In order of the splits, not as they finish: no atomics, so results repeat bit for bit.
    weight = exp2(peak - base)
    # All peaks first, so that every part is scaled once, by its final weight.
    # specs/attention/merging.py:66
    share = plgpu.load(partial_total_ref.at[jnp.int32(0), token, head], mask=live, other=0.0)
    values = plgpu.load(partial_ref.at[jnp.int32(0), token, head[:, None], column[None, :]], mask=inside, other=0.0)
    # Products that only the addition uses: both compilers then round once.
    total = share * weight  # specs/attention/softmax.py:172
    sums = values * weight[:, None]
    weight_1 = exp2(other - base)
    # specs/attention/merging.py:66
    share_1 = plgpu.load(partial_total_ref.at[jnp.int32(1), token, head], mask=live, other=0.0)
    values_1 = plgpu.load(partial_ref.at[jnp.int32(1), token, head[:, None], column[None, :]], mask=inside, other=0.0)
    total_1 = fma(share_1, weight_1, total)  # specs/attention/softmax.py:172
    sums_1 = fma(values_1, weight_1[:, None], sums)
    weight_2 = exp2(other_1 - base)
    # specs/attention/merging.py:66
    share_2 = plgpu.load(partial_total_ref.at[jnp.int32(2), token, head], mask=live, other=0.0)
    values_2 = plgpu.load(partial_ref.at[jnp.int32(2), token, head[:, None], column[None, :]], mask=inside, other=0.0)
    total_2 = fma(share_2, weight_2, total_1)  # specs/attention/softmax.py:172
    # Here and not in the splits, which would count the sink once each.
    attn_sink = plgpu.load(attn_sink_ref.at[head], mask=live, other=0.0)  # specs/attention/splits.py:63
    sink = attn_sink * 1.4426950408889634  # log2(e)
    # No key at all: -inf - -inf is NaN.
    base_1 = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:182
    whole = total_2 + exp2(sink - base_1)
    # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
    known = total_2 > 0.0
    # specs/attention/splits.py:64
    mean = fma(values_2, weight_2[:, None], sums_1) * jnp.where(
        known, div_rn(jnp.full((MERGE_H,), 1.0, jnp.float32), jnp.where(known, whole, 1.0)), 0.0
    )[:, None]
    plgpu.store(out_ref.at[token, head[:, None], column[None, :]], mean.astype(jnp.bfloat16), mask=inside)
    # NaN stays NaN
    known_1 = total_2 != 0.0  # specs/attention/softmax.py:191
    # 0.6931471805599453 is ln(2)
    logarithm = jnp.where(
        known_1, (peak_2 + jnp.log2(jnp.where(known_1, total_2, 1.0))) * 0.6931471805599453, float("-inf")
    )
    @pl.when(pl.program_id(1) == 0)  # specs/attention/splits.py:73
    def branch():
        # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
        lost = (total_2 != total_2) & (peak_2 < float("inf"))  # specs/attention/softmax.py:198
        # 0.6931471805599453 is ln(2), specs/attention/splits.py:70
        plgpu.store(max_logits_ref.at[token, head], jnp.where(lost, total_2, peak_2 * 0.6931471805599453), mask=live)
        plgpu.store(lse_ref.at[token, head], logarithm, mask=live)
