# c128a_prefill_metadata, case "prefill", target triton-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 cffe8d7fd8a6b90d048c883c1a2c9d701b880a0e7001c776ef5767d9bbb77c6a
"""c128a_prefill_metadata: Numbers, in their request, of all compressed entries that a prefill token sees.

Generated. Specialised on
    width = 128
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
    token = tl.program_id(0)  # specs/cache/compressed.py:64
    column = tl.program_id(1) * 256 + tl.arange(0, 256)
    position = tl.load(positions_ptr + token)  # specs/cache/compressed.py:43
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    # specs/cache/compressed.py:66
    tl.store(
        indices_ptr + (token * 128 + column),
        tl.where(column < tl.minimum(tl.maximum(position + 1, 0) // 128, 128), column, -1), mask=column < 128
    )
