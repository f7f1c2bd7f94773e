# moe_route, case "v4-flash", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""moe_route: Experts of every token and their weights.

Generated. Specialised on
    topk = 6
    score = sqrtsoftplus
    renormalize = True
    n_group = 1
    topk_group = 1
    routed_scaling_factor = 1.5
    logits = f32
    correction_bias = f32
    weights = f32
    ids = int32
    E = 256
    BLOCK_M = 4
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def moe_route(
    logits_ptr, correction_bias_ptr,
    weights_ptr, ids_ptr,
    T,
    stride_logits0,
):
    topk: tl.constexpr = 6
    n_group: tl.constexpr = 1
    E: tl.constexpr = 256
    BLOCK_M: tl.constexpr = 4
    row = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/moe/route.py:63
    inside = row < T
    lane = tl.arange(0, 256)  # specs/moe/route.py:90
    group = lane // 256
    member = lane % 256
    expert = group * E + member
    exists = (group < n_group) & (member < E)
    # specs/moe/route.py:66
    x = tl.load(
        logits_ptr + (row[:, None] * stride_logits0 + expert[None, :]), mask=inside[:, None] & exists[None, :],
        other=float("-inf")
    )
    x_1 = tl.minimum(tl.where(x != x, float("-inf"), x), 3.4028234663852886e+38)
    # log(1 + t) = 2 artanh(t / (2 + t)): unlike a logarithm of 1 + t, it keeps the digits of a small t.
    t = tl.exp2(tl.abs(x_1) * -1.4426950408889634)  # -log2(e), specs/moe/route.py:101
    z = tl.div_rn(t, 2.0 + t)
    square = z * z
    series = square * 0.058823529411764705  # 1/17
    series_1 = square * (series + 0.06666666666666667)  # 1/15
    series_2 = square * (series_1 + 0.07692307692307693)  # 1/13
    series_3 = square * (series_2 + 0.09090909090909091)  # 1/11
    series_4 = square * (series_3 + 0.1111111111111111)  # 1/9
    series_5 = square * (series_4 + 0.14285714285714285)  # 1/7
    series_6 = square * (series_5 + 0.2)
    series_7 = square * (series_6 + 0.3333333333333333)  # 1/3
    score = tl.sqrt(tl.maximum(x_1, 0.0) + 2.0 * (z + z * series_7))
    correction_bias = tl.load(correction_bias_ptr + expert, mask=exists, other=0.0)  # specs/moe/route.py:121
    choice = tl.where(exists[None, :], score + correction_bias[None, :], float("-inf"))
    bits = choice.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/moe/route.py:124
    keys = tl.where(exists[None, :], tl.where(bits < 0, -2147483648 - bits, bits), -2147483647)
    largest = tl.max(keys, axis=1)  # specs/moe/route.py:155
    found = tl.min(tl.where(keys == largest[:, None], expert[None, :], 0x40000000), axis=1)  # float32 bits of 2**1
    mask = expert[None, :] == found[:, None]
    keys_1 = tl.where(mask, -2147483648, keys)  # -2**31
    largest_1 = tl.max(keys_1, axis=1)
    # 0x40000000 is float32 bits of 2**1
    found_1 = tl.min(tl.where(keys_1 == largest_1[:, None], expert[None, :], 0x40000000), axis=1)
    mask_1 = expert[None, :] == found_1[:, None]
    keys_2 = tl.where(mask_1, -2147483648, keys_1)  # -2**31
    largest_2 = tl.max(keys_2, axis=1)
    # 0x40000000 is float32 bits of 2**1
    found_2 = tl.min(tl.where(keys_2 == largest_2[:, None], expert[None, :], 0x40000000), axis=1)
    mask_2 = expert[None, :] == found_2[:, None]
    keys_3 = tl.where(mask_2, -2147483648, keys_2)  # -2**31
    largest_3 = tl.max(keys_3, axis=1)
    # 0x40000000 is float32 bits of 2**1
    found_3 = tl.min(tl.where(keys_3 == largest_3[:, None], expert[None, :], 0x40000000), axis=1)
    mask_3 = expert[None, :] == found_3[:, None]
    keys_4 = tl.where(mask_3, -2147483648, keys_3)  # -2**31
    largest_4 = tl.max(keys_4, axis=1)
    # 0x40000000 is float32 bits of 2**1
    found_4 = tl.min(tl.where(keys_4 == largest_4[:, None], expert[None, :], 0x40000000), axis=1)
    mask_4 = expert[None, :] == found_4[:, None]
    keys_5 = tl.where(mask_4, -2147483648, keys_4)  # -2**31
    largest_5 = tl.max(keys_5, axis=1)
    # 0x40000000 is float32 bits of 2**1
    found_5 = tl.min(tl.where(keys_5 == largest_5[:, None], expert[None, :], 0x40000000), axis=1)
    weight = tl.sum(tl.where(mask, score, 0.0), axis=1)  # specs/moe/route.py:76
    weight_1 = tl.sum(tl.where(mask_1, score, 0.0), axis=1)
    weight_2 = tl.sum(tl.where(mask_2, score, 0.0), axis=1)
    weight_3 = tl.sum(tl.where(mask_3, score, 0.0), axis=1)
    weight_4 = tl.sum(tl.where(mask_4, score, 0.0), axis=1)
    weight_5 = tl.sum(tl.where(expert[None, :] == found_5[:, None], score, 0.0), axis=1)
    total = weight + weight_1 + weight_2 + weight_3 + weight_4 + weight_5
    weight_6 = tl.div_rn(weight, tl.where(total > 0.0, total, 1.0))
    weight_7 = tl.div_rn(weight_1, tl.where(total > 0.0, total, 1.0))
    weight_8 = tl.div_rn(weight_2, tl.where(total > 0.0, total, 1.0))
    weight_9 = tl.div_rn(weight_3, tl.where(total > 0.0, total, 1.0))
    weight_10 = tl.div_rn(weight_4, tl.where(total > 0.0, total, 1.0))
    weight_11 = tl.div_rn(weight_5, tl.where(total > 0.0, total, 1.0))
    live_expert = inside & (found >= 0) & (found < E)
    tl.store(weights_ptr + row * topk, tl.where(live_expert, weight_6 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + row * topk, tl.where(live_expert, found, -1), mask=inside)
    live_expert_1 = inside & (found_1 >= 0) & (found_1 < E)
    tl.store(weights_ptr + (row * topk + 1), tl.where(live_expert_1, weight_7 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + (row * topk + 1), tl.where(live_expert_1, found_1, -1), mask=inside)
    live_expert_2 = inside & (found_2 >= 0) & (found_2 < E)
    tl.store(weights_ptr + (row * topk + 2), tl.where(live_expert_2, weight_8 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + (row * topk + 2), tl.where(live_expert_2, found_2, -1), mask=inside)
    live_expert_3 = inside & (found_3 >= 0) & (found_3 < E)
    tl.store(weights_ptr + (row * topk + 3), tl.where(live_expert_3, weight_9 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + (row * topk + 3), tl.where(live_expert_3, found_3, -1), mask=inside)
    live_expert_4 = inside & (found_4 >= 0) & (found_4 < E)
    tl.store(weights_ptr + (row * topk + 4), tl.where(live_expert_4, weight_10 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + (row * topk + 4), tl.where(live_expert_4, found_4, -1), mask=inside)
    live_expert_5 = inside & (found_5 >= 0) & (found_5 < E)
    tl.store(weights_ptr + (row * topk + 5), tl.where(live_expert_5, weight_11 * 1.5, 0.0), mask=inside)
    tl.store(ids_ptr + (row * topk + 5), tl.where(live_expert_5, found_5, -1), mask=inside)
