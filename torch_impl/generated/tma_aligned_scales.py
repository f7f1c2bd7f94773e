# tma_aligned_scales, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""tma_aligned_scales: Scales token by token, padded, and packed as ue8m0 where asked for.

Generated. Specialised on
    out_dtype = int32
    scale = f32
    out = int32
    BLOCK_T = 64
    BLOCK_W = 4
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def tma_aligned_scales(
    scale_ptr,
    out_ptr,
    T, S,
    stride_scale0, stride_scale1,
):
    BLOCK_T: tl.constexpr = 64
    BLOCK_W: tl.constexpr = 4
    group = tl.program_id(2)  # specs/output/scales.py:40
    token = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[None, :]
    word = (tl.program_id(1) * BLOCK_W + tl.arange(0, BLOCK_W))[:, None]
    padded = token < tl.cdiv(T, 4) * 4
    column = word * 4
    column_1 = column + 1
    column_2 = column + 2
    column_3 = column + 3
    # Zeros for tokens and scales of padding.
    mask = token < T  # specs/output/scales.py:47
    mask_1 = column < S
    scale = tl.load(scale_ptr + (group * stride_scale0 + token * stride_scale1 + column), mask=mask & mask_1, other=0.0)
    packed = (scale.to(tl.int32, bitcast=True) >> 23) & 255  # specs/output/scales.py:56
    # specs/output/scales.py:47
    scale_1 = tl.load(
        scale_ptr + (group * stride_scale0 + token * stride_scale1 + column_1), mask=mask & (column_1 < S), other=0.0
    )
    byte = ((scale_1.to(tl.int32, bitcast=True) >> 23) & 255) << 8  # specs/output/scales.py:56
    packed_1 = packed | byte
    # specs/output/scales.py:47
    scale_2 = tl.load(
        scale_ptr + (group * stride_scale0 + token * stride_scale1 + column_2), mask=mask & (column_2 < S), other=0.0
    )
    byte_1 = ((scale_2.to(tl.int32, bitcast=True) >> 23) & 255) << 16  # specs/output/scales.py:56
    packed_2 = packed_1 | byte_1
    # specs/output/scales.py:47
    scale_3 = tl.load(
        scale_ptr + (group * stride_scale0 + token * stride_scale1 + column_3), mask=mask & (column_3 < S), other=0.0
    )
    byte_2 = ((scale_3.to(tl.int32, bitcast=True) >> 23) & 255) << 24  # specs/output/scales.py:56
    packed_3 = packed_2 | byte_2
    tl.store(
        out_ptr + (group * (tl.cdiv(S, 4) * (tl.cdiv(T, 4) * 4)) + word * (tl.cdiv(T, 4) * 4) + token), packed_3,
        mask=padded & mask_1
    )
