"""The block formats in use, each a value of `specs.lang.formats.blocks.BlockFormat`.

Logical arrays are [.., R, C]. Activations are [.., tokens, features] and scaled along features. Weights are
[K, N] for the INT4 formats (groups run along K); the others fit either order, the blocks being square.

    name                      codes              scales                    one scale covers
    PER_TENSOR_E4M3, _E5M2    e4m3, e5m2         f32 [.., 1, 1]            the matrix
    PER_TOKEN_E4M3            e4m3               f32 [.., R, 1]            a row
    PER_CHANNEL_E4M3          e4m3               f32 [.., 1, C]            a column
    TOKEN_GROUP_32/64/128     e4m3               f32 [.., R, C/g]          g columns of a row
      .._E8M0                 e4m3               e8m0 [.., R, C/g]         the same
    FP8_BLOCK_128, _E8M0      e4m3               [.., ceil(R/128), ceil(C/128)]
    MXFP8                     e4m3               e8m0 [.., R, C/32]        32 columns of a row
    MXFP4                     uint8 [.., R, C/2] e8m0 [.., R, C/32]        32 columns of a row
    NVFP4                     uint8 [.., R, C/2] e4m3 [.., R, C/16], f32   16 columns of a row, and the array
    INT8_PER_TOKEN            int8               f32 [.., R, 1]            a row
      .._ASYMMETRIC           uint8              f32, int32 zero point     a row
    INT4_GROUP_128            int32 [K/8, N]     bf16 [K/128, N]           128 rows of a column
      .._ASYMMETRIC           int32 [K/8, N]     bf16, int32 zero points [K/128, N/8]
"""

from __future__ import annotations

import numpy as np

from specs.lang.formats.blocks import BlockFormat, ScaleRule, TensorScale, ZeroPoint
from specs.lang.formats.elements import BF16, E2M1, E4M3, E5M2, E8M0, F32, INT8, INT32, UINT4, UINT8, ElementFormat
from specs.lang.formats.packing import Packing

GROUP_FLOOR = 1e-10
ROW_FLOOR = 1.0 / 512.0
_INT8_SCALE_FLOOR = np.float32(1e-5)

_PAIRS = Packing(word=UINT8, per_word=2)
_EIGHT_ALONG_ROWS = Packing(word=INT32, per_word=8, axis=-2)
_EIGHT_ALONG_COLUMNS = Packing(word=INT32, per_word=8, axis=-1)

_DEEPSEEK = "DeepSeek-V3 technical report, section 3.3"
_OCPMX = "OCP Microscaling Formats (MX) 1.0; exponents rounded up"


def least_floor(element: ElementFormat) -> float:
    """The least floor of amax for which a float32 scale is a normal number: max_finite * 2**-126."""
    return element.max_finite * F32.min_normal


def per_tensor(element: ElementFormat) -> BlockFormat:
    """One float32 scale per matrix."""
    return BlockFormat(name=f"per_tensor_{element.name}", element=element, amax_floor=ROW_FLOOR)


def per_token(element: ElementFormat) -> BlockFormat:
    """One float32 scale per row."""
    return BlockFormat(name=f"per_token_{element.name}", element=element, block=(1, None), amax_floor=ROW_FLOOR)


def token_group(
    group: int,
    scale: ElementFormat = F32,
    element: ElementFormat = E4M3,
    *,
    power_of_two: bool | None = None,
    floor: float = GROUP_FLOOR,
) -> BlockFormat:
    """One scale per `group` consecutive elements of a row.

    power_of_two: round scales up to powers of two; None: only where the scale format has nothing else.
    floor: smallest magnitude that a group is scaled for.
    """
    power = scale.mantissa_bits == 0 if power_of_two is None else power_of_two
    suffix = "_pow2" if power and scale.mantissa_bits else ""
    return BlockFormat(
        name=f"token_group_{group}_{element.name}_{scale.name}{suffix}",
        element=element,
        block=(1, group),
        scale=scale,
        rule=ScaleRule.POW2_CEIL if power else ScaleRule.AMAX,
        amax_floor=floor,
        source=_DEEPSEEK,
    )


def fp8_block(size: int, scale: ElementFormat = F32, element: ElementFormat = E4M3) -> BlockFormat:
    """Weights in squares of size x size; the last of an axis may be partly filled."""
    return BlockFormat(
        name=f"fp8_block_{size}_{element.name}_{scale.name}",
        element=element,
        block=(size, size),
        scale=scale,
        rule=ScaleRule.AMAX if scale.mantissa_bits else ScaleRule.POW2_CEIL,
        amax_floor=GROUP_FLOOR,
        ragged=True,
        source=_DEEPSEEK,
    )


def int8_per_token(*, symmetric: bool = True, scale: ElementFormat = F32) -> BlockFormat:
    """One scale per row, of at least 1e-5; asymmetric: uint8 codes and an int32 zero point per row.

    scale: the format that scales are rounded to before they divide (that of the activations).
    """
    steps = np.float32(127 if symmetric else 255)
    return BlockFormat(
        name=f"int8_per_token_{'symmetric' if symmetric else 'asymmetric'}_{scale.name}",
        element=INT8 if symmetric else UINT8,
        block=(1, None),
        scale=scale,
        rule=ScaleRule.AMAX_QUOTIENT if symmetric else ScaleRule.RANGE,
        # Rounding is monotonic, so this floor divided by `steps` is the floor of the scale.
        amax_floor=float(steps * _INT8_SCALE_FLOOR),
        zero_point=None if symmetric else ZeroPoint(element=INT32),
    )


