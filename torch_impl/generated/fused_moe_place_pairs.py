# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""place_pairs: The row of every pair, and the pair of every row.

Generated. Specialised on
    num_experts = 256
    ids = int32
    offsets = int32
    earlier = int32
    order = int32
    inverse = int32
    K = 6
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def place_pairs(
    ids_ptr, offsets_ptr, earlier_ptr,
    order_ptr, inverse_ptr,
    T,
    stride_ids0,
):
    num_experts: tl.constexpr = 256
    K: tl.constexpr = 6
    start = tl.program_id(0) * 128  # specs/moe/permute.py:77
    pair = start + tl.arange(0, 128)
    inside = pair < T * K
    index = pair // K  # specs/moe/permute.py:42
    index_1 = pair % K
    expert = tl.load(ids_ptr + (index * stride_ids0 + index_1), mask=inside, other=-1)
    expert_1 = tl.where((expert >= 0) & (expert < num_experts), expert, num_experts)
    # In parts, which stay in registers.
    rank = tl.full([128], 0, tl.int32)  # specs/moe/permute.py:88
    for k in range(8):
        other = start + k * 16 + tl.arange(0, 16)  # specs/moe/permute.py:83
        inside_1 = other < T * K  # specs/moe/permute.py:41
        expert_2 = tl.load(ids_ptr + (other // K * stride_ids0 + other % K), mask=inside_1, other=-1)
        # specs/moe/permute.py:84
        same = (
            expert_1[:, None] == tl.where((expert_2 >= 0) & (expert_2 < num_experts), expert_2, num_experts)[None, :]
        ) & (other[None, :] < pair[:, None])
        index_2 = tl.sum(same.to(tl.int32), axis=1)
        rank = rank + index_2
    first = tl.load(offsets_ptr + expert_1, mask=inside, other=0)  # specs/moe/permute.py:89
    earlier = tl.load(earlier_ptr + (pair // 128 * (num_experts + 1) + expert_1), mask=inside, other=0)
    row = first + earlier + rank
    kept = expert_1 < num_experts
    # Dropped pairs have rows too, the last ones, so that every entry of `order` is written once.
    tl.store(order_ptr + row, tl.where(kept, pair, -1), mask=inside)
    tl.store(inverse_ptr + (index * K + index_1), tl.where(kept, row, -1), mask=inside)
