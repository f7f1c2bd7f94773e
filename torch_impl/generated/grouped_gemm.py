# grouped_gemm, case "prefill", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm: Products of the rows of experts with the experts' unquantised weights.

Generated. Specialised on
    weight_order = nk
    topk = 6
    invariant = False
    a = bf16
    b = bf16
    offsets = int32
    order = int32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = False
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
    GROUP_M = 8
    num_warps = 8
    num_stages = 4
    offsets = 64-bit
"""

import triton
import triton.language as tl


@triton.jit
def grouped_gemm(
    a_ptr, b_ptr, offsets_ptr, order_ptr,
    c_ptr,
    TA, N, K, R,
    stride_a0,
    stride_b0, stride_b2,
):
    topk: tl.constexpr = 6
    E: tl.constexpr = 256
    BLOCK_M: tl.constexpr = 128
    BLOCK_N: tl.constexpr = 128
    BLOCK_K: tl.constexpr = 64
    GROUP_M: tl.constexpr = 8
    row_tiles = R // BLOCK_M + (E + 1)  # specs/moe/grouped.py:63
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = pid // per_band
    first = band * GROUP_M
    height = tl.minimum(row_tiles - first, GROUP_M)
    inside = pid % per_band
    slot = first + inside % height
    tile_n = inside // height
    number = tl.arange(0, 256)  # specs/moe/grouped.py:64
    exists = number < E
    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    offset = tl.load(offsets_ptr + number.to(tl.int64), mask=exists, other=0)
    passed = exists & ((offset // BLOCK_M + number <= slot) | (number == 0))
    offset_1 = tl.load(offsets_ptr + E)
    last = tl.cast(offset_1 // BLOCK_M + E <= slot, tl.int32)
    index = tl.sum(passed.to(tl.int32), axis=0)
    expert = index + last - 1
    offsets = tl.load(offsets_ptr + tl.cast(expert, tl.int64))
    begin = tl.where(expert == 0, 0, offsets)
    offsets_1 = tl.load(offsets_ptr + tl.cast(tl.minimum(expert + 1, E), tl.int64))
    end = tl.where(expert == E, R, tl.minimum(offsets_1, R))
    first_1 = begin + (slot - (begin // BLOCK_M + expert)) * BLOCK_M
    starts = first_1 >= 0
    live = starts & (first_1 < end)
    owned = live & (expert < E)
    expert_1 = tl.minimum(expert, E - 1)
    row = first_1 + tl.arange(0, BLOCK_M)  # specs/moe/grouped.py:90
    pair = tl.load(order_ptr + row.to(tl.int64), mask=(row >= 0) & (row < R), other=0)
    source = tl.maximum(tl.minimum(pair // topk, TA - 1), 0)
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/moe/grouped_dense.py:38
    arange_64 = tl.arange(0, BLOCK_K)  # specs/moe/grouped_dense.py:36
    arange_128 = tl.arange(0, BLOCK_N)
    offs_n = tile_n * BLOCK_N + arange_128
    for k in range(tl.where(owned, tl.cdiv(K, BLOCK_K), 0)):  # specs/moe/grouped_dense.py:38
        offs_k = k * BLOCK_K + arange_64  # specs/moe/grouped.py:119
        a = tl.load(a_ptr + (source[:, None].to(tl.int64) * stride_a0 + offs_k[None, :].to(tl.int64)))
        # specs/moe/grouped_dense.py:36
        b = tl.load(
            b_ptr + (
                tl.cast(
                    expert_1, tl.int64
                ) * stride_b0 + offs_k[:, None].to(tl.int64) + offs_n[None, :].to(tl.int64) * stride_b2
            )
        )
        acc = tl.dot(a, b, acc=acc)
    offs_r = first_1 + arange_128  # specs/moe/grouped.py:126
    mask_r = offs_r < tl.where(live, end, 0)
    tl.store(
        c_ptr + (offs_r[:, None].to(tl.int64) * N + offs_n[None, :].to(tl.int64)), acc.to(tl.bfloat16),
        mask=mask_r[:, None]
    )
