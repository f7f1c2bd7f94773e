# sample, case "large", target triton-cuda. Written by `python -m parity emit`: do not edit.
"""count_coarse: Candidates by their distance.

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
    TILE = 8192
    PROGRAMS = 1056
    num_warps = 4
    num_stages = 1
"""

import triton
import triton.language as tl


@triton.jit
def count_coarse(
    logits_ptr, temperature_ptr, top_k_ptr, top_p_ptr, table_ptr, top_ptr, listed_ptr, number_ptr,
    coarse_ptr,
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
        inverse = tl.div_rn(1.0, tl.where(greedy, 1.0, temperature))
        if nucleus | (k_1 > 0):  # specs/sampling/wide.py:175
            open_ = 0 == 0  # specs/sampling/wide.py:175
            top = tl.load(top_ptr + row)  # specs/sampling/wide.py:196
            arange_16 = tl.arange(0, 16)
            b = arange_16[:, None]
            x = tl.full([16, 256], 0, tl.int32)
            x_1 = x
            x_2 = x
            for i_1 in range(16):
                number_1 = span * 4096 + i_1 * 256 + tl.arange(0, 256)  # specs/sampling/wide.py:199
                inside = number_1 < tl.where(mask, index, V)  # specs/sampling/kernels.py:201
                value = tl.load(logits_ptr + (row * stride_logits0 + number_1), mask=inside, other=0.0)
                bits = value.to(tl.int32, bitcast=True)  # specs/indexer/select.py:122
                # IEEE bits order like sign-magnitude integers: negative ones are mirrored, and -0 becomes 0.
                key = tl.where(bits < 0, -2147483648 - bits, bits)  # -2**31
                # 0x7f800000 is float32 bits of infinity, specs/sampling/kernels.py:202
                key_1 = tl.where(
                    inside, tl.where(key > 0x7f800000, -2139095040, tl.maximum(key, -2139095040)), -2139095040
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
                mask_1 = key_2 > -2139095040  # specs/sampling/settings.py:123
                q_1 = tl.minimum(q, 0)
                twice = tl.minimum(0 - q_1, 0x1600000) * 2  # float32 bits of 7 * 2**-127, specs/sampling/integers.py:84
                halvings = twice // 0x162e43
                rest = twice - halvings * 0x162e43
                piece = rest >> 11
                part = rest & 2047
                low = tl.load(table_ptr + piece + 1570)  # specs/sampling/integers.py:55
                high = tl.load(table_ptr + piece + 1571)
                mantissa = low + (((high - low) * part + 1024) >> 11)
                # Rounded to nearest: adds half a unit before the last bits go.
                mass = tl.where(mask_1, ((mantissa << 1 >> halvings) + 1) >> 1, 0)  # specs/sampling/settings.py:123
                found = (0 - q) >> 20  # specs/sampling/wide.py:200
                found_1 = tl.where(mask_1, tl.where(open_, tl.minimum(found, 15), found), -1)
                here = found_1[None, :] == b
                high_1 = mass >> 17  # specs/sampling/masses.py:38
                low_1 = mass & 0x1ffff  # 2**17 - 1
                # A column of the loop has at most 16 candidates, and halves of 12 bits: their sums share a word.
                part_1 = high_1 + 0x100000  # 2**20, specs/sampling/wide.py:205
                x_3 = x_1 + tl.where(here, part_1[None, :], 0)  # specs/sampling/wide.py:206
                x_4 = x_2 + tl.where(here, low_1[None, :], 0)
                x_1 = x_3
                x_2 = x_4
            high_2 = tl.sum(x_1 & 0xfffff, axis=1)  # 2**20 - 1, specs/sampling/wide.py:209
            low_2 = tl.sum(x_2, axis=1)
            value_1 = high_2 + (low_2 >> 17)  # specs/sampling/masses.py:43
            value_2 = low_2 & 0x1ffff  # 2**17 - 1
            value_3 = tl.sum(x_1 >> 20, axis=1)  # specs/sampling/wide.py:210
            tl.store(coarse_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + arange_16), value_3)
            tl.store(coarse_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + 1 * 16 + arange_16), value_1)
            tl.store(coarse_ptr + (row * (64 * 3 * 16) + span * (3 * 16) + 2 * 16 + arange_16), value_2)
