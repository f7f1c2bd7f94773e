# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""count_fine: Candidates of one distance.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    listed = int32
    number = int32
    coarse = int32
    fine = int32
    TILE = 8192
    PROGRAMS = 1056
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def count_fine(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, listed_ptr, number_ptr, coarse_ptr,
    fine_ptr,
    V, vocab_size,
    stride_logits0,
):
    PROGRAMS: tl.constexpr = 1056
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
        k = tl.load(top_k_ptr + row)
        mask = vocab_size > 0  # specs/sampling/settings.py:49
        index = tl.minimum(vocab_size, V)
        k_1 = tl.where(greedy | (k <= 0) | (k >= tl.where(mask, index, V)), 0, k)  # specs/sampling/settings.py:83
        share = tl.load(top_p_ptr + row)
        nucleus = (share < 1.0) & ~greedy
        scaled = tl.where((share > 0.0) & (share < 1.0), share, 0.0) * 16777216.0  # 2**24
        p24 = tl.maximum(tl.cast(scaled, tl.int32), 1)
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        mask_1 = k_1 > 0  # specs/sampling/wide.py:81
        if nucleus | mask_1:  # specs/sampling/wide.py:189
            there = 1 > 0  # specs/sampling/wide.py:133
            span_1 = tl.arange(0, 64)  # specs/sampling/wide.py:106
            b = tl.arange(0, 16)
            inside = (span_1 < spans)[:, None] & there
            # specs/sampling/wide.py:108
            spans_1 = tl.load(
                coarse_ptr + (row * (64 * 3 * 16) + span_1[:, None] * (3 * 16) + b[None, :]), mask=inside, other=0
            )
            part = tl.load(
                coarse_ptr + (row * (64 * 3 * 16) + span_1[:, None] * (3 * 16) + 1 * 16 + b[None, :]), mask=inside,
                other=0
            )
            part_1 = tl.load(
                coarse_ptr + (row * (64 * 3 * 16) + span_1[:, None] * (3 * 16) + 2 * 16 + b[None, :]), mask=inside,
                other=0
            )
            # Low halves are carried in every span: their sums have 23 bits, and 27 over the bins.
            part_sum = tl.sum(part, axis=0)
            high = tl.cumsum(part_sum, axis=0)
            part_1_sum = tl.sum(part_1, axis=0)
            low = tl.cumsum(part_1_sum, axis=0)
            x = high + (low >> 17)  # specs/sampling/masses.py:43
            x_1 = low & 0x1ffff  # 2**17 - 1
            spans_1_sum = tl.sum(spans_1, axis=0)  # specs/sampling/wide.py:111
            x_2 = tl.cumsum(spans_1_sum, axis=0)
            here = b == 15  # specs/sampling/wide.py:94
            high_1 = tl.sum(tl.where(here, x, 0), axis=0)  # specs/sampling/wide.py:95
            low_1 = tl.sum(tl.where(here, x_1, 0), axis=0)
            p = tl.maximum(p24, 1)  # specs/sampling/items.py:175
            limbs_0 = low_1 & 4095  # specs/sampling/masses.py:55
            limbs_1 = (low_1 >> 12) | ((high_1 & 127) << 5)
            limbs_2 = (high_1 >> 7) & 4095
            limbs_3 = high_1 >> 19
            low_2 = p & 4095
            high_2 = p >> 12
            column = limbs_0 * low_2
            column_1 = limbs_1 * low_2 + limbs_0 * high_2
            column_2 = limbs_2 * low_2 + limbs_1 * high_2
            column_3 = limbs_3 * low_2 + limbs_2 * high_2
            column_4 = limbs_3 * high_2
            carry = column * 0
            carry_1 = carry + column
            carry_2 = carry_1 >> 12
            carry_3 = carry_2 + column_1
            carry_4 = carry_3 >> 12
            carry_5 = carry_4 + column_2
            carry_6 = carry_5 >> 12
            carry_7 = carry_6 + column_3
            carry_8 = carry_7 >> 12
            carry_9 = carry_8 + column_4
            carry_10 = carry_9 >> 12
            inexact = tl.cast(((carry_1 & 4095) | (carry_3 & 4095)) != 0, tl.int32)
            # digits[2] counts 2**24 / 2**24; what is above goes on in the carry.
            low_3 = (carry_5 & 4095) + ((carry_7 & 4095) << 12) + inexact
            high_3 = (low_3 >> 17) + (((carry_10 << 12) | (carry_9 & 4095)) << 7)
            # 0x1ffff is 2**17 - 1, specs/sampling/wide.py:100
            enough = tl.where(
                mask_1, (x_2 >= k_1).to(tl.int32),
                1 - ((x < high_3) | ((x == high_3) & (x_1 < (low_3 & 0x1ffff)))).to(tl.int32)
            )
            first = tl.min(tl.where(enough > 0, b, 15), axis=0)
            start = first << 20  # specs/sampling/wide.py:186
            last = first == 15
            here_1 = b == first  # specs/sampling/wide.py:94
            index_1 = tl.sum(tl.where(here_1, x_2, 0), axis=0)  # specs/sampling/wide.py:95
            if index_1 > 8192:  # specs/sampling/wide.py:187
                top = tl.load(top_ptr + row)  # specs/sampling/wide.py:196
                b_1 = b[:, None]
                x_3 = tl.full([16, 256], 0, tl.int32)
                x_4 = x_3
                x_5 = x_3
                for i_1 in range(16):
                    number_1 = span * 4096 + i_1 * 256 + tl.arange(0, 256)  # specs/sampling/wide.py:199
                    inside_1 = number_1 < tl.where(mask, index, V)  # specs/sampling/kernels.py:201
                    value = tl.load(logits_ptr + (row * stride_logits0 + number_1), mask=inside_1, other=0.0)
                    bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                    key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
                    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
                    key_1 = tl.where(
                        inside_1, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040
                    )
                    # -2147483648 is -2**31, specs/sampling/settings.py:70
                    distance = tl.where(
                        key_1 == top, 0.0,
                        tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                            tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                        )
                    )
                    q = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
                    key_2 = tl.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
                    mask_2 = key_2 > -2139095040  # specs/sampling/settings.py:123
                    q_1 = tl.minimum(q, 0)
                    # 0x1600000 is float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                    twice = tl.minimum(0 - q_1, 0x1600000) * 2
                    halvings = twice // 0x162e43
                    rest = twice - halvings * 0x162e43
                    piece = rest >> 11
                    part_2 = rest & 2047
                    low_4 = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
                    high_4 = tl.load(table_ptr + piece + 1571)
                    mantissa = low_4 + (((high_4 - low_4) * part_2 + 1024) >> 11)
                    # Rounded to nearest: adds half a unit before the last bits go.
                    mass = tl.where(mask_2, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
                    found = (0 - q - start) >> 16  # specs/sampling/wide.py:200
                    found_1 = tl.where(mask_2, tl.where(last, tl.minimum(found, 15), found), -1)
                    here_2 = found_1[None, :] == b_1
                    high_5 = mass >> 17  # specs/sampling/masses.py:38
                    low_5 = mass & 0x1ffff  # 2**17 - 1
                    # A column of the loop has at most 16 candidates, and halves of 12 bits: their sums share a word.
                    part_3 = high_5 + 0x100000  # 2**20, specs/sampling/wide.py:205
                    x_6 = x_4 + tl.where(here_2, part_3[None, :], 0)  # specs/sampling/wide.py:206
                    x_7 = x_5 + tl.where(here_2, low_5[None, :], 0)
                    x_4 = x_6
                    x_5 = x_7
                high_6 = tl.sum(x_4 & 0xfffff, axis=1)  # 2**20 - 1, specs/sampling/wide.py:209
                low_6 = tl.sum(x_5, axis=1)
                value_1 = high_6 + (low_6 >> 17)  # specs/sampling/masses.py:43
                value_2 = low_6 & 0x1ffff  # 2**17 - 1
                value_3 = tl.sum(x_4 >> 20, axis=1)  # specs/sampling/wide.py:210
                tl.store(fine_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + b), value_3)
                tl.store(fine_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + 1 * 16 + b), value_1)
                tl.store(fine_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + 2 * 16 + b), value_2)
