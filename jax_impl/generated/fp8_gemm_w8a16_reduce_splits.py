# fp8_gemm_w8a16, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""reduce_splits: Sum of the parts of a split product, in order.

Generated. Specialised on
    invariant = False
    partial = f32
    c = bf16
    SPLITS = 2
    even_m = True
    even_n = True
    SUM_ROWS = 2
    SUM_COLUMNS = 256
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def reduce_splits(
    partial_ref,
    c_ref,
):
    SUM_ROWS = 2
    SUM_COLUMNS = 256
    tile = pl.program_id(0)  # specs/gemm/splits.py:49
    tile_1 = pl.program_id(1)
    offs_m = tile * SUM_ROWS + jnp.arange(SUM_ROWS, dtype=jnp.int32)
    offs_n = tile_1 * SUM_COLUMNS + jnp.arange(SUM_COLUMNS, dtype=jnp.int32)
    acc = plgpu.load(partial_ref.at[jnp.int32(0), offs_m[:, None], offs_n[None, :]])
    # In the order of the parts: the same bits in every run.
    partial = plgpu.load(partial_ref.at[jnp.int32(1), offs_m[:, None], offs_n[None, :]])
    acc_1 = acc + partial
    # Rounded once.
    plgpu.store(c_ref.at[offs_m[:, None], offs_n[None, :]], acc_1.astype(jnp.bfloat16))  # specs/gemm/tiles.py:76
