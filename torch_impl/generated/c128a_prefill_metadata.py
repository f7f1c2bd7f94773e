# c128a_prefill_metadata, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""c128a_prefill_metadata: Numbers, in their request, of all compressed entries that a prefill token sees.

Generated. Specialised on
    width = 8192
    ratio = 128
    positions = int32
    indices = int32
    BLOCK_W = 256
    num_warps = 4
"""

import triton
import triton.language as tl


@triton.jit
def c128a_prefill_metadata(
    positions_ptr,
    indices_ptr,
):
    width: tl.constexpr = 8192
    ratio: tl.constexpr = 128
    BLOCK_W: tl.constexpr = 256
    token = tl.program_id(0)  # specs/cache/compressed.py:64
    column = tl.program_id(1) * BLOCK_W + tl.arange(0, BLOCK_W)
    position = tl.load(positions_ptr + token)  # specs/cache/compressed.py:43
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    # specs/cache/compressed.py:66
    tl.store(
        indices_ptr + (token * width + column),
        tl.where(column < tl.minimum(tl.maximum(position + 1, 0) // ratio, width), column, -1), mask=column < width
    )
