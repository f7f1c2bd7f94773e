# filter_logits, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""write_filtered: Scaled logits, -inf where they are dropped.

Generated. Specialised on
    order = vllm
    logits = f32
    temperature = f32
    top_k = int32
    top_p = f32
    min_p = f32
    table = int32
    top = int32
    cut = int32
    last = int32
    filtered = f32
    TILE = 4096
    BLOCK = 4096
    num_warps = 8
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def write_filtered(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, min_p_ptr, table_ptr, top_ptr, cut_ptr, last_ptr,
    filtered_ptr,
    V, vocab_size,
    stride_logits0,
):
    BLOCK: tl.constexpr = 4096
    row = tl.program_id(0)  # specs/sampling/kernels.py:248
    block = tl.program_id(1)
    column = block * BLOCK + tl.arange(0, BLOCK)
    there = column < V
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
    part = (x_4 >> 6) & 32767
    whole = number_5 * 0x2c5c860 - ((number_5 * 131 + 512) >> 10)
    low = tl.load(table_ptr + piece)  # specs/sampling/integers.py:55
    high = tl.load(table_ptr + piece + 1)
    # specs/sampling/integers.py:95
    q = ((whole + (low + (((high - low) * part + 16384) >> 15)) + 32) >> 6) - (shift * 0xb1721 + (shift >> 1))
    least = tl.where(on, tl.minimum(q, 0), -1048576001)  # specs/sampling/settings.py:95
    inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
    key = tl.load(cut_ptr + row)  # specs/sampling/kernels.py:251
    last = tl.load(last_ptr + row)
    value = tl.load(logits_ptr + (row * stride_logits0 + column), mask=there, other=0.0)
    bits_1 = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
    # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
    key_1 = tl.where(bits_1 < 0, -2147483648 - bits_1, bits_1)  # -2**31
    # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:253
    key_2 = tl.where(
        column < tl.where(vocab_size > 0, tl.minimum(vocab_size, V), V),
        tl.where(key_1 > 0x7f800000, -2139095040, tl.maximum(key_1, -2139095040)), -2139095040
    )
    top = tl.load(top_ptr + row)
    # -2147483648 is -2**31, specs/sampling/settings.py:70
    distance = tl.where(
        key_2 == top, 0.0,
        tl.where(key_2 < 0, -2147483648 - key_2, key_2).to(tl.float32, bitcast=True) - tl.cast(
            tl.where(top < 0, -2147483648 - top, top), tl.float32, bitcast=True
        )
    )
    inside = (key_2 > key) | ((key_2 == key) & (column <= last))  # specs/sampling/items.py:127
    # 1048576.0 is 2**20
    kept = inside & (key_2 > -2139095040) & (
        (tl.maximum(distance * inverse, -1000.0) * 1048576.0).to(tl.int32) >= least
    )
    # One product of float32, with nothing after it.
    # specs/sampling/kernels.py:257
    tl.store(filtered_ptr + (row * V + column), tl.where(kept, value * inverse, float("-inf")), mask=there)
