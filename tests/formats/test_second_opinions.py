"""Codecs of other libraries: equal where they state our rule, different where specs.lang.formats.elements says so."""

from __future__ import annotations

import gfloat
import ml_dtypes
import numpy as np
import pytest
from gfloat import formats as peer

from specs.lang.formats.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, INT4, ElementFormat, Overflow

PEERS = {
    BF16: peer.format_info_bfloat16,
    F16: peer.format_info_binary16,
    E4M3: peer.format_info_ocp_e4m3,
    E5M2: peer.format_info_ocp_e5m2,
    E2M1: peer.format_info_ocp_e2m1,
    E8M0: peer.format_info_ocp_e8m0,
}
# Of powers of two.
SMALLEST, SMALLEST_TIE = np.float32(2.0**-127), np.float32(1.5 * 2.0**-127)
SIGNED = tuple(form for form in PEERS if form.signed)


def numbers(form: ElementFormat) -> np.ndarray:
    """Values of the format, midpoints, and the float32 numbers beside them, both signs, within its range."""
    values = form.decode(np.arange(form.max_code + 1, dtype=form.storage_dtype))
    exact = np.concatenate([values, (values[:-1] + values[1:]) / 2]).astype(np.float32)
    near = [np.nextafter(exact, np.float32(0)), np.nextafter(exact, np.float32(form.max_finite))]
    every = np.concatenate([exact, *near])
    return np.concatenate([every, -every]) if form.signed else every[every >= form.min_finite]


def ml_codes(values: np.ndarray, form: ElementFormat) -> np.ndarray:
    """What a cast by ml_dtypes (or numpy, for f16) gives."""
    assert form.numpy_dtype is not None
    with np.errstate(all="ignore"):
        return values.astype(form.numpy_dtype).view(form.storage_dtype)


@pytest.mark.parametrize("form", PEERS, ids=lambda form: form.name)
def test_ml_dtypes_decodes_every_code_alike(form: ElementFormat) -> None:
    codes = np.arange(1 << form.bits).astype(form.storage_dtype)
    assert form.numpy_dtype is not None
    with np.errstate(invalid="ignore"):
        theirs = codes.view(form.numpy_dtype).astype(np.float64)
    np.testing.assert_array_equal(form.decode(codes), theirs)


@pytest.mark.parametrize("form", PEERS, ids=lambda form: form.name)
def test_ml_dtypes_rounds_float32_alike(form: ElementFormat) -> None:
    values = numbers(form)
    if form == E8M0:
        values = values[(values == SMALLEST) | (values >= SMALLEST_TIE)]
    np.testing.assert_array_equal(form.encode(values), ml_codes(values, form))


@pytest.mark.parametrize("form", [BF16, F16, E2M1], ids=lambda form: form.name)
def test_ml_dtypes_overflows_alike(form: ElementFormat) -> None:
    top = np.float32(form.max_finite)
    values = np.array([top, np.nextafter(top, np.float32(np.inf)), np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(form.encode(values), ml_codes(values, form))


@pytest.mark.parametrize("form", PEERS, ids=lambda form: form.name)
def test_gfloat_decodes_every_code_alike(form: ElementFormat) -> None:
    codes = np.arange(1 << form.bits)
    np.testing.assert_array_equal(form.decode(codes), gfloat.decode_ndarray(PEERS[form], codes))


@pytest.mark.parametrize("form", SIGNED, ids=lambda form: form.name)
def test_gfloat_rounds_float64_alike(form: ElementFormat) -> None:
    values = numbers(form).astype(np.float64)
    away = np.where(values < 0, -np.inf, np.inf)
    values = np.concatenate([values, np.nextafter(values, 0), np.nextafter(values, away)])
    values = np.append(values, [1e300, -1e300])
    saturate = form.overflow is Overflow.SATURATE
    with np.errstate(invalid="ignore"):
        rounded = gfloat.round_ndarray(PEERS[form], values, gfloat.RoundMode.TiesToEven, saturate)
    ours = form.decode(form.encode(values))
    np.testing.assert_array_equal(ours, rounded)
    if form != E2M1:  # gfloat drops the sign of a zero that e2m1 rounds to
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(rounded))


# Where they differ, so that a change on their side is noticed and the text in specs.lang.formats.elements follows.


def test_ml_dtypes_rounds_float64_twice() -> None:
    below = np.nextafter(3.5, 0)
    assert ml_codes(np.array([below]), E2M1).tolist() == [6]
    assert E2M1.decode(E2M1.encode([below])).tolist() == [3.0]
    above = np.nextafter(17.0, 18)
    assert ml_codes(np.array([above]), E4M3).tolist() == E4M3.encode([16.0]).tolist()
    assert E4M3.decode(E4M3.encode([above])).tolist() == [18.0]


def test_ml_dtypes_overflows_to_nan_and_infinity_where_we_saturate() -> None:
    assert ml_codes(np.array([464, 465], np.float32), E4M3).tolist() == [0x7E, 0x7F]
    assert E4M3.encode([464, 465]).tolist() == [0x7E, 0x7E]
    assert ml_codes(np.array([61440], np.float32), E5M2).tolist() == [0x7C]
    assert E5M2.encode([61440]).tolist() == [0x7B]


def test_ml_dtypes_has_no_scale_for_zero_and_infinity() -> None:
    ends = np.array([0.0, np.inf], np.float32)
    assert ml_codes(ends, E8M0).tolist() == [255, 255]
    assert E8M0.encode(ends).tolist() == [0, 254]


def test_ml_dtypes_rounds_up_below_the_smallest_tie_of_powers_of_two() -> None:
    between = np.array([np.nextafter(SMALLEST, SMALLEST_TIE), np.nextafter(SMALLEST_TIE, SMALLEST)])
    assert ml_codes(between, E8M0).tolist() == [1, 1]
    assert E8M0.encode(between).tolist() == [0, 0]


def test_ml_dtypes_keeps_the_sign_of_nan() -> None:
    assert ml_codes(np.array([-np.nan], np.float32), E4M3).tolist() == [0xFF]
    assert E4M3.encode([-np.nan]).tolist() == [0x7F]


def test_ml_dtypes_wraps_integers() -> None:
    assert np.array([-9, 8]).astype(ml_dtypes.int4).astype(int).tolist() == [7, -8]
    assert INT4.decode(INT4.encode([-9, 8])).tolist() == [-8.0, 7.0]


def test_gfloat_sends_ties_of_powers_of_two_to_the_even_exponent() -> None:
    ties = np.array([1.5, 3.0])
    theirs = gfloat.round_ndarray(PEERS[E8M0], ties, gfloat.RoundMode.TiesToEven, True)
    assert theirs.tolist() == [2.0, 2.0]
    assert E8M0.decode(E8M0.encode(ties)).tolist() == [2.0, 4.0]
