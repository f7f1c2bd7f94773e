# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""list_pending: Rows that are not finished.

Generated. Specialised on
    pending = int32
    listed = int32
    number = int32
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def list_pending(
    pending_ptr,
    listed_ptr, number_ptr,
    B,
):
    total = 0  # specs/sampling/wide.py:64
    for i in range(tl.cdiv(B, 1024)):
        row = i * 1024 + tl.arange(0, 1024)  # specs/sampling/wide.py:59
        pending = tl.load(pending_ptr + row, mask=row < B, other=0)
        pending_cumsum = tl.cumsum(pending, axis=0)
        tl.store(listed_ptr + total + pending_cumsum - 1, row, mask=pending > 0)
        pending_sum = tl.sum(pending, axis=0)
        total = total + pending_sum
    tl.store(number_ptr, total)  # specs/sampling/wide.py:64
