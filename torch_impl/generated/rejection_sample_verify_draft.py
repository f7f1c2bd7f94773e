# rejection_sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""verify_draft: Draft tokens that the sampled ones confirm.

Generated. Specialised on
    draft = int32
    sampled = int32
    lengths = int32
    tokens = int32
    accepted = int32
    K = 1
    BLOCK = 32
    num_warps = 1
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def verify_draft(
    draft_ptr, sampled_ptr, lengths_ptr,
    tokens_ptr, accepted_ptr,
    B,
    stride_draft0,
):
    K: tl.constexpr = 1
    BLOCK: tl.constexpr = 32
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)  # specs/sampling/verify.py:37
    place = tl.arange(0, 2)
    inside = row < B
    each = inside[:, None] & (place < K)[None, :]
    lengths = tl.load(lengths_ptr + row, mask=inside, other=0)
    length = tl.minimum(lengths, K)
    draft = tl.load(draft_ptr + (row[:, None] * stride_draft0 + place[None, :]), mask=each, other=0)
    mask = inside[:, None] & (place <= K)[None, :]
    token = tl.load(sampled_ptr + (row[:, None] * (K + 1) + place[None, :]), mask=mask, other=0)
    confirmed = each & (place[None, :] < length[:, None]) & (draft == token)
    accepted = tl.min(tl.where(confirmed, K, place[None, :]), axis=1)
    tl.store(accepted_ptr + row, accepted, mask=inside)
    kept = tl.where(place[None, :] <= accepted[:, None], token, -1)
    tl.store(tokens_ptr + (row[:, None] * (K + 1) + place[None, :]), kept, mask=mask)
