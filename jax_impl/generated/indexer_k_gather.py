# indexer_k_gather, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gather_keys: Codes and scales of cached keys copied into a dense workspace.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 64
    cache = uint8
    dst_k = e4m3
    dst_scale = uint8
    block_table = int32
    cu_seq_lens = int32
    ROWS = 64
    BLOCK_T = 32
    BLOCK_R = 64
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.views import load_view


def gather_keys(
    cache_ref, block_table_ref, cu_seq_lens_ref,
    dst_k_ref, dst_scale_ref,
    *, TK, B, NB, PAGES,
):
    ROWS = 64
    BLOCK_T = 32
    BLOCK_R = 64
    first = pl.program_id(0) * BLOCK_T  # specs/indexer/gather.py:38
    # A slice of the batch's array: its first element is not 0.
    start = plgpu.load(cu_seq_lens_ref.at[jnp.int32(0)])
    # The workspace has room for an upper bound that the host knows; programs past the real total exit at once.
    cu_seq_lens = plgpu.load(cu_seq_lens_ref.at[jnp.int32(B)])
    total = jnp.minimum(cu_seq_lens - start, TK)
    @pl.when(first < total)
    def branch():
        row = first + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/indexer/gather.py:46
        # A slice of the batch's array: its first element is not 0.
        first_1 = plgpu.load(cu_seq_lens_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:36
        ended = jnp.full((BLOCK_T,), 0, jnp.int32)
        def step(k, carry):
            (ended_2,) = carry
            owner = k * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/cache/lookup.py:39
            inside = owner < B
            # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts
            # included.
            cu_seq_lens_1 = plgpu.load(cu_seq_lens_ref.at[owner + 1], mask=inside, other=0)
            end = cu_seq_lens_1 - first_1
            over = inside[None, :] & (end[None, :] <= row[:, None])
            index = jnp.sum(over.astype(jnp.int32), axis=1, dtype=jnp.int32)
            return (ended_2 + index,)
        (ended_1,) = jax.lax.fori_loop(0, pl.cdiv(B, BLOCK_R), step, (ended,))  # specs/cache/lookup.py:48
        live = (row < total) & (ended_1 < B)  # specs/indexer/gather.py:48
        # 0 for masked rows: // and % below are defined for them.
        cu_seq_lens_2 = plgpu.load(cu_seq_lens_ref.at[ended_1], mask=live, other=0)
        position = jnp.where(live, row - (cu_seq_lens_2 - start), 0)
        entry = jax.lax.div(position, jnp.full((BLOCK_T,), ROWS, jnp.int32))
        live_1 = live & (entry < NB)
        page = plgpu.load(block_table_ref.at[ended_1, entry], mask=live_1, other=-1)
        # Page numbers are user data: -1 and stale entries must not become addresses.
        live_2 = live_1 & (page >= 0) & (page < PAGES)
        inside_1 = jax.lax.rem(position, jnp.full((BLOCK_T,), ROWS, jnp.int32))
        byte = inside_1 * 128  # specs/indexer/gather.py:64
        column = jnp.arange(128, dtype=jnp.int32)[None, :]  # specs/indexer/gather.py:76
        mask = live_2[:, None]
        codes = load_view(
            cache_ref, page[:, None], byte[:, None], column, jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(mask, (BLOCK_T, 128))
        )
        plgpu.store(dst_k_ref.at[row[:, None], column], codes, mask=jnp.broadcast_to(mask, (BLOCK_T, 128)))
        # All scales of a page lie after its last row of codes.
        at_end = inside_1 * 4 + ROWS * 128  # specs/indexer/gather.py:66
        column_1 = jnp.arange(4, dtype=jnp.int32)[None, :]  # specs/indexer/gather.py:76
        codes_1 = load_view(
            cache_ref, page[:, None], at_end[:, None], column_1, jnp.uint8, mask=jnp.broadcast_to(mask, (BLOCK_T, 4))
        )
        plgpu.store(dst_scale_ref.at[row[:, None], column_1], codes_1, mask=jnp.broadcast_to(mask, (BLOCK_T, 4)))
