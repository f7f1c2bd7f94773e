# logprobs, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def logprob_pick(
    logits_ptr, tokens_ptr, maxima_ptr, tops_ptr, sums_ptr, reached_ptr,
    ids_ptr, logprobs_ptr, rank_ptr,
    V, vocab_size,
    stride_logits0,
):
    n: tl.constexpr = 20
    TILE: tl.constexpr = 8192
    row = tl.program_id(0)  # specs/sampling/logprobs.py:116
    span = tl.arange(0, 64)
    there = span < tl.cdiv(V, 4096)
    top = tl.load(tops_ptr + (row * 64 + span), mask=there, other=-2139095040)
    key = tl.max(top, axis=0)
    key_1 = tl.minimum(key, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    largest = tl.cast(tl.where(key_1 < 0, -2147483648 - key_1, key_1), tl.float32, bitcast=True)
    sums = tl.load(sums_ptr + (row * 64 + span), mask=there, other=0.0)  # specs/sampling/logprobs.py:120
    key_2 = tl.minimum(top, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x = tl.where(key_2 < 0, -2147483648 - key_2, key_2).to(tl.float32, bitcast=True)
    # 1.4426950408889634 is log2(e), specs/sampling/logprobs.py:120
    part = sums * tl.exp2((x - tl.where(largest == float("-inf"), 0.0, largest)) * 1.4426950408889634)
    total = tl.sum(part, axis=0)
    logarithm = tl.log2(tl.where(total > 0.0, total, 1.0)) * 0.6931471805599453  # ln(2)
    token = tl.load(tokens_ptr + row)  # specs/sampling/logprobs.py:103
    mask = vocab_size > 0  # specs/sampling/settings.py:49
    index = tl.minimum(vocab_size, V)
    known = (token >= 0) & (token < tl.where(mask, index, V))  # specs/sampling/logprobs.py:104
    # specs/sampling/logprobs.py:124
    value = tl.load(logits_ptr + (row * stride_logits0 + token), mask=known, other=float("-inf"))
    bits = tl.cast(value, tl.int32, bitcast=True)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key_3 = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/settings.py:39
    chosen = tl.where(key_3 > 0x7f800000, -2139095040, tl.maximum(key_3, -2139095040))
    tl.store(ids_ptr + row * (n + 1), tl.where(known, token, -1))  # specs/sampling/logprobs.py:125
    key_4 = tl.minimum(chosen, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x_1 = tl.cast(tl.where(key_4 < 0, -2147483648 - key_4, key_4), tl.float32, bitcast=True)
    # specs/sampling/logprobs.py:126
    tl.store(logprobs_ptr + row * (n + 1), x_1 - tl.where(largest == float("-inf"), 0.0, largest) - logarithm)
    reached = tl.load(reached_ptr + (row * 64 + span), mask=there, other=0)
    reached_sum = tl.sum(reached, axis=0)
    tl.store(rank_ptr + row, reached_sum)
    group = tl.arange(0, TILE)  # specs/sampling/logprobs.py:134
    # -2147483647 is -(2**31 - 1)
    maxima = tl.load(maxima_ptr + (row * tl.cdiv(V, 32) + group), mask=group < tl.cdiv(V, 32), other=-2147483647)
    lane = tl.arange(0, 32)
    past = tl.full([32], 0x100000, tl.int32)  # 2**20
    for i in range(n):
        best = tl.max(maxima, axis=0)  # specs/sampling/logprobs.py:109
        found = tl.min(tl.where(maxima == best, group, 0x7fffffff), axis=0)  # 2**31 - 1
        keys = tl.where(group == found, -2147483647, maxima)  # -(2**31 - 1)
        # Past the last group: columns past every vocabulary.
        # -2147483647 is -(2**31 - 1), specs/sampling/logprobs.py:141
        groups = tl.where((lane == i) & (best > -2147483647), found, past)
        maxima = keys
        past = groups
    columns = past[:, None] * 32 + lane[None, :]  # specs/sampling/settings.py:128
    number = tl.reshape(columns, [1024])
    inside = number < tl.where(mask, index, V)  # specs/sampling/logprobs.py:146
    value_1 = tl.load(logits_ptr + (row * stride_logits0 + number), mask=inside, other=0.0)
    bits_1 = value_1.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
    key_5 = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # -2147483647 is -(2**31 - 1), 0x7f800000 is float32 bits of infinity, specs/sampling/logprobs.py:147
    keys_1 = tl.where(inside, tl.where(key_5 > 0x7f800000, -2139095040, tl.maximum(key_5, -2139095040)), -2147483647)
    for i_1 in range(n):
        best_1 = tl.max(keys_1, axis=0)  # specs/sampling/logprobs.py:109
        found_1 = tl.min(tl.where(keys_1 == best_1, number, 0x7fffffff), axis=0)  # 2**31 - 1
        keys_2 = tl.where(number == found_1, -2147483647, keys_1)  # -(2**31 - 1)
        exists = best_1 > -2147483647  # -(2**31 - 1), specs/sampling/logprobs.py:151
        tl.store(ids_ptr + (row * (n + 1) + i_1 + 1), tl.where(exists, found_1, -1))
        key_6 = tl.maximum(best_1, -2139095040)
        key_7 = tl.minimum(key_6, 0x7f7fffff)  # specs/sampling/logprobs.py:74
        # -2147483648 is -2**31, specs/sampling/settings.py:44
        x_2 = tl.cast(tl.where(key_7 < 0, -2147483648 - key_7, key_7), tl.float32, bitcast=True)
        # specs/sampling/logprobs.py:153
        tl.store(
            logprobs_ptr + (row * (n + 1) + i_1 + 1),
            tl.where(exists, x_2 - tl.where(largest == float("-inf"), 0.0, largest) - logarithm, float("-inf"))
        )
        keys_1 = keys_2
