"""Rounding: every midpoint of every small format, the numbers beside it, and the ends of the range."""

from __future__ import annotations

import math

import numpy as np
import pytest

from specs.lang.formats.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, ElementFormat, NanRule, Overflow
from tests.formats.reference import magnitudes, nearest_code

SIGNED = (BF16, F16, E4M3, E5M2, E2M1)
# e4m3 as ml_dtypes casts to it: same values, overflow to NaN.
E4M3_NAN = ElementFormat(
    name="e4m3_nan",
    kind=E4M3.kind,
    bits=8,
    exponent_bits=4,
    mantissa_bits=3,
    bias=7,
    nan=NanRule.ALL_ONES,
    overflow=Overflow.NAN,
)

NDArray = np.ndarray


def steps(form: ElementFormat) -> NDArray:
    """Zero and all positive finite values, float64."""
    return np.array(magnitudes(form))


def check(form: ElementFormat, values: NDArray, codes: NDArray) -> None:
    """`values` and their negatives have these magnitude codes."""
    sign = 1 << (form.bits - 1)
    np.testing.assert_array_equal(form.encode(values), codes)
    np.testing.assert_array_equal(form.encode(-values), codes | sign)


@pytest.mark.parametrize("form", SIGNED, ids=lambda form: form.name)
def test_ties_go_to_the_even_code(form: ElementFormat) -> None:
    values = steps(form)
    below = np.arange(len(values) - 1)
    midpoints = (values[:-1] + values[1:]) / 2  # exact: one bit more than the format has
    check(form, midpoints, below + below % 2)


@pytest.mark.parametrize("form", SIGNED, ids=lambda form: form.name)
def test_one_float64_step_off_a_tie_decides(form: ElementFormat) -> None:
    values = steps(form)
    below = np.arange(len(values) - 1)
    midpoints = (values[:-1] + values[1:]) / 2
    check(form, np.nextafter(midpoints, 0), below)
    check(form, np.nextafter(midpoints, math.inf), below + 1)


@pytest.mark.parametrize("form", SIGNED, ids=lambda form: form.name)
def test_one_float32_step_off_a_tie_decides(form: ElementFormat) -> None:
    values = steps(form)
    below = np.arange(len(values) - 1)
    midpoints = ((values[:-1] + values[1:]) / 2).astype(np.float32)
    check(form, np.nextafter(midpoints, np.float32(0)), below)
    check(form, np.nextafter(midpoints, np.float32(math.inf)), below + 1)


@pytest.mark.parametrize("form", [E4M3, E5M2, E2M1], ids=lambda form: form.name)
def test_random_values_go_to_the_nearest(form: ElementFormat, rng: np.random.Generator) -> None:
    values = rng.standard_normal(3000) * np.exp2(rng.uniform(math.log2(form.min_subnormal) - 3, 17, 3000))
    np.testing.assert_array_equal(form.encode(values), [nearest_code(x, form) for x in values])


@pytest.mark.parametrize("form", SIGNED, ids=lambda form: form.name)
def test_the_sign_of_zero_is_kept(form: ElementFormat) -> None:
    sign = 1 << (form.bits - 1)
    assert form.encode([0.0, -0.0, -5e-324, 5e-324]).tolist() == [0, sign, sign, 0]
    # Half of the smallest value is a tie, and zero is even.
    assert form.encode([-form.min_subnormal / 2]).tolist() == [sign]


@pytest.mark.parametrize("form", [E4M3, E5M2, E2M1], ids=lambda form: form.name)
def test_saturation(form: ElementFormat) -> None:
    top = form.max_finite
    check(
        form,
        np.array([top, np.nextafter(top, math.inf), 2 * top, 1e300, math.inf]),
        np.full(5, form.max_code),
    )


@pytest.mark.parametrize("form", [BF16, F16, F32], ids=lambda form: form.name)
def test_overflow_to_infinity_starts_half_a_step_above_the_largest(form: ElementFormat) -> None:
    top = form.max_finite
    step = top - form.decode(np.array([form.max_code - 1], form.storage_dtype))[0]
    tie = top + step / 2
    values = np.array([top, np.nextafter(tie, 0), tie, np.nextafter(tie, math.inf), 1e300, math.inf])
    check(form, values, form.max_code + np.array([0, 0, 1, 1, 1, 1]))


def test_overflow_to_nan() -> None:
    # 464 is halfway to 480, the value that the NaN code would have; 448 is even.
    values = np.array([448.0, 464.0, np.nextafter(464.0, 500), 480.0, 1e300, math.inf])
    check(E4M3_NAN, values, np.array([0x7E, 0x7E, 0x7F, 0x7F, 0x7F, 0x7F]))


@pytest.mark.parametrize("form", [*SIGNED, F32], ids=lambda form: form.name)
def test_nan_becomes_the_canonical_code(form: ElementFormat) -> None:
    assert form.encode([math.nan, -math.nan]).tolist() == [form.nan_code or 0] * 2


def test_float32_midpoints(rng: np.random.Generator) -> None:
    codes = np.unique(
        np.append(rng.integers(0, F32.max_code, 100_000), [0, 1, (1 << 23) - 1, 1 << 23, F32.max_code - 1])
    )
    values = F32.decode(codes)
    midpoints = (values + F32.decode(codes + 1)) / 2
    check(F32, midpoints, codes + codes % 2)
    check(F32, np.nextafter(midpoints, 0), codes)
    check(F32, np.nextafter(midpoints, math.inf), codes + 1)


def test_powers_of_two() -> None:
    codes = np.arange(254)
    values = np.exp2(codes - 127.0)
    ties = 1.5 * values
    np.testing.assert_array_equal(E8M0.encode(values), codes)
    np.testing.assert_array_equal(E8M0.encode(ties), codes + 1)
    np.testing.assert_array_equal(E8M0.encode(np.nextafter(ties, 0)), codes)
    np.testing.assert_array_equal(E8M0.encode(np.nextafter(ties, math.inf)), codes + 1)
    np.testing.assert_array_equal(E8M0.encode(np.nextafter(ties.astype(np.float32), np.float32(0))), codes)


def test_ends_of_the_powers_of_two() -> None:
    given = [0.0, -0.0, 5e-324, 2.0**-128, np.nextafter(2.0**-127, 0), 2.0**127, 2.0**128, 1e300, math.inf]
    assert E8M0.encode(given).tolist() == [0, 0, 0, 0, 0, 254, 254, 254, 254]
    assert E8M0.encode([-1.0, -5e-324, -math.inf, math.nan]).tolist() == [255] * 4
