# sparse_attn_indexer, case "decode", target triton-cuda. Written by `python -m parity emit`: do not edit.
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
    topk: tl.constexpr = 16
    column = tl.arange(0, 16)  # specs/indexer/composite.py:75
    # Tokens lie decode first, then prefill, then padding; rows of the buffer past T are not written.
    row = BN + M + tl.program_id(0)
    # -1: attention of a captured batch reads these rows and must find no key.
    tl.store(topk_indices_ptr + (row * stride_topk_indices0 + column), tl.full([16], -1, tl.int32), mask=column < topk)
