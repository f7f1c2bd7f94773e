# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""group_keys: Largest keys of groups of 32 columns.

Generated. Specialised on
    logits = f32
    maxima = int32
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def group_keys(
    logits_ptr,
    maxima_ptr,
    V, vocab_size,
    stride_logits0,
):
    BLOCK: tl.constexpr = 4096
    row = tl.program_id(0)  # specs/sampling/kernels.py:68
    block = tl.program_id(1)
    group = block * (BLOCK // 32) + tl.arange(0, BLOCK // 32)
    column = group[:, None] * 32 + tl.arange(0, 32)[None, :]
    inside = column < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)
    value = tl.load(logits_ptr + (row * stride_logits0 + column), mask=inside, other=0.0)
    bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:73
    key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
    key_1_max = tl.max(key_1, axis=1)
    tl.store(maxima_ptr + (row * tl.cdiv(V, 32) + group), key_1_max, mask=group < tl.cdiv(V, 32))
