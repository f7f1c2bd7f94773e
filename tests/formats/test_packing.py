"""Codes in words: bit positions, axes, and what does not fit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from specs.lang.errors import SpecError, WrongFormat, WrongRank, WrongShape
from specs.lang.formats.elements import BF16, E4M3, F16, F32, INT8, INT32, UINT8, ElementFormat
from specs.lang.formats.packing import Order, Packing, raw_codes, stored

PAIRS = Packing(word=UINT8, per_word=2)
EIGHTS = Packing(word=INT32, per_word=8, axis=-2)


def test_the_low_nibble_is_first() -> None:
    codes = np.array([[0x1, 0x2, 0xF, 0x0]], np.uint8)
    words = PAIRS.pack(codes)
    assert words.dtype == np.uint8
    assert words.tolist() == [[0x21, 0x0F]]
    high = Packing(word=UINT8, per_word=2, order=Order.HIGH_FIRST)
    assert high.pack(codes).tolist() == [[0x12, 0xF0]]
    assert high.unpack(high.pack(codes)).tolist() == codes.tolist()


def test_nibble_i_of_a_word_is_row_i() -> None:
    codes = np.array([[1, 15], [2, 14], [3, 13], [4, 12], [5, 11], [6, 10], [7, 9], [8, 8]])
    words = EIGHTS.pack(codes)
    assert words.dtype == np.int32
    assert words.view(np.uint32).tolist() == [[0x87654321, 0x89ABCDEF]]
    assert EIGHTS.unpack(words).tolist() == codes.tolist()


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(("word", "per_word"), [(UINT8, 2), (UINT8, 4), (INT32, 8), (INT32, 4), (UINT8, 1)])
@pytest.mark.parametrize("shape", [(8, 16), (2, 3, 8, 8), (0, 8), (8, 0)])
def test_round_trip(
    rng: np.random.Generator,
    axis: int,
    order: Order,
    word: ElementFormat,
    per_word: int,
    shape: tuple[int, ...],
) -> None:
    packing = Packing(word=word, per_word=per_word, axis=axis, order=order)
    codes = rng.integers(0, 1 << packing.code_bits, shape, dtype=np.uint8)
    words = packing.pack(codes)
    assert words.shape == packing.storage_shape(shape)
    assert words.size * per_word == codes.size
    back = packing.unpack(words)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, codes)


def test_only_the_low_bits_of_codes_are_taken() -> None:
    assert PAIRS.pack(np.array([-1, 0x12], np.int8)).tolist() == [0x2F]


def test_words_of_another_type_of_the_same_width() -> None:
    assert PAIRS.unpack(np.array([0x21], np.int8)).tolist() == [1, 2]
    with pytest.raises(WrongFormat, match=r"argument 'words'.*uint8 in entries of 8 bits, got int32"):
        PAIRS.unpack(np.array([0x21], np.int32))


def test_shapes_that_do_not_pack() -> None:
    with pytest.raises(WrongShape, match="divisible by 2, the codes in a uint8 word, got \\(4, 3\\)"):
        PAIRS.storage_shape((4, 3))
    with pytest.raises(WrongShape, match=r"mine: argument 'w'.*dimension -2 divisible by 8"):
        EIGHTS.storage_shape((12, 8), op="mine", argument="w")
    with pytest.raises(WrongRank, match="at least 2 dimension"):
        EIGHTS.pack(np.zeros(8, np.uint8))
    with pytest.raises(WrongRank, match="argument 'words'"):
        EIGHTS.unpack(np.zeros(1, np.int32))


@pytest.mark.parametrize(
    ("word", "per_word", "axis", "message"),
    [
        (F32, 8, -1, "whole integers"),
        (UINT8, 3, -1, "do not fill"),
        (UINT8, 0, -1, "do not fill"),
        (UINT8, 2, 1, "axis 1"),
    ],
)
def test_packings_that_cannot_be(word: ElementFormat, per_word: int, axis: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Packing(word=word, per_word=per_word, axis=axis)


@pytest.mark.parametrize(
    ("form", "dtype"),
    [
        (F32, np.float32),
        (F16, np.float16),
        (INT8, np.int8),
        (INT32, np.int32),
        (E4M3, np.uint8),
        (BF16, np.uint16),
    ],
)
def test_arrays_of_single_codes(form: ElementFormat, dtype: type) -> None:
    codes = form.encode([[1.0, -2.0]])
    array = stored(codes, form)
    assert (array.dtype, array.shape) == (np.dtype(dtype), (1, 2))
    np.testing.assert_array_equal(raw_codes(array, form, op="o", argument="a"), codes)


def test_codes_of_arrays_typed_by_ml_dtypes() -> None:
    array = np.array([[1.0, -2.0], [0.5, 4.0]], ml_dtypes.bfloat16).T
    codes = raw_codes(array, BF16, op="o", argument="a")
    assert codes.tolist() == [[0x3F80, 0x3F00], [0xC000, 0x4080]]
