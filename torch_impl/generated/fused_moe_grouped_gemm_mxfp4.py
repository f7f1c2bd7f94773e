# fused_moe, case "decode-v4", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""grouped_gemm_mxfp4: Products of the rows of experts with the experts' MXFP4 weights.

Generated. Specialised on
    a_scale_group = 128
    weight_order = nk
    topk = 1
    out_dtype = bf16
    invariant = False
    a = e4m3
    b = uint8
    b_scale = e8m0
    offsets = int32
    a_scale = f32
    c = bf16
    E = 256
    even_n = True
    even_k = True
    by_row = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 2
    num_stages = 4
"""

import triton
import triton.language as tl

HIGH_E2M1_TIMES = tl.constexpr(
    "{ .reg .b32 t; "
    ".reg .b32 m; "
    "mov.b32 m, 0x7D807D80; "
    "and.b32 t, $2, 0xF0F0F0F0; "
    "prmt.b32 $0, t, 0, 0x4140; "
    "prmt.b32 $1, t, 0, 0x4342; "
    "mul.lo.u32 $0, $0, 0x104; "
    "mul.lo.u32 $1, $1, 0x104; "
    "and.b32 $0, $0, 0x81C081C0; "
    "and.b32 $1, $1, 0x81C081C0; "
    "mul.bf16x2 $0, $0, m; "
    "mul.bf16x2 $1, $1, m; "
    "mul.bf16x2 $0, $0, $3; "
    "mul.bf16x2 $1, $1, $4; "
    "}"
)
LOW_E2M1_TIMES = tl.constexpr(
    "{ .reg .b32 t; "
    ".reg .b32 m; "
    "mov.b32 m, 0x7D807D80; "
    "and.b32 t, $2, 0x0F0F0F0F; "
    "prmt.b32 $0, t, 0, 0x4140; "
    "prmt.b32 $1, t, 0, 0x4342; "
    "mul.lo.u32 $0, $0, 0x1040; "
    "mul.lo.u32 $1, $1, 0x1040; "
    "and.b32 $0, $0, 0x81C081C0; "
    "and.b32 $1, $1, 0x81C081C0; "
    "mul.bf16x2 $0, $0, m; "
    "mul.bf16x2 $1, $1, m; "
    "mul.bf16x2 $0, $0, $3; "
    "mul.bf16x2 $1, $1, $4; "
    "}"
)


@triton.jit
def grouped_gemm_mxfp4(
    a_ptr, b_ptr, b_scale_ptr, offsets_ptr, a_scale_ptr,
    c_ptr,
    TA, N, K, R,
    stride_b0, stride_b2,
    stride_b_scale0, stride_b_scale2,
):
    a_scale_group: tl.constexpr = 128
    E: tl.constexpr = 256
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 128
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    slot = pid // tiles_n
    tile_n = pid % tiles_n
    number = tl.arange(0, 256)  # specs/moe/grouped.py:64
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
    acc = tl.full([BLOCK_N, BLOCK_M], 0.0, tl.float32)  # specs/moe/grouped_packed.py:68
    offs_ta = slot + tl.arange(0, BLOCK_M)  # specs/moe/grouped.py:116
    clamped_ta = tl.minimum(offs_ta, TA - 1)
    arange_128 = tl.arange(0, BLOCK_K)
    arange_64 = tl.arange(0, BLOCK_K // 2)  # specs/moe/grouped_packed.py:56
    offs_n = tile_n * BLOCK_N + arange_64
    # A code times a power of two is exact in BF16, which has the exponents of E8M0: one sum goes over all groups.
    arange_4 = tl.arange(0, BLOCK_K // 32)
    for k in tl.range(tl.where(owned, tl.cdiv(K, BLOCK_K), 0), num_stages=4):  # specs/moe/grouped_packed.py:68
        offs_k = k * BLOCK_K + arange_128  # specs/moe/grouped.py:116
        a = tl.load(a_ptr + (clamped_ta[:, None] * K + offs_k[None, :]))
        # specs/moe/grouped_packed.py:55
        even, odd = tl.split(tl.reshape(a.to(tl.bfloat16), [BLOCK_M, BLOCK_K // 2, 2]))
        offs_b1 = k * (BLOCK_K // 2) + arange_64
        packed = tl.load(b_ptr + (expert_1 * stride_b0 + offs_b1[:, None] + offs_n[None, :] * stride_b2))
        offs_b_scale1 = k * (BLOCK_K // 32) + arange_4
        b_scale = tl.load(
            b_scale_ptr + (expert_1 * stride_b_scale0 + offs_b_scale1[:, None] + offs_n[None, :] * stride_b_scale2)
        )
        index_1 = b_scale.to(tl.int32)
        scale = tl.where(index_1 == 255, 32704, tl.maximum(index_1 << 7, 64)).to(tl.int16).to(tl.bfloat16, bitcast=True)
        factor = tl.reshape(tl.broadcast_to(scale[:, None, :], [BLOCK_K // 32, 16, BLOCK_N]), [BLOCK_K // 2, BLOCK_N])
        # specs/moe/grouped_packed.py:60
        low = tl.inline_asm_elementwise(
            LOW_E2M1_TIMES, "=&r,=&r,r,r,r", [packed, factor], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        high = tl.inline_asm_elementwise(
            HIGH_E2M1_TIMES, "=&r,=&r,r,r,r", [packed, factor], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        by_row = tl.load(a_scale_ptr + (clamped_ta * tl.cdiv(K, a_scale_group) + k))  # specs/moe/grouped.py:116
        by_row_1 = by_row[None, :]  # specs/moe/grouped_packed.py:64
        acc_1 = tl.dot(tl.permute(low, [1, 0]), tl.permute(even, [1, 0]))  # specs/moe/grouped_packed.py:52
        product = tl.dot(tl.permute(high, [1, 0]), tl.permute(odd, [1, 0]), acc=acc_1)
        acc = acc + product * by_row_1
    acc_2 = acc * 4.0  # specs/moe/grouped_packed.py:68
    acc_3 = tl.permute(acc_2, [1, 0])
    mask_r = offs_ta < tl.where(live, end, 0)  # specs/moe/grouped.py:126
    tl.store(c_ptr + (offs_ta[:, None] * N + offs_n[None, :]), acc_3.to(tl.bfloat16), mask=mask_r[:, None])
