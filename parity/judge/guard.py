"""Guarded buffers: detect unwritten elements and out-of-bounds writes.

An output is filled with a *poison* pattern before the run: a NaN with an unusual payload where the format has
NaN (a computed NaN carries another payload), the byte 0xA5 elsewhere. A `Guarded` buffer also has guard bytes
before and after the data and, if asked, at the end of every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from parity.judge.ulp import AnyArray
from specs.lang.declare.layouts import packed_strides
from specs.lang.formats.elements import ElementFormat, NanRule

POISON_BYTE = 0xA5
GUARD_BYTES = 512
ALIGNMENT = 64
"""Bytes; frameworks share host memory without a copy only from this alignment on."""

Bytes = npt.NDArray[np.uint8]


def poison_pattern(element: ElementFormat) -> int:
    """Code that an unwritten element of this format holds."""
    repeated = int.from_bytes(bytes([POISON_BYTE]) * (element.storage_bits // 8), "little")
    if element.nan is NanRule.NONE:
        return repeated
    if element.bits == 8:
        # NaN in every 8-bit format that has one; there is no room for a payload.
        return 0xFF
    quiet = 1 << (element.mantissa_bits - 1)
    exponent = ((1 << element.exponent_bits) - 1) << element.mantissa_bits
    return exponent | quiet | (repeated & (quiet - 1))


def bit_view(array: AnyArray) -> AnyArray:
    """The same elements as unsigned integers of the same width; a copy where `array` is not contiguous."""
    packed = np.ascontiguousarray(array).reshape(array.shape)
    return packed.view(np.dtype(f"u{array.dtype.itemsize}"))


def poison(array: AnyArray, element: ElementFormat) -> None:
    """Fill `array` in place with the poison pattern; its width must be the format's (sub-byte codes: one a
    byte).
    """
    width = array.dtype.itemsize
    pattern = np.full(array.shape, poison_pattern(element), np.dtype(f"u{width}"))
    array[...] = pattern.view(array.dtype)


def is_poison(array: AnyArray, element: ElementFormat) -> npt.NDArray[np.bool_]:
    """Where elements still hold the poison pattern, bool, same shape."""
    return np.asarray(bit_view(array) == poison_pattern(element), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Guard bytes that were overwritten."""

    count: int
    first_offset: int
    """Bytes from the first byte of the data; negative when before it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guarded:
    """A poisoned array inside a larger buffer of guard bytes.

    data: the array, a strided view into `buffer`.
    buffer: the whole allocation, one dimension; frameworks that wrap memory (`torch.frombuffer`) take this
        and `offset`.
    offset: bytes from the start of `buffer` to the first element.
    """

    data: AnyArray
    buffer: Bytes
    offset: int
    untouched: Bytes
    inside: npt.NDArray[np.bool_]

    def breach(self) -> Breach | None:
        """The overwritten guard bytes, or None when all are intact."""
        changed = np.flatnonzero((self.buffer != self.untouched) & ~self.inside)
        if not changed.size:
            return None
        return Breach(count=int(changed.size), first_offset=int(changed[0]) - self.offset)


def guarded(
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    element: ElementFormat,
    *,
    row_padding: int = 0,
    strides: tuple[int, ...] | None = None,
    guard_bytes: int = GUARD_BYTES,
) -> Guarded:
    """Allocate a poisoned array of `shape` with guards.

    Args:
        shape: at least one dimension.
        dtype: element type; as wide as the format, or one byte for sub-byte codes.
        element: decides the poison pattern.
        row_padding: guard elements after each row (the last dimension), which makes the array strided.
        strides: in elements, in place of padded rows' strides; 0 where one value is repeated. Gaps between elements are
        guarded too.
        guard_bytes: at least this many guard bytes on each side.
    """
    kind = np.dtype(dtype)
    width = kind.itemsize
    if strides is None:
        row = shape[-1] + row_padding
        strides = (*(row * step for step in packed_strides(shape[:-1])), 1)
    span = width * (1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))) if prod(shape) else 0
    buffer = np.empty(span + 2 * guard_bytes + ALIGNMENT, np.uint8)
    offset = guard_bytes + (-(buffer.ctypes.data + guard_bytes)) % ALIGNMENT
    # Neighbouring guard bytes differ, so that neither a constant fill nor a shifted copy restores them.
    buffer[:] = np.arange(buffer.size, dtype=np.uint64) * 37 + POISON_BYTE
    steps = tuple(step * width for step in strides)
    inside = np.zeros(buffer.size, np.bool_)
    as_strided(inside[offset : offset + span], (*shape, width), (*steps, 1))[...] = True
    data = as_strided(buffer[offset : offset + span].view(kind), shape, steps)
    poison(data, element)
    return Guarded(data=data, buffer=buffer, offset=offset, untouched=buffer.copy(), inside=inside)
