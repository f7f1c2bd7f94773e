"""How a logical array lies in memory.

`Dense` covers every plain array: outer strides are free, and `inner` says what the last two may be. Arrays that hold
several codes per word are dense arrays of words; which codes a word holds is the block format's `Packing`. `Pages` are
caches of fixed-size pages; what lies in a page is a `Paged` value that the caller picks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from specs.lang.declare.axes import Axis
from specs.lang.formats.paged import Paged


class Inner(Enum):
    """What the strides of the innermost dimensions may be."""

    UNIT = "the last dimension is contiguous"
    EITHER = "one of the last two dimensions is contiguous"
    FREE = "any strides"
    PACKED = "row-major without gaps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A strided array; every stride not constrained by `inner` is read at run time.

    Where any strides are free, a stride may be 0 (a view that repeats one value), unless the array is written.
    """

    inner: Inner = Inner.UNIT
    """What the strides of the innermost dimensions may be."""
    alignment: int = 1
    """Bytes of which the memory's address is a multiple, for bytes that are read as wider elements."""

    def problem(self, shape: tuple[int, ...], strides: tuple[int, ...], *, written: bool) -> str | None:
        """What the layout asks for if these strides (in elements) break it, else None."""
        if not shape or 0 in shape:
            return None
        unit = [size <= 1 or stride == 1 for size, stride in zip(shape, strides, strict=True)]
        match self.inner:
            case Inner.UNIT if not unit[-1]:
                return "a last dimension with stride 1"
            case Inner.EITHER if not any(unit[-2:]):
                return "stride 1 in one of the last two dimensions"
            case Inner.PACKED if not is_packed(shape, strides):
                return "a contiguous array (row-major without gaps)"
        least = 0 if self.repeats(written) else 1
        if any(size > 1 and stride < least for size, stride in zip(shape, strides, strict=True)):
            return "no negative stride" if least == 0 else "positive strides"
        return None

    def repeats(self, written: bool) -> bool:
        """Whether elements of one array may share memory."""
        return self.inner is Inner.FREE and not written


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A cache, uint8 [pages, bytes of a page and of its padding], also taken as [pages, rows, bytes of a row].

    The three-dimensional form is nominal where scales lie at the end of the page: only its first stride counts.
    """

    layout: str
    """Attribute with the cache layout."""
    rows: Axis
    """Static axis: rows of a page."""
    block_size: str
    """Attribute that states the rows of a page; may be left out of a call that passes the three-dimensional form."""

    def problem(self, shape: tuple[int, ...], strides: tuple[int, ...], alignment: int = 1) -> str | None:
        """What the layout asks for if these strides (in bytes) break it, else None. alignment: of the pages."""
        if shape[0] > 1 and strides[0] % alignment:
            return f"pages a multiple of {alignment} bytes apart"
        inner = packed_strides(shape[1:])
        for size, stride, wanted in zip(shape[1:], strides[1:], inner, strict=True):
            if size > 1 and stride != wanted:
                return "pages without gaps inside"
        size = inner[0] * shape[1] if len(shape) > 1 else 1
        return f"pages that do not overlap, {size} bytes apart or more" if shape[0] > 1 and strides[0] < size else None

    def rows_of(self, layout: Paged, shape: tuple[int, ...], stated: int | None) -> int | None:
        """Rows of a page by the shape or as stated; None where the two contradict or neither says it."""
        if len(shape) == 2:
            return stated
        fits = shape[2] == layout.row_bytes and stated in (None, shape[1])
        return shape[1] if fits else None


Layout = Dense | Pages


def packed_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def is_packed(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the strides are row-major without gaps, dimensions of size 1 aside."""
    wanted = packed_strides(shape)
    return all(size == 1 or have == want for size, have, want in zip(shape, strides, wanted, strict=True))
