# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""span_masses: Masses of spans of columns.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    bound = int32
    masses = int32
    TILE = 8192
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def span_masses(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, table_ref, top_ref, bound_ref,
    masses_ref,
    *, V, vocab_size,
):
    row = pl.program_id(0)  # specs/sampling/kernels.py:106
    span = pl.program_id(1)
    bound = plgpu.load(bound_ref.at[row])
    partial = bound > -2139095040
    @pl.when(partial)
    def branch():
        temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:74
        # NaN is greedy as well.
        greedy = jnp.logical_not(temperature >= 1e-05)
        number = span * 4096 + jnp.arange(4096, dtype=jnp.int32)  # specs/sampling/kernels.py:119
        inside = number < jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V)
        value = plgpu.load(logits_ref.at[row, number], mask=inside, other=0.0)
        bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:121
        key_1 = jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
        top = plgpu.load(top_ref.at[row])
        # -2147483648 is -2**31, specs/sampling/settings.py:68
        distance = jnp.where(
            key_1 == top, 0.0,
            jax.lax.bitcast_convert_type(
                jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
            ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
        )
        # 1048576.0 is 2**20
        q = (
            jnp.maximum(distance * div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature)), -1000.0) * 1048576.0
        ).astype(jnp.int32)
        key_2 = jnp.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
        mask = key_2 > -2139095040  # specs/sampling/settings.py:121
        q_1 = jnp.minimum(q, 0)
        twice = jnp.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:83
        halvings = jax.lax.div(twice, jnp.full((4096,), 0x162e43, jnp.int32))
        rest = twice - halvings * 0x162e43
        piece = rest >> 11
        part = rest & 2047
        low = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:54
        high = plgpu.load(table_ref.at[piece + 1571])
        mantissa = low + (((high - low) * part + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        # specs/sampling/items.py:92
        mass = jnp.where(mask, jnp.where(mask, ((mantissa << 1 >> halvings) + 1) >> 1, 0), 0)
        high_1 = mass >> 17  # specs/sampling/masses.py:39
        low_1 = mass & 0x1ffff  # 2**17 - 1
        high_2 = jnp.sum(high_1 + (low_1 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:44
        low_2 = jnp.sum(low_1 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
        plgpu.store(masses_ref.at[row, span, jnp.int32(0)], high_2 + (low_2 >> 17))  # specs/sampling/kernels.py:112
        plgpu.store(masses_ref.at[row, span, jnp.int32(1)], low_2 & 0x1ffff)  # 2**17 - 1
