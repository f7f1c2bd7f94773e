# per_token_quant_fp8, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 9288f1bd31abf3db4a204f44ff52d1a94a9271a546376e19ee1926d1ae12cda9
"""per_token_quant_fp8: FP8 codes of every row, with one float32 scale per row.

Generated. Specialised on
    element = e4m3
    x = bf16
    q = e4m3
    scale = f32
    even_m = True
    even_n = False
    BLOCK_M = 1
    BLOCK_N = 2048
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn


def per_token_quant_fp8(
    x_ref,
    q_ref, scale_ref,
    *, N,
):
    read = pl.program_id(0) + jnp.arange(1, dtype=jnp.int32)  # specs/quant/row.py:47
    blocks = (N + 2047) // 2048  # specs/quant/row.py:49
    amax = jnp.full((1,), 0, jnp.int32)  # specs/quant/row.py:84
    def step(k, carry):  # specs/quant/row.py:84
        (amax_2,) = carry
        columns = k * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        x = plgpu.load(x_ref.at[read[:, None], columns[None, :]], mask=(columns < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_1 = x.astype(jnp.float32)  # specs/quant/row.py:64
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)  # specs/quant/row.py:82
        return (jnp.maximum(amax_2, index),)
    (amax_1,) = jax.lax.fori_loop(0, blocks, step, (amax,))  # specs/quant/row.py:84
    bits = jnp.maximum(amax_1, 0x3b000000)  # specs/quant/scaling.py:56
    value = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # specs/quant/scaling.py:62
    plgpu.store(scale_ref.at[read], value)  # specs/quant/row.py:74
    def step_1(k_1, carry):  # specs/quant/row.py:92
        () = carry
        columns_1 = k_1 * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        mask = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        x_2 = plgpu.load(x_ref.at[read[:, None], columns_1[None, :]], mask=mask, other=0.0)  # specs/quant/row.py:63
        x_3 = x_2.astype(jnp.float32)  # specs/quant/row.py:64
        codes = div_rn(x_3, jnp.broadcast_to(value.reshape(1, 1), (1, 2048))).astype(jnp.float8_e4m3fn)  # specs/quant/row.py:90
        plgpu.store(q_ref.at[read[:, None], columns_1[None, :]], codes, mask=mask)  # specs/quant/row.py:70
        return ()
    () = jax.lax.fori_loop(0, blocks, step_1, ())  # specs/quant/row.py:92
