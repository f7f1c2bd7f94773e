# logprobs, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
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

import triton
import triton.language as tl


@triton.jit
def logprob_spans(
    logits_ptr, tokens_ptr,
    maxima_ptr, tops_ptr, sums_ptr, reached_ptr,
    V, vocab_size,
    stride_logits0,
):
    row = tl.program_id(0)  # specs/sampling/logprobs.py:84
    span = tl.program_id(1)
    group = span * 128 + tl.arange(0, 128)
    column = group[:, None] * 32 + tl.arange(0, 32)[None, :]
    mask = vocab_size > 0  # specs/sampling/settings.py:49
    index = tl.minimum(vocab_size, V)
    inside = column < tl.where(mask, index, V)  # specs/sampling/logprobs.py:87
    value = tl.load(logits_ptr + (row * stride_logits0 + column), mask=inside, other=0.0)
    bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/logprobs.py:88
    key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
    largest = tl.max(key_1, axis=1)
    tl.store(maxima_ptr + (row * tl.cdiv(V, 32) + group), largest, mask=group < tl.cdiv(V, 32))
    top = tl.max(largest, axis=0)
    key_2 = tl.minimum(key_1, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    x = tl.where(key_2 < 0, -2147483648 - key_2, key_2).to(tl.float32, bitcast=True)
    key_3 = tl.minimum(top, 0x7f7fffff)  # specs/sampling/logprobs.py:74
    # -2147483648 is -2**31, specs/sampling/settings.py:44
    peak = tl.cast(tl.where(key_3 < 0, -2147483648 - key_3, key_3), tl.float32, bitcast=True)
    # 1.4426950408889634 is log2(e), specs/sampling/logprobs.py:92
    power = tl.exp2((x - tl.where(peak == float("-inf"), 0.0, peak)) * 1.4426950408889634)
    tl.store(tops_ptr + (row * 64 + span), top)
    power_sum = tl.sum(power, axis=1)
    power_sum_sum = tl.sum(power_sum, axis=0)
    tl.store(sums_ptr + (row * 64 + span), power_sum_sum)
    token = tl.load(tokens_ptr + row)  # specs/sampling/logprobs.py:103
    there = (token >= 0) & (token < tl.where(mask, index, V))
    # specs/sampling/logprobs.py:96
    value_1 = tl.load(logits_ptr + (row * stride_logits0 + token), mask=there, other=0.0)
    bits_1 = tl.cast(value_1, tl.int32, bitcast=True)  # specs/indexer/select.py:122
    key_4 = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/settings.py:39
    chosen = tl.where(key_4 > 0x7f800000, -2139095040, tl.maximum(key_4, -2139095040))
    reached = inside & (key_1 >= chosen) & there  # specs/sampling/logprobs.py:97
    index_1 = tl.sum(reached.to(tl.int32), axis=1)
    index_1_sum = tl.sum(index_1, axis=0)
    tl.store(reached_ptr + (row * 64 + span), index_1_sum)
