# logprobs, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""logprob_pick: Log-probabilities of the chosen token and of the most likely ones.

Generated. Specialised on
    n = 20
    logits = f32
    tokens = int32
    maxima = int32
    tops = int32
    sums = f32
    reached = int32
    ids = int32
    logprobs = f32
    rank = int32
    TILE = 8192
    num_warps = 16
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import exp2


def logprob_pick(
    logits_ref, tokens_ref, maxima_ref, tops_ref, sums_ref, reached_ref,
    ids_ref, logprobs_ref, rank_ref,
    *, V, vocab_size,
):
    n = 20
    TILE = 8192
    row = pl.program_id(0)  # specs/sampling/logprobs.py:116
    span = jnp.arange(64, dtype=jnp.int32)
    there = span < pl.cdiv(V, 4096)
    top = plgpu.load(tops_ref.at[row, span], mask=there, other=-2139095040)
    key = jnp.max(top, axis=0)
    key_1 = jnp.minimum(key, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    largest = jax.lax.bitcast_convert_type(jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32)
    sums = plgpu.load(sums_ref.at[row, span], mask=there, other=0.0)  # specs/sampling/logprobs.py:120
    key_2 = jnp.minimum(top, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x = jax.lax.bitcast_convert_type(jnp.where(key_2 < 0, -2147483648 - key_2, key_2), jnp.float32)
    # 1.4426950408889634 is log2(e), specs/sampling/logprobs.py:120
    part = sums * exp2((x - jnp.where(largest == float("-inf"), 0.0, largest)) * 1.4426950408889634)
    total = jnp.sum(part, axis=0)
    logarithm = jnp.log2(jnp.where(total > 0.0, total, 1.0)) * 0.6931471805599453  # ln(2)
    token = plgpu.load(tokens_ref.at[row])  # specs/sampling/logprobs.py:103
    mask = vocab_size > 0  # specs/sampling/settings.py:49
    index = jnp.minimum(jnp.int32(vocab_size), V)
    known = (token >= 0) & (token < jnp.where(mask, index, V))  # specs/sampling/logprobs.py:104
    value = plgpu.load(logits_ref.at[row, token], mask=known, other=float("-inf"))  # specs/sampling/logprobs.py:124
    bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key_3 = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/settings.py:39
    chosen = jnp.where(key_3 > 0x7f800000, -2139095040, jnp.maximum(key_3, -2139095040))
    plgpu.store(ids_ref.at[row, jnp.int32(0)], jnp.where(known, token, -1))  # specs/sampling/logprobs.py:125
    key_4 = jnp.minimum(chosen, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x_1 = jax.lax.bitcast_convert_type(jnp.where(key_4 < 0, -2147483648 - key_4, key_4), jnp.float32)
    # specs/sampling/logprobs.py:126
    plgpu.store(logprobs_ref.at[row, jnp.int32(0)], x_1 - jnp.where(largest == float("-inf"), 0.0, largest) - logarithm)
    reached = plgpu.load(reached_ref.at[row, span], mask=there, other=0)
    reached_sum = jnp.sum(reached, axis=0, dtype=jnp.int32)
    plgpu.store(rank_ref.at[row], reached_sum)
    group = jnp.arange(TILE, dtype=jnp.int32)  # specs/sampling/logprobs.py:134
    maxima = plgpu.load(maxima_ref.at[row, group], mask=group < pl.cdiv(V, 32), other=-2147483647)  # -(2**31 - 1)
    lane = jnp.arange(32, dtype=jnp.int32)
    past = jnp.full((32,), 0x100000, jnp.int32)  # 2**20
    def step(i, carry):
        (keys_1, groups_1) = carry
        best = jnp.max(keys_1, axis=0)  # specs/sampling/logprobs.py:109
        found = jnp.min(jnp.where(keys_1 == best, group, 0x7fffffff), axis=0)  # 2**31 - 1
        keys_2 = jnp.where(group == found, -2147483647, keys_1)  # -(2**31 - 1)
        # Past the last group: columns past every vocabulary.
        # -2147483647 is -(2**31 - 1), specs/sampling/logprobs.py:141
        groups_2 = jnp.where((lane == i) & (best > -2147483647), found, groups_1)
        return (keys_2, groups_2)
    (keys, groups) = jax.lax.fori_loop(0, n, step, (maxima, past))  # specs/sampling/logprobs.py:144
    columns = groups[:, None] * 32 + lane[None, :]  # specs/sampling/settings.py:128
    number = columns.reshape(1024)
    inside = number < jnp.where(mask, index, V)  # specs/sampling/logprobs.py:146
    value_1 = plgpu.load(logits_ref.at[row, number], mask=inside, other=0.0)
    bits_1 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
    key_5 = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # -2147483647 is -(2**31 - 1), 0x7f800000 is float32 bits of infinity, specs/sampling/logprobs.py:147
    keys_3 = jnp.where(inside, jnp.where(key_5 > 0x7f800000, -2139095040, jnp.maximum(key_5, -2139095040)), -2147483647)
    def step_1(i_1, carry):
        (keys_5,) = carry
        best_1 = jnp.max(keys_5, axis=0)  # specs/sampling/logprobs.py:109
        found_1 = jnp.min(jnp.where(keys_5 == best_1, number, 0x7fffffff), axis=0)  # 2**31 - 1
        keys_6 = jnp.where(number == found_1, -2147483647, keys_5)  # -(2**31 - 1)
        exists = best_1 > -2147483647  # -(2**31 - 1), specs/sampling/logprobs.py:151
        plgpu.store(ids_ref.at[row, i_1 + 1], jnp.where(exists, found_1, -1))
        key_6 = jnp.maximum(best_1, -2139095040)
        key_7 = jnp.minimum(key_6, 0x7f7fffff)  # specs/sampling/logprobs.py:74
        # -2147483648 is -2**31, specs/sampling/settings.py:44
        x_2 = jax.lax.bitcast_convert_type(jnp.where(key_7 < 0, -2147483648 - key_7, key_7), jnp.float32)
        # specs/sampling/logprobs.py:153
        plgpu.store(
            logprobs_ref.at[row, i_1 + 1],
            jnp.where(exists, x_2 - jnp.where(largest == float("-inf"), 0.0, largest) - logarithm, float("-inf"))
        )
        return (keys_6,)
    (keys_4,) = jax.lax.fori_loop(0, n, step_1, (keys_3,))  # specs/sampling/logprobs.py:156
