# int4_gemm_w4a16, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""int4_gemm_w4a16_split: Product of 16-bit activations and an INT4 weight in groups along K.

Generated. Specialised on
    group_size = 128
    weight_order = nk
    invariant = False
    a = bf16
    b = uint8
    b_scale = bf16
    c = f32
    SPLITS = 4
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 128
    GROUP_M = 1
    num_warps = 1
    num_stages = 3
    UNROLL = 2
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
def int4_gemm_w4a16_split(
    a_ptr, b_ptr, b_scale_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b1,
    stride_b_scale0,
):
    SPLITS: tl.constexpr = 4
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 64
    BLOCK_K: tl.constexpr = 128
    UNROLL: tl.constexpr = 2
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    tile_m = pid // tiles_n
    tile_n = pid % tiles_n
    split = tl.program_id(1)  # specs/gemm/int4_tiles.py:52
    steps = tl.cdiv(K, BLOCK_K * UNROLL)
    steps_1 = tl.cdiv(steps - split, SPLITS)  # specs/gemm/tiles.py:42
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/gemm/int4_tiles.py:62
    # Rows after the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    offs_m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/gemm/int4_tiles.py:87
    arange_128 = tl.arange(0, BLOCK_K)
    arange_64 = tl.arange(0, BLOCK_K // 2)  # specs/gemm/int4_tiles.py:119
    offs_n = tile_n * BLOCK_N + arange_64
    # scales as well as what is multiplied
    for k in tl.range(steps_1, num_stages=3):  # specs/gemm/int4_tiles.py:63
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        k_2 = k_1 * UNROLL  # specs/gemm/int4_tiles.py:59
        offs_k = k_2 * BLOCK_K + arange_128  # specs/gemm/int4_tiles.py:87
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k[None, :]))
        a_even, a_odd = tl.split(tl.reshape(a, [BLOCK_M, BLOCK_K // 2, 2]))  # specs/gemm/int4_tiles.py:71
        offs_b0 = k_2 * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:119
        packed = tl.load(b_ptr + (offs_b0[:, None] + offs_n[None, :] * stride_b1))
        b_even = tl.inline_asm_elementwise(
            LOW_NIBBLES_BF16, "=&r,=&r,r", [packed], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        b_odd = tl.inline_asm_elementwise(
            HIGH_NIBBLES_BF16, "=&r,=&r,r", [packed], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        product = tl.dot(a_even, b_even)  # specs/gemm/int4_tiles.py:75
        partial = tl.dot(a_odd, b_odd, acc=product)
        b_scale = tl.load(b_scale_ptr + (k_2 * stride_b_scale0 + offs_n))
        scale = b_scale.to(tl.float32)
        acc_1 = acc + partial * scale[None, :]
        k_3 = k_2 + 1  # specs/gemm/int4_tiles.py:59
        offs_k_1 = k_3 * BLOCK_K + arange_128  # specs/gemm/int4_tiles.py:87
        a_1 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_1[None, :]))
        a_even_1, a_odd_1 = tl.split(tl.reshape(a_1, [BLOCK_M, BLOCK_K // 2, 2]))  # specs/gemm/int4_tiles.py:71
        offs_b0_1 = k_3 * (BLOCK_K // 2) + arange_64  # specs/gemm/int4_tiles.py:119
        packed_1 = tl.load(b_ptr + (offs_b0_1[:, None] + offs_n[None, :] * stride_b1))
        b_even_1 = tl.inline_asm_elementwise(
            LOW_NIBBLES_BF16, "=&r,=&r,r", [packed_1], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        b_odd_1 = tl.inline_asm_elementwise(
            HIGH_NIBBLES_BF16, "=&r,=&r,r", [packed_1], dtype=tl.bfloat16, is_pure=True, pack=4
        )
        product_1 = tl.dot(a_even_1, b_even_1)  # specs/gemm/int4_tiles.py:75
        partial_1 = tl.dot(a_odd_1, b_odd_1, acc=product_1)
        b_scale_1 = tl.load(b_scale_ptr + (k_3 * stride_b_scale0 + offs_n))
        scale_1 = b_scale_1.to(tl.float32)
        acc = acc_1 + partial_1 * scale_1[None, :]
    tl.store(c_ptr + (split * (M * N) + offs_m[:, None] * N + offs_n[None, :]), acc)  # specs/gemm/tiles.py:71
