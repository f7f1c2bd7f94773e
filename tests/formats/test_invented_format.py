"""A format that nobody has: e3m4 elements, groups of 48, bfloat16 scales. No other file knows it."""

from __future__ import annotations

import numpy as np
import pytest

from specs.lang.errors import WrongShape
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import BF16, ElementFormat, Kind, NanRule
from tests.formats.reference import magnitudes, nearest_code, value_of

E3M4 = ElementFormat(
    name="e3m4",
    kind=Kind.FLOAT,
    bits=8,
    exponent_bits=3,
    mantissa_bits=4,
    bias=3,
    nan=NanRule.ALL_ONES,
)
INVENTED = BlockFormat(name="invented", element=E3M4, block=(1, 48), scale=BF16, amax_floor=1e-10)


def test_element() -> None:
    # 1.875 * 2**4; the code after it is NaN.
    assert (E3M4.max_finite, E3M4.min_normal, E3M4.min_subnormal) == (30.0, 2.0**-2, 2.0**-6)
    assert E3M4.numpy_dtype is None
    codes = np.arange(256, dtype=np.uint8)
    values = E3M4.decode(codes)
    np.testing.assert_array_equal(values, [value_of(code, E3M4) for code in range(256)])
    kept = ~np.isnan(values)
    assert kept.sum() == 254
    np.testing.assert_array_equal(E3M4.encode(values)[kept], codes[kept])
    steps = np.array(magnitudes(E3M4))
    ties = (steps[:-1] + steps[1:]) / 2
    for given in (ties, np.nextafter(ties, 0), np.nextafter(ties, 99)):
        np.testing.assert_array_equal(E3M4.encode(given), [nearest_code(x, E3M4) for x in given])


def test_blocks(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 96)).astype(np.float32)
    q = INVENTED.encode(x)
    assert q.scale is not None
    assert (q.data.dtype, q.data.shape) == (np.uint8, (5, 96))
    assert (q.scale.dtype, q.scale.shape) == (np.uint16, (5, 2))
    for row, group in np.ndindex(5, 2):
        block = x[row, 48 * group : 48 * group + 48]
        raw = np.float32(np.abs(block).max() * np.float32(1 / 30))
        # The scale is rounded to bfloat16 before it divides.
        assert q.scale[row, group] == BF16.encode([raw])[0]
        s = np.float32(BF16.decode(q.scale[row, group]))
        codes = [nearest_code(float(v), E3M4) for v in block / s]
        assert q.data[row, 48 * group : 48 * group + 48].tolist() == codes
        expected = np.array([value_of(code, E3M4) for code in codes]) * float(s)
        np.testing.assert_array_equal(INVENTED.decode(q)[row, 48 * group : 48 * group + 48], expected)


def test_poison_and_shapes() -> None:
    x = np.ones((1, 96), np.float32)
    x[0, 3] = np.nan
    values = INVENTED.decode(INVENTED.encode(x))
    assert np.isnan(values[0, :48]).all()
    assert np.isfinite(values[0, 48:]).all()
    with pytest.raises(WrongShape, match="divisible by 48"):
        INVENTED.storage_shape((4, 128))
