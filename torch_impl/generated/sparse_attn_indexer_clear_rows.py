# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 d2830b3fb86fb6047f6d6672d0063e9cd9b39ecd6b56db01c02ebb8fe3d31302
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
