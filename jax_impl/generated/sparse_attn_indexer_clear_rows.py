# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 451cf02d87ae9c02e503ca97b5bc26e96e49be47fe350aa768d1e0cc92f77ee4
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
    row = BN + M + pl.program_id(0)  # specs/indexer/composite.py:76
    plgpu.store(topk_indices_ref.at[row, column], jnp.full((16,), -1, jnp.int32), mask=column < 16)  # specs/indexer/composite.py:77
