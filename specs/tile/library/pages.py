"""Rows of paged caches in tile programs: loads derived from a layout's declaration.

Columns of a row come in chunks, each a power of two wide, inside one field. Codes that share bytes are read as two
chunks of every second column: the low and the high halves of the same bytes. A chunk arrives in bfloat16,
or in another format of 16 bits.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

from specs.lang.formats.elements import BF16, E8M0, F32, INT32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged, Place
from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import ArrayHandle, arange, load_view, multiply, where
from specs.tile.library import codec

LEAST = 16
"""Narrowest chunk, which is the narrowest operand of a dot."""


@dataclass(frozen=True, slots=True)
class Shift:
    """`number` times `stride` columns, number a scalar such as a loop's counter."""

    number: Tile
    stride: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Columns first, first + step, .. of a row, `count` of them (a power of two), in one field.

    shift: by how much further they lie, known at run time only; still in the field.
    """

    place: Place
    first: int
    step: int
    count: int
    shift: Shift | None = None

    def columns(self) -> Tile:
        """Indices of the columns, i32 [count]."""
        index = arange(self.count)
        index = index * self.step if self.step > 1 else index
        index = index + self.first if self.first else index
        return index if self.shift is None else index + self.shift.number * self.shift.stride


def chunks(layout: Paged, limit: int) -> tuple[Chunk, ...]:
    """The columns of a row as chunks of at most `limit`."""
    found: list[Chunk] = []
    for place in layout.places:
        step = 8 // place.field.format.element.bits or 1
        at, end = place.column, place.column + place.field.count
        while at < end:
            count = limit
            while count * step > end - at:
                count //= 2
            if count < LEAST:
                raise fail(f"layout '{layout.name}': a field of {place.field.count} columns", "use a multiple of 16")
            found += [Chunk(place, at + part, step, count) for part in range(step)]
            at += count * step
    return tuple(found)


class PageRows:
    """The rows of one tile of slots: where each lies, and its columns as `wide`.

    live: which rows may be read; the columns of the others are zero.
    """

    def __init__(
        self,
        cache: ArrayHandle,
        layout: Paged,
        rows: int,
        page: Tile,
        row: Tile,
        live: Tile | None,
        wide: ElementFormat = BF16,
    ) -> None:
        self.cache, self.layout, self.page, self.wide = cache, layout, page, wide
        self.data = row * layout.row_stride
        # Gathered layouts keep all scales of a page after its last row of data.
        self.shares = row * layout.share + rows * layout.row_stride if layout.gathered else self.data
        self.live = live
        self.begin(None)

    def begin(self, shift: Shift | None) -> None:
        """Chunks from here on lie further by `shift`, whole groups of a scale or inside one; nothing is loaded yet."""
        # What is loaded in the body of a loop is not there outside.
        self.shift = shift
        self._words: dict[int, Tile] = {}
        self._scales: dict[tuple[int, int], Tile] = {}
        self._bytes: dict[tuple[int, int], Tile] = {}

    def chunk(self, chunk: Chunk) -> Tile:
        """Columns of one chunk, [rows, count]."""
        if chunk.shift is not None:
            further = copy(self)
            further.begin(chunk.shift)
            return further.chunk(replace(chunk, shift=None))
        place, form = chunk.place, chunk.place.field.format
        if chunk.step > 1:
            values = self._halves(chunk)
        else:
            values = self._elements(place.byte, form.element, chunk.first - place.column, chunk.count)
        if form.scale is None:
            return values.to(self.wide)
        if form.scale.exponent_bits < 8:  # no product is subnormal
            value = values.to(F32) * self._spread(chunk)
        else:
            # E8M0 reaches 2**-127: products may be subnormal, which some targets flush.
            power = form.scale == E8M0 and form.element.exponent_bits < 8
            value = multiply(values.to(F32), self._spread(chunk), power_of_two=power)
        if form.tensor_scale is not None and form.tensor_scale.constant is not None:
            # A power of two by the format's rule, so its reciprocal is exact.
            value = value * (1.0 / form.tensor_scale.constant)
        return value.to(self.wide)

    def _elements(self, byte: int, element: ElementFormat, first: int, count: int, step: int = 1) -> Tile:
        """Elements `first` .. of the run that starts at `byte` of every row; an element has `step` columns."""
        skipped = byte + first * element.storage_bits // 8
        # Bytes from the start of the page, in int32; the page's own offset is added in int64.
        start = self.data + skipped if skipped else self.data
        if self.shift is not None:
            start = start + self.shift.number * (self.shift.stride // step * element.storage_bits // 8)
        start = start[:, None]
        live = None if self.live is None else self.live[:, None]
        return load_view(self.cache, self.page[:, None], start, arange(count)[None, :], element, live)

    def _halves(self, chunk: Chunk) -> Tile:
        """float32 values of codes that share bytes with a neighbouring chunk."""
        place, bits = chunk.place, chunk.place.field.format.element.bits
        part = (chunk.first - place.column) % chunk.step
        start = (chunk.first - place.column) // chunk.step
        # Even and odd columns come from the same bytes: loaded once, shifted twice.
        key = (start, chunk.count)
        if key not in self._bytes:
            self._bytes[key] = self._elements(place.byte, UINT8, start, chunk.count, chunk.step).to(INT32)
        # The first column of a byte is its low nibble.
        codes = self._bytes[key] >> (bits * part) if part else self._bytes[key]
        return codec.decode(codes & ((1 << bits) - 1), place.field.format.element)

    def _spread(self, chunk: Chunk) -> Tile:
        """Scales of a chunk's columns, float32, broadcastable to [rows, count]."""
        group, first = chunk.place.field.group, chunk.first - chunk.place.column
        last = first + (chunk.count - 1) * chunk.step
        spread = self._scale(chunk.place, first // group)[:, None]
        column = arange(chunk.count)[None, :]
        for index in range(first // group + 1, last // group + 1):
            boundary = -(-(index * group - first) // chunk.step)
            # A chunk spans few groups: a few selects replace a load of scales per column.
            spread = where(column >= boundary, self._scale(chunk.place, index)[:, None], spread)
        return spread

    def _scale(self, place: Place, index: int) -> Tile:
        """Scale number `index` of a field, float32 [rows]; four to a load where they are bytes."""
        form = place.field.format.scale
        assert form is not None
        key = (place.byte, index)
        if key not in self._scales:
            byte = place.scale_byte + index * form.storage_bits // 8
            self._scales[key] = self._load_scale(byte, form) if self.shift is None else self._further(byte, place, form)
        return self._scales[key]

    def _further(self, byte: int, place: Place, form: ElementFormat) -> Tile:
        """The scale at `byte` of a row, or as much further as columns are."""
        assert self.shift is not None
        number, stride, group = self.shift.number, self.shift.stride, place.field.group
        groups = number * (stride // group) if stride % group == 0 else number * stride // group
        start = self.shares + (groups * (form.storage_bits // 8) + byte)
        return load_view(self.cache, self.page, start, 0, form, self.live).to(F32)

    def _load_scale(self, byte: int, form: ElementFormat) -> Tile:
        # A word only where it is aligned and inside the row's own bytes.
        if form.bits != 8 or not self.layout.in_words or not self._inside(byte - byte % 4):
            return self._word(byte, form).to(F32)
        start = byte - byte % 4
        if start not in self._words:
            self._words[start] = self._word(start, INT32)
        shift = 8 * (byte % 4)
        code = self._words[start] >> shift if shift else self._words[start]
        return codec.decode(code & 255, form)

    def _inside(self, start: int) -> bool:
        """Whether the word at `start` lies in the row's own bytes."""
        return start + 4 <= (self.layout.share if self.layout.gathered else self.layout.row_stride)

    def _word(self, byte: int, element: ElementFormat) -> Tile:
        start = self.shares + byte if byte else self.shares
        return load_view(self.cache, self.page, start, 0, element, self.live)
