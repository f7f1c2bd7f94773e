# fp4_gemm, case "one-row", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 af2446ce716e3dcebdc911a3474284d397b4c08e28da0779e1ca668dc8b7cbf1
"""fp4_gemm: Product of activations and a weight in MXFP4 or NVFP4.

Generated. Specialised on
    out_dtype = bf16
    weight_order = nk
    scale_format = e8m0
    a = uint8
    b = uint8
    a_scale = e8m0
    b_scale = e8m0
    c = bf16
    even_m = False
    even_n = True
    BLOCK_M = 16
    BLOCK_N = 64
    BLOCK_K = 32
    GROUP_M = 1
    num_warps = 4
    num_stages = 4
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
    pid = tl.program_id(0)  # specs/gemm/tiles.py:17
    tiles_n = (N + 63) // 64  # specs/gemm/tiles.py:19
    tile_m = pid // tiles_n  # specs/gemm/tiles.py:21
    tile_n = pid % tiles_n  # specs/gemm/tiles.py:21
    arange_16 = tl.arange(0, 16)  # specs/gemm/tiles.py:32
    rows = tile_m * 16 + arange_16  # specs/gemm/tiles.py:32
    cols = tile_n * 64 + tl.arange(0, 64)  # specs/gemm/tiles.py:32
    a_rows = tl.minimum(rows, M - 1)  # specs/gemm/tiles.py:37
    acc = tl.full([16, 64], 0.0, tl.float32)  # specs/gemm/fp4.py:62
    for k in range(KB // 16):  # specs/gemm/fp4.py:63
        pair = k * 16 + arange_16  # specs/gemm/tiles.py:32
        a = tl.load(a_ptr + (a_rows[:, None] * stride_a0 + pair[None, :]))  # specs/gemm/fp4.py:52
        a_bytes = a.to(tl.int32)  # specs/gemm/fp4.py:52
        b = tl.load(b_ptr + (pair[:, None] + cols[None, :] * stride_b1))  # specs/gemm/fp4.py:53
        b_bytes = b.to(tl.int32)  # specs/gemm/fp4.py:53
        shift = tl.arange(0, 2) * 4  # specs/gemm/fp4.py:54
        a_codes = tl.reshape((a_bytes[:, :, None] >> shift[None, :][:, None, :]) & 15, [16, 32])  # specs/gemm/fp4.py:55
        b_codes = tl.reshape((b_bytes[:, None, :] >> shift[None, :][:, :, None]) & 15, [32, 64])  # specs/gemm/fp4.py:56
        magnitude = a_codes & 7  # specs/tile/library/codec.py:34
        biased = magnitude >> 1  # specs/tile/library/codec.py:35
        fraction = magnitude & 1  # specs/tile/library/codec.py:36
        subnormal = biased == 0  # specs/tile/library/codec.py:37
        significand = tl.where(subnormal, fraction, fraction + 2).to(tl.float32)  # specs/tile/library/codec.py:39
        exponent = tl.where(subnormal, 1, biased) - 2  # specs/tile/library/codec.py:41
        value = significand * ((exponent + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:41
        magnitude_1 = b_codes & 7  # specs/tile/library/codec.py:34
        biased_1 = magnitude_1 >> 1  # specs/tile/library/codec.py:35
        fraction_1 = magnitude_1 & 1  # specs/tile/library/codec.py:36
        subnormal_1 = biased_1 == 0  # specs/tile/library/codec.py:37
        significand_1 = tl.where(subnormal_1, fraction_1, fraction_1 + 2).to(tl.float32)  # specs/tile/library/codec.py:39
        exponent_1 = tl.where(subnormal_1, 1, biased_1) - 2  # specs/tile/library/codec.py:41
        value_1 = significand_1 * ((exponent_1 + 127) << 23).to(tl.float32, bitcast=True)  # specs/tile/library/codec.py:41
        partial = tl.dot(tl.where((a_codes & 8) != 0, value * -1.0, value).to(tl.bfloat16), tl.where((b_codes & 8) != 0, value_1 * -1.0, value_1).to(tl.bfloat16))  # specs/gemm/fp4.py:57
        a_scale = tl.load(a_scale_ptr + (a_rows * stride_a_scale0 + k))  # specs/gemm/tiles.py:57
        index = a_scale.to(tl.int32)  # specs/gemm/tiles.py:57
        a_scale_1 = tl.where(index == 255, float("nan"), tl.where(index == 0, 5.877471754111438e-39, (index << 23).to(tl.float32, bitcast=True)))  # specs/gemm/tiles.py:57
        b_scale = tl.load(b_scale_ptr + (k + cols * stride_b_scale1))  # specs/gemm/tiles.py:57
        index_1 = b_scale.to(tl.int32)  # specs/gemm/tiles.py:57
        b_scale_1 = tl.where(index_1 == 255, float("nan"), tl.where(index_1 == 0, 5.877471754111438e-39, (index_1 << 23).to(tl.float32, bitcast=True)))  # specs/gemm/tiles.py:57
        acc = acc + partial * (a_scale_1[:, None] * b_scale_1[None, :])
    mask = (rows < M)[:, None]  # specs/gemm/tiles.py:50
    tl.store(c_ptr + (rows[:, None] * N + cols[None, :]), acc.to(tl.bfloat16), mask=mask)  # specs/gemm/tiles.py:52
