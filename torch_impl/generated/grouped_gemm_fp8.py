# grouped_gemm_fp8, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_fp8: Products of the rows of experts with the experts' FP8 weights.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    topk = 6
    out_dtype = bf16
    invariant = False
    a = e4m3
    b = e4m3
    b_scale = f32
    offsets = int32
    order = int32
    a_scale = f32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 128
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 5
    SWAP_AB = 1
    offsets = 64-bit
"""

import triton
import triton.language as tl


@triton.jit
def grouped_gemm_fp8(
    a_ptr, b_ptr, b_scale_ptr, offsets_ptr, order_ptr, a_scale_ptr,
    c_ptr,
    TA, N, K, R,
    stride_a0,
    stride_b0, stride_b2,
    stride_b_scale0, stride_b_scale2,
    stride_a_scale0,
):
    group: tl.constexpr = 128
    topk: tl.constexpr = 6
    E: tl.constexpr = 256
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 128
    BLOCK_K: tl.constexpr = 128
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    slot = pid // tiles_n
    tile_n = pid % tiles_n
    number = tl.arange(0, 256)  # specs/moe/grouped.py:64
    exists = number < E
    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    offsets = tl.load(offsets_ptr + number.to(tl.int64), mask=exists, other=0)
    passed = exists & ((offsets <= slot) | (number == 0))
    offsets_1 = tl.load(offsets_ptr + E)
    last = tl.cast(offsets_1 <= slot, tl.int32)
    index = tl.sum(passed.to(tl.int32), axis=0)
    expert = index + last - 1
    offsets_2 = tl.load(offsets_ptr + tl.cast(expert, tl.int64))
    begin = tl.where(expert == 0, 0, offsets_2)
    offsets_3 = tl.load(offsets_ptr + tl.cast(tl.minimum(expert + 1, E), tl.int64))
    end = tl.where(expert == E, R, tl.minimum(offsets_3, R))
    starts = (slot - begin) % BLOCK_M == 0
    live = starts & (slot < end)
    owned = live & (expert < E)
    expert_1 = tl.minimum(expert, E - 1)
    row = slot + tl.arange(0, BLOCK_M)  # specs/moe/grouped.py:90
    pair = tl.load(order_ptr + row.to(tl.int64), mask=(row >= 0) & (row < R), other=0)
    source = tl.maximum(tl.minimum(pair // topk, TA - 1), 0)
    steps = tl.where(owned, tl.cdiv(K, BLOCK_K), 0)  # specs/moe/grouped.py:97
    acc = tl.full([BLOCK_N, BLOCK_M], 0.0, tl.float32)  # specs/moe/grouped_fp8.py:61
    arange_128 = tl.arange(0, BLOCK_K)  # specs/moe/grouped_fp8.py:48
    offs_n = tile_n * BLOCK_N + arange_128
    for k in tl.range(steps, num_stages=5):  # specs/moe/grouped_fp8.py:61
        offs_k = k * BLOCK_K + arange_128  # specs/moe/grouped.py:119
        a = tl.load(a_ptr + (source[:, None].to(tl.int64) * stride_a0 + offs_k[None, :].to(tl.int64)))
        # specs/moe/grouped_fp8.py:48
        b = tl.load(
            b_ptr + (
                tl.cast(
                    expert_1, tl.int64
                ) * stride_b0 + offs_k[:, None].to(tl.int64) + offs_n[None, :].to(tl.int64) * stride_b2
            )
        )
        tile_n_1 = tile_n * BLOCK_N // BLOCK_N
        # specs/gemm/tiles.py:81
        scale = tl.load(
            b_scale_ptr + (
                tl.cast(expert_1, tl.int64) * stride_b_scale0 + tl.cast(k, tl.int64) + tl.cast(
                    tile_n_1 * BLOCK_N // group, tl.int64
                ) * stride_b_scale2
            )
        )
        # specs/moe/grouped.py:118
        by_row = tl.load(a_scale_ptr + (source.to(tl.int64) * stride_a_scale0 + tl.cast(k, tl.int64)))
        scale_1 = (by_row * scale)[:, None]  # specs/moe/grouped_fp8.py:52
        # Columns of b are rows of the matrix instruction; of Hopper's 64 the few rows of a would leave most empty.
        product = tl.dot(tl.permute(b, [1, 0]), tl.permute(a, [1, 0]))
        acc = acc + product * tl.permute(scale_1, [1, 0])
    acc_1 = tl.permute(acc, [1, 0])  # specs/moe/grouped_fp8.py:62
    mask_r = row < tl.where(live, end, 0)  # specs/moe/grouped.py:126
    tl.store(
        c_ptr + (row[:, None].to(tl.int64) * N + offs_n[None, :].to(tl.int64)), acc_1.to(tl.bfloat16),
        mask=mask_r[:, None]
    )
