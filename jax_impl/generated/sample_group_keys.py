# sample, case "large", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""group_keys: Largest keys of groups of 32 columns.

Generated. Specialised on
    logits = f32
    maxima = int32
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def group_keys(
    logits_ref,
    maxima_ref,
    *, V, vocab_size,
):
    BLOCK = 4096
    row = pl.program_id(0)  # specs/sampling/kernels.py:68
    block = pl.program_id(1)
    group = block * (BLOCK // 32) + jnp.arange(BLOCK // 32, dtype=jnp.int32)
    column = group[:, None] * 32 + jnp.arange(32, dtype=jnp.int32)[None, :]
    inside = column < jnp.where(vocab_size > 0, jnp.minimum(jnp.int32(vocab_size), V), V)
    value = plgpu.load(logits_ref.at[row, column], mask=inside, other=0.0)
    bits = jax.lax.bitcast_convert_type(value, jnp.int32)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key = jnp.where(bits < 0, -2147483648 - bits, bits)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:73
    key_1 = jnp.where(inside, jnp.where(key > 0x7f800000, -2139095040, jnp.maximum(key, -2139095040)), -2139095040)
    key_1_max = jnp.max(key_1, axis=1)
    plgpu.store(maxima_ref.at[row, group], key_1_max, mask=group < pl.cdiv(V, 32))
