# topk_rows_decode, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""group_maxima_wide: Largest keys of groups of columns.

Generated. Specialised on
    topk = 1024
    next_n = 2
    lens = query
    logits = f32
    maxima = int32
    seq_lens = int32
    wide_maxima = int32
    LEVELS = 3
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def group_maxima_wide(
    logits_ref, seq_lens_ref,
    maxima_ref, wide_maxima_ref,
    *, R, W, first,
):
    topk = 1024
    next_n = 2
    BLOCK = 4096
    block = pl.program_id(1)  # specs/indexer/select.py:142
    out_row = pl.program_id(0)  # specs/indexer/select.py:101
    row = first + out_row
    live = row < R
    request = jax.lax.div(row, jnp.int32(next_n))  # specs/indexer/select.py:134
    query = jax.lax.rem(row, jnp.int32(next_n))
    start = row * 0
    end = plgpu.load(seq_lens_ref.at[request, query], mask=live, other=0)
    start_1 = jnp.maximum(start, 0)  # specs/indexer/select.py:106
    end_1 = jnp.minimum(end, W)
    first_1 = block * BLOCK  # specs/indexer/select.py:143
    needed = live & (end_1 - start_1 > topk) & (first_1 < end_1) & (first_1 + BLOCK > start_1)
    # Blocks inside the row's range are read without a mask: wide loads, no compare per element.
    whole = (first_1 >= start_1) & (first_1 + BLOCK <= end_1)
    arange_512 = jnp.arange(BLOCK // 8, dtype=jnp.int32)
    column = first_1 + (arange_512 * 8)[:, None] + jnp.arange(8, dtype=jnp.int32)[None, :]
    @pl.when(needed & whole)
    def branch():
        value = plgpu.load(logits_ref.at[out_row, column])  # specs/indexer/select.py:150
        bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        keys = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        highest = jnp.max(keys, axis=1)  # specs/indexer/select.py:164
        number = block * (BLOCK // 8) + arange_512
        # The last block reaches past the row; the next row's maxima begin there.
        plgpu.store(maxima_ref.at[out_row, number], highest, mask=number < pl.cdiv(W, 8))
        wider = jnp.max(highest.reshape(BLOCK // 8 // 8, 8), axis=1)
        number_1 = block * (BLOCK // 8 // 8) + jnp.arange(BLOCK // 8 // 8, dtype=jnp.int32)
        plgpu.store(wide_maxima_ref.at[out_row, number_1], wider, mask=number_1 < pl.cdiv(W, 64))
    @pl.when(needed & jnp.logical_not(whole))  # specs/indexer/select.py:158
    def branch_1():
        inside = (column >= start_1) & (column < end_1)  # specs/indexer/select.py:153
        value_1 = plgpu.load(logits_ref.at[out_row, column], mask=inside, other=0.0)
        bits_1 = jax.lax.bitcast_convert_type(value_1, jnp.int32)  # specs/indexer/select.py:122
        # -2147483647 is -(2**31 - 1), -2147483648 is -2**31, specs/indexer/select.py:154
        keys_1 = jnp.where(inside, jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1), -2147483647)
        highest_1 = jnp.max(keys_1, axis=1)  # specs/indexer/select.py:164
        number_2 = block * (BLOCK // 8) + arange_512
        plgpu.store(maxima_ref.at[out_row, number_2], highest_1, mask=number_2 < pl.cdiv(W, 8))
        wider_1 = jnp.max(highest_1.reshape(BLOCK // 8 // 8, 8), axis=1)
        number_3 = block * (BLOCK // 8 // 8) + jnp.arange(BLOCK // 8 // 8, dtype=jnp.int32)
        plgpu.store(wide_maxima_ref.at[out_row, number_3], wider_1, mask=number_3 < pl.cdiv(W, 64))
