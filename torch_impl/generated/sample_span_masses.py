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
    V, vocab_size,
    stride_logits0,
):
    row = tl.program_id(0)  # specs/sampling/kernels.py:106
    span = tl.program_id(1)
    bound = tl.load(bound_ptr + row)
    partial = bound > -2139095040
    if partial:
        temperature = tl.load(temperature_ptr + row)  # specs/sampling/settings.py:74
        # NaN is greedy as well.
        greedy = ~(temperature >= 1e-05)
        number = span * 4096 + tl.arange(0, 4096)  # specs/sampling/kernels.py:119
        inside = number < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V)
        value = tl.load(logits_ptr + (row * stride_logits0 + number), mask=inside, other=0.0)
        bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
        # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
        key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
        # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:121
        key_1 = tl.where(inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040)
        top = tl.load(top_ptr + row)
        # -2147483648 is -2**31, specs/sampling/settings.py:68
        distance = tl.where(
            key_1 == top, 0.0,
            tl.where(key_1 < 0, -2147483648 - key_1, key_1).to(tl.float32, bitcast=True) - tl.cast(
                tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
            )
        )
        # 1048576.0 is 2**20
        q = (
            tl.maximum(distance * tl.div_rn(1.0, tl.where(greedy, 1.0, temperature)), -1000.0) * 1048576.0
        ).to(tl.int32)
        key_2 = tl.where(q >= -1048576001, key_1, -2139095040)  # specs/sampling/items.py:44
        mask = key_2 > -2139095040  # specs/sampling/settings.py:121
        q_1 = tl.minimum(q, 0)
        twice = tl.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:83
        halvings = twice // 0x162e43
        rest = twice - halvings * 0x162e43
        piece = rest >> 11
        part = rest & 2047
        low = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:54
        high = tl.load(table_ptr + piece + 1571)
        mantissa = low + (((high - low) * part + 1024) >> 11)
        # Rounded to nearest: adds half a unit before the last bits go.
        # specs/sampling/items.py:92
        mass = tl.where(mask, tl.where(mask, ((mantissa << 1 >> halvings) + 1) >> 1, 0), 0)
        high_1 = mass >> 17  # specs/sampling/masses.py:39
        low_1 = mass & 0x1ffff  # 2**17 - 1
        high_2 = tl.sum(high_1 + (low_1 >> 17), axis=0)  # specs/sampling/masses.py:44
        low_2 = tl.sum(low_1 & 0x1ffff, axis=0)  # 2**17 - 1
        tl.store(masses_ptr + (row * (64 * 2) + span * 2), high_2 + (low_2 >> 17))  # specs/sampling/kernels.py:112
        tl.store(masses_ptr + (row * (64 * 2) + span * 2 + 1), low_2 & 0x1ffff)  # 2**17 - 1
