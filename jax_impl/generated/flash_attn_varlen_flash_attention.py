# flash_attn_varlen, case "causal", target pallas-cuda. Written by `python -m parity emit`: do not edit.
# spec sha256 ca9d2f9a881b068ef13978a9937c15ed2c4a8e5a4ee418fa215c3bf1f7f04942
"""flash_attention: Attention of the rows of one request and key head.

Generated. Specialised on
    softmax_scale = 0.6931471805599453
    causal = True
    window_left = -1
    window_right = -1
    softcap = 0.0
    out_dtype = bf16
    return_softmax_lse = True
    splits = 0
    q = bf16
    k = bf16
    v = bf16
    cu_seqlens_q = int32
    cu_seqlens_k = int32
    out = bf16
    lse = f32
    D = 64
    DV = 64
    GROUP = 2
    SPLITS = 1
    WHOLE_TILES = False
    BLOCK_M = 128
    BLOCK_N = 64
    CHUNK = 128
    RELOAD = 0
    num_warps = 8
    num_stages = 3
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.platforms.triton_ops import div_rn, exp2, fma, fms, transposed


def flash_attention(
    q_ref, k_ref, v_ref, cu_seqlens_q_ref, cu_seqlens_k_ref,
    out_ref, lse_ref,
    *, TQ, HQ, HKV, PAGE, BOUNDS, LONGEST_Q,
):
    tiles = (LONGEST_Q * 2 + 127) // 128  # specs/flash/work.py:77
    number = pl.program_id(0)  # specs/flash/work.py:58
    rest = jax.lax.div(number, jnp.int32(tiles))  # specs/flash/work.py:59
    first = (tiles - 1 - jax.lax.rem(number, jnp.int32(tiles))) * 128  # specs/flash/work.py:60
    row = first + jnp.arange(128, dtype=jnp.int32)  # specs/flash/work.py:61
    number_1 = jax.lax.div(rest, jnp.int32(HKV))  # specs/flash/work.py:62
    bound = plgpu.load(cu_seqlens_q_ref.at[number_1])  # specs/flash/work.py:94
    first_1 = jnp.minimum(jnp.maximum(bound, 0), TQ)  # specs/flash/work.py:107
    cu_seqlens_q = plgpu.load(cu_seqlens_q_ref.at[jnp.minimum(number_1 + 1, BOUNDS - 1)])  # specs/flash/work.py:95
    end = jnp.minimum(cu_seqlens_q, TQ)  # specs/flash/work.py:95
    queries = jnp.maximum(end - first_1, 0)  # specs/flash/work.py:96
    bound_1 = plgpu.load(cu_seqlens_k_ref.at[number_1])  # specs/flash/work.py:94
    first_2 = jnp.minimum(jnp.maximum(bound_1, 0), PAGE)  # specs/flash/work.py:107
    cu_seqlens_k = plgpu.load(cu_seqlens_k_ref.at[jnp.minimum(number_1 + 1, BOUNDS - 1)])  # specs/flash/work.py:95
    end_1 = jnp.minimum(cu_seqlens_k, PAGE)  # specs/flash/work.py:95
    keys = jnp.maximum(end_1 - first_2, 0)  # specs/flash/work.py:96
    head = jax.lax.rem(rest, jnp.int32(HKV))  # specs/flash/work.py:63
    t = jax.lax.div(row, jnp.full((128,), 2, jnp.int32))  # specs/flash/work.py:68
    head_1 = head * 2 + jax.lax.rem(row, jnp.full((128,), 2, jnp.int32))  # specs/flash/work.py:69
    live = row < queries * 2  # specs/flash/work.py:70
    @pl.when(first < queries * 2)  # specs/flash/varlen.py:57
    def branch():
        live_1 = live[:, None]  # specs/flash/varlen.py:120
        part = plgpu.load(q_ref.at[(first_1 + t)[:, None], head_1[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(live_1, (128, 64)), other=0.0)  # specs/flash/varlen.py:123
        shift = keys - queries  # specs/flash/work.py:126
        lowest = jax.lax.div(first, jnp.int32(2)) + shift  # specs/flash/work.py:127
        highest = jnp.minimum(jax.lax.div(first + 127, jnp.int32(2)), queries - 1) + shift  # specs/flash/work.py:128
        end_2 = jnp.minimum(keys, jnp.maximum(highest + 1, 0))  # specs/flash/work.py:133
        full_end = jnp.minimum(keys, jnp.maximum(lowest + 1, 0))  # specs/flash/work.py:133
        end_3 = jax.lax.div(end_2 + 63, jnp.int32(64))  # specs/flash/work.py:137
        end_4 = jax.lax.div(full_end, jnp.int32(64))  # specs/flash/work.py:137
        peak = jnp.full((128,), float("-inf"), jnp.float32)  # specs/attention/softmax.py:50
        t_1 = jnp.full((128,), 0.0, jnp.float32)  # specs/attention/softmax.py:51
        t_2 = jnp.full((128, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
        def step(tile, carry):  # specs/flash/varlen.py:72
            (carried_3, carried_4, part_1) = carry
            first_3 = tile * 64  # specs/flash/keys.py:37
            position = first_3 + jnp.arange(64, dtype=jnp.int32)  # specs/flash/keys.py:38
            t_3 = first_2 + position  # specs/flash/keys.py:41
            columns = plgpu.load(k_ref.at[jnp.int32(0), t_3[:, None], head, jnp.arange(64, dtype=jnp.int32)[None, :]])  # specs/flash/keys.py:29
            product = jnp.dot(part, transposed(columns), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
            chunk = plgpu.load(v_ref.at[jnp.int32(0), t_3[:, None], head, jnp.arange(64, dtype=jnp.int32)[None, :]])  # specs/flash/keys.py:29
            highest_1 = jnp.max(product, axis=1)  # specs/attention/softmax.py:86
            peak_1 = jnp.maximum(carried_3, highest_1 * 1.0)  # specs/attention/softmax.py:87
            base = jnp.where(peak_1 == float("-inf"), 0.0, peak_1)  # specs/attention/softmax.py:88
            weight = exp2(fms(product, 1.0, base[:, None]))  # specs/attention/softmax.py:89
            decay = exp2(carried_3 - base)  # specs/attention/softmax.py:90
            t_4 = jnp.sum(weight, axis=1)  # specs/attention/softmax.py:91
            total = fma(carried_4, decay, t_4)  # specs/attention/softmax.py:91
            narrow = weight.astype(jnp.bfloat16)  # specs/attention/softmax.py:92
            product_1 = part_1 * decay[:, None] + jnp.dot(narrow, chunk, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
            return (peak_1, total, product_1)
        (carried, carried_1, carried_2) = jax.lax.fori_loop(0, end_4, step, (peak, t_1, t_2))  # specs/flash/varlen.py:72
        def step_1(tile_1, carry):  # specs/flash/varlen.py:72
            (carried_5, carried_6, part_2) = carry
            first_4 = tile_1 * 64  # specs/flash/keys.py:37
            position_1 = first_4 + jnp.arange(64, dtype=jnp.int32)  # specs/flash/keys.py:38
            live_2 = position_1 < keys  # specs/flash/keys.py:39
            t_5 = first_2 + position_1  # specs/flash/keys.py:41
            mask = live_2[:, None]  # specs/flash/keys.py:28
            columns_1 = plgpu.load(k_ref.at[jnp.int32(0), t_5[:, None], head, jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(mask, (64, 64)), other=0.0)  # specs/flash/keys.py:29
            product_2 = jnp.dot(part, transposed(columns_1), preferred_element_type=jnp.float32)  # specs/attention/softmax.py:76
            own = t + (keys - queries)  # specs/flash/scores.py:65
            distance = (tile_1 * 64 + jnp.arange(64, dtype=jnp.int32))[None, :] - own[:, None]  # specs/flash/scores.py:66
            position_2 = (tile_1 * 64 + jnp.arange(64, dtype=jnp.int32))[None, :]  # specs/flash/scores.py:43
            seen = position_2 < keys  # specs/flash/scores.py:44
            seen_1 = seen & (distance <= 0)  # specs/flash/scores.py:46
            score = jnp.where(seen_1, product_2, float("-inf"))  # specs/flash/scores.py:49
            mask_1 = live_2[:, None]  # specs/flash/keys.py:28
            chunk_1 = plgpu.load(v_ref.at[jnp.int32(0), t_5[:, None], head, jnp.arange(64, dtype=jnp.int32)[None, :]], mask=jnp.broadcast_to(mask_1, (64, 64)), other=0.0)  # specs/flash/keys.py:29
            highest_2 = jnp.max(score, axis=1)  # specs/attention/softmax.py:86
            peak_2 = jnp.maximum(carried_5, highest_2 * 1.0)  # specs/attention/softmax.py:87
            base_1 = jnp.where(peak_2 == float("-inf"), 0.0, peak_2)  # specs/attention/softmax.py:88
            weight_1 = exp2(fms(score, 1.0, base_1[:, None]))  # specs/attention/softmax.py:89
            decay_1 = exp2(carried_5 - base_1)  # specs/attention/softmax.py:90
            t_6 = jnp.sum(weight_1, axis=1)  # specs/attention/softmax.py:91
            total_2 = fma(carried_6, decay_1, t_6)  # specs/attention/softmax.py:91
            narrow_1 = weight_1.astype(jnp.bfloat16)  # specs/attention/softmax.py:92
            product_3 = part_2 * decay_1[:, None] + jnp.dot(narrow_1, chunk_1, preferred_element_type=jnp.float32)  # specs/attention/softmax.py:93
            return (peak_2, total_2, product_3)
        (state_peak, state_total, total_1) = jax.lax.fori_loop(end_4, end_3, step_1, (carried, carried_1, carried_2))  # specs/flash/varlen.py:72
        known = state_total > 0.0  # specs/attention/softmax.py:123
        factor = jnp.where(known, div_rn(jnp.full((128,), 1.0, jnp.float32), jnp.where(known, state_total, 1.0)), 0.0)  # specs/attention/softmax.py:124
        token = first_1 + t  # specs/flash/work.py:47
        mean = total_1 * factor[:, None]  # specs/flash/results.py:29
        token_1 = token[:, None]  # specs/flash/results.py:43
        mask_2 = live[:, None]  # specs/flash/results.py:45
        plgpu.store(out_ref.at[token_1, head_1[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], mean.astype(jnp.bfloat16), mask=jnp.broadcast_to(mask_2, (128, 64)))  # specs/flash/results.py:46
        finite = (state_peak > float("-inf")) & (state_peak < float("inf"))  # specs/flash/results.py:52
        base_2 = jnp.where(finite, state_peak, 0.0)  # specs/flash/results.py:53
        total_3 = state_total * exp2(jnp.where(finite, state_peak, float("-inf")) - base_2)  # specs/flash/results.py:54
        logarithm = jnp.where(finite, (base_2 + jnp.log2(jnp.where(finite, total_3, 1.0))) * 0.6931471805599453, state_peak)  # specs/flash/results.py:57
        plgpu.store(lse_ref.at[head_1, first_1 + t], jnp.where(state_total != state_total, state_total, logarithm), mask=live)  # specs/flash/results.py:31
    @pl.when(number_1 == BOUNDS - 1)  # specs/flash/varlen.py:58
    def branch_1():
        bound_2 = plgpu.load(cu_seqlens_q_ref.at[jnp.int32(0)])  # specs/flash/work.py:101
        first_5 = jnp.minimum(jnp.maximum(bound_2, 0), TQ)  # specs/flash/work.py:107
        bound_3 = plgpu.load(cu_seqlens_q_ref.at[jnp.int32(BOUNDS - 1)])  # specs/flash/work.py:102
        end_5 = jnp.maximum(jnp.minimum(jnp.maximum(bound_3, 0), TQ), first_5)  # specs/flash/work.py:102
        per_head = (LONGEST_Q * 2 + 127) // 128  # specs/flash/work.py:77
        programs = per_head * HKV  # specs/flash/unowned.py:24
        own_1 = head * per_head + jax.lax.div(first, jnp.int32(128))  # specs/flash/unowned.py:24
        count = (TQ - (end_5 - first_5)) * HQ  # specs/flash/unowned.py:25
        tiles_1 = jax.lax.div(count + 127, jnp.int32(128))  # specs/flash/unowned.py:26
        count_1 = jax.lax.div(jnp.maximum(tiles_1 - own_1, 0) + (programs - 1), jnp.int32(programs))  # specs/flash/unowned.py:34
        def step_2(step_3, carry):  # specs/flash/unowned.py:34
            () = carry
            row_1 = (own_1 + step_3 * programs) * 128 + jnp.arange(128, dtype=jnp.int32)  # specs/flash/unowned.py:29
            token_2 = jax.lax.div(row_1, jnp.full((128,), HQ, jnp.int32))  # specs/flash/unowned.py:30
            token_3 = jnp.where(token_2 < first_5, token_2, token_2 + (end_5 - first_5))  # specs/flash/unowned.py:31
            head_2 = jax.lax.rem(row_1, jnp.full((128,), HQ, jnp.int32))  # specs/flash/unowned.py:32
            live_3 = row_1 < count  # specs/flash/unowned.py:32
            zero = jnp.full((128, 64), 0.0, jnp.float32)  # specs/attention/softmax.py:51
            token_4 = token_3[:, None]  # specs/flash/results.py:43
            mask_3 = live_3[:, None]  # specs/flash/results.py:45
            plgpu.store(out_ref.at[token_4, head_2[:, None], jnp.arange(64, dtype=jnp.int32)[None, :]], zero.astype(jnp.bfloat16), mask=jnp.broadcast_to(mask_3, (128, 64)))  # specs/flash/results.py:46
            plgpu.store(lse_ref.at[head_2, token_3], jnp.full((128,), float("-inf"), jnp.float32), mask=live_3)  # specs/flash/unowned.py:46
            return ()
        () = jax.lax.fori_loop(0, count_1, step_2, ())  # specs/flash/unowned.py:34
