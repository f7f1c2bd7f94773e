# dequant_gather_k, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""gather_rows: Rows of a paged cache dequantised into a dense workspace.

Generated. Specialised on
    offset = 0
    layout = v4
    block_size = 64
    out = bf16
    cache = uint8
    seq_lens = int32
    block_table = int32
    ROWS = 64
    D = 512
    BLOCK_T = 16
    CHUNK = 64
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.views import load_view


def gather_rows(
    cache_ref, seq_lens_ref, block_table_ref,
    out_ref,
    *, M, PAGES, TABLE,
):
    ROWS = 64
    BLOCK_T = 16
    CHUNK = 64
    request = pl.program_id(0)  # specs/cache/gather.py:51
    tile = pl.program_id(1)
    count = plgpu.load(seq_lens_ref.at[request])
    # The grid covers the longest request that fits; programs past a short one exit at once.
    @pl.when(tile * BLOCK_T < count)
    def branch():
        row = tile * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/cache/gather.py:56
        # The last `count` rows: prefill attends to a window, not to the whole prefix.
        position = count - count + row  # specs/cache/gather.py:65
        # gather_lens above seq_lens would start before the request, and offset + count may exceed the workspace.
        live = (row < count) & (position >= 0) & (row < M)
        # Masked lanes too: // and % of negative numbers differ between targets.
        position_1 = jnp.maximum(position, 0)
        entry = jax.lax.div(position_1, jnp.full((BLOCK_T,), ROWS, jnp.int32))
        live_1 = live & (entry < TABLE)
        # Page numbers are user data: -1 (none) and stale entries must not become addresses.
        page = plgpu.load(block_table_ref.at[request, entry], mask=live_1, other=-1)
        live_2 = live_1 & (page >= 0) & (page < PAGES)
        row_1 = jax.lax.rem(position_1, jnp.full((BLOCK_T,), ROWS, jnp.int32))
        start = row_1 * 576
        # Gathered layouts keep all scales of a page after its last row of data.
        start_1 = row_1 * 8 + ROWS * 576
        # Chunk by chunk: a whole row of 512 columns at a time would spill. Unread rows keep what `out` had.
        index = jnp.arange(CHUNK, dtype=jnp.int32)
        start_2 = start[:, None]
        live_3 = live_2[:, None]
        values = load_view(
            cache_ref, page[:, None], start_2, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code = load_view(cache_ref, page, start_1, jnp.int32(0), jnp.int32, mask=live_2)
        codes = code & 255
        value = jax.lax.bitcast_convert_type(codes << 23, jnp.float32)
        # E8M0 code 0 is 2**-127, a float32 subnormal: an exponent field of 0 would read as 0.
        value_1 = jnp.where(codes == 0, 5.877471754111438e-39, value)  # 2**-127
        spread = jnp.where(codes == 255, float("nan"), value_1)[:, None]
        value_2 = values.astype(jnp.float32) * spread
        plgpu.store(
            out_ref.at[request, row[:, None], index[None, :]], value_2.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        # Bytes from the start of the page, in int32; the page's own offset is added in int64.
        start_3 = start + CHUNK * 8 // 8
        start_4 = start_3[:, None]
        values_1 = load_view(
            cache_ref, page[:, None], start_4, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code_1 = code >> 8
        codes_1 = code_1 & 255
        value_3 = jax.lax.bitcast_convert_type(codes_1 << 23, jnp.float32)
        value_4 = jnp.where(codes_1 == 0, 5.877471754111438e-39, value_3)  # 2**-127
        spread_1 = jnp.where(codes_1 == 255, float("nan"), value_4)[:, None]
        value_5 = values_1.astype(jnp.float32) * spread_1
        plgpu.store(
            out_ref.at[request, row[:, None], (index + CHUNK)[None, :]], value_5.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_5 = start + (CHUNK + CHUNK) * 8 // 8
        start_6 = start_5[:, None]
        values_2 = load_view(
            cache_ref, page[:, None], start_6, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code_2 = code >> 16
        codes_2 = code_2 & 255
        value_6 = jax.lax.bitcast_convert_type(codes_2 << 23, jnp.float32)
        value_7 = jnp.where(codes_2 == 0, 5.877471754111438e-39, value_6)  # 2**-127
        spread_2 = jnp.where(codes_2 == 255, float("nan"), value_7)[:, None]
        value_8 = values_2.astype(jnp.float32) * spread_2
        plgpu.store(
            out_ref.at[request, row[:, None], (index + (CHUNK + CHUNK))[None, :]], value_8.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_7 = start + 192
        start_8 = start_7[:, None]
        values_3 = load_view(
            cache_ref, page[:, None], start_8, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code_3 = code >> 24
        codes_3 = code_3 & 255
        value_9 = jax.lax.bitcast_convert_type(codes_3 << 23, jnp.float32)
        value_10 = jnp.where(codes_3 == 0, 5.877471754111438e-39, value_9)  # 2**-127
        spread_3 = jnp.where(codes_3 == 255, float("nan"), value_10)[:, None]
        value_11 = values_3.astype(jnp.float32) * spread_3
        plgpu.store(
            out_ref.at[request, row[:, None], (index + (CHUNK + CHUNK + CHUNK))[None, :]],
            value_11.astype(jnp.bfloat16), mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_9 = start + 256
        start_10 = start_9[:, None]
        values_4 = load_view(
            cache_ref, page[:, None], start_10, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_11 = start_1 + 4
        code_4 = load_view(cache_ref, page, start_11, jnp.int32(0), jnp.int32, mask=live_2)
        codes_4 = code_4 & 255
        value_12 = jax.lax.bitcast_convert_type(codes_4 << 23, jnp.float32)
        value_13 = jnp.where(codes_4 == 0, 5.877471754111438e-39, value_12)  # 2**-127
        spread_4 = jnp.where(codes_4 == 255, float("nan"), value_13)[:, None]
        value_14 = values_4.astype(jnp.float32) * spread_4
        plgpu.store(
            out_ref.at[request, row[:, None], (index + (CHUNK + CHUNK + CHUNK + CHUNK))[None, :]],
            value_14.astype(jnp.bfloat16), mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_12 = start + 320
        start_13 = start_12[:, None]
        values_5 = load_view(
            cache_ref, page[:, None], start_13, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code_5 = code_4 >> 8
        codes_5 = code_5 & 255
        value_15 = jax.lax.bitcast_convert_type(codes_5 << 23, jnp.float32)
        value_16 = jnp.where(codes_5 == 0, 5.877471754111438e-39, value_15)  # 2**-127
        spread_5 = jnp.where(codes_5 == 255, float("nan"), value_16)[:, None]
        value_17 = values_5.astype(jnp.float32) * spread_5
        plgpu.store(
            out_ref.at[request, row[:, None], (index + 320)[None, :]], value_17.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_14 = start + (320 + CHUNK) * 8 // 8
        start_15 = start_14[:, None]
        values_6 = load_view(
            cache_ref, page[:, None], start_15, index[None, :], jnp.float8_e4m3fn,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        code_6 = code_4 >> 16
        codes_6 = code_6 & 255
        value_18 = jax.lax.bitcast_convert_type(codes_6 << 23, jnp.float32)
        value_19 = jnp.where(codes_6 == 0, 5.877471754111438e-39, value_18)  # 2**-127
        spread_6 = jnp.where(codes_6 == 255, float("nan"), value_19)[:, None]
        value_20 = values_6.astype(jnp.float32) * spread_6
        plgpu.store(
            out_ref.at[request, row[:, None], (index + (320 + CHUNK))[None, :]], value_20.astype(jnp.bfloat16),
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        start_16 = start + 448
        start_17 = start_16[:, None]
        cache = load_view(
            cache_ref, page[:, None], start_17, index[None, :], jnp.bfloat16,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
        plgpu.store(
            out_ref.at[request, row[:, None], (index + 448)[None, :]], cache,
            mask=jnp.broadcast_to(live_3, (BLOCK_T, CHUNK))
        )
