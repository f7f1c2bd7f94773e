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
    *, B, V, vocab_size,
):
    row = pl.program_id(0)  # specs/sampling/kernels.py:124
    part = pl.program_id(1)
    bound = plgpu.load(bound_ref.at[row])
    partial = bound > -2139095040
    @pl.when(partial)
    def branch():
        temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = jnp.logical_not(temperature >= 1e-05)
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        mask = B >= 64  # specs/sampling/kernels.py:144
        def step(i, carry):  # specs/sampling/kernels.py:135
            (high_1, low_1) = carry
            span = part * jnp.where(jnp.bool_(mask), jnp.int32(4), jnp.int32(1)) + i  # specs/sampling/kernels.py:131
            number = span * 4096 + jnp.arange(4096, dtype=jnp.int32)  # specs/sampling/kernels.py:149
            top = plgpu.load(top_ref.at[row])
            # specs/sampling/kernels.py:201
            inside = number < jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V)
            value = plgpu.load(logits_ref.at[row, number], mask=inside, other=0.0)
            bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = jnp.where(
                inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040
            )
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = jnp.where(
                key_1 == top, 0.0,
                jax.lax.bitcast_convert_type(
                    jnp.where(key_1 < 0, -2147483648 - key_1, key_1), jnp.float32
                ) - jax.lax.bitcast_convert_type(jnp.where(top < 0, -2147483648 - top, top), jnp.float32)
            )
            q = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
            key_2 = jnp.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
            mask_1 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_1 = jnp.minimum(q, 0)
            twice = jnp.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = jax.lax.div(twice, jnp.full((4096,), 0x162e43, jnp.int32))
            rest = twice - halvings * 0x162e43
            piece = rest >> 11
            part_1 = rest & 2047
            low_2 = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:55
            high_2 = plgpu.load(table_ref.at[piece + 1571])
            mantissa = low_2 + (((high_2 - low_2) * part_1 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            # specs/sampling/items.py:92
            mass = jnp.where(mask_1, jnp.where(mask_1, ((mantissa << 1 >> halvings) + 1) >> 1, 0), 0)
            high_3 = mass >> 17  # specs/sampling/masses.py:38
            low_3 = mass & 0x1ffff  # 2**17 - 1
            high_4 = jnp.sum(high_3 + (low_3 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
            low_4 = jnp.sum(low_3 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
            high_5 = high_1 + (high_4 + (low_4 >> 17))  # specs/sampling/masses.py:87
            low_5 = low_1 + (low_4 & 0x1ffff)  # 2**17 - 1
            high_6 = high_5 + (low_5 >> 17)  # specs/sampling/masses.py:43
            low_6 = low_5 & 0x1ffff  # 2**17 - 1
            return (high_6, low_6)
        # specs/sampling/kernels.py:135
        (high, low) = jax.lax.fori_loop(
            0, jnp.where(jnp.bool_(mask), jnp.int32(4), jnp.int32(1)), step, (jnp.int32(0), jnp.int32(0))
        )
        plgpu.store(masses_ref.at[row, part, jnp.int32(0)], high)
        plgpu.store(masses_ref.at[row, part, jnp.int32(1)], low)
