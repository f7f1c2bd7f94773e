# gguf_gemm, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""gguf_gemm_split: Product of activations and a weight in packed blocks.

Generated. Specialised on
    quant_type = Q4_K
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    c = f32
    SPLITS = 16
    even_m = True
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 128
    STEP = 256
    GROUP_M = 1
    num_warps = 2
    num_stages = 3
"""

import triton
import triton.language as tl

HIGH_NIBBLES_MINUS_ZERO_BF16 = tl.constexpr(
    "{ .reg .b32 t; "
    "shr.b32 t, $2, 4; "
    "and.b32 t, t, 0x0F0F0F0F; "
    "prmt.b32 $0, t, 0x43434343, 0x5140; "
    "prmt.b32 $1, t, 0x43434343, 0x7362; "
    "sub.bf16x2 $0, $0, $3; "
    "sub.bf16x2 $1, $1, $4; "
    "}"
)
LOW_NIBBLES_MINUS_ZERO_BF16 = tl.constexpr(
    "{ .reg .b32 t; "
    "and.b32 t, $2, 0x0F0F0F0F; "
    "prmt.b32 $0, t, 0x43434343, 0x5140; "
    "prmt.b32 $1, t, 0x43434343, 0x7362; "
    "sub.bf16x2 $0, $0, $3; "
    "sub.bf16x2 $1, $1, $4; "
    "}"
)


@triton.jit
def gguf_gemm_split(
    a_ptr, b_ptr,
    c_ptr,
    M, N, K,
    stride_a0,
    stride_b0,
):
    SPLITS: tl.constexpr = 16
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 128
    STEP: tl.constexpr = 256
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    tile_m = pid // tiles_n
    tile_n = pid % tiles_n
    # Columns after the last are not stored: the last one is read in their place, without a mask.
    column = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)  # specs/gguf/tiles.py:32
    split = tl.program_id(1)
    steps = K // STEP
    steps_1 = tl.cdiv(steps - split, SPLITS)  # specs/gemm/splits.py:43
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/gguf/tiles.py:53
    offs_m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/gguf/tiles.py:67
    arange_32 = tl.arange(0, 32)
    for k in tl.range(steps_1, num_stages=3):  # specs/gguf/tiles.py:53
        k_1 = k * SPLITS + split  # specs/gemm/splits.py:52
        start = k_1 * 144
        start_1 = k_1 * STEP  # specs/gguf/tiles.py:50
        offs_k = start_1 + arange_32  # specs/gguf/tiles.py:67
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k[None, :]))
        zero = tl.full([1, 1], 0.0, tl.bfloat16)
        start_2 = start + 16
        b = tl.load(b_ptr + column[None, :].to(tl.int64) * stride_b0 + start_2 + arange_32[:, None])
        partial = tl.dot(
            a,
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b, zero + 128.0], dtype=tl.bfloat16, is_pure=True, pack=4
            )
        )
        total = tl.dot(a, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        word = tl.load((b_ptr + column.to(tl.int64) * stride_b0 + start).to(tl.pointer_type(tl.int32)))
        index = word & 65535
        number = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_1 = tl.load((b_ptr + column.to(tl.int64) * stride_b0 + (start + 4)).to(tl.pointer_type(tl.int32)))
        code = word_1 & 15
        word_2 = word_1 >> 4
        part = word_2 & 3
        part_1 = part << 4
        code_1 = code | part_1
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale = (number * ((code_1 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_1 = acc + partial * scale
        word_3 = word >> 16
        index_1 = word_3 & 65535
        number_1 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_4 = tl.load((b_ptr + column.to(tl.int64) * stride_b0 + (start + 8)).to(tl.pointer_type(tl.int32)))
        code_2 = word_4 & 15
        word_5 = word_4 >> 4
        part_2 = word_5 & 3
        part_3 = part_2 << 4
        code_3 = code_2 | part_3
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low = number_1 * ((code_3 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_2 = acc_1 + total * (low * -1.0)[None, :]
        offs_k_1 = start_1 + 32 + arange_32
        a_1 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_1[None, :]))
        zero_1 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_1 = tl.dot(
            a_1,
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b, zero_1 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_1 = tl.dot(a_1, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_2 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_6 = word_1 >> 8
        code_4 = word_6 & 15
        word_7 = word_1 >> 12
        part_4 = word_7 & 3
        part_5 = part_4 << 4
        code_5 = code_4 | part_5
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_1 = (number_2 * ((code_5 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_3 = acc_2 + partial_1 * scale_1
        number_3 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_8 = word_4 >> 8
        code_6 = word_8 & 15
        word_9 = word_4 >> 12
        part_6 = word_9 & 3
        part_7 = part_6 << 4
        code_7 = code_6 | part_7
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_1 = number_3 * ((code_7 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_4 = acc_3 + total_1 * (low_1 * -1.0)[None, :]
        offs_k_2 = start_1 + 64 + arange_32
        a_2 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_2[None, :]))
        zero_2 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_3 = start + 48
        b_1 = tl.load(b_ptr + column[None, :].to(tl.int64) * stride_b0 + start_3 + arange_32[:, None])
        partial_2 = tl.dot(
            a_2,
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_1, zero_2 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_2 = tl.dot(a_2, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_4 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_10 = word_1 >> 16
        code_8 = word_10 & 15
        word_11 = word_1 >> 20
        part_8 = word_11 & 3
        part_9 = part_8 << 4
        code_9 = code_8 | part_9
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_2 = (number_4 * ((code_9 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_5 = acc_4 + partial_2 * scale_2
        number_5 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_12 = word_4 >> 16
        code_10 = word_12 & 15
        word_13 = word_4 >> 20
        part_10 = word_13 & 3
        part_11 = part_10 << 4
        code_11 = code_10 | part_11
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_2 = number_5 * ((code_11 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_6 = acc_5 + total_2 * (low_2 * -1.0)[None, :]
        offs_k_3 = start_1 + 96 + arange_32
        a_3 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_3[None, :]))
        zero_3 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_3 = tl.dot(
            a_3,
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_1, zero_3 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_3 = tl.dot(a_3, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_6 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_14 = word_1 >> 24
        code_12 = word_14 & 15
        word_15 = word_1 >> 28
        part_12 = word_15 & 3
        part_13 = part_12 << 4
        code_13 = code_12 | part_13
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_3 = (number_6 * ((code_13 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_7 = acc_6 + partial_3 * scale_3
        number_7 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_16 = word_4 >> 24
        code_14 = word_16 & 15
        word_17 = word_4 >> 28
        part_14 = word_17 & 3
        part_15 = part_14 << 4
        code_15 = code_14 | part_15
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_3 = number_7 * ((code_15 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_8 = acc_7 + total_3 * (low_3 * -1.0)[None, :]
        offs_k_4 = start_1 + 128 + arange_32
        a_4 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_4[None, :]))
        zero_4 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_4 = start + 80
        b_2 = tl.load(b_ptr + column[None, :].to(tl.int64) * stride_b0 + start_4 + arange_32[:, None])
        partial_4 = tl.dot(
            a_4,
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_2, zero_4 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_4 = tl.dot(a_4, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_8 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_18 = tl.load((b_ptr + column.to(tl.int64) * stride_b0 + (start + 12)).to(tl.pointer_type(tl.int32)))
        code_16 = word_18 & 15
        word_19 = word_1 >> 6
        part_16 = word_19 & 3
        part_17 = part_16 << 4
        code_17 = code_16 | part_17
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_4 = (number_8 * ((code_17 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_9 = acc_8 + partial_4 * scale_4
        number_9 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_20 = word_18 >> 4
        code_18 = word_20 & 15
        word_21 = word_4 >> 6
        part_18 = word_21 & 3
        part_19 = part_18 << 4
        code_19 = code_18 | part_19
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_4 = number_9 * ((code_19 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_10 = acc_9 + total_4 * (low_4 * -1.0)[None, :]
        offs_k_5 = start_1 + 160 + arange_32
        a_5 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_5[None, :]))
        zero_5 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_5 = tl.dot(
            a_5,
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_2, zero_5 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_5 = tl.dot(a_5, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_10 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_22 = word_18 >> 8
        code_20 = word_22 & 15
        word_23 = word_1 >> 14
        part_20 = word_23 & 3
        part_21 = part_20 << 4
        code_21 = code_20 | part_21
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_5 = (number_10 * ((code_21 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_11 = acc_10 + partial_5 * scale_5
        number_11 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_24 = word_18 >> 12
        code_22 = word_24 & 15
        word_25 = word_4 >> 14
        part_22 = word_25 & 3
        part_23 = part_22 << 4
        code_23 = code_22 | part_23
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_5 = number_11 * ((code_23 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_12 = acc_11 + total_5 * (low_5 * -1.0)[None, :]
        offs_k_6 = start_1 + 192 + arange_32
        a_6 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_6[None, :]))
        zero_6 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_5 = start + 112
        b_3 = tl.load(b_ptr + column[None, :].to(tl.int64) * stride_b0 + start_5 + arange_32[:, None])
        partial_6 = tl.dot(
            a_6,
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_3, zero_6 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_6 = tl.dot(a_6, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_12 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_26 = word_18 >> 16
        code_24 = word_26 & 15
        word_27 = word_1 >> 22
        part_24 = word_27 & 3
        part_25 = part_24 << 4
        code_25 = code_24 | part_25
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_6 = (number_12 * ((code_25 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_13 = acc_12 + partial_6 * scale_6
        number_13 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_28 = word_18 >> 20
        code_26 = word_28 & 15
        word_29 = word_4 >> 22
        part_26 = word_29 & 3
        part_27 = part_26 << 4
        code_27 = code_26 | part_27
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_6 = number_13 * ((code_27 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc_14 = acc_13 + total_6 * (low_6 * -1.0)[None, :]
        offs_k_7 = start_1 + 224 + arange_32
        a_7 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_7[None, :]))
        zero_7 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_7 = tl.dot(
            a_7,
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_3, zero_7 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            )
        )
        total_7 = tl.dot(a_7, tl.full([32, BLOCK_N], 1.0, tl.bfloat16))
        number_14 = index.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_30 = word_18 >> 24
        code_28 = word_30 & 15
        word_31 = word_1 >> 30
        part_28 = word_31 & 3
        part_29 = part_28 << 4
        code_29 = code_28 | part_29
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        scale_7 = (number_14 * ((code_29 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0))[None, :]
        acc_15 = acc_14 + partial_7 * scale_7
        number_15 = index_1.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
        word_32 = word_18 >> 28
        code_30 = word_32 & 15
        word_33 = word_4 >> 30
        part_30 = word_33 & 3
        part_31 = part_30 << 4
        code_31 = code_30 | part_31
        # 8388608.0 is 2**23, 0x4b000000 is float32 bits of 2**23
        low_7 = number_15 * ((code_31 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0)
        acc = acc_15 + total_7 * (low_7 * -1.0)[None, :]
    tl.store(c_ptr + (split * (M * N) + offs_m[:, None] * N + column[None, :]), acc)  # specs/gguf/tiles.py:57
