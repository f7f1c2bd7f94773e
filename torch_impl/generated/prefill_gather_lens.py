# prefill_gather_lens, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""prefill_gather_lens: Window rows that every prefill request needs: its tokens' rows, and the window of its first
token.

Generated. Specialised on
    window = 128
    query_start_loc = int32
    seq_lens = int32
    gather_lens = int32
    BLOCK_R = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def prefill_gather_lens(
    query_start_loc_ptr, seq_lens_ptr,
    gather_lens_ptr,
    R,
):
    window: tl.constexpr = 128
    BLOCK_R: tl.constexpr = 256
    request = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)  # specs/cache/metadata.py:112
    inside = request < R
    start = tl.load(query_start_loc_ptr + request, mask=inside, other=0)
    query_start_loc = tl.load(query_start_loc_ptr + request + 1, mask=inside, other=0)
    query = query_start_loc - start
    # Stale lengths of padding requests may be below the query length.
    seq_lens = tl.load(seq_lens_ptr + request, mask=inside, other=0)
    before = tl.maximum(seq_lens - query, 0)
    # The first query token sees window - 1 tokens before it; the others see no further back.
    tl.store(gather_lens_ptr + request, query + tl.minimum(before, window - 1), mask=inside)
