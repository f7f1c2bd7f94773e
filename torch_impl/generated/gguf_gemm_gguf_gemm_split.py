# gguf_gemm, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""gguf_gemm_split: Product of activations and a weight in a block type of GGUF files.

Generated. Specialised on
    quant_type = Q4_K
    out_dtype = bf16
    invariant = False
    a = bf16
    b = uint8
    c = f32
    SPLITS = 8
    even_m = True
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 64
    STEP = 256
    WIDE = 1
    SUM_BY_DOT = 1
    RUN = 0
    GROUP_M = 1
    num_warps = 2
    num_stages = 2
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
    SPLITS: tl.constexpr = 8
    BLOCK_M: tl.constexpr = 16
    BLOCK_N: tl.constexpr = 64
    STEP: tl.constexpr = 256
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_n = tl.cdiv(N, BLOCK_N)
    tile_m = pid // tiles_n
    tile_n = pid % tiles_n
    # Columns after the last are not stored: the last one is read in their place, without a mask.
    column = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)  # specs/gguf/tiles.py:36
    split = tl.program_id(1)
    steps = K // STEP
    end = tl.cdiv(steps - split, SPLITS)  # specs/gemm/tiles.py:42
    acc = tl.full([BLOCK_N, BLOCK_M], 0.0, tl.float32)  # specs/gguf/tiles.py:60
    offs_m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)  # specs/gguf/tiles.py:74
    arange_32 = tl.arange(0, 32)
    for k in tl.range(end, num_stages=2):  # specs/gguf/tiles.py:61
        k_1 = k * SPLITS + split  # specs/gemm/tiles.py:51
        start = k_1 * 144
        start_1 = k_1 * STEP  # specs/gguf/tiles.py:55
        offs_k = start_1 + arange_32  # specs/gguf/tiles.py:74
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k[None, :]))
        a_1 = tl.permute(a, [1, 0])
        zero = tl.full([1, 1], 0.0, tl.bfloat16)
        start_2 = start + 16
        b = tl.load(b_ptr + column[:, None].to(tl.int64) * stride_b0 + start_2 + arange_32[None, :])
        partial = tl.dot(
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b, zero + 128.0], dtype=tl.bfloat16, is_pure=True, pack=4
            ),
            a_1
        )
        none = b.to(tl.int32) >> 8
        total = tl.dot((none + 1).to(tl.float32).to(tl.bfloat16), a_1)
        place = tl.arange(0, 4)[None, :]
        b_1 = tl.load((b_ptr + column[:, None].to(tl.int64) * stride_b0 + start).to(tl.pointer_type(tl.int32)) + place)
        even, odd = tl.split(tl.reshape(b_1, [BLOCK_N, 2, 2]))
        word, word_1 = tl.split(tl.reshape(even, [BLOCK_N, 1, 2]))
        word_2 = tl.reshape(word, [BLOCK_N])
        part = tl.reshape(word_1, [BLOCK_N])
        word_3, word_4 = tl.split(tl.reshape(odd, [BLOCK_N, 1, 2]))
        part_1 = tl.reshape(word_3, [BLOCK_N])
        part_2 = tl.reshape(word_4, [BLOCK_N])
        word_5 = part_1 & 0xf0f0f0f
        part_3 = (part_1 >> 4) & 0x3030303
        part_4 = part_3 << 4
        word_6 = word_5 | part_4
        code = word_6 & 63
        factor = (code | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums = partial * factor[:, None]  # specs/gguf/tiles.py:126
        word_7 = part & 0xf0f0f0f
        part_5 = (part >> 4) & 0x3030303
        part_6 = part_5 << 4
        word_8 = word_7 | part_6
        code_1 = word_8 & 63
        factor_1 = (code_1 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows = total * factor_1[:, None]
        offs_k_1 = start_1 + 32 + arange_32  # specs/gguf/tiles.py:74
        a_2 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_1[None, :]))
        a_3 = tl.permute(a_2, [1, 0])
        zero_1 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_1 = tl.dot(
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b, zero_1 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_3
        )
        none_1 = b.to(tl.int32) >> 8
        total_1 = tl.dot((none_1 + 1).to(tl.float32).to(tl.bfloat16), a_3)
        code_2 = (word_6 >> 8) & 63
        factor_2 = (code_2 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_1 = sums + partial_1 * factor_2[:, None]  # specs/gguf/tiles.py:126
        code_3 = (word_8 >> 8) & 63
        factor_3 = (code_3 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_1 = lows + total_1 * factor_3[:, None]
        offs_k_2 = start_1 + 64 + arange_32  # specs/gguf/tiles.py:74
        a_4 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_2[None, :]))
        a_5 = tl.permute(a_4, [1, 0])
        zero_2 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_3 = start + 48
        b_2 = tl.load(b_ptr + column[:, None].to(tl.int64) * stride_b0 + start_3 + arange_32[None, :])
        partial_2 = tl.dot(
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_2, zero_2 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_5
        )
        none_2 = b_2.to(tl.int32) >> 8
        total_2 = tl.dot((none_2 + 1).to(tl.float32).to(tl.bfloat16), a_5)
        code_4 = (word_6 >> 16) & 63
        factor_4 = (code_4 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_2 = sums_1 + partial_2 * factor_4[:, None]  # specs/gguf/tiles.py:126
        code_5 = (word_8 >> 16) & 63
        factor_5 = (code_5 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_2 = lows_1 + total_2 * factor_5[:, None]
        offs_k_3 = start_1 + 96 + arange_32  # specs/gguf/tiles.py:74
        a_6 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_3[None, :]))
        a_7 = tl.permute(a_6, [1, 0])
        zero_3 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_3 = tl.dot(
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_2, zero_3 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_7
        )
        none_3 = b_2.to(tl.int32) >> 8
        total_3 = tl.dot((none_3 + 1).to(tl.float32).to(tl.bfloat16), a_7)
        code_6 = (word_6 >> 24) & 63
        factor_6 = (code_6 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_3 = sums_2 + partial_3 * factor_6[:, None]  # specs/gguf/tiles.py:126
        code_7 = (word_8 >> 24) & 63
        factor_7 = (code_7 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_3 = lows_2 + total_3 * factor_7[:, None]
        offs_k_4 = start_1 + 128 + arange_32  # specs/gguf/tiles.py:74
        a_8 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_4[None, :]))
        a_9 = tl.permute(a_8, [1, 0])
        zero_4 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_4 = start + 80
        b_3 = tl.load(b_ptr + column[:, None].to(tl.int64) * stride_b0 + start_4 + arange_32[None, :])
        partial_4 = tl.dot(
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_3, zero_4 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_9
        )
        none_4 = b_3.to(tl.int32) >> 8
        total_4 = tl.dot((none_4 + 1).to(tl.float32).to(tl.bfloat16), a_9)
        word_9 = part_2 & 0xf0f0f0f
        part_7 = (part_1 >> 6) & 0x3030303
        part_8 = part_7 << 4
        word_10 = word_9 | part_8
        code_8 = word_10 & 63
        factor_8 = (code_8 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_4 = sums_3 + partial_4 * factor_8[:, None]  # specs/gguf/tiles.py:126
        word_11 = (part_2 >> 4) & 0xf0f0f0f
        part_9 = (part >> 6) & 0x3030303
        part_10 = part_9 << 4
        word_12 = word_11 | part_10
        code_9 = word_12 & 63
        factor_9 = (code_9 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_4 = lows_3 + total_4 * factor_9[:, None]
        offs_k_5 = start_1 + 160 + arange_32  # specs/gguf/tiles.py:74
        a_10 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_5[None, :]))
        a_11 = tl.permute(a_10, [1, 0])
        zero_5 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_5 = tl.dot(
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_3, zero_5 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_11
        )
        none_5 = b_3.to(tl.int32) >> 8
        total_5 = tl.dot((none_5 + 1).to(tl.float32).to(tl.bfloat16), a_11)
        code_10 = (word_10 >> 8) & 63
        factor_10 = (code_10 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_5 = sums_4 + partial_5 * factor_10[:, None]  # specs/gguf/tiles.py:126
        code_11 = (word_12 >> 8) & 63
        factor_11 = (code_11 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_5 = lows_4 + total_5 * factor_11[:, None]
        offs_k_6 = start_1 + 192 + arange_32  # specs/gguf/tiles.py:74
        a_12 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_6[None, :]))
        a_13 = tl.permute(a_12, [1, 0])
        zero_6 = tl.full([1, 1], 0.0, tl.bfloat16)
        start_5 = start + 112
        b_4 = tl.load(b_ptr + column[:, None].to(tl.int64) * stride_b0 + start_5 + arange_32[None, :])
        partial_6 = tl.dot(
            tl.inline_asm_elementwise(
                LOW_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_4, zero_6 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_13
        )
        none_6 = b_4.to(tl.int32) >> 8
        total_6 = tl.dot((none_6 + 1).to(tl.float32).to(tl.bfloat16), a_13)
        code_12 = (word_10 >> 16) & 63
        factor_12 = (code_12 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_6 = sums_5 + partial_6 * factor_12[:, None]  # specs/gguf/tiles.py:126
        code_13 = (word_12 >> 16) & 63
        factor_13 = (code_13 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_6 = lows_5 + total_6 * factor_13[:, None]
        offs_k_7 = start_1 + 224 + arange_32  # specs/gguf/tiles.py:74
        a_14 = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_k_7[None, :]))
        a_15 = tl.permute(a_14, [1, 0])
        zero_7 = tl.full([1, 1], 0.0, tl.bfloat16)
        partial_7 = tl.dot(
            tl.inline_asm_elementwise(
                HIGH_NIBBLES_MINUS_ZERO_BF16, "=&r,=&r,r,r,r", [b_4, zero_7 + 128.0], dtype=tl.bfloat16, is_pure=True,
                pack=4
            ),
            a_15
        )
        none_7 = b_4.to(tl.int32) >> 8
        total_7 = tl.dot((none_7 + 1).to(tl.float32).to(tl.bfloat16), a_15)
        code_14 = (word_10 >> 24) & 63
        factor_14 = (code_14 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        sums_7 = sums_6 + partial_7 * factor_14[:, None]  # specs/gguf/tiles.py:126
        code_15 = (word_12 >> 24) & 63
        factor_15 = (code_15 | 0x4b000000).to(tl.float32, bitcast=True) - 8388608.0  # 2**23, float32 bits of 2**23
        lows_7 = lows_6 + total_7 * factor_15[:, None]
        # specs/gguf/tiles.py:88
        scale = (word_2 & 65535).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)[:, None]
        acc_1 = acc + sums_7 * scale
        word_13 = word_2 >> 16
        low = (word_13 & 65535).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)[:, None]
        acc = acc_1 - lows_7 * low
    acc_2 = tl.permute(acc, [1, 0])  # specs/gguf/tiles.py:62
    tl.store(c_ptr + (split * (M * N) + offs_m[:, None] * N + column[None, :]), acc_2)  # specs/gemm/tiles.py:71
