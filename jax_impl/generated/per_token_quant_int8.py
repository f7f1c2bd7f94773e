# per_token_quant_int8, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 66c399fc2cb09c62db617715600b2b4dce14b61691a0dff16307794decd3342d
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
    read = pl.program_id(0) + jnp.arange(1, dtype=jnp.int32)  # specs/quant/row.py:47
    blocks = (N + 2047) // 2048  # specs/quant/row.py:49
    high = jnp.full((1,), float("-inf"), jnp.float32)  # specs/quant/row.py:111
    low = jnp.full((1,), float("inf"), jnp.float32)  # specs/quant/row.py:111
    amax = jnp.full((1,), 0, jnp.int32)  # specs/quant/row.py:111
    def step(k, carry):  # specs/quant/row.py:112
        (high_2, low_2, amax_2) = carry
        columns = k * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        inside = (columns < N)[None, :]  # specs/quant/row.py:58
        x = plgpu.load(x_ref.at[read[:, None], columns[None, :]], mask=inside, other=0.0)  # specs/quant/row.py:63
        x_1 = x.astype(jnp.float32)  # specs/quant/row.py:64
        top = jnp.where(inside, x_1, float("-inf"))  # specs/quant/row.py:102
        bottom = jnp.where(inside, x_1, float("inf"))  # specs/quant/row.py:103
        top_max = jnp.max(top, axis=1)  # specs/quant/row.py:105
        high_3 = jnp.maximum(high_2, top_max)  # specs/quant/row.py:105
        bottom_min = jnp.min(bottom, axis=1)  # specs/quant/row.py:106
        low_3 = jnp.minimum(low_2, bottom_min)  # specs/quant/row.py:106
        index = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)  # specs/quant/row.py:107
        amax_3 = jnp.maximum(amax_2, index)  # specs/quant/row.py:107
        return (high_3, low_3, amax_3)
    (high_1, low_1, amax_1) = jax.lax.fori_loop(0, blocks, step, (high, low, amax))  # specs/quant/row.py:112
    span = div_rn(jax.lax.bitcast_convert_type(jnp.maximum(amax_1, 0x3aa67621), jnp.float32), jnp.full((1,), 127.0, jnp.float32))  # specs/quant/row.py:116
    s = span.astype(jnp.bfloat16).astype(jnp.float32)  # specs/quant/row.py:120
    plgpu.store(scale_ref.at[read], s)  # specs/quant/row.py:74
    def step_1(k_1, carry):  # specs/quant/row.py:133
        () = carry
        columns_1 = k_1 * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        mask = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        x_2 = plgpu.load(x_ref.at[read[:, None], columns_1[None, :]], mask=mask, other=0.0)  # specs/quant/row.py:63
        q = div_rn(x_2.astype(jnp.float32), jnp.broadcast_to(s[:, None], (1, 2048)))  # specs/quant/row.py:129
        value = jnp.where(q > 127.0, 127.0, q)  # specs/quant/row.py:131
        codes = ((jnp.where(q != q, 0.0, jnp.where(value < -128.0, -128.0, value)) + 12582912.0 - 12582912.0).astype(jnp.int32) & 255).astype(jnp.int8)  # specs/quant/row.py:131
        plgpu.store(q_ref.at[read[:, None], columns_1[None, :]], codes, mask=mask)  # specs/quant/row.py:70
        return ()
    () = jax.lax.fori_loop(0, blocks, step_1, ())  # specs/quant/row.py:133
