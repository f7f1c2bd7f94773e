# filter_logits, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""span_masses: Masses of spans of columns.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    bound = int32
    masses = int32
    TILE = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def span_masses(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, min_p_ref, table_ref, top_ref, bound_ref,
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
        part_1 = (x_4 >> 6) & 32767
        whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
        low = plgpu.load(table_ref.at[piece])  # specs/sampling/integers.py:55
        high = plgpu.load(table_ref.at[piece + 1])
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part_1 + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = jnp.where(on, jnp.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        mask = B >= 64  # specs/sampling/kernels.py:144
        def step(i, carry):  # specs/sampling/kernels.py:135
            (high_2, low_2) = carry
            span = part * jnp.where(jnp.bool_(mask), jnp.int32(4), jnp.int32(1)) + i  # specs/sampling/kernels.py:131
            number_6 = span * 4096 + jnp.arange(4096, dtype=jnp.int32)  # specs/sampling/kernels.py:149
            top = plgpu.load(top_ref.at[row])
            # specs/sampling/kernels.py:201
            inside = number_6 < jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V)
            value = plgpu.load(logits_ref.at[row, number_6], mask=inside, other=0.0)
            bits_1 = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = jnp.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
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
            q_1 = (jnp.maximum(distance * inverse, -1000.0) * 1048576.0).astype(jnp.int32)  # 2**20
            key_2 = jnp.where(q_1 >= least, key_1, -2139095040)  # specs/sampling/items.py:44
            mask_1 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_2 = jnp.minimum(q_1, 0)
            twice = jnp.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = jax.lax.div(twice, jnp.full((4096,), 0x162e43, jnp.int32))
            rest = twice - halvings * 0x162e43
            piece_1 = rest >> 11
            part_2 = rest & 2047
            low_3 = plgpu.load(table_ref.at[piece_1 + 1570])  # specs/sampling/integers.py:55
            high_3 = plgpu.load(table_ref.at[piece_1 + 1571])
            mantissa_1 = low_3 + (((high_3 - low_3) * part_2 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            # specs/sampling/items.py:92
            mass = jnp.where(mask_1, jnp.where(mask_1, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0), 0)
            high_4 = mass >> 17  # specs/sampling/masses.py:38
            low_4 = mass & 0x1ffff  # 2**17 - 1
            high_5 = jnp.sum(high_4 + (low_4 >> 17), axis=0, dtype=jnp.int32)  # specs/sampling/masses.py:48
            low_5 = jnp.sum(low_4 & 0x1ffff, axis=0, dtype=jnp.int32)  # 2**17 - 1
            high_6 = high_2 + (high_5 + (low_5 >> 17))  # specs/sampling/masses.py:87
            low_6 = low_2 + (low_5 & 0x1ffff)  # 2**17 - 1
            high_7 = high_6 + (low_6 >> 17)  # specs/sampling/masses.py:43
            low_7 = low_6 & 0x1ffff  # 2**17 - 1
            return (high_7, low_7)
        # specs/sampling/kernels.py:135
        (high_1, low_1) = jax.lax.fori_loop(
            0, jnp.where(jnp.bool_(mask), jnp.int32(4), jnp.int32(1)), step, (jnp.int32(0), jnp.int32(0))
        )
        plgpu.store(masses_ref.at[row, part, jnp.int32(0)], high_1)
        plgpu.store(masses_ref.at[row, part, jnp.int32(1)], low_1)
