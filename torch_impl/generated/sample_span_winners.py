# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""span_winners: Best scores of spans of columns.

Generated. Specialised on
    order = vllm
    stream = target
    logits = f32
    seeds = int32
    positions = int32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    pending = int32
    cut = int32
    last = int32
    listed = int32
    number = int32
    winners = int32
    TILE = 8192
    PROGRAMS = 528
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def span_winners(
    logits_ptr, seeds_ptr, positions_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, pending_ptr,
    cut_ptr, last_ptr, listed_ptr, number_ptr,
    winners_ptr,
    V, vocab_size,
    stride_logits0,
    stride_seeds0,
):
    PROGRAMS: tl.constexpr = 528
    program = tl.program_id(0)  # specs/sampling/wide.py:69
    spans = tl.cdiv(V, 4096)
    number = tl.load(number_ptr)
    for i in range(tl.maximum(tl.cdiv(number * spans - program, PROGRAMS), 0)):
        item = program + i * PROGRAMS  # specs/sampling/wide.py:72
        row = tl.load(listed_ptr + item // spans)
        span = item % spans
        temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = ~(temperature >= 1e-05)
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        pending = tl.load(pending_ptr + row)  # specs/sampling/wide.py:296
        if pending > 0:
            key = tl.load(cut_ptr + row)  # specs/sampling/wide.py:290
            last = tl.load(last_ptr + row)
            number_1 = span * 4096 + tl.arange(0, 4096)  # specs/sampling/kernels.py:149
            top = tl.load(top_ptr + row)
            inside = number_1 < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)  # specs/sampling/kernels.py:201
            value = tl.load(logits_ptr + (row * stride_logits0 + number_1), mask=inside, other=0.0)
            bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key_1 = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_2 = tl.where(
                inside, tl.where(key_1 > 0x7f800000, -2139095040, tl.maximum(key_1, -2139095040)), -2139095040
            )
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = tl.where(
                key_2 == top, 0.0,
                tl.where(key_2 < 0, -2147483648 - key_2, key_2).to(tl.float32, bitcast=True) - tl.cast(
                    tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                )
            )
            q = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
            mask = q >= -1048576001  # specs/sampling/items.py:44
            key_3 = tl.where(mask, key_2, -2139095040)
            position = tl.load(positions_ptr + row)  # specs/sampling/settings.py:113
            seed_0 = tl.load(seeds_ptr + row * stride_seeds0)
            seed_1 = tl.load(seeds_ptr + (row * stride_seeds0 + 1))
            keys_2 = seed_0 ^ seed_1 ^ 0x1bd11bda  # specs/sampling/integers.py:42
            x = position + seed_0
            y = number_1 + seed_1
            x_1 = x + y
            y_1 = ((y << 13) | ((y >> 19) & 8191)) ^ x_1
            x_2 = x_1 + y_1
            y_2 = ((y_1 << 15) | ((y_1 >> 17) & 32767)) ^ x_2
            x_3 = x_2 + y_2
            y_3 = ((y_2 << 26) | ((y_2 >> 6) & 0x3ffffff)) ^ x_3  # 2**26 - 1
            x_4 = x_3 + y_3
            y_4 = ((y_3 << 6) | ((y_3 >> 26) & 63)) ^ x_4
            x_5 = x_4 + seed_1
            y_5 = y_4 + (keys_2 + 1)
            x_6 = x_5 + y_5
            y_6 = ((y_5 << 17) | ((y_5 >> 15) & 0x1ffff)) ^ x_6  # 2**17 - 1
            x_7 = x_6 + y_6
            y_7 = ((y_6 << 29) | ((y_6 >> 3) & 0x1fffffff)) ^ x_7  # 2**29 - 1, 2**17 - 1
            x_8 = x_7 + y_7
            y_8 = ((y_7 << 16) | ((y_7 >> 16) & 65535)) ^ x_8
            x_9 = x_8 + y_8
            y_9 = ((y_8 << 24) | ((y_8 >> 8) & 0xffffff)) ^ x_9  # 2**24 - 1
            x_10 = x_9 + keys_2
            y_10 = y_9 + (seed_0 + 2)
            x_11 = x_10 + y_10
            y_11 = ((y_10 << 13) | ((y_10 >> 19) & 8191)) ^ x_11
            x_12 = x_11 + y_11
            y_12 = ((y_11 << 15) | ((y_11 >> 17) & 32767)) ^ x_12
            x_13 = x_12 + y_12
            y_13 = ((y_12 << 26) | ((y_12 >> 6) & 0x3ffffff)) ^ x_13  # 2**26 - 1
            x_14 = x_13 + y_13
            y_14 = ((y_13 << 6) | ((y_13 >> 26) & 63)) ^ x_14
            x_15 = x_14 + seed_0
            y_15 = y_14 + (seed_1 + 3)
            x_16 = x_15 + y_15
            y_16 = ((y_15 << 17) | ((y_15 >> 15) & 0x1ffff)) ^ x_16  # 2**17 - 1
            x_17 = x_16 + y_16
            y_17 = ((y_16 << 29) | ((y_16 >> 3) & 0x1fffffff)) ^ x_17  # 2**29 - 1, 2**17 - 1
            x_18 = x_17 + y_17
            y_18 = ((y_17 << 16) | ((y_17 >> 16) & 65535)) ^ x_18
            x_19 = x_18 + y_18
            y_19 = ((y_18 << 24) | ((y_18 >> 8) & 0xffffff)) ^ x_19  # 2**24 - 1
            x_20 = x_19 + seed_1
            y_20 = y_19 + (keys_2 + 4)
            x_21 = x_20 + y_20
            y_21 = ((y_20 << 13) | ((y_20 >> 19) & 8191)) ^ x_21
            x_22 = x_21 + y_21
            y_22 = ((y_21 << 15) | ((y_21 >> 17) & 32767)) ^ x_22
            x_23 = x_22 + y_22
            y_23 = ((y_22 << 26) | ((y_22 >> 6) & 0x3ffffff)) ^ x_23  # 2**26 - 1
            x_24 = x_23 + y_23
            x_25 = x_24 + keys_2
            low = x_25 >= 0  # specs/sampling/integers.py:72
            twice = x_25 << 1
            # u below 1/2: -ln(1 - u) is u and a small correction, which keeps its resolution down to the smallest u.
            x_26 = tl.where(low, twice | 1, twice ^ -1)
            number_2 = x_26 * 0 + 31  # specs/sampling/integers.py:61
            small = ((x_26 >> 16) & 65535) == 0
            x_27 = tl.where(small, x_26 << 16, x_26)
            number_3 = tl.where(small, number_2 - 16, number_2)
            small_1 = ((x_27 >> 24) & 255) == 0
            x_28 = tl.where(small_1, x_27 << 8, x_27)
            number_4 = tl.where(small_1, number_3 - 8, number_3)
            small_2 = ((x_28 >> 28) & 15) == 0
            x_29 = tl.where(small_2, x_28 << 4, x_28)
            number_5 = tl.where(small_2, number_4 - 4, number_4)
            small_3 = ((x_29 >> 30) & 3) == 0
            x_30 = tl.where(small_3, x_29 << 2, x_29)
            number_6 = tl.where(small_3, number_5 - 2, number_5)
            small_4 = ((x_30 >> 31) & 1) == 0
            x_31 = tl.where(small_4, x_30 << 1, x_30)
            number_7 = tl.where(small_4, number_6 - 1, number_6)
            piece = (x_31 >> 21) & 1023
            part = (x_31 >> 6) & 32767
            whole = number_7 * 0x2c5c860 - ((number_7 * 131 + 512) >> 10)
            low_1 = tl.load(table_ptr + piece)  # specs/sampling/integers.py:55
            high = tl.load(table_ptr + piece + 1)
            logarithm = whole + (low_1 + (((high - low_1) * part + 16384) >> 15))  # specs/sampling/integers.py:67
            piece_1 = (twice >> 23) & 511  # specs/sampling/integers.py:76
            part_1 = (twice >> 8) & 32767
            index = 0x5b7ed45c - logarithm
            low_2 = tl.load(table_ptr + piece_1 + 1025)  # specs/sampling/integers.py:55
            high_1 = tl.load(table_ptr + piece_1 + 1026)
            near = index - (low_2 + (((high_1 - low_2) * part_1 + 16384) >> 15))  # specs/sampling/integers.py:77
            x_32 = tl.maximum(index, 1)
            number_8 = x_32 * 0 + 31  # specs/sampling/integers.py:61
            small_5 = ((x_32 >> 16) & 65535) == 0
            x_33 = tl.where(small_5, x_32 << 16, x_32)
            number_9 = tl.where(small_5, number_8 - 16, number_8)
            small_6 = ((x_33 >> 24) & 255) == 0
            x_34 = tl.where(small_6, x_33 << 8, x_33)
            number_10 = tl.where(small_6, number_9 - 8, number_9)
            small_7 = ((x_34 >> 28) & 15) == 0
            x_35 = tl.where(small_7, x_34 << 4, x_34)
            number_11 = tl.where(small_7, number_10 - 4, number_10)
            small_8 = ((x_35 >> 30) & 3) == 0
            x_36 = tl.where(small_8, x_35 << 2, x_35)
            number_12 = tl.where(small_8, number_11 - 2, number_11)
            small_9 = ((x_36 >> 31) & 1) == 0
            x_37 = tl.where(small_9, x_36 << 1, x_36)
            number_13 = tl.where(small_9, number_12 - 1, number_12)
            piece_2 = (x_37 >> 21) & 1023
            part_2 = (x_37 >> 6) & 32767
            whole_1 = number_13 * 0x2c5c860 - ((number_13 * 131 + 512) >> 10)
            low_3 = tl.load(table_ptr + piece_2)  # specs/sampling/integers.py:55
            high_2 = tl.load(table_ptr + piece_2 + 1)
            # specs/sampling/integers.py:78
            far = 0x481659bd - (whole_1 + (low_3 + (((high_2 - low_3) * part_2 + 16384) >> 15)))
            score = tl.where(greedy, key_3, q + ((tl.where(low, near, far) + 32) >> 6))  # specs/sampling/kernels.py:242
            inside_1 = (key_3 > key) | ((key_3 == key) & (number_1 <= last))  # specs/sampling/items.py:127
            # -2147483648 is -2**31, specs/sampling/kernels.py:243
            score_1 = tl.where(inside_1 & (key_3 > -2139095040) & mask, score, -2147483648)
            best = tl.max(score_1, axis=0)  # specs/sampling/items.py:180
            token = tl.min(tl.where(score_1 == best, number_1, 0x7fffffff), axis=0)  # 2**31 - 1
            tl.store(winners_ptr + (row * (64 * 2) + span * 2), best)  # specs/sampling/wide.py:293
            tl.store(winners_ptr + (row * (64 * 2) + span * 2 + 1), token)
