"""Writing rows into paged caches: one body for every layout, with or without rotary embedding on the way.

A row is written field by field: quantised in groups where the field has scales, unquantised where it has none. Slots
are page * rows + row; a slot that is negative or after the last page is skipped, and no byte outside the rows of the
given slots changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from specs.cache.rope import rotate_rounded
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import BF16, F32, INT32, UINT8
from specs.lang.formats.paged import Paged, Place
from specs.quant.scaling import Scale, float_bits, pack_pairs, quotient_of, scale_of, second_level, stored_as
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    ArrayHandle,
    arange,
    both,
    join_pairs,
    load,
    maximum,
    reduce_max,
    split_pairs,
    store_view,
    where,
    zeros,
)
from specs.tile.library.codec import encode, magnitude_bits


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary embedding of a row's last columns: table [positions, 2 * pairs], position of every row."""

    table: ArrayHandle
    position: Tile
    live: Tile
    pairs: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Destination of rows: page, mask, and first byte of the row's data and scales in the page."""

    cache: ArrayHandle
    layout: Paged
    page: Tile
    live: Tile
    data: Tile
    scales: Tile


def destination_of(cache: ArrayHandle, layout: Paged, rows: int, pages: Tile, slot: Tile, live: Tile) -> Destination:
    """The destination of rows with these slots (i32 or i64 [n])."""
    # Padding has slot -1; masked below, clamped here because // and % of negatives differ between targets.
    clamped = maximum(slot, 0)
    page = clamped // rows
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live = live & (slot >= 0) & (page < pages.to(slot.element))
    # Existing pages fit int32; addresses are computed as page * stride in int64 anyway.
    page, row = page.to(INT32), (clamped % rows).to(INT32)
    data = row * layout.row_stride
    # Gathered layouts keep all scales of a page after the last row's data.
    scales = row * layout.share + rows * layout.row_stride if layout.gathered else data
    return Destination(cache, layout, page, live, data, scales)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a field (or bytes of its codes) as tile [groups, columns of a group], both padded to powers of two.

    live: which the field has; None where all are.
    """

    index: Tile
    live: Tile | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of a field's columns as tiles: `count` of them, of which the field has its own from `before` on."""

    place: Place
    count: int
    before: int = 0

    def numbers(self) -> tuple[Tile, Tile | None]:
        """Their numbers in the field [count], and which of them exist; None: all."""
        number, groups = arange(self.count), self.place.field.count // self.place.field.group
        if self.before:
            number = number - self.before
        after = None if self.before + groups == self.count else number < groups
        return number, both(number >= 0, after) if self.before else after

    def columns(self, per_byte: int = 1) -> Columns:
        """Columns of the field, or bytes of its codes."""
        group = self.place.field.group // per_byte
        number, exist = self.numbers()
        # Tiles are powers of two; the mask protects the bytes of the next field.
        inside = arange(_pow2(group))[None, :]
        live = both(None if inside.shape[1] == group else inside < group, None if exist is None else exist[:, None])
        return Columns(number[:, None] * group + inside, live)


