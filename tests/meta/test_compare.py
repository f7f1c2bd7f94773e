"""The comparisons themselves: what they refuse, what they say, and what they say it about."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from parity.judge.compare import Bounded, Exact
from parity.judge.ulp import Float64
from specs.lang.errors import ArgumentError
from specs.lang.formats.elements import BF16, E4M3, F16, F32, ElementFormat

INF, NAN = float("inf"), float("nan")


def _f32(reference: Float64, bound: Float64) -> Bounded:
    return Bounded(reference=reference, bound=bound, dtype=np.dtype(np.float32), element=F32)


@pytest.mark.parametrize("reference", [1.0, -3.0, 0.0, 2.0**20])
def test_the_bound_itself_is_allowed_and_the_next_number_is_not(reference: float) -> None:
    comparison = _f32(np.array([reference]), np.array([0.25]))
    at_bound = np.array([reference + 0.25], np.float32)
    beyond = np.nextafter(at_bound, np.float32(INF))
    assert comparison.compare(at_bound).passed
    assert comparison.compare(at_bound).bound_share == 1
    assert comparison.compare(beyond).status == "failed"


def test_a_zero_bound_asks_for_equality() -> None:
    comparison = _f32(np.array([1.0, 2.0]), np.zeros(2))
    assert comparison.compare(np.array([1, 2], np.float32)).bound_share == 0
    wrong = comparison.compare(np.array([1, np.nextafter(2, 3, dtype=np.float32)], np.float32))
    assert (wrong.status, wrong.bound_share, wrong.mismatches) == ("failed", INF, 1)
    assert wrong.worst[0].coordinate == (1,)


@pytest.mark.parametrize("wanted", [INF, -INF, NAN, 1.0])
@pytest.mark.parametrize("given", [INF, -INF, NAN, 1.0])
def test_special_values_stand_where_the_reference_has_them(wanted: float, given: float) -> None:
    comparison = _f32(np.array([0.0, wanted]), np.array([1.0, 0.5]))
    verdict = comparison.compare(np.array([0.0, given], np.float32))
    agrees = given == wanted or (np.isnan(given) and np.isnan(wanted))
    assert verdict.passed == agrees
    assert verdict.max_error == (0 if agrees else INF)
    assert verdict.max_ulp == (0 if agrees else INF)


def test_the_bound_is_not_read_where_the_reference_is_not_finite() -> None:
    comparison = _f32(np.array([INF, NAN, 1.0]), np.array([INF, NAN, 0.0]))
    assert comparison.compare(np.array([INF, NAN, 1.0], np.float32)).passed
    wrong = comparison.compare(np.array([1.0, 1.0, 1.0], np.float32))
    assert (wrong.mismatches, wrong.bound_share) == (2, INF)


@pytest.mark.parametrize("bound", [[1.0, -1.0], [NAN, 1.0], [1.0, INF], [1.0]])
def test_a_bound_that_bounds_nothing_is_refused(bound: list[float]) -> None:
    with pytest.raises(ArgumentError, match="bound"):
        _f32(np.array([1.0, 1.0]), np.array(bound))


def test_reference_and_bound_are_float64() -> None:
    with pytest.raises(ArgumentError, match="float64"):
        _f32(np.array([1.0], np.float32), np.array([1.0]))


@pytest.mark.parametrize("actual", [np.ones((2, 3), np.float32), np.ones((3, 2), np.float64), np.ones(6, np.float32)])
def test_another_shape_or_dtype_is_a_failed_verdict(actual: np.ndarray) -> None:
    ones = np.ones((3, 2))
    for comparison in (_f32(ones, ones), Exact(expected=ones.astype(np.float32), element=F32)):
        verdict = comparison.compare(actual)
        assert (verdict.status, verdict.mismatches, verdict.histogram) == ("failed", 6, None)
        assert "shape" in verdict.message or "dtype" in verdict.message


def test_bytes_decide_not_values() -> None:
    zeros = np.zeros(3, np.float32)
    verdict = Exact(expected=zeros, element=F32).compare(-zeros)
    assert (verdict.status, verdict.mismatches, verdict.max_ulp) == ("failed", 3, 0)
    other_nan = np.array([0x7FC00001], np.uint32).view(np.float32)
    plain_nan = np.array([NAN], np.float32)
    assert not Exact(expected=plain_nan, element=F32).compare(other_nan).passed
    assert Exact(expected=plain_nan, element=F32, nan_payload_free=True).compare(other_nan).passed


def test_the_worst_elements_come_first_and_are_at_most_eight() -> None:
    reference = np.zeros((4, 5))
    bound = np.full((4, 5), 1.0)
    actual = np.arange(20, dtype=np.float32).reshape(4, 5)
    actual[3, 4] = NAN
    verdict = _f32(reference, bound).compare(actual)
    assert [worst.coordinate for worst in verdict.worst] == [
        (3, 4), (3, 3), (3, 2), (3, 1), (3, 0), (2, 4), (2, 3), (2, 2),
    ]  # fmt: skip
    assert verdict.worst[1].error == 18
    assert verdict.mismatches == 18
    assert verdict.message.startswith("failed: 18 of 20 elements of f32 outside the bound; worst at [3, 4]: nan")


def test_elements_that_share_the_worst_share_keep_their_order() -> None:
    verdict = Exact(expected=np.zeros((8, 8), np.float32), element=F32).compare(np.ones((8, 8), np.float32))
    assert [worst.coordinate for worst in verdict.worst] == [(0, column) for column in range(8)]


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_the_histogram_counts_every_element_once(strength: float) -> None:
    rng = np.random.default_rng(7)
    reference = rng.standard_normal((31, 17))
    actual = (reference + strength * rng.uniform(-1, 1, reference.shape)).astype(np.float32)
    bounded = _f32(reference, np.ones(reference.shape)).compare(actual)
    exact = Exact(expected=reference.astype(np.float32), element=F32).compare(actual)
    for verdict in (bounded, exact):
        assert verdict.histogram is not None
        assert sum(verdict.histogram.counts) + verdict.histogram.identical == reference.size
        assert len(verdict.histogram.edges) == len(verdict.histogram.counts) + 1
    assert bounded.histogram is not None
    assert (bounded.histogram.counts[-1] > 0) == (bounded.status == "failed")


def test_an_ulp_histogram_bins_by_powers_of_two() -> None:
    expected = np.ones(4, np.float32)
    codes = expected.view(np.uint32) + np.array([0, 1, 2, 1024], np.uint32)
    histogram = Exact(expected=expected, element=F32).compare(codes.view(np.float32)).histogram
    assert histogram is not None
    assert histogram.identical == 1
    filled = {histogram.edges[i + 1]: count for i, count in enumerate(histogram.counts) if count}
    assert filled == {0.0: 1, 1.0: 1, 10.0: 1}


def test_strided_empty_and_scalar_outputs() -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6).astype(ml_dtypes.bfloat16)
    strided = base[:, ::2]
    assert Exact(expected=strided.copy(), element=BF16).compare(strided).passed
    transposed = Exact(expected=base.T.copy(), element=BF16)
    assert transposed.compare(base.T).passed
    empty = np.zeros((0, 5))
    assert _f32(empty, empty).compare(empty.astype(np.float32)).elements == 0
    scalar = np.full((), 2.0)
    verdict = _f32(scalar, scalar).compare(np.full((), 7.0, np.float32))
    assert (verdict.status, verdict.worst[0].coordinate) == ("failed", ())


def rounded_up(element: ElementFormat, exact: float, bound: float, given: float) -> str:
    """How a result of a format is judged."""
    dtype = element.numpy_dtype
    assert dtype is not None
    comparison = Bounded(reference=np.array([exact]), bound=np.array([bound]), dtype=dtype, element=element)
    return comparison.compare(np.array([given]).astype(dtype)).status


@pytest.mark.parametrize("element", [F16, BF16, F32], ids=lambda form: form.name)
@pytest.mark.parametrize("sign", [1, -1])
def test_what_rounds_to_infinity_may_be_infinite(element: ElementFormat, sign: int) -> None:
    largest, least = element.max_finite, element.least_infinite
    assert least is not None
    step = least - largest
    dtype = element.numpy_dtype
    with np.errstate(over="ignore"):
        assert np.isinf(np.float32(least).astype(dtype))
        assert np.float32(np.nextafter(np.float64(least), 0)).astype(dtype) == largest or element is not F32
    for exact in (least, 1.5 * least, 1e3 * least):
        assert rounded_up(element, sign * exact, step / 2, sign * INF) == "passed"
        assert rounded_up(element, sign * exact, step / 2, -sign * INF) == "failed"
        assert rounded_up(element, sign * exact, step / 2, NAN) == "failed"
    # Within the bound of the edge either is right; further below it only the finite number, further above only inf.
    assert rounded_up(element, sign * (least - step / 4), step / 2, sign * INF) == "passed"
    assert rounded_up(element, sign * (least + step / 4), 2 * step, sign * largest) == "passed"
    assert rounded_up(element, sign * (least - step), step / 2, sign * INF) == "failed"
    assert rounded_up(element, sign * (least + step), step / 2, sign * largest) == "failed"
    # The reference may be a rounded result itself.
    assert rounded_up(element, sign * INF, 2 * step, sign * largest) == "passed"
    assert rounded_up(element, sign * INF, step / 2, sign * largest) == "failed"
    assert rounded_up(element, sign * INF, INF, sign * largest) == "failed"


def test_formats_without_infinity_have_no_such_edge() -> None:
    assert E4M3.least_infinite is None
