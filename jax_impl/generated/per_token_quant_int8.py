# per_token_quant_int8, case "hidden", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 c7c96dedca4693b1954078b270a2a609a87739307f907cdd5d238b27d216e726
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
    t = pl.program_id(0) * 1 + jnp.arange(1, dtype=jnp.int32)  # specs/quant/row.py:47
    count = (N + 2047) // 2048  # specs/quant/row.py:49
    t_1 = jnp.full((1,), float("-inf"), jnp.float32)  # specs/quant/row.py:111
    t_2 = jnp.full((1,), float("inf"), jnp.float32)  # specs/quant/row.py:111
    t_3 = jnp.full((1,), 0, jnp.int32)  # specs/quant/row.py:111
    def step(k, carry):  # specs/quant/row.py:112
        (high_1, low_1, amax_1) = carry
        columns = k * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        x = plgpu.load(x_ref.at[t[:, None], columns[None, :]], mask=(columns < N)[None, :], other=0.0)  # specs/quant/row.py:63
        x_1 = x.astype(jnp.float32)  # specs/quant/row.py:64
        columns_1 = k * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        inside = (columns_1 < N)[None, :]  # specs/quant/row.py:58
        top = jnp.where(inside, x_1, float("-inf"))  # specs/quant/row.py:102
        bottom = jnp.where(inside, x_1, float("inf"))  # specs/quant/row.py:103
        t_4 = jnp.max(top, axis=1)  # specs/quant/row.py:105
        t_5 = jnp.maximum(high_1, t_4)  # specs/quant/row.py:105
        t_6 = jnp.min(bottom, axis=1)  # specs/quant/row.py:106
        t_7 = jnp.minimum(low_1, t_6)  # specs/quant/row.py:106
        t_8 = jnp.max(jax.lax.bitcast_convert_type(jnp.abs(x_1), jnp.int32), axis=1)  # specs/quant/row.py:107
        t_9 = jnp.maximum(amax_1, t_8)  # specs/quant/row.py:107
        return (t_5, t_7, t_9)
    (high, low, amax) = jax.lax.fori_loop(0, count, step, (t_1, t_2, t_3))  # specs/quant/row.py:112
    span = div_rn(jax.lax.bitcast_convert_type(jnp.maximum(amax, 0x3aa67621), jnp.float32), jnp.full((1,), 127.0, jnp.float32))  # specs/quant/row.py:116
    s = span.astype(jnp.bfloat16).astype(jnp.float32)  # specs/quant/row.py:120
    plgpu.store(scale_ref.at[t], s)  # specs/quant/row.py:74
    def step_1(k_1, carry):  # specs/quant/row.py:133
        () = carry
        columns_2 = k_1 * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        x_2 = plgpu.load(x_ref.at[t[:, None], columns_2[None, :]], mask=(columns_2 < N)[None, :], other=0.0)  # specs/quant/row.py:63
        q = div_rn(x_2.astype(jnp.float32), jnp.broadcast_to(s[:, None], (1, 2048)))  # specs/quant/row.py:129
        t_10 = jnp.where(q > 127.0, 127.0, q)  # specs/quant/row.py:131
        codes = ((jnp.where(q != q, 0.0, jnp.where(t_10 < -128.0, -128.0, t_10)) + 12582912.0 - 12582912.0).astype(jnp.int32) & 255).astype(jnp.int8)  # specs/quant/row.py:131
        columns_3 = k_1 * 2048 + jnp.arange(2048, dtype=jnp.int32)  # specs/quant/row.py:54
        mask = (columns_3 < N)[None, :]  # specs/quant/row.py:58
        plgpu.store(q_ref.at[t[:, None], columns_3[None, :]], codes, mask=mask)  # specs/quant/row.py:70
        return ()
    () = jax.lax.fori_loop(0, count, step_1, ())  # specs/quant/row.py:133
