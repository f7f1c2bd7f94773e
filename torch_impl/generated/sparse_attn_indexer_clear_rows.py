# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 451cf02d87ae9c02e503ca97b5bc26e96e49be47fe350aa768d1e0cc92f77ee4
"""clear_rows: -1 in the rows of tokens of padding.

Generated. Specialised on
    topk = 16
    topk_indices = int32
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def clear_rows(
    topk_indices_ptr,
    M, BN,
    stride_topk_indices0,
):
    column = tl.arange(0, 16)  # specs/indexer/composite.py:75
    row = BN + M + tl.program_id(0)  # specs/indexer/composite.py:76
    tl.store(topk_indices_ptr + (row * stride_topk_indices0 + column), tl.full([16], -1, tl.int32), mask=column < 16)  # specs/indexer/composite.py:77
