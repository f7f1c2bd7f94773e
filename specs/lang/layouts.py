"""How a logical array lies in memory.

`Dense` covers every plain array: outer strides are free, and `inner` says what the last two may be. Arrays that hold
several codes per word are dense arrays of words; which codes a word holds is the block format's `Packing`. Paged
layouts (caches of fixed-size pages) are a further class of this module's union.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Inner(Enum):
    """What the strides of the innermost dimensions may be."""

    UNIT = "the last dimension is contiguous"
    EITHER = "one of the last two dimensions is contiguous"
    FREE = "any strides"
    PACKED = "row-major without gaps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A strided array; every stride not constrained by `inner` is read at run time."""

    inner: Inner = Inner.UNIT

    def problem(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> str | None:
        """What the layout asks for if these strides (in elements) break it, else None."""
        if not shape or 0 in shape:
            return None
        unit = [size <= 1 or stride == 1 for size, stride in zip(shape, strides, strict=True)]
        match self.inner:
            case Inner.UNIT if not unit[-1]:
                return f"a last dimension with stride 1, {self.inner.value}"
            case Inner.EITHER if not any(unit[-2:]):
                return f"stride 1 in one of the last two dimensions ({self.inner.value})"
            case Inner.PACKED if not is_packed(shape, strides):
                return f"a contiguous array, {self.inner.value}"
        if any(stride < 0 or (stride == 0 and size > 1) for size, stride in zip(shape, strides, strict=True)):
            return "positive strides"
        return None


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
