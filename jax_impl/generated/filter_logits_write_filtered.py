# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""write_filtered: Scaled logits, -inf where they are dropped.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    cut = int32
    last = int32
    filtered = f32
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def write_filtered(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, top_ref, cut_ref, last_ref,
    filtered_ref,
    *, V, vocab_size,
):
    BLOCK = 4096
    row = pl.program_id(0)  # specs/sampling/kernels.py:248
    block = pl.program_id(1)
    column = block * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
    there = column < V
    temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:76
    # NaN is greedy as well.
    greedy = jnp.logical_not(temperature >= 1e-05)
    ratio = plgpu.load(min_p_ref.at[row])
    # Subnormal numbers are off, and so is NaN.
    on = (ratio >= 1.1754943508222875e-38) & jnp.logical_not(greedy)  # 2**-126
    bits = jax.lax.bitcast_convert_type(jnp.where(on, jnp.minimum(jnp.where(on, ratio, 1.0), 1.0), 1.0), jnp.int32)
    mantissa = (bits & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
    shift = 150 - (bits >> 23)
    number = mantissa * 0 + 31  # specs/sampling/integers.py:61
    small = ((mantissa >> 16) & 65535) == 0
    x = jnp.where(small, mantissa << 16, mantissa)
    number_1 = jnp.where(small, number - 16, number)
    small_1 = ((x >> 24) & 255) == 0
    x_1 = jnp.where(small_1, x << 8, x)
    number_2 = jnp.where(small_1, number_1 - 8, number_1)
    small_2 = ((x_1 >> 28) & 15) == 0
    x_2 = jnp.where(small_2, x_1 << 4, x_1)
    number_3 = jnp.where(small_2, number_2 - 4, number_2)
    small_3 = ((x_2 >> 30) & 3) == 0
    x_3 = jnp.where(small_3, x_2 << 2, x_2)
    number_4 = jnp.where(small_3, number_3 - 2, number_3)
    small_4 = ((x_3 >> 31) & 1) == 0
    x_4 = jnp.where(small_4, x_3 << 1, x_3)
    number_5 = jnp.where(small_4, number_4 - 1, number_4)
    piece = (x_4 >> 21) & 1023
    part = (x_4 >> 6) & 32767
    whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
    low = plgpu.load(table_ref.at[piece])  # specs/sampling/integers.py:55
    high = plgpu.load(table_ref.at[piece + 1])
    # specs/sampling/integers.py:95
    q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
    least = jnp.where(on, jnp.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
    inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
    key = plgpu.load(cut_ref.at[row])  # specs/sampling/kernels.py:251
    last = plgpu.load(last_ref.at[row])
    value = plgpu.load(logits_ref.at[row, column], mask=there, other=0.0)
    bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key_1 = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:253
    key_2 = jnp.where(
        column < jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V),
        jnp.where(key_1 > 0x7f800000, -2139095040, jnp.maximum(key_1, -2139095040)), -2139095040
    )
    top = plgpu.load(top_ref.at[row])
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance = jnp.where(
        key_2 == top, 0.0,
        jax.lax.bitcast_convert_type(
            jnp.where(key_2 < 0, -2147483648 - key_2, key_2), jnp.float32
        ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
    )
    inside = (key_2 > key) | ((key_2 == key) & (column <= last))  # specs/sampling/items.py:127
    # 1048576.0 is 2**20
    kept = inside & (key_2 > -2139095040) & (
        (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32) >= least
    )
    # One product of float32, with nothing after it.
    # specs/sampling/kernels.py:257
    plgpu.store(filtered_ref.at[row, column], jnp.where(kept, value * inverse, float("-inf")), mask=there)
