# apply_penalties, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""write_penalised: Puts penalised logits in place.

Generated. Specialised on
    logits = f32
    tokens = int32
    prompt_lens = int32
    lens = int32
    penalised = f32
    BLOCK = 1024
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def write_penalised(
    tokens_ptr, prompt_lens_ptr, lens_ptr, penalised_ptr,
    logits_ptr,
    V, L,
    stride_logits0,
    stride_tokens0,
):
    BLOCK: tl.constexpr = 1024
    row = tl.program_id(0)  # specs/sampling/penalties.py:108
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    lens = tl.load(lens_ptr + row)  # specs/sampling/penalties.py:75
    end = tl.maximum(tl.minimum(lens, L), 0)
    inside = place < end  # specs/sampling/penalties.py:110
    # specs/sampling/penalties.py:54
    token = tl.load(tokens_ptr + (row * stride_tokens0 + place), mask=inside, other=-1)
    token_1 = tl.where((token >= 0) & (token < V), token, -1)
    there = token_1 >= 0  # specs/sampling/penalties.py:111
    penalised = tl.load(penalised_ptr + (row * L + place), mask=there, other=0.0)
    tl.store(logits_ptr + (row * stride_logits0 + token_1), penalised, mask=there)
