# per_tensor_quant_fp8, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""tensor_amax: Largest magnitudes of strided parts of a tensor.

Generated. Specialised on
    x = bf16
    partial = int32
    even_m = True
    even_n = True
    BLOCK_M = 4
    BLOCK_N = 1024
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def tensor_amax(
    x_ref,
    partial_ref,
    *, M, N,
):
    BLOCK_M = 4
    BLOCK_N = 1024
    pid = pl.program_id(0)  # specs/quant/tensor.py:57
    across = pl.cdiv(N, BLOCK_N)
    blocks = pl.cdiv(M, BLOCK_M) * across
    rounds = jax.lax.div(blocks + 255 - pid, jnp.int32(256))
    amax = jnp.full((BLOCK_M,), 0, jnp.int32)
    arange_4 = jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/tensor.py:65
    arange_1024 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    def step(k, carry):  # specs/quant/tensor.py:69
        (amax_2,) = carry
        block = pid + k * 256  # specs/quant/tensor.py:62
        offs_m = jax.lax.div(block, jnp.int32(across)) * BLOCK_M + arange_4
        offs_n = jax.lax.rem(block, jnp.int32(across)) * BLOCK_N + arange_1024
        x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]])
        x_1 = x.astype(jnp.float32)
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)
        return (jnp.maximum(amax_2, index),)
    (amax_1,) = jax.lax.fori_loop(0, rounds, step, (amax,))  # specs/quant/tensor.py:69
    amax_1_max = jnp.max(amax_1, axis=0)
    plgpu.store(partial_ref.at[pid], amax_1_max)
