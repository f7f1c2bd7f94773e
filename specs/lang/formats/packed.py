"""Packed blocks: consecutive elements of a row as a few bytes that hold codes and scales together.

A block is declared field by field. Codes lie in bit planes: some bits of a code here, others elsewhere in the block
(`Plane`). A scale, and a minimum, is one number of the block, or that number times a code of the group (two levels).
Scales have formats of their own, whatever the activations are in:

    value[i] = (d * s[i // group]) * q[i]                              without a minimum
    value[i] = (d * s[i // group]) * q[i] +- (dmin * m[i // group])    with one

in float32, one rounding per operation, where q, s and m are `value`s of codes (an offset subtracted, or looked up in a
table) and are 1 where the block has no such field. `decode` and `pack` here, the loads of tile programs
(`specs.tile.library.packed`) and the table in the documentation all follow from the declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from specs.lang.errors import SpecError, WrongFormat, WrongShape
from specs.lang.formats.elements import F32, ElementFormat

NDArray = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Some bits of every code of a field.

    Codes r * run .. (r + 1) * run - 1 lie in `run` consecutive bytes from spots[r][0] on, at bit spots[r][1].
    """

    bits: int
    """Bits that each code has here."""
    run: int
    """Consecutive codes that lie in consecutive bytes."""
    spots: tuple[tuple[int, int], ...]
    """(first byte, lowest bit) of every run."""

    @property
    def count(self) -> int:
        """Number of codes."""
        return self.run * len(self.spots)

    @property
    def regular(self) -> bool:
        """Whether bytes are filled from bit 0 on, one run after the other, before the next bytes are."""
        return self == plane(self.spots[0][0], self.bits, self.run, self.count)

    def places(self) -> tuple[NDArray, NDArray]:
        """Byte and lowest bit of every code, int32 [count]."""
        first = np.array(self.spots, np.int32).repeat(self.run, 0)
        return first[:, 0] + np.tile(np.arange(self.run, dtype=np.int32), len(self.spots)), first[:, 1]