def int4_group(group: int | None, *, symmetric: bool = True, scale: ElementFormat = BF16) -> BlockFormat:
    """Weights [K, N] as unsigned nibbles, one scale per `group` rows of a column (None: all of K).

    Words hold eight consecutive rows, the first in the lowest bits. Zero points: 8 throughout, or stored,
    eight consecutive columns to a word. Act-order weights: pass `g_idx` to `encode`.
    """
    zero = ZeroPoint(constant=8) if symmetric else ZeroPoint(element=UINT4, packing=_EIGHT_ALONG_COLUMNS)
    steps = 7 if symmetric else 15
    return BlockFormat(
        name=f"int4_group_{group or 'all'}_{'symmetric' if symmetric else 'asymmetric'}_{scale.name}",
        element=UINT4,
        block=(group, 1),
        scale=scale,
        rule=ScaleRule.AMAX if symmetric else ScaleRule.RANGE_WITH_ZERO,
        # The smallest scale that bf16 and f16 both have.
        amax_floor=steps * 2.0**-24,
        zero_point=zero,
        packing=_EIGHT_ALONG_ROWS,
        source="GPTQ checkpoint layout, rows in sequence, zero points not offset by one",
    )


def nvfp4(constant: float | None = None) -> BlockFormat:
    """e2m1 in groups of 16 with e4m3 scales, and one float32 scale g of the array: value = code * scale / g.

    g is 448 * 6 / amax of the array, as vLLM's `input_global_scale` and compressed-tensors' `weight_global_scale` are
    (ModelOpt's `weight_scale_2` is its inverse). Groups under 2**-10 of what g allows have the scale 0.

    constant: a power of two in place of a g that is stored.
    """
    stored = TensorScale(element=F32) if constant is None else TensorScale(constant=constant)
    return BlockFormat(
        name="nvfp4" if constant is None else f"nvfp4_{constant:g}",
        element=E2M1,
        block=(1, 16),
        scale=E4M3,
        packing=_PAIRS,
        tensor_scale=stored,
        source="NVFP4: NVIDIA Transformer Engine, vLLM scaled_fp4_quant (ref_nvfp4_quant in its tests)",
    )


PER_TENSOR_E4M3, PER_TENSOR_E5M2 = per_tensor(E4M3), per_tensor(E5M2)
PER_TOKEN_E4M3 = per_token(E4M3)
PER_CHANNEL_E4M3 = BlockFormat(name="per_channel_e4m3", element=E4M3, block=(None, 1), amax_floor=GROUP_FLOOR)
TOKEN_GROUP_32, TOKEN_GROUP_32_E8M0 = token_group(32), token_group(32, E8M0)
TOKEN_GROUP_64, TOKEN_GROUP_64_E8M0 = token_group(64), token_group(64, E8M0)
TOKEN_GROUP_128, TOKEN_GROUP_128_E8M0 = token_group(128), token_group(128, E8M0)
FP8_BLOCK_128, FP8_BLOCK_128_E8M0 = fp8_block(128), fp8_block(128, E8M0)
MXFP8 = BlockFormat(
    name="mxfp8",
    element=E4M3,
    block=(1, 32),
    scale=E8M0,
    rule=ScaleRule.POW2_CEIL,
    amax_floor=2.0**-126,  # zeros get code 0, the scale 2**-127
    source=_OCPMX,
)
MXFP4 = BlockFormat(
    name="mxfp4",
    element=E2M1,
    block=(1, 32),
    scale=E8M0,
    rule=ScaleRule.POW2_CEIL,
    amax_floor=6.0 * 2.0**-126,  # zeros get code 1, the scale 2**-126
    packing=_PAIRS,
    source=_OCPMX,
)
NVFP4 = nvfp4()
INT8_PER_TOKEN, INT8_PER_TOKEN_ASYMMETRIC = int8_per_token(), int8_per_token(symmetric=False)
INT4_GROUP_128, INT4_GROUP_128_ASYMMETRIC = int4_group(128), int4_group(128, symmetric=False)

ALL = (
    PER_TENSOR_E4M3,
    PER_TENSOR_E5M2,
    PER_TOKEN_E4M3,
    PER_CHANNEL_E4M3,
    TOKEN_GROUP_32,
    TOKEN_GROUP_32_E8M0,
    TOKEN_GROUP_64,
    TOKEN_GROUP_64_E8M0,
    TOKEN_GROUP_128,
    TOKEN_GROUP_128_E8M0,
    FP8_BLOCK_128,
    FP8_BLOCK_128_E8M0,
    MXFP8,
    MXFP4,
    NVFP4,
    INT8_PER_TOKEN,
    INT8_PER_TOKEN_ASYMMETRIC,
    INT4_GROUP_128,
    INT4_GROUP_128_ASYMMETRIC,
)
_BY_NAME = {form.name: form for form in ALL}


def by_name(name: str) -> BlockFormat:
    """The format called `name` (KeyError otherwise)."""
    return _BY_NAME[name]
