# grouped_gemm_int4, case "decode-qwen3", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_int4: Products of the rows of experts with the experts' INT4 weights in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    topk = 8
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    b_scale = bf16
    offsets = int32
    order = int32
    c = bf16
    E = 128
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 4
    num_stages = 3
"""

import triton
import triton.language as tl

HIGH_NIBBLES_BF16 = tl.constexpr(
    "{ .reg .b32 t; "
    ".reg .b32 m; "
    "mov.b32 m, 0x43084308; "
    "shr.b32 t, $2, 4; "
    "and.b32 t, t, 0x0F0F0F0F; "
    "prmt.b32 $0, t, 0x43434343, 0x5140; "
    "prmt.b32 $1, t, 0x43434343, 0x7362; "
    "sub.bf16x2 $0, $0, m; "
    "sub.bf16x2 $1, $1, m; "
    "}"
)
LOW_NIBBLES_BF16 = tl.constexpr(
    "{ .reg .b32 t; "
    ".reg .b32 m; "
    "mov.b32 m, 0x43084308; "
    "and.b32 t, $2, 0x0F0F0F0F; "
    "prmt.b32 $0, t, 0x43434343, 0x5140; "
    "prmt.b32 $1, t, 0x43434343, 0x7362; "
    "sub.bf16x2 $0, $0, m; "
    "sub.bf16x2 $1, $1, m; "
    "}"
)


@triton.jit
def grouped_gemm_int4(
    a_ptr, b_ptr, b_scale_ptr, offsets_ptr, order_ptr,
    c_ptr,
    TA, N, K, R,
    stride_a0,
    stride_b0, stride_b2,
    stride_b_scale0, stride_b_scale2,
):
    topk: tl.constexpr = 8
    E: tl.constexpr = 128
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 128
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    slot = pid // tiles_n
    tile_n = pid % tiles_n
    number = tl.arange(0, 128)  # specs/moe/grouped.py:64
    exists = number < E
    # Keys ascend: the last one that is not above is the expert's; experts without rows come before those with them.
    offsets = tl.load(offsets_ptr + number, mask=exists, other=0)
    passed = exists & ((offsets <= slot) | (number == 0))
    offsets_1 = tl.load(offsets_ptr + E)
    last = tl.cast(offsets_1 <= slot, tl.int32)
    index = tl.sum(passed.to(tl.int32), axis=0)
    expert = index + last - 1
    offsets_2 = tl.load(offsets_ptr + expert)
    begin = tl.where(expert == 0, 0, offsets_2)
    offsets_3 = tl.load(offsets_ptr + tl.minimum(expert + 1, E))
    end = tl.where(expert == E, R, tl.minimum(offsets_3, R))
    starts = (slot - begin) % BLOCK_M == 0
    live = starts & (slot < end)
    owned = live & (expert < E)
    expert_1 = tl.minimum(expert, E - 1)
    row = slot + tl.arange(0, BLOCK_M)  # specs/moe/grouped.py:90
    pair = tl.load(order_ptr + row, mask=(row >= 0) & (row < R), other=0)
    source = tl.maximum(tl.minimum(pair // topk, TA - 1), 0)
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/moe/grouped_packed.py:85
    arange_64 = tl.arange(0, BLOCK_K // 2)  # specs/moe/grouped_packed.py:79
    offs_n = tile_n * BLOCK_N + arange_64
    for k in tl.range(tl.where(owned, tl.cdiv(K, BLOCK_K), 0), num_stages=3):  # specs/moe/grouped_packed.py:85
        # specs/moe/grouped.py:119
        a = tl.load(a_ptr + (source[:, None] * stride_a0 + (k * BLOCK_K + tl.arange(0, BLOCK_K))[None, :]))
        even, odd = tl.split(tl.reshape(a, [BLOCK_M, BLOCK_K // 2, 2]))  # specs/moe/grouped_packed.py:78
        offs_b1 = k * (BLOCK_K // 2) + arange_64
        packed = tl.load(b_ptr + (expert_1 * stride_b0 + offs_b1[:, None] + offs_n[None, :] * stride_b2))
        # specs/moe/grouped_packed.py:82
        low = tl.inline_asm_elementwise(
            LOW_NIBBLES_BF16, "=&r,=&r,r", [packed], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        high = tl.inline_asm_elementwise(
            HIGH_NIBBLES_BF16, "=&r,=&r,r", [packed], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        product = tl.dot(even, low)  # specs/moe/grouped_packed.py:83
        product_1 = tl.dot(odd, high, acc=product)
        # specs/gemm/tiles.py:81
        b_scale = tl.load(b_scale_ptr + (expert_1 * stride_b_scale0 + k + offs_n * stride_b_scale2))
        acc = acc + product_1 * b_scale.to(tl.float32)[None, :]
    mask_r = row < tl.where(live, end, 0)  # specs/moe/grouped.py:126
    tl.store(c_ptr + (row[:, None] * N + offs_n[None, :]), acc.to(tl.bfloat16), mask=mask_r[:, None])
