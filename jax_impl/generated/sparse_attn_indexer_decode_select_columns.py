# sparse_attn_indexer, case "decode", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 50ad36aaf50ac9adc4bbc745d0e9cba91b401a09c779f4af4acaa47dcdc5ea6c
"""decode_select_columns: The k first columns of every row.

Generated. Specialised on
    topk = 16
    next_n = 1
    lens = query
    logits = f32
    topk_indices = int32
    seq_lens = int32
    QUERIES = 1
    DECODE_LEVELS = 1
    DECODE_TILE = 256
    num_warps = 4
    num_stages = 1
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu


def decode_select_columns(
    logits_ref, seq_lens_ref,
    topk_indices_ref,
    *, BN, B, BC, max_model_len, first,
):
    out_row = pl.program_id(0)  # specs/indexer/select.py:90
    row = first + out_row  # specs/indexer/select.py:91
    live = row < BN  # specs/indexer/select.py:92
    request = jax.lax.div(row, jnp.int32(1))  # specs/indexer/select.py:122
    query = jax.lax.rem(row, jnp.int32(1))  # specs/indexer/select.py:122
    start = row * 0  # specs/indexer/select.py:124
    end = plgpu.load(seq_lens_ref.at[request, query], mask=live, other=0)  # specs/indexer/select.py:124
    count = jnp.maximum(start, 0)  # specs/indexer/select.py:95
    count_1 = jnp.minimum(end, max_model_len)  # specs/indexer/select.py:95
    first_1 = jax.lax.div(count, jnp.int32(1))  # specs/indexer/select.py:167
    @pl.when(live & (count_1 - count > 16))  # specs/indexer/select.py:184
    def branch():
        item = first_1 + jnp.arange(256, dtype=jnp.int32)  # specs/indexer/select.py:170
        inside = (item * 1 < count_1) & ((item + 1) * 1 > count)  # specs/indexer/select.py:171
        value = plgpu.load(logits_ref.at[out_row, item], mask=inside, other=0.0)  # specs/indexer/select.py:172
        bits = jnp.where(value == 0.0, 0, jax.lax.bitcast_convert_type(value, jnp.int32))  # specs/indexer/select.py:111
        keys = jnp.where(inside, bits ^ ((bits >> 31) & 0x7fffffff), -2147483647)  # specs/indexer/select.py:173
        count_2 = jnp.sum((keys >= 0).astype(jnp.int32), axis=0, dtype=jnp.int32)  # specs/indexer/select.py:277
        count_3 = jnp.where(count_2 >= 16, jnp.int32(0), jnp.int32(-2147483647))  # specs/indexer/select.py:288
        def step(i, carry):  # specs/indexer/select.py:288
            (least_1,) = carry
            higher = least_1 + (1 << (30 - i))  # specs/indexer/select.py:284
            count_4 = jnp.sum((keys >= higher).astype(jnp.int32), axis=0, dtype=jnp.int32)  # specs/indexer/select.py:277
            return (jnp.where(count_4 >= 16, higher, least_1),)
        (least,) = jax.lax.fori_loop(0, 31, step, (count_3,))  # specs/indexer/select.py:288
        bound = least + 1  # specs/indexer/select.py:175
        count_5 = jnp.sum((keys >= bound).astype(jnp.int32), axis=0, dtype=jnp.int32)  # specs/indexer/select.py:277
        room = 16 - count_5  # specs/indexer/select.py:175
        higher_1 = (keys > least).astype(jnp.int32)  # specs/indexer/select.py:297
        equal = ((keys == least) & (keys > -2147483647)).astype(jnp.int32)  # specs/indexer/select.py:297
        ranks = jax.lax.cumsum(higher_1 + (equal << 16), axis=0)  # specs/indexer/select.py:299
        ties = 0 + (ranks >> 16)  # specs/indexer/select.py:300
        kept = (keys > least) | ((keys == least) & (keys > -2147483647) & (ties <= room))  # specs/indexer/select.py:301
        place = 0 + (ranks & 65535) + jnp.minimum(ties, room) - 1  # specs/indexer/select.py:302
        plgpu.store(topk_indices_ref.at[row, place], jnp.arange(256, dtype=jnp.int32), mask=kept)  # specs/indexer/select.py:179
        count_6 = jnp.sum((keys >= -2147483646).astype(jnp.int32), axis=0, dtype=jnp.int32)  # specs/indexer/select.py:277
        count_7 = jnp.minimum(count_6, 16)  # specs/indexer/select.py:180
        number = jnp.arange(16, dtype=jnp.int32)  # specs/indexer/select.py:266
        plgpu.store(topk_indices_ref.at[row, number], jnp.full((16,), -1, jnp.int32), mask=(number >= count_7) & (number < 16))  # specs/indexer/select.py:267
    @pl.when(live & (count_1 - count <= 16))  # specs/indexer/select.py:186
    def branch_1():
        number_1 = jnp.arange(16, dtype=jnp.int32)  # specs/indexer/select.py:260
        plgpu.store(topk_indices_ref.at[row, number_1], jnp.where(number_1 < count_1 - count, number_1, -1), mask=number_1 < 16)  # specs/indexer/select.py:261
