# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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
    topk = 16
    column = jnp.arange(16, dtype=jnp.int32)  # specs/indexer/composite.py:75
    # Tokens lie decode first, then prefill, then padding; rows of the buffer past T are not written.
    row = BN + M + pl.program_id(0)
    # -1: attention of a captured batch reads these rows and must find no key.
    plgpu.store(topk_indices_ref.at[row, column], jnp.full((16,), -1, jnp.int32), mask=column < topk)
