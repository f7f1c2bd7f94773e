"""Scales: exact exponents, what happens beside powers of two, floors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat, ScaleRule, ZeroPoint, ceil_log2
from specs.lang.formats.elements import (
    BF16,
    E2M1,
    E4M3,
    E5M2,
    E8M0,
    F16,
    F32,
    F64,
    INT8,
    INT32,
    UINT4,
    UINT8,
    ElementFormat,
)
from specs.lang.formats.named import (
    FP8_BLOCK_128,
    MXFP4,
    MXFP8,
    PER_TENSOR_E4M3,
    PER_TOKEN_E4M3,
    TOKEN_GROUP_32,
    TOKEN_GROUP_32_E8M0,
    int4_group,
    int8_per_token,
    token_group,
)
from specs.lang.formats.packing import Packing

MANTISSAS = (np.arange(1 << 23, dtype=np.uint32) | np.uint32(127 << 23)).view(np.float32)  # all of [1, 2)
# Where amax / max is a power of two: 448 and 57344 are 1.75 * 2**k, 6 is 1.5 * 2**k.
EDGES = {E4M3: 1.75, E5M2: 1.75, E2M1: 1.5}


def block(amax: float, size: int = 32) -> np.ndarray:
    """One row: amax, negative, among zeros."""
    x = np.zeros((1, size), np.float32)
    x[0, 5] = -amax
    return x


def test_ceil_log2_at_every_power_of_two() -> None:
    exponents = np.arange(-149, 128)
    powers = np.ldexp(np.float32(1), exponents)
    np.testing.assert_array_equal(ceil_log2(powers), exponents)
    np.testing.assert_array_equal(ceil_log2(np.nextafter(powers, np.float32(math.inf))), exponents + 1)
    np.testing.assert_array_equal(ceil_log2(np.nextafter(powers, np.float32(0)))[2:], exponents[2:])


def test_ceil_log2_of_every_mantissa() -> None:
    expected = (MANTISSAS > 1).astype(int)
    np.testing.assert_array_equal(ceil_log2(MANTISSAS), expected)
    np.testing.assert_array_equal(ceil_log2(MANTISSAS * np.float32(2.0**-100)), expected - 100)


def test_ceil_log2_outside_its_domain() -> None:
    zero, infinite, nan = ceil_log2(np.array([0, math.inf, math.nan], np.float32))
    assert zero < -149
    assert infinite > 127
    assert nan > 127


@pytest.mark.parametrize("element", EDGES, ids=lambda element: element.name)
def test_the_product_with_the_reciprocal_has_the_exponent_of_the_quotient(element: ElementFormat) -> None:
    """For every float32 amax, by its mantissa: rounding 1 / max and the product never moves the exponent."""
    top = element.max_finite
    product = ceil_log2(MANTISSAS * np.float32(1.0 / top))
    np.testing.assert_array_equal(product, ceil_log2(MANTISSAS / np.float32(top)))
    edge = EDGES[element]
    above = np.greater(MANTISSAS, edge).astype(int)
    np.testing.assert_array_equal(product, above - round(math.log2(top / edge)))


@pytest.mark.parametrize("k", [-100, -20, -1, 0, 1, 7, 100])
@pytest.mark.parametrize("form", [TOKEN_GROUP_32_E8M0, MXFP8, MXFP4], ids=lambda form: form.name)
def test_powers_of_two_change_just_above_the_edge(form: BlockFormat, k: int) -> None:
    form = replace(form, amax_floor=2.0**-126)
    amax = np.float32(form.largest * 2.0**k)
    for given, exponent in (
        (amax, k),
        (np.nextafter(amax, np.float32(0)), k),
        (np.nextafter(amax, np.float32(math.inf)), k + 1),
        (amax / 2, k - 1),
    ):
        q = form.encode(block(float(given)))
        assert q.scale is not None
        assert q.scale.tolist() == [[exponent + 127]]
        # The scaled value is at most the largest: nothing is clamped.
        assert np.abs(form.decode(q)).max() <= form.largest * 2.0**exponent


def test_every_bfloat16_magnitude_picks_the_smallest_sufficient_power_of_two() -> None:
    magnitudes = BF16.decode(np.arange(0x80, BF16.max_code + 1))  # normal numbers
    x = np.repeat(magnitudes[:, None], 32, axis=1)
    for form in (MXFP8, MXFP4):
        scale = form.encode(x).scale
        assert scale is not None
        s = E8M0.decode(scale)[:, 0]
        assert (magnitudes <= form.largest * s).all()
        floor = 2.0**-127 if form is MXFP8 else 2.0**-126
        assert ((s == floor) | (magnitudes > form.largest * s / 2)).all()


def test_amax_scales_are_float32_products() -> None:
    third = np.float32(1.0 / 3.0)
    scale = TOKEN_GROUP_32.encode(block(float(third))).scale
    assert scale is not None
    assert scale.dtype == np.float32
    assert scale[0, 0] == np.float32(third * np.float32(1.0 / 448.0))


def test_int8_scales_are_float32_quotients() -> None:
    amax = np.arange(1, 1000, dtype=np.float32)[:, None]
    scale = int8_per_token().encode(amax).scale
    assert scale is not None
    np.testing.assert_array_equal(scale, amax / np.float32(127))
    assert (scale != amax * np.float32(1 / 127)).any(), "the inputs do not tell quotients from products"


def test_codes_are_of_rounded_quotients() -> None:
    """Values x whose float32 quotient x / s is a tie of e4m3, while the exact quotient lies beside it."""
    steps = E4M3.decode(np.arange(8, E4M3.max_code + 1, dtype=np.uint8))
    ties = ((steps[:-1] + steps[1:]) / 2).astype(np.float32)
    s = np.float32(1.1)
    x = ties * s
    at_tie = x / s == ties
    q = PER_TOKEN_E4M3.encode(x[at_tie], scale=s)
    np.testing.assert_array_equal(q.data, E4M3.encode(ties[at_tie]))
    exact = E4M3.encode(x[at_tie].astype(np.float64) / np.float64(s))
    assert (exact != q.data).any(), "the inputs do not tell rounded from exact quotients"


FLOORS = {
    TOKEN_GROUP_32_E8M0: 85,  # 2**-42
    token_group(64, E8M0, floor=1e-4): 105,  # 2**-22
    MXFP4: 1,
    MXFP8: 0,
}


@pytest.mark.parametrize("form", FLOORS, ids=lambda form: form.name)
def test_scale_bytes_of_zeros(form: BlockFormat) -> None:
    q = form.encode(np.zeros((2, 64)))
    assert q.scale is not None
    assert np.unique(q.scale).tolist() == [FLOORS[form]]
    assert not q.data.any()
    assert not form.decode(q).any()


def test_float_scales_of_zeros() -> None:
    zeros = np.zeros((128, 128))
    expected = {
        TOKEN_GROUP_32: np.float32(np.float32(1e-10) * np.float32(1 / 448)),
        FP8_BLOCK_128: np.float32(np.float32(1e-10) * np.float32(1 / 448)),
        PER_TOKEN_E4M3: np.float32(1 / (448 * 512)),
        PER_TENSOR_E4M3: np.float32(1 / (448 * 512)),
        int8_per_token(): np.float32(1e-5),
        int8_per_token(symmetric=False): np.float32(1e-5),
    }
    for form, scale in expected.items():
        q = form.encode(zeros)
        assert q.scale is not None
        assert np.unique(q.scale).tolist() == [scale], form.name
        assert not form.decode(q).any()


@pytest.mark.parametrize("scale", [BF16, F16], ids=lambda form: form.name)
@pytest.mark.parametrize("symmetric", [True, False])
def test_smallest_int4_scale(scale: ElementFormat, symmetric: bool) -> None:
    form = int4_group(8, symmetric=symmetric, scale=scale)
    q = form.encode(np.zeros((8, 8)))
    assert q.scale is not None
    assert np.unique(scale.decode(q.scale.view(scale.storage_dtype))).tolist() == [2.0**-24]
    assert not form.decode(q).any()


def test_power_of_two_scales_kept_as_float32() -> None:
    form = token_group(32, F32, power_of_two=True)
    x = np.random.default_rng(3).standard_normal((8, 64)).astype(np.float32)
    wide, narrow = form.encode(x), TOKEN_GROUP_32_E8M0.encode(x)
    assert wide.scale is not None
    assert narrow.scale is not None
    assert wide.scale.dtype == np.float32
    np.testing.assert_array_equal(wide.scale, E8M0.decode(narrow.scale))
    np.testing.assert_array_equal(wide.data, narrow.data)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"block": (0, 4)}, "empty side"),
        ({"amax_floor": 0.0}, "the scale 0"),
        ({"scale": F16, "amax_floor": 1e-10}, "the scale 0"),
        ({"scale": F64}, "finer than float32"),
        ({"scale": INT32}, "cannot carry NaN"),
        ({"rule": ScaleRule.RANGE}, "needs stored zero points"),
        ({"element": INT8, "rule": ScaleRule.RANGE, "zero_point": ZeroPoint(element=INT8)}, "has a sign"),
        ({"zero_point": ZeroPoint(constant=8)}, "for integers"),
        ({"element": UINT4, "zero_point": ZeroPoint(element=UINT4)}, "gives no zero points"),
        ({"element": UINT4, "zero_point": ZeroPoint(constant=15)}, "no code of uint4, or its last"),
        ({"element": INT8, "zero_point": ZeroPoint(constant=0), "scale": None}, "with scales"),
        ({"packing": Packing(word=UINT8, per_word=2)}, "4 bits wide"),
    ],
)
def test_formats_that_cannot_be(fields: dict[str, object], message: str) -> None:
    sound: dict[str, object] = {"name": "x", "element": E4M3, "block": (1, 32), "amax_floor": 1e-10}
    BlockFormat(**sound)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=message):
        BlockFormat(**(sound | fields))  # type: ignore[arg-type]


def test_zero_points_of_both_kinds_or_of_none() -> None:
    for fields in ({}, {"constant": 8, "element": UINT4}):
        with pytest.raises(SpecError, match="either one constant or stored"):
            ZeroPoint(**fields)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="integers, not f32"):
        ZeroPoint(element=F32)
    assert ZeroPoint(element=UINT8).constant is None
