"""A second definition of the formats, made to be obvious and slow: tables of values, and loops over blocks.

Shares only the declarations with specs.lang, none of its arithmetic.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import E2M1, E8M0, ElementFormat, NanRule

NDArray = np.ndarray[Any, Any]
F32 = np.float32


def value_of(code: int, form: ElementFormat) -> float:
    """The number that a code of a float format stands for, from the definition of the bits."""
    if form == E8M0:
        return math.nan if code == 255 else 2.0 ** (code - 127)
    fraction = code & ((1 << form.mantissa_bits) - 1)
    exponent = (code >> form.mantissa_bits) & ((1 << form.exponent_bits) - 1)
    sign = -1.0 if code >> (form.bits - 1) else 1.0
    ones = exponent == (1 << form.exponent_bits) - 1
    if form.nan is NanRule.IEEE and ones:
        return sign * math.inf if fraction == 0 else math.nan
    if form.nan is NanRule.ALL_ONES and ones and fraction == (1 << form.mantissa_bits) - 1:
        return math.nan
    whole = fraction + ((1 << form.mantissa_bits) if exponent else 0)
    return sign * math.ldexp(whole, max(exponent, 1) - form.bias - form.mantissa_bits)


@cache
def magnitudes(form: ElementFormat) -> list[float]:
    """Finite values from zero up; the index is the code."""
    values = [value_of(code, form) for code in range(1 << (form.bits - int(form.signed)))]
    return [value for value in values if math.isfinite(value)]


def nearest_code(x: float, form: ElementFormat) -> int:
    """Code of x in a small signed float format that saturates: a search for the nearest, ties to even."""
    if math.isnan(x):
        return form.nan_code or 0
    table = magnitudes(form)
    low, high = 0, len(table) - 1
    magnitude = min(abs(x), table[-1])
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if table[middle] <= magnitude else (low, middle)
    below, above = magnitude - table[low], table[high] - magnitude
    code = low if below < above or (below == above and low % 2 == 0) else high
    return code | (int(math.copysign(1.0, x) < 0) << (form.bits - 1))


def encode_blocks(x: NDArray, form: BlockFormat) -> tuple[NDArray, NDArray]:
    """Codes and scales, as exact float64 values, of a float32 matrix under a format without zero points."""
    rows, cols = (size or length for size, length in zip(form.block, x.shape, strict=True))
    counts = (-(-x.shape[0] // rows), -(-x.shape[1] // cols))
    codes, scales = np.zeros(x.shape, np.int64), np.zeros(counts)
    for i in range(counts[0]):
        for j in range(counts[1]):
            part = np.s_[i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
            codes[part], scales[i, j] = encode_block(x[part], form)
    return codes, scales


def encode_block(block: NDArray, form: BlockFormat) -> tuple[NDArray, float]:
    """Codes and scale of one block of finite float32 values."""
    amax = F32(max(*(abs(float(v)) for v in block.flat), float(F32(form.amax_floor))))
    scale = F32(amax * F32(1.0 / form.largest))
    if form.rule is ScaleRule.AMAX_QUOTIENT:
        scale = F32(amax / F32(form.largest))
    if form.rule is ScaleRule.POW2_CEIL:
        fraction, power = math.frexp(amax)
        exponent = _ceil_log2(float(F32(fraction) * F32(1.0 / form.largest))) + power
        scale = F32(2.0 ** min(max(exponent, -127), 127))
    codes = [_code(F32(F32(v) / scale), form.element) for v in block.flat]
    return np.array(codes).reshape(block.shape), float(scale)


def _ceil_log2(x: float) -> int:
    """ceil(log2(x)) of a positive float64 by comparison with powers of two."""
    exponent = -150
    while 2.0**exponent < x:
        exponent += 1
    return exponent


def _code(x: Any, element: ElementFormat) -> int:
    if element.is_float:
        return nearest_code(float(x), element)
    return min(max(round(float(x)), int(element.min_finite)), int(element.max_finite)) % (1 << element.bits)


def mxfp4_pairs(codes: NDArray) -> NDArray:
    """Two e2m1 codes per byte, the even element in the low nibble."""
    assert E2M1.bits == 4
    return (codes[..., 0::2] + 16 * codes[..., 1::2]).astype(np.uint8)
