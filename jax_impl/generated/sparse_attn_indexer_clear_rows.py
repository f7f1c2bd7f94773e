# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 5137213d26c125fb18b8f29aff4114857ab37105f3ca8e2fa5a8df0f9f971acc
"""clear_rows: -1 in the rows of tokens of padding.

Generated. Specialised on
    topk = 16
    topk_indices = int32
    num_warps = 4
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def clear_rows(
    topk_indices_ref,
    *, M, BN,
):
    column = jnp.arange(16, dtype=jnp.int32)  # specs/indexer/composite.py:75
    row = BN + M + pl.program_id(0)  # specs/indexer/composite.py:77
    plgpu.store(topk_indices_ref.at[row, column], jnp.full((16,), -1, jnp.int32), mask=column < 16)  # specs/indexer/composite.py:79
