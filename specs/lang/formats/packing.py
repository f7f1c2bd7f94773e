"""How codes lie in arrays: one code per entry, or several to a word.

Stored bytes are numpy arrays as follows. A format that numpy itself has (float32, int8, int32, ...) is
an array of that type; any other (e4m3, e8m0, bf16, ...) is an array of raw codes in the smallest unsigned
integers that hold one. `Packing` says into which words sub-byte codes go, along which axis, in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from specs.lang.errors import SpecError, WrongFormat, WrongRank, WrongShape
from specs.lang.formats.elements import ElementFormat

NDArray = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Order(Enum):
    """Where the first code of a word lies."""

    LOW_FIRST = "code i of a word is at bit i * width"
    HIGH_FIRST = "code 0 of a word is in its highest bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Consecutive codes along one of the last two axes share a word.

    Raises:
        SpecError: the word does not divide into codes, or the axis is not -1 or -2.
    """

    word: ElementFormat
    """Integer format of the words."""
    per_word: int
    """Codes in a word; each takes word.bits / per_word bits."""
    axis: int = -1
    """Which of the last two axes they lie along."""
    order: Order = Order.LOW_FIRST
    """Where the first code of a word lies."""

    def __post_init__(self) -> None:
        if not self.word.is_integer or self.word.bits != self.word.storage_bits:
            raise SpecError(f"packing: words must be whole integers, not {self.word.name}")
        if self.per_word < 1 or self.word.bits % self.per_word:
            raise SpecError(f"packing: {self.per_word} codes do not fill a word of {self.word.bits} bits")
        if self.axis not in (-1, -2):
            raise SpecError(f"packing: axis {self.axis} is not -1 or -2", hint="count axes from the end")

    @property
    def code_bits(self) -> int:
        """Bits that one code takes."""
        return self.word.bits // self.per_word

    def storage_shape(self, shape: Shape, *, op: str = "pack", argument: str = "codes") -> Shape:
        """Shape of the words for codes of this shape.

        op, argument: what an error message is about.

        Raises:
            ArgumentError: there is no such axis, or it does not fill whole words.
        """
        self._check_rank(shape, op, argument)
        if shape[self.axis] % self.per_word:
            expected = f"dimension {self.axis} divisible by {self.per_word}, the codes in a {self.word.name} word"
            raise WrongShape(op=op, argument=argument, expected=expected, actual=shape)
        sizes = list(shape)
        sizes[self.axis] //= self.per_word
        return tuple(sizes)

    def pack(self, codes: NDArray) -> NDArray:
        """Words (the word's numpy type) from codes [.., R, C] of any integer type; their low bits are taken.

        Raises:
            ArgumentError: there is no such axis, or it does not fill whole words.
        """
        self.storage_shape(codes.shape)
        raw = np.moveaxis(codes, self.axis, -1).astype(np.uint64) & self._mask
        raw = raw.reshape(*raw.shape[:-1], raw.shape[-1] // self.per_word, self.per_word)
        words = np.bitwise_or.reduce(raw << self._shifts, axis=-1)
        return stored(np.moveaxis(words, -1, self.axis), self.word)

    def unpack(self, words: NDArray) -> NDArray:
        """Codes [.., R, C], in the smallest unsigned type that holds one, from the words that `pack` gives.

        Raises:
            ArgumentError: there is no such axis, or the words have another width.
        """
        self._check_rank(words.shape, "unpack", "words")
        raw = np.moveaxis(raw_codes(words, self.word, op="unpack", argument="words"), self.axis, -1)
        codes = (raw.astype(np.uint64)[..., None] >> self._shifts) & self._mask
        codes = codes.reshape(*raw.shape[:-1], raw.shape[-1] * self.per_word)
        return np.moveaxis(codes.astype(np.min_scalar_type(self._mask)), -1, self.axis)

    @property
    def _mask(self) -> np.uint64:
        return np.uint64((1 << self.code_bits) - 1)

    @property
    def _shifts(self) -> NDArray:
        shifts = np.arange(self.per_word, dtype=np.uint64) * np.uint64(self.code_bits)
        return shifts if self.order is Order.LOW_FIRST else shifts[::-1]

    def _check_rank(self, shape: Shape, op: str, argument: str) -> None:
        if len(shape) < -self.axis:
            expected = f"at least {-self.axis} dimension(s)"
            raise WrongRank(op=op, argument=argument, expected=expected, actual=shape)


def stored(codes: NDArray, form: ElementFormat) -> NDArray:
    """The array that holds `codes`, one per entry: numpy's own type if it has the format, else raw codes."""
    raw = codes.astype(form.storage_dtype)
    own = form.numpy_dtype
    return raw.view(own) if own is not None and own.isbuiltin == 1 else raw


def raw_codes(array: NDArray, form: ElementFormat, *, op: str, argument: str) -> NDArray:
    """Raw codes in an array that holds one per entry, whatever type of that width it was given.

    Raises:
        WrongFormat: entries have another width than the format's codes.
    """
    array = np.asarray(array)
    if array.dtype.itemsize * 8 != form.storage_bits:
        expected = f"{form.name} in entries of {form.storage_bits} bits"
        raise WrongFormat(op=op, argument=argument, expected=expected, actual=array.dtype)
    return array.view(form.storage_dtype)
