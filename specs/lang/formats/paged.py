"""Paged layouts: caches of fixed-size pages, declared field by field.

A page holds a number of rows; a row is a list of fields, each a run of consecutive columns in one block format. The
scales of a field follow its codes, or all scales of a page are gathered after the data of its rows:

    AFTER_CODES    | codes scales codes scales | codes scales codes scales | ..
    END_OF_PAGE     | codes codes | codes codes | .. | scales pad | scales pad | ..

Everything else follows from the declaration: where each byte lies, `encode` and `decode` here, and
the loads and stores of tile programs (`specs.tile.library.pages`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import gcd
from typing import Any

import numpy as np

from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat, Quantized, ScaleRule
from specs.lang.formats.elements import UINT8

NDArray = np.ndarray[Any, Any]


class ScalePlace(Enum):
    """Where the scales of a row lie."""

    AFTER_CODES = "after the codes of their field, in the row"
    END_OF_PAGE = "after the data of all rows of the page, row by row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`count` consecutive columns of a row in one block format (blocks of one row, or no scales)."""

    count: int
    """Number of columns."""
    format: BlockFormat
    """What codes and scales represent."""

    def problem(self) -> str | None:
        """The problem with the declaration, else None."""
        form = self.format
        if self.count < 1 or self.count % self.group:
            return f"blocks of {form.name} do not tile {self.count} columns"
        if form.scale is not None and (form.block[0] != 1 or form.rule is ScaleRule.GIVEN):
            return f"{form.name} does not scale each row by itself"
        if form.zero_point is not None:
            return f"{form.name} has zero points, which rows have no place for"
        if form.tensor_scale is not None and form.tensor_scale.constant is None:
            return f"{form.name} stores a tensor scale, which rows have no place for (declare a constant one)"
        if form.element.bits < 8 and (form.packing is None or form.scale is None):
            return f"{form.name}: codes of {form.element.bits} bits are packed and scaled"
        if form.packing is not None and (form.packing.word != UINT8 or form.packing.axis != -1):
            return f"{form.name} is not packed into bytes along the columns"
        if self.count * form.element.bits % 8:
            return f"{self.count} codes of {form.name} are not whole bytes"
        return None

    @property
    def code_bytes(self) -> int:
        """Bytes of the codes of a row."""
        return self.count * self.format.element.bits // 8

    @property
    def group(self) -> int:
        """Columns that one scale covers; the whole field without scales."""
        return self.format.block[1] or self.count

    @property
    def groups(self) -> int:
        """Scales of a row."""
        return 0 if self.format.scale is None else self.count // self.group

    @property
    def scale_bytes(self) -> int:
        """Bytes of the scales of a row."""
        return 0 if self.format.scale is None else self.groups * self.format.scale.storage_bits // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a field lies."""

    field: Field
    """The field."""
    column: int
    """First column."""
    byte: int
    """First byte of the codes, in the row."""
    scale_byte: int
    """First byte of the scales, in the row (AFTER_CODES) or in the row's share of the page's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """A cache layout. Rows of `width` columns; the first `values` columns are the value in attention.

    Raises:
        SpecError: the parts do not fit together.
    """

    name: str
    """Name that calls may use."""
    fields: tuple[Field, ...]
    """Consecutive columns of a row, in order."""
    scales: ScalePlace = ScalePlace.AFTER_CODES
    """Where the scales of a row lie."""
    scale_bytes: int = 0
    """Bytes of a row's share of the page's end, where that is more than its scales fill; the rest is zero."""
    values: int | None = None
    """The first columns that are the value in attention, None for all."""
    page_multiple: int = 1
    """Allocators round the bytes of a page up to a multiple of this; any size that is no less will do."""
    source: str = ""
    """Where the layout comes from."""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise SpecError(f"layout {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        if not self.fields:
            return "a row has no fields"
        for field in self.fields:
            if problem := field.problem():
                return problem
        if self.scale_bytes and not self.gathered:
            return "only scales at the end of a page have a padded share"
        if self.scale_bytes and self.scale_bytes < sum(field.scale_bytes for field in self.fields):
            return f"a row's scales do not fit into {self.scale_bytes} bytes"
        if not 1 <= self.value_width <= self.width:
            return f"{self.values} value columns of {self.width}"
        if self.page_multiple < 1:
            return f"pages cannot be a multiple of {self.page_multiple} bytes"
        return self._alignment_problem()

    def _alignment_problem(self) -> str | None:
        """Elements lie at multiples of their size, in every row: devices read them as what they are."""
        for place in self.places:
            width, form = place.field.format.element.storage_bits // 8, place.field.format
            if place.byte % width or self.row_stride % width:
                return f"{form.element.name} elements of {form.name} do not lie at multiples of {width} bytes"
            if form.scale is None:
                continue
            width, stride = form.scale.storage_bits // 8, self.share if self.gathered else self.row_stride
            base = self.row_stride if self.gathered else 0
            if place.scale_byte % width or stride % width or base % width:
                return f"{form.scale.name} scales of {form.name} do not lie at multiples of {width} bytes"
        return None

    def __hash__(self) -> int:
        return hash(self.name)  # calls are looked up by their attributes: quick, and equality still compares all

    @property
    def width(self) -> int:
        """Columns of a row."""
        return sum(field.count for field in self.fields)

    @property
    def codes(self) -> str:
        """Names of the formats of its fields, "e4m3+bf16" of two: selects the arrays that accompany a layout."""
        return "+".join(field.format.element.name for field in self.fields)

    @property
    def value_width(self) -> int:
        """Columns of a row that are its value in attention."""
        return self.width if self.values is None else self.values

    @property
    def unit(self) -> int:
        """Greatest common divisor of the fields' columns; codes that share a byte count once per byte."""
        return gcd(*(f.count * f.format.element.bits // max(8, f.format.element.bits) for f in self.fields))

    @property
    def even(self) -> bool:
        """Whether a row that is padded to a power of two can be cut into the groups of every field."""
        return all(p.field.group & (p.field.group - 1) == 0 == p.column % p.field.group for p in self.places)

    @property
    def gathered(self) -> bool:
        """Whether scales lie at the end of the page."""
        return self.scales is ScalePlace.END_OF_PAGE

    @property
    def share(self) -> int:
        """Bytes of one row at the end of the page."""
        if not self.gathered:
            return 0
        return self.scale_bytes or sum(field.scale_bytes for field in self.fields)

    @property
    def row_stride(self) -> int:
        """Bytes from a row's data to the next row's."""
        scales = 0 if self.gathered else sum(field.scale_bytes for field in self.fields)
        return scales + sum(field.code_bytes for field in self.fields)

    @property
    def row_bytes(self) -> int:
        """Bytes that a page spends on a row."""
        return self.row_stride + self.share

    def page_bytes(self, rows: int) -> int:
        """Bytes of a page without its padding."""
        return rows * self.row_bytes

    def page_stride(self, rows: int) -> int:
        """Bytes from a page to the next, as allocators round them."""
        return -(-self.page_bytes(rows) // self.page_multiple) * self.page_multiple

    @property
    def in_words(self) -> bool:
        """Whether scales of one byte may be read four at a time."""
        return self.share % 4 == 0 and self.row_stride % 4 == 0

    @property
    def alignment(self) -> int:
        """Pages begin at multiples of this many bytes: the size of the widest element that is read."""
        forms = [field.format for field in self.fields]
        widths = [form.element.storage_bits // 8 for form in forms]
        widths += [form.scale.storage_bits // 8 for form in forms if form.scale is not None]
        bytes_ = any(form.scale is not None and form.scale.bits == 8 for form in forms)
        return max(*widths, 4 if bytes_ and self.in_words else 1)

    @property
    def places(self) -> tuple[Place, ...]:
        """All fields with their offsets."""
        found: list[Place] = []
        column = byte = shared = 0
        for field in self.fields:
            behind = byte + field.code_bytes
            found.append(Place(field=field, column=column, byte=byte, scale_byte=shared if self.gathered else behind))
            column += field.count
            byte = behind if self.gathered else behind + field.scale_bytes
            shared += field.scale_bytes
        return tuple(found)

    # -- bytes ----------------------------------------------------------------------------------------------------

    def encode(self, x: Any) -> NDArray:
        """Whole pages, uint8 [.., page_bytes(rows)], of rows x [.., rows, width] (any float type)."""
        x = np.asarray(x)
        rows = x.shape[-2]
        pages = np.zeros((*x.shape[:-2], self.page_bytes(rows)), np.uint8)
        data, shares = self._regions(pages, rows)
        for place in self.places:
            field = place.field
            coded = field.format.encode(x[..., place.column : place.column + field.count])
            data[..., place.byte : place.byte + field.code_bytes] = _bytes(coded.data)
            if coded.scale is not None:
                region = shares if self.gathered else data
                region[..., place.scale_byte : place.scale_byte + field.scale_bytes] = _bytes(coded.scale)
        return pages

    def decode(self, pages: NDArray, rows: int) -> NDArray:
        """Values float64 [.., rows, width] of pages uint8 [.., at least page_bytes(rows)]."""
        pages = np.asarray(pages)
        data, shares = self._regions(pages, rows)
        values = [self._field(place, data, shares if self.gathered else data) for place in self.places]
        return np.concatenate(values, axis=-1)

    def write(self, pages: NDArray, slots: Any, x: Any, rows: int) -> None:
        """Writes rows x [n, width] into `pages` (uint8 [pages, bytes], in place) at slots = page * rows + row.

        Slots that are negative or after the last page are skipped; no other byte changes. Each slot occurs once.
        """
        slots = np.asarray(slots, np.int64)
        fits = (slots >= 0) & (slots < len(pages) * rows)
        page, index = (part[:, None] for part in np.divmod(slots[fits], rows))
        coded = self.encode(np.asarray(x)[fits][:, None, :])
        stride, share = self.row_stride, self.share
        pages[page, index * stride + np.arange(stride)] = coded[:, :stride]
        pages[page, rows * stride + index * share + np.arange(share)] = coded[:, stride:]

    def read(self, pages: NDArray, slots: Any, rows: int) -> NDArray:
        """Values float64 [.., width] of the rows at `slots`, all in range."""
        slots = np.asarray(slots, np.int64)
        stride, share = self.row_stride, self.share
        page, index = (part.reshape(-1, 1) for part in np.divmod(slots, rows))
        pages = np.asarray(pages)
        data = pages[page, index * stride + np.arange(stride)]
        shares = pages[page, rows * stride + index * share + np.arange(share)]
        values = self.decode(np.concatenate([data, shares], axis=1), 1)
        return values.reshape(*slots.shape, self.width)

    def _regions(self, pages: NDArray, rows: int) -> tuple[NDArray, NDArray]:
        """The rows' data [.., rows, row_stride], and their shares of the page's end [.., rows, share]."""
        lead, middle = pages.shape[:-1], rows * self.row_stride
        data = pages[..., :middle].reshape(*lead, rows, self.row_stride)
        return data, pages[..., middle : self.page_bytes(rows)].reshape(*lead, rows, self.share)

    def _field(self, place: Place, data: NDArray, scales: NDArray) -> NDArray:
        field, form = place.field, place.field.format
        codes = _words(data[..., place.byte : place.byte + field.code_bytes], form.element.storage_bits)
        if form.scale is None:
            return form.element.decode(codes)
        raw = scales[..., place.scale_byte : place.scale_byte + field.scale_bytes]
        return form.decode(Quantized(data=codes, scale=_words(raw, form.scale.storage_bits)))


def _bytes(array: NDArray) -> NDArray:
    """The bytes of an array, little endian, along its last dimension."""
    return np.ascontiguousarray(array).view(np.uint8)


def _words(raw: NDArray, bits: int) -> NDArray:
    """Bytes along the last dimension as little-endian words."""
    return np.ascontiguousarray(raw).view(f"<u{bits // 8}")
