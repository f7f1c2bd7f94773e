# per_token_quant_int8, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
"""per_token_quant_int8: INT8 codes of every row: int8 without, uint8 with a zero point per row.

Generated. Specialised on
    element = int8
    x = bf16
    q = int8
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


def per_token_quant_int8(
    x_ref,
    q_ref, scale_ref,
    *, N,
):
    BLOCK_M = 1
    BLOCK_N = 2048
    blocks = pl.cdiv(N, BLOCK_N)  # specs/quant/row.py:46
    high = jnp.full((BLOCK_M,), float("-inf"), jnp.float32)  # specs/quant/row.py:104
    low = jnp.full((BLOCK_M,), float("inf"), jnp.float32)
    amax = jnp.full((BLOCK_M,), 0, jnp.int32)
    # Rows over the edge are not stored, so anything is read for them, without a mask.
    offs_m = pl.program_id(0) + jnp.arange(BLOCK_M, dtype=jnp.int32)  # specs/quant/row.py:59
    arange_2048 = jnp.arange(BLOCK_N, dtype=jnp.int32)
    def step(k, carry):  # specs/quant/row.py:105
        (high_2, low_2, amax_2) = carry
        offs_n = k * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n = offs_n < N
        inside = mask_n[None, :]
        x = plgpu.load(x_ref.at[offs_m[:, None], offs_n[None, :]], mask=inside, other=0.0)
        x_1 = x.astype(jnp.float32)
        top = jnp.where(inside, x_1, float("-inf"))  # specs/quant/row.py:95
        bottom = jnp.where(inside, x_1, float("inf"))
        top_max = jnp.max(top, axis=1)
        high_3 = jnp.maximum(high_2, top_max)
        bottom_min = jnp.min(bottom, axis=1)
        low_3 = jnp.minimum(low_2, bottom_min)
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)
        amax_3 = jnp.maximum(amax_2, index)
        return (high_3, low_3, amax_3)
    (high_1, low_1, amax_1) = jax.lax.fori_loop(0, blocks, step, (high, low, amax))  # specs/quant/row.py:105
    # 0x3aa67621 is float32 bits of 0.00127
    span = div_rn(
        jax.lax.bitcast_convert_type(jnp.maximum(amax_1, 0x3aa67621), jnp.float32),
        jnp.full((BLOCK_M,), 127.0, jnp.float32)
    )
    s = span.astype(jnp.bfloat16).astype(jnp.float32)
    plgpu.store(scale_ref.at[offs_m], s)  # specs/quant/row.py:67
    def step_1(k_1, carry):  # specs/quant/row.py:126
        () = carry
        offs_n_1 = k_1 * BLOCK_N + arange_2048  # specs/quant/row.py:59
        mask_n_1 = offs_n_1 < N
        x_2 = plgpu.load(x_ref.at[offs_m[:, None], offs_n_1[None, :]], mask=mask_n_1[None, :], other=0.0)
        q = div_rn(x_2.astype(jnp.float32), jnp.broadcast_to(s[:, None], (BLOCK_M, BLOCK_N)))  # specs/quant/row.py:122
        value = jnp.where(q > 127.0, 127.0, q)
        # 12582912.0 is 3 * 2**22
        codes = (
            (
                jnp.where(q != q, 0.0, jnp.where(value < -128.0, -128.0, value)) + 12582912.0 - 12582912.0
            ).astype(jnp.int32) & 255
        ).astype(jnp.int8)
        # specs/quant/row.py:63
        plgpu.store(q_ref.at[offs_m[:, None], offs_n_1[None, :]], codes, mask=mask_n_1[None, :])
        return ()
    () = jax.lax.fori_loop(0, blocks, step_1, ())  # specs/quant/row.py:126