def plane(byte: int, bits: int, run: int, count: int) -> Plane:
    """Bytes from `byte` on, each filled from bit 0: `run` codes in as many bytes, the next in the same, and so on.

    With 4 bits and a run of 16, byte j of 16 has code j in its low and code j + 16 in its high nibble.
    """
    per_byte = 8 // bits
    spots = ((byte + run * (r // per_byte), bits * (r % per_byte)) for r in range(count // run))
    return Plane(bits=bits, run=run, spots=tuple(spots))


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A field of small integers."""

    planes: tuple[Plane, ...]
    """Bits of a code, the lowest ones first."""
    offset: int = 0
    """What is subtracted from a code."""
    signed: bool = False
    """Whether codes are two's complement."""
    table: tuple[int, ...] = ()
    """Value of every code, where it is looked up."""

    @property
    def count(self) -> int:
        """Number of codes."""
        return self.planes[0].count

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return sum(plane.bits for plane in self.planes)

    @property
    def range(self) -> tuple[int, int]:
        """Least and largest value."""
        if self.table:
            return min(self.table), max(self.table)
        half = 1 << (self.bits - 1) if self.signed else 0
        return -half - self.offset, (1 << self.bits) - 1 - half - self.offset

    def read(self, blocks: NDArray) -> NDArray:
        """Raw codes, uint8 [.., count], of blocks uint8 [.., bytes]."""
        code = np.zeros((*blocks.shape[:-1], self.count), np.uint8)
        position = 0
        for part in self.planes:
            byte, shift = part.places()
            code |= ((blocks[..., byte] >> shift.astype(np.uint8)) & np.uint8((1 << part.bits) - 1)) << position
            position += part.bits
        return code

    def write(self, blocks: NDArray, codes: NDArray) -> None:
        """Puts raw codes into blocks whose bits at their places are zero."""
        position = 0
        for part in self.planes:
            byte, shift = part.places()
            bits = ((codes >> position) & ((1 << part.bits) - 1)) << shift
            for i in range(self.count):  # several codes share a byte
                blocks[..., byte[i]] |= bits[..., i].astype(np.uint8)
            position += part.bits

    def value(self, codes: NDArray) -> NDArray:
        """Values of raw codes, int32."""
        if self.table:
            return np.array(self.table, np.int32)[codes]
        wide = codes.astype(np.int32)
        if self.signed:
            half = 1 << (self.bits - 1)
            wide = (wide ^ half) - half
        return wide - self.offset

    def code(self, values: NDArray) -> NDArray:
        """Raw codes of values in range (no table)."""
        return ((np.asarray(values).astype(np.int32) + self.offset) & ((1 << self.bits) - 1)).astype(np.uint8)

    def bits_used(self) -> list[tuple[int, int]]:
        """(byte, bit) of everything that the field occupies."""
        found = []
        for part in self.planes:
            for byte, shift in zip(*part.places(), strict=True):
                found += [(int(byte), int(shift) + bit) for bit in range(part.bits)]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a block."""

    byte: int
    """Where it begins."""
    element: ElementFormat
    """What it is: a float16, or the exponent of a power of two."""

    @property
    def width(self) -> int:
        """Its bytes."""
        return self.element.storage_bits // 8

    def read(self, blocks: NDArray) -> NDArray:
        """float32 [..]."""
        raw = np.ascontiguousarray(blocks[..., self.byte : self.byte + self.width])
        own = self.element.numpy_dtype
        if own is not None and own.isbuiltin == 1:  # NaN keep their payload
            return np.asarray(raw.view(own.newbyteorder("<"))[..., 0].astype(np.float32))
        codes = raw.view(self.element.storage_dtype.newbyteorder("<"))[..., 0]
        return np.asarray(self.element.decode(codes).astype(np.float32))

    def write(self, blocks: NDArray, values: NDArray) -> None:
        """Rounds float32 [..] to the format, ties to even; powers of two are given exactly."""
        own = self.element.numpy_dtype
        with np.errstate(over="ignore", invalid="ignore"):
            if own is not None and own.isbuiltin == 1:
                raw = values.astype(own.newbyteorder("<"))
            else:
                raw = self.element.encode(values.astype(np.float64)).astype(self.element.storage_dtype)
        blocks[..., self.byte : self.byte + self.width] = raw[..., None].view(np.uint8)


class Encoder(Enum):
    """How codes and scales follow from the values of a block, float32, inv(d) = 1 / d, or 0 where d is 0."""

    EXTREME = "d = x* / -offset, x* the first value of largest magnitude; q = min(trunc(x inv(d) + offset + 1/2), max)"
    RANGE = "m = least value, d = (largest - m) / max; q = trunc((x - m) inv(d) + 1/2), limited to max"
    AMAX = "d = amax / max; q = x inv(d), rounded half away from zero"
    FLOOR_EXPONENT = "d = 2^(floor(log2 amax) - 3), 2^-128 for zeros; q = the nearest value, the first of two"
    NEAREST = "d = x* / table[0]; q = the nearest value of x inv(d), the first of two"
    GROUP_EXTREME = (
        "e = x* / least value of every group; d = max |e| / largest s; s = rint(e inv(d)); q = rint(x inv(d s))"
    )
    GROUP_RANGE = (
        "low = min(least value, 0), e = (largest - low) / max of every group; d = largest e / largest s, "
        "dmin = largest -low / largest m; s = rint(e inv(d)), m = rint(-low inv(dmin)), q = rint((x + dmin m) inv(d s))"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBlock:
    """A block of `elements` consecutive elements in `bytes` bytes.

    Raises:
        SpecError: fields overlap, leave the block, or do not fit together.
    """

    name: str
    """Name that calls use."""
    type_id: int
    """Number of the type in GGUF files."""
    elements: int
    """Elements of a block."""
    bytes: int
    """Bytes of a block."""
    codes: Codes
    """Codes of the elements."""
    scale: Number
    """d, the scale of the block."""
    sub_scales: Codes | None = None
    """s, one per group; None: the block is one group and s is 1."""
    minimum: Number | None = None
    """dmin, the scale of the minima, or the minimum itself; None for blocks without."""
    sub_minima: Codes | None = None
    """m, one per group; None: m is 1."""
    subtracted: bool = False
    """Whether the minimum is subtracted rather than added."""
    encoder: Encoder
    """How `specs.lang.formats.packed_encode` makes codes and scales."""
    source: str = ""
    """Where the layout comes from."""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise SpecError(f"packed block {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        if self.codes.count != self.elements:
            return f"{self.codes.count} codes for {self.elements} elements"
        for field in self._fields():
            if any(plane.count != field.count for plane in field.planes):
                return "planes of one field have different numbers of codes"
            if field.bits > 8 or (field.table and len(field.table) != 1 << field.bits):
                return f"codes of {field.bits} bits with a table of {len(field.table)}"
        groups = {field.count for field in (self.sub_scales, self.sub_minima) if field is not None}
        if len(groups) > 1 or any(self.elements % count for count in groups):
            return f"{sorted(groups)} groups for {self.elements} elements"
        if self.sub_minima is not None and self.minimum is None:
            return "minima of groups without a scale"
        used = [spot for field in self._fields() for spot in field.bits_used()]
        for number in (self.scale, self.minimum):
            if number is not None:
                used += [(number.byte + part, bit) for part in range(number.width) for bit in range(8)]
                if number.byte % number.width or self.bytes % number.width:
                    return f"a {number.element.name} at byte {number.byte} of {self.bytes} is not aligned"
        if len(set(used)) != len(used):
            return "two fields share a bit"
        if any(not (0 <= byte < self.bytes and 0 <= bit < 8) for byte, bit in used):
            return f"a field leaves the {self.bytes} bytes"
        return None

    def _fields(self) -> tuple[Codes, ...]:
        return tuple(field for field in (self.codes, self.sub_scales, self.sub_minima) if field is not None)

    @property
    def groups(self) -> int:
        """Groups of a block: parts with a scale (and a minimum) of their own."""
        field = self.sub_scales or self.sub_minima
        return 1 if field is None else field.count

    @property
    def group(self) -> int:
        """Elements of a group."""
        return self.elements // self.groups

    @property
    def bits_per_element(self) -> float:
        """Bytes of a block in bits, per element."""
        return 8.0 * self.bytes / self.elements

    def row_bytes(self, elements: int) -> int:
        """Bytes of a row.

        Raises:
            WrongShape: blocks do not divide it.
        """
        if elements % self.elements:
            expected = f"a row of whole blocks, {self.elements} elements each in {self.name}"
            raise WrongShape(op=self.name, argument="row", expected=expected, actual=(elements,))
        return elements // self.elements * self.bytes

    def split(self, rows: Any) -> NDArray:
        """Bytes of rows, uint8 [.., row bytes], as blocks [.., blocks, bytes].

        Raises:
            WrongFormat: not bytes.
            WrongShape: no whole blocks.
        """
        given: NDArray = np.asarray(rows)
        if given.dtype != np.uint8:
            raise WrongFormat(op=self.name, argument="rows", expected="bytes, uint8", actual=given.dtype)
        if not given.ndim or given.shape[-1] % self.bytes:
            expected = f"rows of whole blocks, {self.bytes} bytes each in {self.name}"
            raise WrongShape(op=self.name, argument="rows", expected=expected, actual=given.shape)
        return given.reshape(*given.shape[:-1], given.shape[-1] // self.bytes, self.bytes)

    def terms(self, rows: Any, dtype: type[np.floating[Any]] = np.float32) -> tuple[NDArray, NDArray]:
        """The product of d, s and q, and that of dmin and m (0 without a minimum), [.., elements] each.

        dtype: in which products are rounded; float64 holds them all.
        """
        blocks = self.split(rows)
        q = self.codes.value(self.codes.read(blocks)).astype(dtype)
        with np.errstate(all="ignore"):
            scale = self._of_groups(blocks, self.scale, self.sub_scales, dtype)
            product = scale * q.reshape(*q.shape[:-1], self.groups, self.group)
            low = np.zeros((1, 1), dtype)
            if self.minimum is not None:
                low = self._of_groups(blocks, self.minimum, self.sub_minima, dtype)
        shape = (*blocks.shape[:-2], blocks.shape[-2] * self.elements)
        return product.reshape(shape), np.broadcast_to(low, product.shape).reshape(shape)

    def decode(self, rows: Any) -> NDArray:
        """Values, float32 [.., elements], of rows uint8 [.., bytes], rounded as the module says.

        Raises:
            ArgumentError: not bytes, or no whole blocks.
        """
        product, low = self.terms(rows)
        with np.errstate(all="ignore"):
            if self.minimum is None:
                return product
            return np.asarray(product - low if self.subtracted else product + low)  # not -low: the sign of a NaN

    def _of_groups(self, blocks: NDArray, whole: Number, codes: Codes | None, dtype: type[np.floating[Any]]) -> NDArray:
        """A number of the block times the codes of groups, [.., blocks, groups or 1, 1]."""
        number = whole.read(blocks)[..., None].astype(dtype)
        if codes is not None:
            number = number * codes.value(codes.read(blocks)).astype(dtype)
        return np.asarray(number[..., None])

    def pack(
        self,
        codes: NDArray,
        scale: NDArray,
        sub_scales: NDArray | None = None,
        minimum: NDArray | None = None,
        sub_minima: NDArray | None = None,
    ) -> NDArray:
        """Blocks, uint8 [.., bytes], of raw codes [.., elements], numbers [..] and raw codes of groups [.., groups]."""
        blocks = np.zeros((*codes.shape[:-1], self.bytes), np.uint8)
        self.codes.write(blocks, codes)
        self.scale.write(blocks, np.asarray(scale, F32.numpy_dtype))
        for field, given in ((self.sub_scales, sub_scales), (self.sub_minima, sub_minima)):
            if field is not None and given is not None:
                field.write(blocks, given)
        if self.minimum is not None and minimum is not None:
            self.minimum.write(blocks, np.asarray(minimum, F32.numpy_dtype))
        return blocks
