# prefill_gather_lens, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""prefill_gather_lens: Window rows that every prefill request needs: its tokens' rows, and the window of its first
token.

Generated. Specialised on
    window = 128
    query_start_loc = int32
    seq_lens = int32
    gather_lens = int32
    BLOCK_R = 256
    num_warps = 4
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def prefill_gather_lens(
    query_start_loc_ref, seq_lens_ref,
    gather_lens_ref,
    *, R,
):
    window = 128
    BLOCK_R = 256
    request = pl.program_id(0) * BLOCK_R + jnp.arange(BLOCK_R, dtype=jnp.int32)  # specs/cache/metadata.py:112
    inside = request < R
    start = plgpu.load(query_start_loc_ref.at[request], mask=inside, other=0)
    query_start_loc = plgpu.load(query_start_loc_ref.at[request + 1], mask=inside, other=0)
    query = query_start_loc - start
    # Stale lengths of padding requests may be below the query length.
    seq_lens = plgpu.load(seq_lens_ref.at[request], mask=inside, other=0)
    before = jnp.maximum(seq_lens - query, 0)
    # The first query token sees window - 1 tokens before it; the others see no further back.
    plgpu.store(gather_lens_ref.at[request], query + jnp.minimum(before, window - 1), mask=inside)
