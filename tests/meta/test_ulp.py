"""Distances in ulp: consecutive codes are one step apart, in every format and across every power of two."""

from __future__ import annotations

import numpy as np
import pytest

from parity.judge.ulp import rung, ulp_distance, values
from specs.lang.formats.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, INT8, INT32, ElementFormat
from tests.meta.problems import FORMATS


def _finite_values(element: ElementFormat) -> np.ndarray:
    """All distinct finite values of a format of at most 16 bits, ascending, one zero."""
    decoded = element.decode(np.arange(1 << element.bits).astype(element.storage_dtype))
    return np.unique(decoded[np.isfinite(decoded)])


@pytest.mark.parametrize("element", [E2M1, E4M3, E5M2, E8M0, F16, BF16], ids=lambda element: element.name)
def test_every_step_of_the_format_is_one_ulp(element: ElementFormat) -> None:
    ladder = _finite_values(element)
    assert (ulp_distance(ladder[1:], ladder[:-1], element) == 1).all()
    assert rung(np.zeros(1), element)[0] == 0


def test_float32_neighbours_are_one_ulp_apart() -> None:
    rng = np.random.default_rng(32)
    x = rng.integers(0, 0x7F7FFFFF, 4096, dtype=np.uint32).view(np.float32)
    powers = np.ldexp(np.float32(1), np.arange(-149, 127))
    x = np.concatenate([x, powers, np.zeros(1, np.float32)])
    above = np.nextafter(x, np.float32(np.inf))
    distance = ulp_distance(above.astype(np.float64), x.astype(np.float64), F32)
    assert (distance == 1).all()
    mirrored = ulp_distance(-above.astype(np.float64), -x.astype(np.float64), F32)
    assert (mirrored == 1).all()


@pytest.mark.parametrize("element", FORMATS, ids=lambda element: element.name)
def test_correct_rounding_is_at_most_half_an_ulp(element: ElementFormat) -> None:
    x = np.random.default_rng(element.bits).standard_normal(4096).astype(np.float32)
    if element is F32:
        exact = x.astype(np.float64) * (1 + 2.0**-30)
        rounded = exact.astype(np.float32)
    else:
        exact = x.astype(np.float64)
        rounded = x.astype(element.numpy_dtype)
    distance = ulp_distance(rounded.astype(np.float64), exact, element)
    assert 0 < distance.max() <= 0.5


def test_distance_is_symmetric_and_crosses_zero() -> None:
    step = np.array([E4M3.min_normal / 2**E4M3.mantissa_bits])
    assert ulp_distance(step, -step, E4M3)[0] == 2
    x, y = np.array([1.0, 3.25, -448.0]), np.array([0.0, -7.5, 448.0])
    assert (ulp_distance(x, y, E4M3) == ulp_distance(y, x, E4M3)).all()


@pytest.mark.parametrize("element", [INT8, INT32], ids=lambda element: element.name)
def test_integers_count_units(element: ElementFormat) -> None:
    x, y = np.array([5.0, -3.0, 100.0]), np.array([5.0, 4.0, 99.0])
    assert ulp_distance(x, y, element).tolist() == [0, 7, 1]


def test_values_that_are_not_finite() -> None:
    inf, nan = np.inf, np.nan
    x, y = np.array([inf, nan, inf, nan, 1.0]), np.array([inf, nan, -inf, 1.0, inf])
    assert ulp_distance(x, y, BF16).tolist() == [0, 0, inf, inf, inf]


def test_integer_arrays_hold_codes_under_a_float_format_only() -> None:
    raw = np.array([0x38, 0x39], np.uint8)
    assert values(raw, E4M3).tolist() == [1.0, 1.125]
    assert values(raw.view(np.int8), INT8).tolist() == [0x38, 0x39]
