# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""pick_winner: Tokens of rows of most candidates.

Generated. Specialised on
    pending = int32
    winners = int32
    tokens = int32
    num_warps = 1
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def pick_winner(
    pending_ptr, winners_ptr,
    tokens_ptr,
    V,
):
    row = tl.program_id(0)  # specs/sampling/wide.py:303
    span = tl.arange(0, 64)
    there = span < tl.cdiv(V, 4096)
    pending = tl.load(pending_ptr + row)
    if pending > 0:
        # -2147483648 is -2**31, specs/sampling/wide.py:307
        best = tl.load(winners_ptr + (row * (64 * 2) + span * 2), mask=there, other=-2147483648)
        token = tl.load(winners_ptr + (row * (64 * 2) + span * 2 + 1), mask=there, other=0)
        best_1 = tl.max(best, axis=0)  # specs/sampling/items.py:180
        found = tl.min(tl.where(best == best_1, token, 0x7fffffff), axis=0)  # 2**31 - 1
        tl.store(tokens_ptr + row, tl.where(best_1 > -2147483648, found, 0))  # -2**31, specs/sampling/wide.py:310
