# gguf_gemm, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""reduce_splits: Sum of the parts of a split product, in order.

Generated. Specialised on
    invariant = False
    partial = f32
    c = bf16
    SPLITS = 16
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
    tile = tl.program_id(0)  # specs/gemm/splits.py:62
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
    partial_3 = tl.load(partial_ptr + (4 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_4 = acc_3 + partial_3
    partial_4 = tl.load(partial_ptr + (5 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_5 = acc_4 + partial_4
    partial_5 = tl.load(partial_ptr + (6 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_6 = acc_5 + partial_5
    partial_6 = tl.load(partial_ptr + (7 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_7 = acc_6 + partial_6
    partial_7 = tl.load(partial_ptr + (8 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_8 = acc_7 + partial_7
    partial_8 = tl.load(partial_ptr + (9 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_9 = acc_8 + partial_8
    partial_9 = tl.load(partial_ptr + (10 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_10 = acc_9 + partial_9
    partial_10 = tl.load(partial_ptr + (11 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_11 = acc_10 + partial_10
    partial_11 = tl.load(partial_ptr + (12 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_12 = acc_11 + partial_11
    partial_12 = tl.load(partial_ptr + (13 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_13 = acc_12 + partial_12
    partial_13 = tl.load(partial_ptr + (14 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_14 = acc_13 + partial_13
    partial_14 = tl.load(partial_ptr + (15 * (M * N) + offs_m[:, None] * N + offs_n[None, :]))
    acc_15 = acc_14 + partial_14
    # Rounded once.
    tl.store(c_ptr + (offs_m[:, None] * N + offs_n[None, :]), acc_15.to(tl.bfloat16))  # specs/gemm/tiles.py:45
