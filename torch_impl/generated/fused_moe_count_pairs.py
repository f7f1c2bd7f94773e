# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""count_pairs: Where the rows of every expert begin, and how many pairs each has before every tile of pairs.

Generated. Specialised on
    num_experts = 256
    ids = int32
    offsets = int32
    earlier = int32
    K = 6
    BLOCK_E = 8
    STEP = 8
    num_warps = 8
"""

import triton
import triton.language as tl


@triton.jit
def count_pairs(
    ids_ptr,
    offsets_ptr, earlier_ptr,
    T, TILES,
    stride_ids0,
):
    num_experts: tl.constexpr = 256
    K: tl.constexpr = 6
    BLOCK_E: tl.constexpr = 8
    STEP: tl.constexpr = 8
    expert = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)  # specs/moe/permute.py:54
    exists = expert <= num_experts
    none = tl.full([BLOCK_E], 0, tl.int32)
    before = none
    below = none
    for k in range(tl.cdiv(TILES, STEP)):
        tile = k * STEP + tl.arange(0, STEP)  # specs/moe/permute.py:58
        pair = tile[:, None] * 128 + tl.arange(0, 128)[None, :]
        inside = pair < T * K  # specs/moe/permute.py:41
        expert_1 = tl.load(ids_ptr + (pair // K * stride_ids0 + pair % K), mask=inside, other=-1)
        # specs/moe/permute.py:60
        given = tl.where((expert_1 >= 0) & (expert_1 < num_experts), expert_1, num_experts)[:, :, None]
        inside_1 = inside[:, :, None]
        own = tl.sum(((given == expert[None, :][:, None, :]) & inside_1).to(tl.int32), axis=1)
        # Tiles of a step count one after the other: pairs of earlier tiles come first.
        upto = tl.cumsum(own, axis=0)
        mask = (tile < TILES)[:, None] & exists[None, :]
        tl.store(
            earlier_ptr + (tile[:, None] * (num_experts + 1) + expert[None, :]), before[None, :] + upto - own, mask=mask
        )
        index = tl.sum(((given < expert[None, :][:, None, :]) & inside_1).to(tl.int32), axis=1)
        lower = tl.sum(index, axis=0)
        own_sum = tl.sum(own, axis=0)
        before_1 = before + own_sum
        below_1 = below + lower
        before = before_1
        below = below_1
    tl.store(offsets_ptr + expert, below, mask=exists)  # specs/moe/permute.py:72
