# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""span_masses: Masses of spans of columns.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    bound = int32
    masses = int32
    TILE = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def span_masses(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, min_p_ptr, table_ptr, top_ptr, bound_ptr,
    masses_ptr,
    B, V, vocab_size,
    stride_logits0,
):
    row = tl.program_id(0)  # specs/sampling/kernels.py:124
    part = tl.program_id(1)
    bound = tl.load(bound_ptr + row)
    partial = bound > -2139095040
    if partial:
        temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:76
        # NaN is greedy as well.
        greedy = ~(temperature >= 1e-05)
        ratio = tl.load(min_p_ptr + row)
        # Subnormal numbers are off, and so is NaN.
        on = (ratio >= 1.1754943508222875e-38) & ~greedy  # 2**-126
        bits = tl.cast(tl.where(on, tl.minimum(tl.where(on, ratio, 1.0), 1.0), 1.0), tl.int32, bitcast=True)
        mantissa = (bits & 0x7fffff) | 0x800000  # 2**23, 2**23 - 1, specs/sampling/integers.py:94
        shift = 150 - (bits >> 23)
        number = mantissa * 0 + 31  # specs/sampling/integers.py:61
        small = ((mantissa >> 16) & 65535) == 0
        x = tl.where(small, mantissa << 16, mantissa)
        number_1 = tl.where(small, number - 16, number)
        small_1 = ((x >> 24) & 255) == 0
        x_1 = tl.where(small_1, x << 8, x)
        number_2 = tl.where(small_1, number_1 - 8, number_1)
        small_2 = ((x_1 >> 28) & 15) == 0
        x_2 = tl.where(small_2, x_1 << 4, x_1)
        number_3 = tl.where(small_2, number_2 - 4, number_2)
        small_3 = ((x_2 >> 30) & 3) == 0
        x_3 = tl.where(small_3, x_2 << 2, x_2)
        number_4 = tl.where(small_3, number_3 - 2, number_3)
        small_4 = ((x_3 >> 31) & 1) == 0
        x_4 = tl.where(small_4, x_3 << 1, x_3)
        number_5 = tl.where(small_4, number_4 - 1, number_4)
        piece = (x_4 >> 21) & 1023
        part_1 = (x_4 >> 6) & 32767
        whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
        low = tl.load(table_ptr + piece)  # specs/sampling/integers.py:55
        high = tl.load(table_ptr + piece + 1)
        # specs/sampling/integers.py:95
        q = ((whole + (low + (((high - low) * part_1 + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
        least = tl.where(on, tl.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        mask = B >= 64  # specs/sampling/kernels.py:144
        high_1 = 0  # specs/sampling/kernels.py:135
        low_1 = 0
        for i in range(tl.where(mask, 4, 1)):
            span = part * tl.where(mask, 4, 1) + i  # specs/sampling/kernels.py:131
            number_6 = span * 4096 + tl.arange(0, 4096)  # specs/sampling/kernels.py:149
            top = tl.load(top_ptr + row)
            inside = number_6 < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)  # specs/sampling/kernels.py:201
            value = tl.load(logits_ptr + (row * stride_logits0 + number_6), mask=inside, other=0.0)
            bits_1 = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = tl.where(
                key_1 == top, 0.0,
                tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                    tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                )
            )
            q_1 = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
            key_2 = tl.where(q_1 >= least, key_1, -2139095040)  # specs/sampling/items.py:44
            mask_1 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_2 = tl.minimum(q_1, 0)
            twice = tl.minimum(0 - q_2, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = twice // 0x162e43
            rest = twice - halvings * 0x162e43
            piece_1 = rest >> 11
            part_2 = rest & 2047
            low_2 = tl.load(table_ptr + piece_1 + 1570)  # specs/sampling/integers.py:55
            high_2 = tl.load(table_ptr + piece_1 + 1571)
            mantissa_1 = low_2 + (((high_2 - low_2) * part_2 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            # specs/sampling/items.py:92
            mass = tl.where(mask_1, tl.where(mask_1, ((mantissa_1 << 1 >> halvings) + 1) >> 1, 0), 0)
            high_3 = mass >> 17  # specs/sampling/masses.py:38
            low_3 = mass & 0x1ffff  # 2**17 - 1
            high_4 = tl.sum(high_3 + (low_3 >> 17), axis=0)  # specs/sampling/masses.py:48
            low_4 = tl.sum(low_3 & 0x1ffff, axis=0)  # 2**17 - 1
            high_5 = high_1 + (high_4 + (low_4 >> 17))  # specs/sampling/masses.py:87
            low_5 = low_1 + (low_4 & 0x1ffff)  # 2**17 - 1
            high_6 = high_5 + (low_5 >> 17)  # specs/sampling/masses.py:43
            low_6 = low_5 & 0x1ffff  # 2**17 - 1
            high_1 = high_6
            low_1 = low_6
        tl.store(masses_ptr + (row * (64 * 2) + part * 2), high_1)  # specs/sampling/kernels.py:136
        tl.store(masses_ptr + (row * (64 * 2) + part * 2 + 1), low_1)
