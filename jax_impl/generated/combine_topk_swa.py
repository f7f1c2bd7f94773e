# combine_topk_swa, case "c4a", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 549ceec128c7e3f7df6d9752de1403488f113a46786898126c24d3c366a48cfb
"""combine_topk_swa: For every prefill token, the workspace rows it attends to: chosen compressed entries, then its window.

Generated. Specialised on
    window = 8
    ratio = 4
    topk = 16
    max_image_tokens = 0
    topk_indices = int32
    query_start_loc = int32
    seq_lens = int32
    gather_lens = int32
    combined_indices = int32
    combined_lens = int32
    BLOCK_W = 512
    BLOCK_R = 256
    num_warps = 4
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def combine_topk_swa(
    topk_indices_ref, query_start_loc_ref, seq_lens_ref, gather_lens_ref,
    combined_indices_ref, combined_lens_ref,
    *, R, workspace_rows, compressed_rows,
):
    token = pl.program_id(0)  # specs/cache/combine.py:45
    first = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:36
    def step(k, carry):  # specs/cache/lookup.py:48
        (ended_1,) = carry
        owner = k * 256 + jnp.arange(256, dtype=jnp.int32)  # specs/cache/lookup.py:39
        inside = owner < R  # specs/cache/lookup.py:40
        query_start_loc = plgpu.load(query_start_loc_ref.at[owner + 1], mask=inside, other=0)  # specs/cache/lookup.py:42
        end = query_start_loc - first  # specs/cache/lookup.py:42
        index = jnp.sum((inside & (end <= token)).astype(jnp.int32), axis=0, dtype=jnp.int32)  # specs/cache/lookup.py:44
        return (ended_1 + index,)
    (ended,) = jax.lax.fori_loop(0, (R + 255) // 256, step, (jnp.int32(0),))  # specs/cache/lookup.py:48
    live = ended < R  # specs/cache/combine.py:48
    first_1 = plgpu.load(query_start_loc_ref.at[jnp.int32(0)])  # specs/cache/lookup.py:54
    query_start_loc_1 = plgpu.load(query_start_loc_ref.at[ended + 1], mask=live, other=0)  # specs/cache/lookup.py:55
    end_1 = query_start_loc_1 - first_1  # specs/cache/lookup.py:55
    length = plgpu.load(seq_lens_ref.at[ended], mask=live, other=0)  # specs/cache/lookup.py:56
    position = jnp.where(live, length - end_1 + token, -1)  # specs/cache/lookup.py:58
    length_1 = plgpu.load(seq_lens_ref.at[ended], mask=live, other=0)  # specs/cache/combine.py:50
    gathered = plgpu.load(gather_lens_ref.at[ended], mask=live, other=0)  # specs/cache/combine.py:51
    chosen = jnp.minimum(jax.lax.div(jnp.maximum(position + 1, 0), jnp.int32(4)), 16)  # specs/cache/combine.py:53
    low = position - 7  # specs/cache/combine.py:54
    low_1 = jnp.maximum(low, 0)  # specs/cache/combine.py:61
    visible = jnp.where(live & (position >= 0), jnp.maximum(position - low_1 + 1, 0), 0)  # specs/cache/combine.py:64
    count = jnp.minimum(chosen + visible, 128)  # specs/cache/combine.py:65
    base = ended * workspace_rows  # specs/cache/combine.py:66
    first_row = low_1 - (length_1 - gathered)  # specs/cache/combine.py:67
    def step_1(k_1, carry):  # specs/cache/combine.py:84
        () = carry
        column = k_1 * 512 + jnp.arange(512, dtype=jnp.int32)  # specs/cache/combine.py:70
        row = first_row + (column - chosen)  # specs/cache/combine.py:72
        there = (column < count) & (row >= 0) & (row < gathered)  # specs/cache/combine.py:74
        entry = jnp.where(there, base + compressed_rows + row, -1)  # specs/cache/combine.py:75
        mask = column < chosen  # specs/cache/combine.py:77
        local = plgpu.load(topk_indices_ref.at[token, column], mask=mask, other=0)  # specs/cache/combine.py:77
        real = (local >= 0) & (local < compressed_rows)  # specs/cache/combine.py:79
        entry_1 = jnp.where(mask, jnp.where(real, base + local, -1), entry)  # specs/cache/combine.py:80
        plgpu.store(combined_indices_ref.at[token, column], entry_1, mask=column < 128)  # specs/cache/combine.py:82
        return ()
    () = jax.lax.fori_loop(0, 1, step_1, ())  # specs/cache/combine.py:84
    plgpu.store(combined_lens_ref.at[token], count)  # specs/cache/combine.py:85
