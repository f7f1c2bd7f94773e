"""Packed blocks in tile programs: loads and shifts derived from a block's declaration (`specs.lang.formats.packed`).

The same block of several rows at a time, or one of the equal parts of it that a loop goes through. Elements come in
segments that lie in one run of every plane; the bytes of a run are loaded once and shifted for each of the codes in
them. Numbers, and codes of groups of whole blocks, are read in words as wide as the bytes of a block allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import gcd

from specs.lang.formats.elements import BF16, F16, F32, INT16, INT32, UINT8, ElementFormat
from specs.lang.formats.packed import Codes, Number, PackedBlock, Plane
from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import ArrayHandle, arange, full, load_view, multiply, nibble, split_pairs, where

_LEAST = 16
"""Shortest segment, which is the shortest contraction of a dot."""
_VECTOR = 16
"""Bytes of the widest loads of a thread."""
_MAGIC_BITS, _MAGIC = 0x4B000000, 8388608.0  # 2**23: a small integer ORed into its mantissa is that integer added


def segment(form: PackedBlock) -> int:
    """Elements of a segment: inside one group, and inside one run of every plane with runs of 16 or more."""
    return gcd(form.group, *(plane.run for plane in form.codes.planes if plane.run >= _LEAST))


def word_bytes(form: PackedBlock) -> int:
    """Bytes of the widest words that divide a block: 1, 2 or 4."""
    return gcd(form.bytes, 4)


def groups_as_columns(form: PackedBlock) -> bool:
    """Whether `PackedTile.every_byte` and `PackedTile.codes_of_groups` know a block."""
    (plane, *more), fields = form.codes.planes, (form.sub_scales, form.sub_minima)
    by_four = all(part.run % 4 == 0 for codes in fields if codes for part in codes.planes)
    return not more and plane.regular and plane.run % form.group == 0 and word_bytes(form) == 4 and by_four


def has_vectors(form: PackedBlock) -> bool:
    """Whether blocks begin at multiples of four words."""
    return form.bytes % _VECTOR == 0


class PackedTile:
    """One block of each of several rows, or one part of it.

    array: bytes [rows, bytes of a row]. row: indices, i32 [n]. block: which block of the row, an i32 scalar.
    live: rows that may be read; all bits of the others are zero.
    part, parts: which of how many equal parts, an i32 scalar; elements and groups are then counted from its first.
    wide: what is loaded at once. 0: a run; 1: also four words of numbers and codes of groups, in blocks of whole 16
    bytes; 2: also all bytes of a plane, in place of runs. Tiles of elements are [n, elements].
    """

    def __init__(
        self,
        array: ArrayHandle,
        form: PackedBlock,
        row: Tile,
        block: Tile,
        live: Tile | None = None,
        *,
        part: Tile | None = None,
        parts: int = 1,
        wide: int = 0,
    ) -> None:
        if form.groups % parts:
            raise fail(f"{parts} parts of {form.groups} groups of {form.name}", "let a part have whole groups")
        self.part, self.parts = part, parts
        self.array, self.form, self.row, self.live = array, form, row, live
        self.start = block * form.bytes
        self.wide = wide if parts == 1 else 0
        self._words: dict[int, Tile] = {}
        self._runs: dict[tuple[int, ...], Tile] = {}
        self._codes_of_groups: dict[tuple[Codes, int], Tile] = {}

    # -- of groups, [n] --------------------------------------------------------------------------------------

    def scale(self, group: int) -> Tile:
        """d * s of a group, float32 [n]."""
        return self._of_group(self.form.scale, self.form.sub_scales, group)

    def minimum(self, group: int) -> Tile:
        """dmin * m of a group, float32 [n], with the sign under which it is added."""
        assert self.form.minimum is not None
        low = self._of_group(self.form.minimum, self.form.sub_minima, group)
        return -low if self.form.subtracted else low

    def _of_group(self, whole: Number, codes: Codes | None, group: int) -> Tile:
        number = self.number(whole)
        return number if codes is None else number * self._code_of_group(codes, group)

    def code_of_scale(self, group: int) -> Tile | None:
        """s of a group, float32 [n]; None where it is 1."""
        codes = self.form.sub_scales
        return None if codes is None else self._code_of_group(codes, group)

    def code_of_minimum(self, group: int) -> Tile | None:
        """m of a group, float32 [n]; None where it is 1."""
        codes = self.form.sub_minima
        return None if codes is None else self._code_of_group(codes, group)

    def _code_of_group(self, codes: Codes, group: int) -> Tile:
        width = word_bytes(self.form)
        if self.parts == 1 and width == 4 and all(plane.run % width == 0 for plane in codes.planes):
            lane = 8 * (group % width)
            word = self._four_codes(codes, group // width)
            return self._plain((word >> lane if lane else word) & ((1 << codes.bits) - 1), codes)
        code, position = None, 0
        for plane in codes.planes:
            bytes_, shifts = self._spots(plane, group)
            part = self._bits_at(bytes_, shifts, plane.bits)
            part = part << position if position else part
            code = part if code is None else code | part
            position += plane.bits
        assert code is not None
        return self._plain(code, codes)

    def _four_codes(self, codes: Codes, index: int) -> Tile:
        """Codes 4 * index .. 4 * index + 3 in the bytes of an i32 [n]: four at a time, in a third of the operations."""
        key = (codes, index)
        if key not in self._codes_of_groups:
            word, position = None, 0
            for plane in codes.planes:
                (byte,), (shift,) = self._spots(plane, 4 * index)
                every = ((1 << plane.bits) - 1) * 0x01010101
                part = self._bits(byte, 0, 32)
                part = (part >> shift if shift else part) & (every - (1 << 32) if every >> 31 else every)
                part = part << position if position else part
                word = part if word is None else word | part
                position += plane.bits
            assert word is not None
            self._codes_of_groups[key] = word
        return self._codes_of_groups[key]

    def number(self, number: Number) -> Tile:
        """A number of the block, float32 [n]."""
        if number.element == F16:
            return self._bits(number.byte, 0, 16).to(INT16).bitcast(F16).to(F32)
        if number.element.mantissa_bits or number.element.signed or number.element.bits != 8:
            raise fail(f"a scale in {number.element.name}", "blocks have float16 numbers or powers of two")
        code, extra = self._bits(number.byte, 0, 8), number.element.bias - F32.bias
        if not 0 < extra < 23:
            raise fail(f"a scale in {number.element.name}", "its bias exceeds that of float32")
        # Exponent fields of float32; where they would not be positive the number is subnormal.
        low = where(code > extra, 0, extra - code)
        return where(code > extra, (code - extra) << 23, full((), 0x400000, INT32) >> low).bitcast(F32)

    def _spots(self, plane: Plane, index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Byte and bit of a code in every part, by its index in the part."""
        each = plane.count // self.parts
        runs = [divmod(part * each + index, plane.run) for part in range(self.parts)]
        return tuple(plane.spots[run][0] + i for run, i in runs), tuple(plane.spots[run][1] for run, _ in runs)

    def _of_part(self, values: Sequence[int]) -> int | Tile:
        """The number of this part."""
        first, steps = values[0], {after - before for before, after in pairwise(values)}
        if steps <= {0}:
            return first
        assert self.part is not None
        if len(steps) == 1:
            found = self.part * steps.pop()
            return found + first if first else found
        chosen = full((), values[-1], INT32)
        for index, value in reversed(tuple(enumerate(values[:-1]))):
            chosen = where(self.part == index, value, chosen)
        return chosen

    def _bits_at(self, byte: tuple[int, ...], shift: tuple[int, ...], bits: int) -> Tile:
        """As `_bits`, where byte and bit depend on the part."""
        at, by = self._of_part(byte), self._of_part(shift)
        if isinstance(at, int) and isinstance(by, int):
            return self._bits(at, by, bits)
        code = load_view(self.array, self.row, self.start + at, 0, UINT8, self.live).to(INT32)
        return (code if isinstance(by, int) and by == 0 else code >> by) & ((1 << bits) - 1)

    def _bits(self, byte: int, shift: int, bits: int) -> Tile:
        """Some bits of the block, from bit `shift` of a byte on, i32 [n]."""
        width = word_bytes(self.form)
        at = byte - byte % width
        if at not in self._words and self.wide and has_vectors(self.form):
            self._load_words(at - at % _VECTOR)
        if at not in self._words:
            element = {1: UINT8, 2: INT16, 4: INT32}[width]
            word = load_view(self.array, self.row, self.start + at if at else self.start, 0, element, self.live)
            self._words[at] = word if element == INT32 else word.to(INT32)
        shift += 8 * (byte - at)
        word = self._words[at] >> shift if shift else self._words[at]
        return word if bits == 32 else word & ((1 << bits) - 1)

    def _load_words(self, byte: int) -> None:
        """Loads four words from a byte on."""
        start = self.start + byte if byte else self.start
        place = arange(4)[None, :]
        even, odd = split_pairs(load_view(self.array, self._beside(self.row), start, place, INT32, self._live()))
        for first, pair in ((byte, even), (byte + 4, odd)):
            words = (word.reshape(*self.row.shape) for word in split_pairs(pair))
            self._words |= dict(zip((first, first + 8), words, strict=True))

    def codes_of_groups(self, codes: Codes) -> Tile:
        """The codes of all groups, float32 [n, groups]."""
        group = arange(codes.count)[None, :]
        words = [self._beside(self._four_codes(codes, index)) for index in range(codes.count // 4)]
        word = words[0]
        for index, other in enumerate(words[1:], start=1):
            word = where(group >= 4 * index, other, word)
        return self._plain((word >> ((group % 4) * 8)) & ((1 << codes.bits) - 1), codes)

    def _plain(self, code: Tile, codes: Codes) -> Tile:
        """Values of i32 codes without a table, float32."""
        half = 1 << (codes.bits - 1) if codes.signed else 0
        code = code ^ half if half else code
        return ((code | _MAGIC_BITS).bitcast(F32)) - (_MAGIC + half + codes.offset)

    # -- of elements ---------------------------------------------------------------------------------------------

    def factors(self, first: int, count: int, operand: ElementFormat) -> Tile:
        """The values q of elements first .. first + count - 1, as `operand`: exact in bfloat16 and float16."""
        codes = self.form.codes
        (plane, *more) = codes.planes
        if not more and plane.bits == 4 and not codes.table and operand in (BF16, F16) and plane.run % count == 0:
            bytes_, shifts = self._spots(plane, first)
            if shifts in ((0,) * self.parts, (4,) * self.parts):
                zero = None if codes.offset == 8 else full((1, 1), float(codes.offset), operand)
                return nibble(self._run(plane, bytes_, count), shifts[0] == 4, operand, zero)
        code = self._codes(first, count)
        values = _looked_up(code, codes.table) if codes.table else self._plain(code, codes)
        return values.to(operand)

    def ones(self, first: int, count: int, operand: ElementFormat) -> Tile:
        """As many ones as `factors` has values.

        16-bit ones are computed from the same bytes, because Triton lays out the other operand of a dot by the bits of
        what an operand is loaded from: both dots then share one copy of it.
        """
        if operand == F32:
            return full((self.row.shape[0], count), 1.0, operand)
        plane = self.form.codes.planes[0]
        none = self._run(plane, self._spots(plane, first)[0], count).to(INT32) >> 8
        return (none + 1).to(F32).to(operand)

    def values(self, first: int, count: int) -> Tile:
        """Elements first .. first + count - 1 of one group, float32."""
        group = first // self.form.group
        q, scale = self.factors(first, count, F32), self._beside(self.scale(group))
        subnormal = self.form.scale.element != F16
        value = multiply(q, scale, power_of_two=True) if subnormal else scale * q
        return value if self.form.minimum is None else value + self._beside(self.minimum(group))

    def _codes(self, first: int, count: int) -> Tile:
        code, position = None, 0
        for plane in self.form.codes.planes:
            part = self._of_plane(plane, first, count) & ((1 << plane.bits) - 1)
            part = part << position if position else part
            code = part if code is None else code | part
            position += plane.bits
        assert code is not None
        return code

    def _of_plane(self, plane: Plane, first: int, count: int) -> Tile:
        """i32 whose low bits are the bits of a plane."""
        bytes_, shifts = self._spots(plane, first)
        if plane.run % count == 0:
            packed, shift = self._run(plane, bytes_, count).to(INT32), self._of_part(shifts)
            return packed if isinstance(shift, int) and not shift else packed >> shift
        turn = 8 // plane.bits
        if not plane.regular or plane.run != 1 or shifts != (0,) or count % turn:
            raise fail(f"{self.form.name}: a segment of {count} elements covers several runs of {plane.run}")
        index = self._element(count)
        start = self.start + bytes_[0]
        packed = load_view(self.array, self._beside(self.row), start, index // turn, UINT8, self._live()).to(INT32)
        return packed >> ((index % turn) * plane.bits)

    def _run(self, plane: Plane, byte: tuple[int, ...], count: int) -> Tile:
        """Consecutive bytes of a plane, from one that depends on the part on."""
        if byte not in self._runs and self.wide == 2 and plane.regular and plane.run >= count:
            first, size = plane.spots[0][0], plane.count * plane.bits // 8
            tiles = [self._whole(plane)]
            while len(tiles) * count < size:
                tiles = [half for tile in tiles for half in halves(tile)]
            self._runs |= {(first + i * count,): tile for i, tile in enumerate(tiles)}
        if byte not in self._runs:
            at = self._of_part(byte)
            self._runs[byte] = self._bytes(self.start if isinstance(at, int) and not at else self.start + at, count)
        return self._runs[byte]

    def _whole(self, plane: Plane) -> Tile:
        """All bytes of a regular plane."""
        first, size = plane.spots[0][0], plane.count * plane.bits // 8
        if (first, size) not in self._runs:
            self._runs[first, size] = self._bytes(self.start + first if first else self.start, size)
        return self._runs[first, size]

    def every_byte(self, number: int, operand: ElementFormat) -> tuple[Tile, Tile, Tile]:
        """The values of one code per byte of the plane, [n, bytes]; which elements these are and their groups, [bytes].

        number: which of the codes of a byte. Exact in bfloat16 and float16. Needs `groups_as_columns`.
        """
        codes, (plane,) = self.form.codes, self.form.codes.planes
        per_byte, packed, each = 8 // plane.bits, self._whole(plane), plane.run // self.form.group
        column = arange(packed.shape[1])
        run, place = column // plane.run, column % plane.run
        element = run * (plane.run * per_byte) + place + number * plane.run
        # Not element // group, from which Triton does not see that neighbours are in one group.
        group = run * (each * per_byte) + number * each
        group = group if each == 1 else group + place // self.form.group
        if plane.bits == 4 and not codes.table and operand != F32:
            zero = None if codes.offset == 8 else full((1, 1), float(codes.offset), operand)
            return nibble(packed, number == 1, operand, zero), element, group
        code = (packed.to(INT32) >> (number * plane.bits)) & ((1 << plane.bits) - 1)
        values = _looked_up(code, codes.table) if codes.table else self._plain(code, codes)
        return values.to(operand), element, group

    def _bytes(self, start: Tile, count: int) -> Tile:
        return load_view(self.array, self._beside(self.row), start, self._element(count), UINT8, self._live())

    def _element(self, count: int) -> Tile:
        return arange(count)[None, :]

    def _beside(self, x: Tile) -> Tile:
        """One number per row, to broadcast against tiles of elements."""
        return x[:, None]

    def _live(self) -> Tile | None:
        return None if self.live is None else self._beside(self.live)


def halves(x: Tile) -> tuple[Tile, Tile]:
    """The first and the second half of the columns of a tile."""
    n, columns = x.shape
    return split_pairs(x.reshape(n, 2, columns // 2).transpose(0, 2, 1).reshape(n, columns))


def _looked_up(code: Tile, table: tuple[int, ...]) -> Tile:
    """table[code] as float32: a tree of selections, one level per bit."""
    bit, level = 0, [float(value) for value in table]
    chosen: list[Tile] = []
    while len(level) > 1 or len(chosen) > 1:
        odd = ((code >> bit if bit else code) & 1) != 0
        if chosen:
            chosen = [where(odd, high, low) for low, high in zip(chosen[::2], chosen[1::2], strict=True)]
        else:
            pairs = zip(level[::2], level[1::2], strict=True)
            chosen, level = [where(odd, full((1, 1), high, F32), low) for low, high in pairs], []
        bit += 1
    return chosen[0]
