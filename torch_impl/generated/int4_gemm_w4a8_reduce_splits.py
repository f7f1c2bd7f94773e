# int4_gemm_w4a8, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""reduce_splits: Sum of the parts of a split product, in order.

Generated. Specialised on
    invariant = False
    partial = f32
    c = bf16
    SPLITS = 4
    even_m = True
    even_n = True
    SUM_ROWS = 2
    SUM_COLUMNS = 256
"""

import triton
import triton.language as tl


@triton.jit
def reduce_splits(
    partial_ptr,
    c_ptr,
    M, N,
):
    SUM_ROWS: tl.constexpr = 2
    SUM_COLUMNS: tl.constexpr = 256
    tile = tl.program_id(0)  # specs/gemm/splits.py:49
    tile_1 = tl.program_id(1)
    offs_m = tile * SUM_ROWS + tl.arange(0, SUM_ROWS)
    offs_n = tile_1 * SUM_COLUMNS + tl.arange(0, SUM_COLUMNS)
    acc = tl.load(partial_ptr + (offs_m[:, None] * N + offs_n[None, :]))
    # In the order of the parts: the same bits in every run.
    partial = tl.load(partial_ptr + (1 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_1 = acc + partial
    partial_1 = tl.load(partial_ptr + (2 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_2 = acc_1 + partial_1
    partial_2 = tl.load(partial_ptr + (3 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_3 = acc_2 + partial_2
    # Rounded once.
    tl.store(c_ptr + (offs_m[:, None] * N + offs_n[None, :]), acc_3.to(tl.bfloat16))  # specs/gemm/tiles.py:76
