# logprobs, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""logprob_spans: Maxima, sums of exponentials and ranks of spans of columns.

Generated. Specialised on
    logits = f32
    tokens = int32
    maxima = int32
    tops = int32
    sums = f32
    reached = int32
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import exp2


def logprob_spans(
    logits_ref, tokens_ref,
    maxima_ref, tops_ref, sums_ref, reached_ref,
    *, V, vocab_size,
):
    row = pl.program_id(0)  # specs/sampling/logprobs.py:84
    span = pl.program_id(1)
    group = span * 128 + jnp.arange(128, dtype=jnp.int32)
    column = group[:, None] * 32 + jnp.arange(32, dtype=jnp.int32)[None, :]
    mask = vocab_size > 0  # specs/sampling/settings.py:49
    index = jnp.minimum(jnp.int32(vocab_size), V)
    inside = column < jnp.where(mask, index, V)  # specs/sampling/logprobs.py:87
    value = plgpu.load(logits_ref.at[row, column], mask=inside, other=0.0)
    bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/logprobs.py:88
    key_1 = jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
    largest = jnp.max(key_1, axis=1)
    plgpu.store(maxima_ref.at[row, group], largest, mask=group < pl.cdiv(V, 32))
    top = jnp.max(largest, axis=0)
    key_2 = jnp.minimum(key_1, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x = jax.lax.bitcast_convert_type(jnp.where(key_2 < 0, -2147483648 - key_2, key_2), jnp.float32)
    key_3 = jnp.minimum(top, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    peak = jax.lax.bitcast_convert_type(jnp.where(key_3 < 0, -2147483648 - key_3, key_3), jnp.float32)
    # 1.4426950408889634 is log2(e), specs/sampling/logprobs.py:92
    power = exp2((x - jnp.where(peak == float("-inf"), 0.0, peak)) * 1.4426950408889634)
    plgpu.store(tops_ref.at[row, span], top)
    power_sum = jnp.sum(power, axis=1)
    power_sum_sum = jnp.sum(power_sum, axis=0)
    plgpu.store(sums_ref.at[row, span], power_sum_sum)
    token = plgpu.load(tokens_ref.at[row])  # specs/sampling/logprobs.py:103
    there = (token >= 0) & (token < jnp.where(mask, index, V))
    value_1 = plgpu.load(logits_ref.at[row, token], mask=there, other=0.0)  # specs/sampling/logprobs.py:96
    bits_1 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
    key_4 = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/settings.py:39
    chosen = jnp.where(key_4 > 0x7f800000, -2139095040, jnp.maximum(key_4, -2139095040))
    reached = inside & (key_1 >= chosen) & there  # specs/sampling/logprobs.py:97
    index_1 = jnp.sum(reached.astype(jnp.int32), axis=1, dtype=jnp.int32)
    index_1_sum = jnp.sum(index_1, axis=0, dtype=jnp.int32)
    plgpu.store(reached_ref.at[row, span], index_1_sum)
