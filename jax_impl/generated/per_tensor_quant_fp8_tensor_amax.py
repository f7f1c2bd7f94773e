# per_tensor_quant_fp8, case "dynamic", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 55dcfee40df145cfc31072957670cf0e88d42a064735fd9bc8683ab99ccefb45
"""tensor_amax: Largest magnitudes of strided parts of a tensor.

Generated. Specialised on
    x = bf16
    partial = int32
    even_m = False
    even_n = False
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
    pid = pl.program_id(0)  # specs/quant/tensor.py:64
    across = (N + 1023) // 1024  # specs/quant/tensor.py:65
    blocks = (M + 3) // 4 * across  # specs/quant/tensor.py:66
    rounds = jax.lax.div(blocks + 255 - pid, jnp.int32(256))  # specs/quant/tensor.py:75
    amax = jnp.full((4,), 0, jnp.int32)  # specs/quant/tensor.py:76
    def step(k, carry):  # specs/quant/tensor.py:76
        (amax_2,) = carry
        block = pid + k * 256  # specs/quant/tensor.py:69
        rows = jax.lax.div(block, jnp.int32(across)) * 4 + jnp.arange(4, dtype=jnp.int32)  # specs/quant/tensor.py:70
        columns = jax.lax.rem(block, jnp.int32(across)) * 1024 + jnp.arange(1024, dtype=jnp.int32)  # specs/quant/tensor.py:71
        mask = (rows < M)[:, None]  # specs/quant/tensor.py:58
        x = plgpu.load(x_ref.at[rows[:, None], columns[None, :]], mask=mask & (columns < N)[None, :], other=0.0)  # specs/quant/tensor.py:72
        x_1 = x.astype(jnp.float32)  # specs/quant/tensor.py:72
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)  # specs/quant/tensor.py:73
        return (jnp.maximum(amax_2, index),)
    (amax_1,) = jax.lax.fori_loop(0, rounds, step, (amax,))  # specs/quant/tensor.py:76
    amax_1_max = jnp.max(amax_1, axis=0)  # specs/quant/tensor.py:77
    plgpu.store(partial_ref.at[pid], amax_1_max)  # specs/quant/tensor.py:77
