"""Shapes in memory, and every way of passing what does not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specs.lang.errors import (
    ArgumentError,
    ConstraintViolated,
    Missing,
    Surplus,
    WrongFormat,
    WrongRank,
    WrongShape,
)
from specs.lang.formats import named as formats
from specs.lang.formats.blocks import BlockFormat, Quantized, ScaleRule, Storage
from specs.lang.formats.elements import E4M3
from specs.lang.formats.named import (
    FP8_BLOCK_128,
    INT4_GROUP_128,
    INT4_GROUP_128_ASYMMETRIC,
    INT8_PER_TOKEN_ASYMMETRIC,
    MXFP4,
    MXFP8,
    PER_CHANNEL_E4M3,
    PER_TENSOR_E4M3,
    PER_TOKEN_E4M3,
    TOKEN_GROUP_128,
    int4_group,
)

GIVEN = BlockFormat(name="given", element=E4M3, block=(1, 32), rule=ScaleRule.GIVEN)
UNSCALED = BlockFormat(name="unscaled", element=E4M3, scale=None, rule=ScaleRule.GIVEN)

SHAPES: list[tuple[BlockFormat, tuple[int, ...], Any, Any, Any]] = [
    (PER_TENSOR_E4M3, (5, 7), (5, 7), (1, 1), None),
    (PER_TENSOR_E4M3, (3, 5, 7), (3, 5, 7), (3, 1, 1), None),
    (PER_TOKEN_E4M3, (5, 7), (5, 7), (5, 1), None),
    (PER_TOKEN_E4M3, (7,), (7,), (1,), None),
    (PER_CHANNEL_E4M3, (5, 7), (5, 7), (1, 7), None),
    (TOKEN_GROUP_128, (2, 3, 256), (2, 3, 256), (2, 3, 2), None),
    (TOKEN_GROUP_128, (256,), (256,), (2,), None),
    (TOKEN_GROUP_128, (0, 256), (0, 256), (0, 2), None),
    (FP8_BLOCK_128, (130, 300), (130, 300), (2, 3), None),
    (FP8_BLOCK_128, (1, 1), (1, 1), (1, 1), None),
    (MXFP8, (5, 96), (5, 96), (5, 3), None),
    (MXFP4, (5, 96), (5, 48), (5, 3), None),
    (MXFP4, (32,), (16,), (1,), None),
    (INT8_PER_TOKEN_ASYMMETRIC, (2, 5, 7), (2, 5, 7), (2, 5, 1), (2, 5, 1)),
    (INT4_GROUP_128, (256, 40), (32, 40), (2, 40), None),
    (INT4_GROUP_128_ASYMMETRIC, (256, 40), (32, 40), (2, 40), (2, 5)),
    (int4_group(None), (24, 5), (3, 5), (1, 5), None),
    (UNSCALED, (2, 3), (2, 3), None, None),
]


@pytest.mark.parametrize(("form", "shape", "data", "scale", "zero"), SHAPES)
def test_shapes(form: BlockFormat, shape: tuple[int, ...], data: Any, scale: Any, zero: Any) -> None:
    assert form.storage_shape(shape) == Storage(data=data, scale=scale, zero_point=zero)
    q = form.encode(np.ones(shape))
    arrays = [None if array is None else array.shape for array in (q.data, q.scale, q.zero_point)]
    assert arrays == [data, scale, zero]
    assert form.decode(q).shape == shape


REFUSED: list[tuple[BlockFormat, tuple[int, ...], type[ArgumentError], str]] = [
    (
        TOKEN_GROUP_128,
        (4, 200),
        WrongShape,
        r"dimension -1 divisible by 128, the length of a block, got \(4, 200\)",
    ),
    (MXFP4, (4, 48), WrongShape, r"mxfp4: argument 'x'.*divisible by 32"),
    (MXFP4, (4, 33), WrongShape, "divisible by 2, the codes in a uint8 word"),
    (INT4_GROUP_128, (200, 8), WrongShape, "dimension -2 divisible by 128"),
    (int4_group(None), (12, 8), WrongShape, "dimension -2 divisible by 8, the codes in a int32 word"),
    (INT4_GROUP_128_ASYMMETRIC, (128, 12), WrongShape, r"'zero_point'.*dimension -1 divisible by 8"),
    (PER_TOKEN_E4M3, (), WrongRank, "at least 1 dimension"),
    (PER_TENSOR_E4M3, (8,), WrongRank, "at least 2 dimension"),
    (FP8_BLOCK_128, (8,), WrongRank, "at least 2 dimension"),
    (UNSCALED, (8,), WrongRank, "at least 2 dimension"),
]


@pytest.mark.parametrize(("form", "shape", "error", "message"), REFUSED)
def test_shapes_that_do_not_fit(
    form: BlockFormat, shape: tuple[int, ...], error: type[ArgumentError], message: str
) -> None:
    for call in (lambda: form.storage_shape(shape), lambda: form.encode(np.zeros(shape))):
        with pytest.raises(error, match=message) as caught:
            call()
        assert caught.value.op == form.name


def test_arguments_of_encode() -> None:
    x = np.ones((2, 64))
    with pytest.raises(Missing, match=r"given: argument 'scale'"):
        GIVEN.encode(x)
    assert GIVEN.encode(x, scale=1.0).data[0, 0] == 0x38
    with pytest.raises(Surplus, match="'scale' must be left out"):
        UNSCALED.encode(x, scale=1.0)
    with pytest.raises(Surplus, match="'zero_point' must be left out"):
        GIVEN.encode(x, scale=1.0, zero_point=0.0)
    with pytest.raises(WrongShape, match=r"'scale'.*expected \(2, 2\), got \(3,\)"):
        GIVEN.encode(x, scale=np.ones(3))
    with pytest.raises(Surplus, match="groups do not run along rows"):
        GIVEN.encode(x, scale=1.0, g_idx=[1, 0])


def test_permutations() -> None:
    form, x = int4_group(8), np.ones((8, 2))
    with pytest.raises(WrongShape, match=r"'g_idx'.*expected \(8,\), got \(4,\)"):
        form.encode(x, g_idx=np.arange(4))
    with pytest.raises(ConstraintViolated, match=r"every row 0\.\.7 once"):
        form.encode(x, g_idx=np.zeros(8, int))
    with pytest.raises(ConstraintViolated):
        form.encode(x, g_idx=np.arange(1, 9))


def test_arrays_given_to_decode() -> None:
    q = INT8_PER_TOKEN_ASYMMETRIC.encode(np.ones((2, 4)))
    data, scale, zero = q.data, q.scale, q.zero_point
    decode = INT8_PER_TOKEN_ASYMMETRIC.decode
    assert scale is not None
    with pytest.raises(Missing, match="'scale'"):
        decode(Quantized(data=data, zero_point=zero))
    with pytest.raises(Missing, match="'zero_point'"):
        decode(Quantized(data=data, scale=scale))
    with pytest.raises(WrongShape, match=r"'scale'.*expected \(2, 1\), got \(2,\)"):
        decode(Quantized(data=data, scale=scale[:, 0], zero_point=zero))
    with pytest.raises(WrongFormat, match=r"'scale'.*f32 in entries of 32 bits, got float64"):
        decode(Quantized(data=data, scale=scale.astype(np.float64), zero_point=zero))
    with pytest.raises(WrongFormat, match="'data'"):
        decode(Quantized(data=data.astype(np.int16), scale=scale, zero_point=zero))
    with pytest.raises(Surplus, match="'scale'"):
        UNSCALED.decode(Quantized(data=data, scale=scale))


@pytest.mark.parametrize("shape", [(0, 128), (128, 0), (2, 0, 128)])
@pytest.mark.parametrize("form", formats.ALL, ids=lambda form: form.name)
def test_empty_arrays(form: BlockFormat, shape: tuple[int, ...]) -> None:
    q = form.encode(np.zeros(shape))
    assert q.data.size == 0
    assert form.decode(q).shape == shape
    if q.scale is not None and q.scale.size:
        # A whole axis without elements still has its scale, that of zeros.
        expected = form.encode(np.zeros((128, 128))).scale
        assert expected is not None
        assert np.unique(q.scale).tolist() == np.unique(expected).tolist()


def test_names() -> None:
    assert len({form.name for form in formats.ALL}) == len(formats.ALL)
    for form in formats.ALL:
        assert formats.by_name(form.name) is form
    with pytest.raises(KeyError):
        formats.by_name("fp3")
    assert replace(MXFP8) == MXFP8
    assert hash(replace(MXFP8)) == hash(MXFP8)
