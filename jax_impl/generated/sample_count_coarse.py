# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""count_coarse: Candidates by their distance.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    listed = int32
    number = int32
    coarse = int32
    TILE = 8192
    PROGRAMS = 1056
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def count_coarse(
    logits_ref, temperature_ref, top_k_ref, top_p_ref, table_ref, top_ref, listed_ref, number_ref,
    coarse_ref,
    *, V, vocab_size,
):
    PROGRAMS = 1056
    program = pl.program_id(0)  # specs/sampling/wide.py:69
    spans = pl.cdiv(V, 4096)
    number = plgpu.load(number_ref.at[jnp.int32(0)])
    def step(i, carry):
        () = carry
        item = program + i * PROGRAMS  # specs/sampling/wide.py:72
        row = plgpu.load(listed_ref.at[jax.lax.div(item, jnp.int32(spans))])
        span = jax.lax.rem(item, jnp.int32(spans))
        temperature = plgpu.load(temperature_ref.at[row])  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = jnp.logical_not(temperature >= 1e-05)
        k = plgpu.load(top_k_ref.at[row])
        mask = vocab_size > 0  # specs/sampling/settings.py:49
        index = jnp.minimum(jnp.int32(vocab_size), V)
        k_1 = jnp.where(greedy | (k <= 0) | (k >= jnp.where(mask, index, V)), 0, k)  # specs/sampling/settings.py:83
        share = plgpu.load(top_p_ref.at[row])
        nucleus = (share < 1.0) & jnp.logical_not(greedy)
        inverse = div_rn(jnp.float32(1.0), jnp.where(greedy, 1.0, temperature))
        @pl.when(nucleus | (k_1 > 0))  # specs/sampling/wide.py:175
        def branch():
            open_ = 0 == 0  # specs/sampling/wide.py:175
            top = plgpu.load(top_ref.at[row])  # specs/sampling/wide.py:196
            arange_16 = jnp.arange(16, dtype=jnp.int32)
            b = arange_16[:, None]
            x = jnp.full((16, 256), 0, jnp.int32)
            def step_1(i_1, carry):
                (x_3, x_4) = carry
                number_1 = span * 4096 + i_1 * 256 + jnp.arange(256, dtype=jnp.int32)  # specs/sampling/wide.py:199
                inside = number_1 < jnp.where(mask, index, V)  # specs/sampling/kernels.py:201
                value = plgpu.load(logits_ref.at[row, number_1], mask=inside, other=0.0)
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
                # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                twice = jnp.minimum(0 - q_1, 0x1600000) * 2
                halvings = jax.lax.div(twice, jnp.full((256,), 0x162e43, jnp.int32))
                rest = twice - halvings * 0x162e43
                piece = rest >> 11
                part = rest & 2047
                low = plgpu.load(table_ref.at[piece + 1570])  # specs/sampling/integers.py:55
                high = plgpu.load(table_ref.at[piece + 1571])
                mantissa = low + (((high - low) * part + 1024) >> 11)
                # Rounded to nearest: adds half a unit before the last bits go.
                mass = jnp.where(mask_1, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
                found = (0 - q) >> 20  # specs/sampling/wide.py:200
                found_1 = jnp.where(mask_1, jnp.where(open_, jnp.minimum(found, 15), found), -1)
                here = found_1[None, :] == b
                high_1 = mass >> 17  # specs/sampling/masses.py:38
                low_1 = mass & 0x1ffff  # 2**17 - 1
                # A column of the loop has at most 16 candidates, and halves of 12 bits: their sums share a word.
                part_1 = high_1 + 0x100000  # 2**20, specs/sampling/wide.py:205
                x_5 = x_3 + jnp.where(here, part_1[None, :], 0)  # specs/sampling/wide.py:206
                x_6 = x_4 + jnp.where(here, low_1[None, :], 0)
                return (x_5, x_6)
            (x_1, x_2) = jax.lax.fori_loop(0, 16, step_1, (x, x))  # specs/sampling/wide.py:208
            high_2 = jnp.sum(x_1 & 0xfffff, axis=1, dtype=jnp.int32)  # 2**20 - 1
            low_2 = jnp.sum(x_2, axis=1, dtype=jnp.int32)
            value_1 = high_2 + (low_2 >> 17)  # specs/sampling/masses.py:43
            value_2 = low_2 & 0x1ffff  # 2**17 - 1
            value_3 = jnp.sum(x_1 >> 20, axis=1, dtype=jnp.int32)  # specs/sampling/wide.py:210
            plgpu.store(coarse_ref.at[row, span, jnp.int32(0), arange_16], value_3)
            plgpu.store(coarse_ref.at[row, span, jnp.int32(1), arange_16], value_1)
            plgpu.store(coarse_ref.at[row, span, jnp.int32(2), arange_16], value_2)
        return ()
    # specs/sampling/wide.py:76
    () = jax.lax.fori_loop(
        0, jnp.maximum(jax.lax.div(number * spans - program + (PROGRAMS - 1), jnp.int32(PROGRAMS)), 0), step, ()
    )
