# embedding, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def embedding(
    ids_ref, table_ref,
    out_ref,
    *, T, V,
):
    BLOCK_T = 1
    BLOCK_D = 2048
    token = pl.program_id(0) + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/gguf/embedding.py:41
    inside = token < T
    row = plgpu.load(ids_ref.at[token], mask=inside, other=-1)
    live = (row >= 0) & (row < V)
    # Ids are user data, of 64 bits perhaps: compared before they are narrowed.
    row_1 = jnp.where(live, row, 0)
    live_1 = live & inside
    column = pl.program_id(1) * BLOCK_D + jnp.arange(BLOCK_D, dtype=jnp.int32)  # specs/gguf/embedding.py:53
    # Rows of no token are zeros: nothing is read for them.
    value = plgpu.load(
        table_ref.at[row_1[:, None], column[None, :]], mask=jnp.broadcast_to(live_1[:, None], (1, BLOCK_D)), other=0.0
    )
    plgpu.store(
        out_ref.at[token[:, None], column[None, :]], value, mask=jnp.broadcast_to(inside[:, None], (1, BLOCK_D))
    )
