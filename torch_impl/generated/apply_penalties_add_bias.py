# apply_penalties, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""add_bias: Adds the bias.

Generated. Specialised on
    logits = f32
    bias_ids = int32
    bias_values = f32
    NB = 16
    num_warps = 1
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def add_bias(
    bias_ids_ptr, bias_values_ptr,
    logits_ptr,
    V,
    stride_logits0,
    stride_bias_ids0,
    stride_bias_values0,
):
    NB: tl.constexpr = 16
    row = tl.program_id(0)  # specs/sampling/penalties.py:60
    place = tl.arange(0, 16)
    inside = place < NB
    # specs/sampling/penalties.py:54
    token = tl.load(bias_ids_ptr + (row * stride_bias_ids0 + place), mask=inside, other=-1)
    token_1 = tl.where((token >= 0) & (token < V), token, -1)
    repeated = tl.full([16], 0, tl.int32)  # specs/sampling/penalties.py:67
    for i in range(NB):
        other = tl.load(bias_ids_ptr + (row * stride_bias_ids0 + i))  # specs/sampling/penalties.py:64
        repeated = repeated | ((token_1 == other) & (place > i)).to(tl.int32)
    there = (token_1 >= 0) & (repeated == 0)  # specs/sampling/penalties.py:68
    logits = tl.load(logits_ptr + (row * stride_logits0 + token_1), mask=there, other=0.0)
    bias_values = tl.load(bias_values_ptr + (row * stride_bias_values0 + place), mask=inside, other=0.0)
    value = logits + bias_values
    tl.store(logits_ptr + (row * stride_logits0 + token_1), value, mask=there)
