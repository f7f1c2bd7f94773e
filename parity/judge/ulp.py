"""Distances in units of the output format.

The distance between two numbers is the number of steps between them on the ladder of the format's finite
values. Inside a binade the ladder is linear, so a number that is not representable stands between two rungs:

    e(x)    = max(floor(log2 |x|), e_min)                            e_min: exponent of min_normal
    rung(x) = sign(x) * (|x| / 2^(e(x) - p) + (e(x) - e_min) * 2^p)  p = mantissa_bits
    ulp(x, y) = |rung(x) - rung(y)|                                  integers: |x - y|

For two codes of the format this is the difference of their ordinals; for a correctly rounded result against
an exact reference it is at most one half. It is symmetric, needs no special case at a power of two, and stays
finite at zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from specs.lang.formats.elements import ElementFormat

Float64 = npt.NDArray[np.float64]
AnyArray = npt.NDArray[Any]


def values(array: AnyArray, element: ElementFormat) -> Float64:
    """Values of `array`, float64, same shape.

    An unsigned array, and any integer array under a floating-point format, holds codes; everything else
    numbers.
    """
    if array.dtype.kind == "u" or (array.dtype.kind in "bi" and element.is_float):
        return np.asarray(element.decode(array), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        # Widening a signalling NaN raises the invalid flag.
        return array.astype(np.float64)


def rung(x: Float64, element: ElementFormat) -> Float64:
    """Position of finite numbers on the format's ladder (module docstring); zero is 0."""
    if not element.is_float:
        return x
    p = element.mantissa_bits
    # Bits of float64: its subnormal numbers, which have exponent -1023 here, are below every format's least normal one.
    exponent = np.maximum((np.abs(x).view(np.int64) >> 52) - 1023, element.emin)
    if p - element.emin <= 1023:  # 2^(p - e) as the bits of a float64, which is faster than `ldexp`
        inside = np.abs(x) * ((p + 1023 - exponent) << 52).view(np.float64)
    else:
        inside = np.ldexp(np.abs(x), p - exponent)
    return np.asarray(np.copysign(inside + (exponent - element.emin) * 2.0**p, x), dtype=np.float64)


def ulp_distance(x: Float64, y: Float64, element: ElementFormat) -> Float64:
    """Steps between `x` and `y` elementwise, float64 arrays of one shape.

    Exact to 2^-20 ulp for formats of at most 32 bits. Equal infinities and two NaN are 0 apart; any other
    pair with a non-finite number is infinitely far apart.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    steps = np.abs(rung(np.where(finite, x, 0.0), element) - rung(np.where(finite, y, 0.0), element))
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.asarray(np.where(finite, steps, np.where(same, 0.0, np.inf)), dtype=np.float64)
