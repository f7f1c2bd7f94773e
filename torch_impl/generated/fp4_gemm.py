# fp4_gemm, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""fp4_gemm: Product of activations and a weight in MXFP4 or NVFP4.

Generated. Specialised on
    out_dtype = bf16
    weight_order = nk
    scale_format = e8m0
    invariant = False
    a = uint8
    b = uint8
    a_scale = e8m0
    b_scale = e8m0
    c = bf16
    even_m = True
    even_n = True
    BLOCK_M = 64
    BLOCK_N = 64
    BLOCK_K = 32
    GROUP_M = 8
    num_warps = 4
    num_stages = 3
"""

import triton
import triton.language as tl


@triton.jit
def fp4_gemm(
    a_ptr, b_ptr, a_scale_ptr, b_scale_ptr,
    c_ptr,
    M, N, KB,
    stride_a0,
    stride_b1,
    stride_a_scale0,
    stride_b_scale1,
):
    BLOCK_M: tl.constexpr = 64
    BLOCK_N: tl.constexpr = 64
    GROUP_M: tl.constexpr = 8
    pid = tl.program_id(0)  # specs/gemm/tiles.py:21
    tiles_m = tl.cdiv(M, BLOCK_M)
    tiles_n = tl.cdiv(N, BLOCK_N)
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * GROUP_M
    band = pid // per_band
    first = band * GROUP_M
    height = tl.minimum(tiles_m - first, GROUP_M)
    inside = pid % per_band
    tile_m = first + inside % height
    tile_n = inside // height
    acc = tl.full([BLOCK_M, BLOCK_N], 0.0, tl.float32)  # specs/gemm/fp4.py:65
    # Rows and columns over the edge are not stored, so anything is read for them, without a mask.
    arange_64 = tl.arange(0, BLOCK_M)  # specs/gemm/fp4.py:55
    offs_m = tile_m * BLOCK_M + arange_64
    arange_16 = tl.arange(0, 16)
    offs_n = tile_n * BLOCK_N + arange_64
    for k in range(KB // 16):  # specs/gemm/fp4.py:66
        # K is a multiple of the block of the format
        offs_kb = k * 16 + arange_16  # specs/gemm/fp4.py:55
        a = tl.load(a_ptr + (offs_m[:, None] * stride_a0 + offs_kb[None, :]))
        a_bytes = a.to(tl.int32)
        b = tl.load(b_ptr + (offs_kb[:, None] + offs_n[None, :] * stride_b1))
        b_bytes = b.to(tl.int32)
        shift = tl.arange(0, 2) * 4
        a_codes = tl.reshape((a_bytes[:, :, None] >> shift[None, :][:, None, :]) & 15, [BLOCK_M, 32])
        b_codes = tl.reshape((b_bytes[:, None, :] >> shift[None, :][:, :, None]) & 15, [32, BLOCK_N])
        magnitude = a_codes & 7
        biased = magnitude >> 1
        fraction = magnitude & 1
        subnormal = biased == 0
        # An integer of few bits, times a power of two: exact, without a float32 subnormal in between.
        significand = tl.where(subnormal, fraction, fraction + 2).to(tl.float32)
        # Exponent field 0 means the exponent of field 1, without the hidden bit.
        exponent = tl.where(subnormal, 1, biased) - 2
        value = significand * ((exponent + 127) << 23).to(tl.float32, bitcast=True)
        magnitude_1 = b_codes & 7
        biased_1 = magnitude_1 >> 1
        fraction_1 = magnitude_1 & 1
        subnormal_1 = biased_1 == 0
        significand_1 = tl.where(subnormal_1, fraction_1, fraction_1 + 2).to(tl.float32)
        exponent_1 = tl.where(subnormal_1, 1, biased_1) - 2
        value_1 = significand_1 * ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)
        partial = tl.dot(
            tl.where((a_codes & 8) != 0, value * -1.0, value).to(tl.bfloat16),
            tl.where((b_codes & 8) != 0, value_1 * -1.0, value_1).to(tl.bfloat16)
        )
        a_scale = tl.load(a_scale_ptr + (offs_m * stride_a_scale0 + k))  # specs/gemm/tiles.py:81
        index = a_scale.to(tl.int32)
        # 5.877471754111438e-39 is 2**-127
        a_scale_1 = tl.where(
            index == 255, float("nan"),
            tl.where(index == 0, 5.877471754111438e-39, (index << 23).to(tl.float32, bitcast=True))
        )
        b_scale = tl.load(b_scale_ptr + (k + offs_n * stride_b_scale1))
        index_1 = b_scale.to(tl.int32)
        # 5.877471754111438e-39 is 2**-127
        b_scale_1 = tl.where(
            index_1 == 255, float("nan"),
            tl.where(index_1 == 0, 5.877471754111438e-39, (index_1 << 23).to(tl.float32, bitcast=True))
        )
        acc = acc + partial * (a_scale_1[:, None] * b_scale_1[None, :])
    # Rounded once.
    tl.store(c_ptr + (offs_m[:, None] * N + offs_n[None, :]), acc.to(tl.bfloat16))  # specs/gemm/tiles.py:76
