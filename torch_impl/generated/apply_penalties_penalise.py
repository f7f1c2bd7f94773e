# apply_penalties, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""penalise: Penalised logits of the tokens that occur.

Generated. Specialised on
    logits = f32
    tokens = int32
    prompt_lens = int32
    lens = int32
    repetition = f32
    frequency = f32
    presence = f32
    penalised = f32
    BLOCK = 128
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def penalise(
    logits_ptr, tokens_ptr, prompt_lens_ptr, lens_ptr, repetition_ptr, frequency_ptr, presence_ptr,
    penalised_ptr,
    V, L,
    stride_logits0,
    stride_tokens0,
):
    BLOCK: tl.constexpr = 128
    row = tl.program_id(0)  # specs/sampling/penalties.py:81
    block = tl.program_id(1)
    lens = tl.load(lens_ptr + row)  # specs/sampling/penalties.py:75
    end = tl.maximum(tl.minimum(lens, L), 0)
    prompt_lens = tl.load(prompt_lens_ptr + row)
    start = tl.maximum(tl.minimum(prompt_lens, end), 0)
    if block * BLOCK < end:  # specs/sampling/penalties.py:103
        place = block * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/penalties.py:85
        inside = place < end
        # specs/sampling/penalties.py:54
        token = tl.load(tokens_ptr + (row * stride_tokens0 + place), mask=inside, other=-1)
        token_1 = tl.where((token >= 0) & (token < V), token, -1)
        count = tl.full([BLOCK], 0, tl.int32)  # specs/sampling/penalties.py:93
        for i in range(tl.cdiv(end - start, 64)):
            at = start + i * 64 + tl.arange(0, 64)  # specs/sampling/penalties.py:89
            inside_1 = at < end
            # specs/sampling/penalties.py:54
            token_2 = tl.load(tokens_ptr + (row * stride_tokens0 + at), mask=inside_1, other=-1)
            other = tl.where((token_2 >= 0) & (token_2 < V), token_2, -1)
            index = tl.sum((token_1[:, None] == other[None, :]).to(tl.int32), axis=1)  # specs/sampling/penalties.py:91
            count = count + index
        there = token_1 >= 0  # specs/sampling/penalties.py:94
        value = tl.load(logits_ptr + (row * stride_logits0 + token_1), mask=there, other=0.0)
        repetition = tl.load(repetition_ptr + row)
        value_1 = tl.where(value > 0.0, tl.div_rn(value, repetition), value * repetition)
        # The minimum keeps compilers from contracting the product and the difference into one rounding.
        frequency = tl.load(frequency_ptr + row)
        value_2 = value_1 - tl.minimum(frequency * count.to(tl.float32), 3.4028234663852886e+38)
        presence = tl.load(presence_ptr + row)
        value_3 = value_2 - tl.where(count > 0, presence, 0.0)
        tl.store(penalised_ptr + (row * L + place), value_3, mask=place < L)
