"""Every code of every format of at most 16 bits, in both directions, and samples of the wider ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from specs.lang.formats import elements
from specs.lang.formats.elements import (
    BF16,
    BOOL,
    E2M1,
    E4M3,
    E5M2,
    E8M0,
    F16,
    F32,
    F64,
    FLOATS,
    INT4,
    INT8,
    INT64,
    INTEGERS,
    UINT4,
    ElementFormat,
    Overflow,
)
from tests.formats.reference import value_of

SMALL_FLOATS = tuple(form for form in FLOATS if form.bits <= 16)
SMALL_INTEGERS = tuple(form for form in INTEGERS if form.bits <= 16)


def all_codes(form: ElementFormat) -> np.ndarray:
    return np.arange(1 << form.bits).astype(form.storage_dtype)


@pytest.mark.parametrize("form", SMALL_FLOATS, ids=lambda form: form.name)
def test_every_code_has_its_value(form: ElementFormat) -> None:
    values = form.decode(all_codes(form))
    expected = np.array([value_of(code, form) for code in range(1 << form.bits)])
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(values)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("form", SMALL_FLOATS, ids=lambda form: form.name)
def test_every_number_goes_back_to_its_code(form: ElementFormat) -> None:
    codes = all_codes(form)
    values = form.decode(codes)
    back = form.encode(values)
    kept = np.isfinite(values) | (np.isinf(values) & (form.overflow is Overflow.INFINITY))
    assert back.dtype == form.storage_dtype
    np.testing.assert_array_equal(back[kept], codes[kept])
    assert (back[np.isnan(values)] == form.nan_code).all()


@pytest.mark.parametrize("form", SMALL_INTEGERS, ids=lambda form: form.name)
def test_every_integer_in_both_directions(form: ElementFormat) -> None:
    codes = all_codes(form)
    half = 1 << (form.bits - 1)
    expected = [code - 2 * half if form.signed and code >= half else code for code in range(2 * half)]
    np.testing.assert_array_equal(form.decode(codes), expected)
    np.testing.assert_array_equal(form.encode(np.array(expected)), codes)


@pytest.mark.parametrize("form", [INT4, INT8], ids=lambda form: form.name)
def test_integers_round_half_to_even_then_clamp(form: ElementFormat) -> None:
    top, bottom = form.max_finite, form.min_finite
    given = [
        0.5,
        1.5,
        2.5,
        -0.5,
        -1.5,
        top + 0.49,
        top + 0.5,
        1e300,
        bottom - 0.5,
        -math.inf,
        math.inf,
        math.nan,
    ]
    expected = [0, 2, 2, 0, -2, top, top, top, bottom, bottom, top, 0]
    np.testing.assert_array_equal(form.decode(form.encode(given)), expected)
    np.testing.assert_array_equal(UINT4.encode([-1.0, 15.5, 99.0, 2.5]), [0, 15, 15, 2])


def test_wide_integers_do_not_wrap() -> None:
    assert INT64.encode([2.0**63, 1e300, -1e300]).view(np.int64).tolist() == [
        2**63 - 1024,
        2**63 - 1024,
        -(2**63),
    ]
    np.testing.assert_array_equal(INT64.decode(np.array([-1, 2**53], np.int64)), [-1.0, 2.0**53])


def test_booleans() -> None:
    np.testing.assert_array_equal(BOOL.encode([0.0, 1.0, 7.0, -1.0]), [0, 1, 1, 0])
    np.testing.assert_array_equal(BOOL.decode(np.array([False, True])), [0.0, 1.0])


def test_wide_floats_are_those_of_the_machine(rng: np.random.Generator) -> None:
    bits = rng.integers(0, 1 << 64, 200_000, dtype=np.uint64)
    doubles, singles = bits.view(np.float64), bits.view(np.float32)
    with np.errstate(invalid="ignore"):
        widened = singles.astype(np.float64)
    np.testing.assert_array_equal(F64.decode(bits), doubles)
    np.testing.assert_array_equal(F32.decode(bits.view(np.uint32)), widened)
    numbers = ~np.isnan(doubles)
    np.testing.assert_array_equal(F64.encode(doubles[numbers]), bits[numbers])
    with np.errstate(all="ignore"):
        rounded = doubles[numbers].astype(np.float32)
    np.testing.assert_array_equal(F32.encode(doubles[numbers]), rounded.view(np.uint32))


# name: (largest, smallest normal, smallest positive, NaN)
LIMITS = {
    F64: (1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 0x7FF8000000000000),
    F32: ((2 - 2.0**-23) * 2.0**127, 2.0**-126, 2.0**-149, 0x7FC00000),
    F16: (65504.0, 2.0**-14, 2.0**-24, 0x7E00),
    BF16: ((2 - 2.0**-7) * 2.0**127, 2.0**-126, 2.0**-133, 0x7FC0),
    E4M3: (448.0, 2.0**-6, 2.0**-9, 0x7F),
    E5M2: (57344.0, 2.0**-14, 2.0**-16, 0x7E),
    E2M1: (6.0, 1.0, 0.5, None),
    E8M0: (2.0**127, 2.0**-127, 2.0**-127, 0xFF),
}


@pytest.mark.parametrize("form", FLOATS, ids=lambda form: form.name)
def test_limits(form: ElementFormat) -> None:
    assert (form.max_finite, form.min_normal, form.min_subnormal, form.nan_code) == LIMITS[form]
    assert form.min_finite == (-form.max_finite if form.signed else form.min_normal)
    assert form.unit_roundoff == 2.0 ** -(form.mantissa_bits + 1)
    assert form.decode(np.array([form.max_code], form.storage_dtype))[0] == form.max_finite
    if form.nan_code is not None:
        assert np.isnan(form.decode(np.array([form.nan_code], form.storage_dtype)))[0]


@pytest.mark.parametrize("form", elements.ALL, ids=lambda form: form.name)
def test_shapes_types_and_names(form: ElementFormat) -> None:
    for shape in ((), (0,), (2, 0, 3), (2, 3)):
        codes = form.encode(np.ones(shape))
        assert (codes.shape, codes.dtype) == (shape, form.storage_dtype)
        assert (form.decode(codes) == 1).all()
        assert form.decode(codes).shape == shape
    assert elements.by_name(form.name) is form
    assert form.numpy_dtype is not None
    assert form.numpy_dtype.itemsize * 8 == form.storage_bits


def test_bits_above_a_code_are_ignored() -> None:
    assert E2M1.decode(np.array([0xF7, 0x17, 0x1F], np.uint8)).tolist() == [6.0, 6.0, -6.0]
    assert INT4.decode(np.array([-1, 7], np.int8)).tolist() == [-1.0, 7.0]


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        elements.by_name("e9m9")
