# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""insert_rows: Rows quantised and written into their slots.

Generated. Specialised on
    layout = indexer_fp8
    block_size = 16
    k = bf16
    cache = uint8
    slot_mapping = int32
    ROWS = 16
    D = 128
    BLOCK_T = 2
    num_warps = 2
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.views import store_view


def insert_rows(
    k_ref, slot_mapping_ref,
    cache_ref,
    *, TS, PAGES,
):
    ROWS = 16
    BLOCK_T = 2
    token = pl.program_id(0) * BLOCK_T + jnp.arange(BLOCK_T, dtype=jnp.int32)  # specs/cache/write.py:47
    # slot_mapping may be shorter than k, whose last rows are padding then.
    live = token < TS
    # -1: no slot, and no byte is written.
    slot = plgpu.load(slot_mapping_ref.at[token], mask=live, other=-1)
    # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
    clamped = jnp.maximum(slot, 0)  # specs/cache/insert.py:59
    page = jax.lax.div(clamped, jnp.full((BLOCK_T,), ROWS, jnp.int32))
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live_1 = live & (slot >= 0) & (page < PAGES)
    # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
    row = jax.lax.rem(clamped, jnp.full((BLOCK_T,), ROWS, jnp.int32))
    data = row * 128
    # Gathered layouts keep all scales of a page after the last row's data.
    number = jnp.arange(1, dtype=jnp.int32)  # specs/cache/insert.py:92
    # Tiles are powers of two; the mask protects the bytes of the next field.
    inside = jnp.arange(128, dtype=jnp.int32)[None, :]  # specs/cache/insert.py:103
    index = (number[:, None] * 128 + inside)[None, :, :]  # specs/cache/insert.py:160
    mask = live_1[:, None]  # specs/cache/insert.py:154
    mask_1 = mask[:, :, None]
    # specs/cache/insert.py:161
    k = plgpu.load(k_ref.at[token[:, None, None], index], mask=jnp.broadcast_to(mask_1, (BLOCK_T, 1, 128)), other=0.0)
    x = k.astype(jnp.float32)
    # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
    amax_bits = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x), jnp.int32), axis=2)  # specs/cache/insert.py:190
    bits = jnp.maximum(amax_bits, 0x38d1b717)  # float32 bits of 0.0001, specs/quant/scaling.py:56
    raw = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    bits_1 = jax.lax.bitcast_convert_type(raw, jnp.int32)  # specs/quant/scaling.py:113
    exponent = (bits_1 >> 23) - 127 + ((bits_1 & 0x7fffff) != 0).astype(jnp.int32)  # 2**23 - 1
    exponent_1 = jnp.minimum(jnp.maximum(exponent, -127), 127)
    value = jax.lax.bitcast_convert_type((exponent_1 + 127) << 23, jnp.float32)
    exponent_2 = -exponent_1  # specs/quant/scaling.py:69
    inverse = jax.lax.bitcast_convert_type((exponent_2 + 127) << 23, jnp.float32)
    infinite = amax_bits == 0x7f800000  # float32 bits of infinity
    nan = amax_bits > 0x7f800000  # float32 bits of infinity
    inverse_1 = jnp.where(infinite, 0.0, inverse)
    y = x * jnp.where(nan, float("nan"), inverse_1).reshape(BLOCK_T, 1, 1)  # specs/quant/scaling.py:41
    value_1 = y.astype(jnp.float8_e4m3fn)  # specs/cache/insert.py:194
    start = data[:, None, None]  # specs/cache/insert.py:221
    store_view(
        cache_ref, page[:, None][:, :, None], start, index, value_1, mask=jnp.broadcast_to(mask_1, (BLOCK_T, 1, 128))
    )
    start_1 = (row * 4 + ROWS * 128)[:, None]  # specs/cache/insert.py:201
    store_view(cache_ref, page[:, None], start_1, number[None, :], jnp.where(infinite | nan, raw, value), mask=mask)
