# per_token_quant_fp8, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
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
    BLOCK_M = 1
    BLOCK_N = 2048
    blocks = pl.cdiv(N, BLOCK_N)  # specs/quant/row.py:46
    amax = jnp.full((BLOCK_M,), 0, jnp.int32)  # specs/quant/row.py:77
    # Rows over the edge are not stored, so anything is read for them, without a mask.
    offs_m = pl.program_id(0) + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/row.py:59
    arange_2048 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    def step(k, carry):  # specs/quant/row.py:77
        (amax_2,) = carry
        offs_n = k * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n = offs_n < N
        x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]], mask=mask_n[None, :], other=0.0)
        x_1 = x.astype(jnp.float32)
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)  # specs/quant/row.py:75
        return (jnp.maximum(amax_2, index),)
    (amax_1,) = jax.lax.fori_loop(0, blocks, step, (amax,))  # specs/quant/row.py:77
    bits = jnp.maximum(amax_1, 0x3b000000)  # float32 bits of 2**-9, specs/quant/scaling.py:56
    value = jax.lax.bitcast_convert_type(bits, jnp.float32) * 0.0022321429569274187  # 1/448
    plgpu.store(scale_ref.at[offs_m], value)  # specs/quant/row.py:67
    def step_1(k_1, carry):  # specs/quant/row.py:85
        () = carry
        offs_n_1 = k_1 * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n_1 = offs_n_1 < N
        x_2 = plgpu.load(x_ref.at[offs_m[:, None], offs_n_1[None, :]], mask=mask_n_1[None, :], other=0.0)
        x_3 = x_2.astype(jnp.float32)
        # specs/quant/row.py:83
        codes = div_rn(x_3, jnp.broadcast_to(value.reshape(BLOCK_M, 1), (BLOCK_M, BLOCK_N))).astype(jnp.float8_e4m3fn)
        # specs/quant/row.py:63
        plgpu.store(q_ref.at[offs_m[:, None], offs_n_1[None, :]], codes, mask=mask_n_1[None, :])
        return ()
    () = jax.lax.fori_loop(0, blocks, step_1, ())  # specs/quant/row.py:85
