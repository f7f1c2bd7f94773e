# embedding, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""embedding: Rows of a dense table by token id; zeros for ids of no row.

Generated. Specialised on
    ids = int32
    table = bf16
    out = bf16
    even_d = True
    BLOCK_T = 1
    BLOCK_D = 2048
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def embedding(
    ids_ptr, table_ptr,
    out_ptr,
    T, V, D,
    stride_table0,
):
    BLOCK_T: tl.constexpr = 1
    BLOCK_D: tl.constexpr = 2048
    token = tl.program_id(0) + tl.arange(0, BLOCK_T)  # specs/gguf/embedding.py:41
    inside = token < T
    row = tl.load(ids_ptr + token, mask=inside, other=-1)
    live = (row >= 0) & (row < V)
    # Ids are user data, of 64 bits perhaps: compared before they are narrowed.
    row_1 = tl.where(live, row, 0)
    live_1 = live & inside
    column = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)  # specs/gguf/embedding.py:53
    # Rows of no token are zeros: nothing is read for them.
    value = tl.load(table_ptr + (row_1[:, None] * stride_table0 + column[None, :]), mask=live_1[:, None], other=0.0)
    tl.store(out_ptr + (token[:, None] * D + column[None, :]), value, mask=inside[:, None])
