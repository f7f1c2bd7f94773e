# gguf_gemm, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""reduce_splits: Sum of the parts of a split product, in order.

Generated. Specialised on
    invariant = False
    partial = f32
    c = bf16
    SPLITS = 8
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
    partial_1 = plgpu.load(partial_ref.at[jnp.int32(2), offs_m[:, None], offs_n[None, :]])
    acc_2 = acc_1 + partial_1
    partial_2 = plgpu.load(partial_ref.at[jnp.int32(3), offs_m[:, None], offs_n[None, :]])
    acc_3 = acc_2 + partial_2
    partial_3 = plgpu.load(partial_ref.at[jnp.int32(4), offs_m[:, None], offs_n[None, :]])
    acc_4 = acc_3 + partial_3
    partial_4 = plgpu.load(partial_ref.at[jnp.int32(5), offs_m[:, None], offs_n[None, :]])
    acc_5 = acc_4 + partial_4
    partial_5 = plgpu.load(partial_ref.at[jnp.int32(6), offs_m[:, None], offs_n[None, :]])
    acc_6 = acc_5 + partial_5
    partial_6 = plgpu.load(partial_ref.at[jnp.int32(7), offs_m[:, None], offs_n[None, :]])
    acc_7 = acc_6 + partial_6
    # Rounded once.
    plgpu.store(c_ref.at[offs_m[:, None], offs_n[None, :]], acc_7.astype(jnp.bfloat16))  # specs/gemm/tiles.py:76