def insert(source: ArrayHandle, token: Tile, destination: Destination, rotation: Rotation | None = None) -> None:
    """Writes rows `token` (i32 [n]) of `source` [tokens, width]."""
    layout = destination.layout
    for place in layout.places:
        groups = Groups(place, _pow2(place.field.count // place.field.group))
        columns = groups.columns()
        x = _load(source, token, destination, place, columns)
        if rotation is not None and place.column + place.field.count > layout.width - 2 * rotation.pairs:
            # Wider keys are rounded to bfloat16 before the rotation, as the model's bfloat16 path has them.
            x = _rotated(x if source.element == BF16 else x.to(BF16).to(F32), x, destination, place, columns, rotation)
        _put(destination, groups, x)
    _pad(destination)


def insert_row(y: Tile, destination: Destination) -> None:
    """Writes one row that is in registers: y, float32 [columns of an even layout, padded to a power of two]."""
    for place in destination.layout.places:
        group = place.field.group
        groups = Groups(place, y.shape[0] // group, place.column // group)
        _put(destination, groups, y.reshape(1, groups.count, group))
    _pad(destination)


def _put(destination: Destination, groups: Groups, x: Tile) -> None:
    """Stores a field [n, groups, columns of a group]."""
    form = groups.place.field.format
    if form.scale is None:
        _store(destination, groups.place.byte, x.to(form.element), groups.columns())
    else:
        _quantise(destination, groups, x)


def _pad(destination: Destination) -> None:
    """Zeros after the scales of rows, where the layout says so."""
    layout = destination.layout
    used = sum(place.field.scale_bytes for place in layout.places)
    # The layout defines these bytes as 0; readers load scales in whole words.
    if layout.share > used and layout.gathered:
        _zero_padding(destination, used, layout.share - used)


def _pow2(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _mask(live: Tile, columns: Columns) -> Tile:
    rows = live[:, None, None]
    return rows if columns.live is None else rows & columns.live[None, :, :]


def _load(source: ArrayHandle, token: Tile, destination: Destination, place: Place, columns: Columns) -> Tile:
    """float32 [n, groups, elements of a group]."""
    index = columns.index[None, :, :] + place.column if place.column else columns.index[None, :, :]
    return load(source, (token[:, None, None], index), _mask(destination.live, columns)).to(F32)


def _rotated(
    narrow: Tile, x: Tile, destination: Destination, place: Place, columns: Columns, rotation: Rotation
) -> Tile:
    """x with its rotary columns rotated; narrow: the same as bfloat16 values."""
    first = destination.layout.width - 2 * rotation.pairs - place.column
    groups, wide = columns.index.shape
    column = (arange(groups) * place.field.group)[:, None] + (arange(wide // 2) * 2)[None, :]
    # A group may straddle the first rotated column; the others pass through unchanged.
    rotary = (column >= first)[None, :, :] & (column < place.field.count)[None, :, :]
    # Masked lanes index the table too; keep them inside it.
    pair = maximum(column - first, 0)[None, :, :] // 2
    live = rotary & rotation.live[:, None, None]
    position = rotation.position[:, None, None]
    cosine = load(rotation.table, (position, pair), live).to(F32)
    # The table's rows are cosines, then sines.
    sine = load(rotation.table, (position, pair + rotation.pairs), live).to(F32)
    turned_even, turned_odd = rotate_rounded(*split_pairs(narrow), cosine, sine)
    even, odd = split_pairs(x)
    return join_pairs(where(rotary, turned_even, even), where(rotary, turned_odd, odd))


def _quantise(destination: Destination, groups: Groups, x: Tile) -> None:
    """Stores codes and scales of a field."""
    place, form = groups.place, groups.place.field.format
    assert form.scale is not None
    # The maximum of bit patterns, not of floats: it is NaN if any element is, on every target.
    scale = scale_for(reduce_max(magnitude_bits(x), axis=2), form)
    # By the scale as stored (rounded to its format), so that decoding undoes exactly this division.
    y = scale.divide(x, (*x.shape[:2], 1))
    if form.packing is None:
        _store(destination, place.byte, y.to(form.element), groups.columns())
    else:
        codes = pack_pairs(encode(y, form.element))
        _store(destination, place.byte, codes, groups.columns(form.packing.per_word))
    number, exist = groups.numbers()
    # Columns of scales past the field's groups belong to the next field.
    mask = both(destination.live[:, None], None if exist is None else exist[None, :])
    start = (destination.scales + place.scale_byte if place.scale_byte else destination.scales)[:, None]
    store_view(destination.cache, destination.page[:, None], start, number[None, :], scale.value.to(form.scale), mask)


def scale_for(amax_bits: Tile, form: BlockFormat) -> Scale:
    """Scales by the format's rule, of blocks whose largest magnitude has these bits."""
    assert form.scale is not None
    if form.tensor_scale is not None and form.tensor_scale.constant is not None:
        # A power of two: the two constant factors may be multiplied first.
        raw = quotient_of(amax_bits, form.element, form.amax_floor)
        if form.rule is ScaleRule.AMAX_QUOTIENT:
            raw = maximum(amax_bits, float_bits(form.amax_floor)).bitcast(F32) / form.largest
        return second_level(raw, form.scale, form.tensor_scale.constant)
    if form.rule is ScaleRule.AMAX_QUOTIENT:
        amax = maximum(amax_bits, float_bits(form.amax_floor)).bitcast(F32)
        return Scale(stored_as(amax / form.largest, amax_bits, form.scale), None)
    return scale_of(amax_bits, form.element, form.scale, form.rule is ScaleRule.POW2_CEIL, form.amax_floor)


def _store(destination: Destination, byte: int, value: Tile, columns: Columns) -> None:
    start = (destination.data + byte if byte else destination.data)[:, None, None]
    mask = _mask(destination.live, columns)
    store_view(destination.cache, destination.page[:, None, None], start, columns.index[None, :, :], value, mask)


def _zero_padding(destination: Destination, used: int, count: int) -> None:
    """Zeros after a row's scales, where the layout pads."""
    index = arange(_pow2(count))
    mask = destination.live[:, None]
    mask = mask if index.shape[0] == count else mask & (index < count)[None, :]
    value = zeros((destination.live.shape[0], index.shape[0]), UINT8)
    store_view(
        destination.cache, destination.page[:, None], (destination.scales + used)[:, None], index[None, :], value, mask
    )
