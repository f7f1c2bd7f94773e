# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""span_masses: Masses of spans of columns.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    table = int32
    top = int32
    bound = int32
    masses = int32
    TILE = 8192
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def span_masses(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, bound_ptr,
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
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        mask = B >= 64  # specs/sampling/kernels.py:144
        high = 0  # specs/sampling/kernels.py:135
        low = 0
        for i in range(tl.where(mask, 4, 1)):
            span = part * tl.where(mask, 4, 1) + i  # specs/sampling/kernels.py:131
            number = span * 4096 + tl.arange(0, 4096)  # specs/sampling/kernels.py:149
            top = tl.load(top_ptr + row)
            inside = number < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)  # specs/sampling/kernels.py:201
            value = tl.load(logits_ptr + (row * stride_logits0 + number), mask=inside, other=0.0)
            bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
            # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
            key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
            # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
            key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
            # -2147483648 is -2**31, specs/sampling/settings.py:70
            distance = tl.where(
                key_1 == top, 0.0,
                tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                    tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
                )
            )
            q = (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32)  # 2**20
            key_2 = tl.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
            mask_1 = key_2 > -2139095040  # specs/sampling/settings.py:123
            q_1 = tl.minimum(q, 0)
            twice = tl.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
            halvings = twice // 0x162e43
            rest = twice - halvings * 0x162e43
            piece = rest >> 11
            part_1 = rest & 2047
            low_1 = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
            high_1 = tl.load(table_ptr + piece + 1571)
            mantissa = low_1 + (((high_1 - low_1) * part_1 + 1024) >> 11)
            # Rounded to nearest: adds half a unit before the last bits go.
            # specs/sampling/items.py:92
            mass = tl.where(mask_1, tl.where(mask_1, ((mantissa << 1 >> halvings) + 1) >> 1, 0), 0)
            high_2 = mass >> 17  # specs/sampling/masses.py:38
            low_2 = mass & 0x1ffff  # 2**17 - 1
            high_3 = tl.sum(high_2 + (low_2 >> 17), axis=0)  # specs/sampling/masses.py:48
            low_3 = tl.sum(low_2 & 0x1ffff, axis=0)  # 2**17 - 1
            high_4 = high + (high_3 + (low_3 >> 17))  # specs/sampling/masses.py:87
            low_4 = low + (low_3 & 0x1ffff)  # 2**17 - 1
            high_5 = high_4 + (low_4 >> 17)  # specs/sampling/masses.py:43
            low_5 = low_4 & 0x1ffff  # 2**17 - 1
            high = high_5
            low = low_5
        tl.store(masses_ptr + (row * (64 * 2) + part * 2), high)  # specs/sampling/kernels.py:136
        tl.store(masses_ptr + (row * (64 * 2) + part * 2 + 1), low)
