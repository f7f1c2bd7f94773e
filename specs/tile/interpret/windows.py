"""Tiles whose places in memory are known before the program runs: windows at regular distances, and boxes of masks.

Offsets and masks that depend on sizes and the grid only are numpy arrays here. Most tiles of such offsets are windows,
which libraries read and write as views, without an index per element.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Sizes = tuple[int, ...]
_LARGEST = 1 << 23  # elements of offsets that are looked at


@dataclass(frozen=True, slots=True)
class Window:
    """The elements base + sum_d i_d strides[d], 0 <= i_d < sizes[d], of a 1-D buffer."""

    base: int
    sizes: Sizes
    strides: Sizes

    def within(self, length: int) -> bool:
        """Whether a buffer of this length has all of them."""
        if 0 in self.sizes:
            return True
        reach = [(size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True)]
        low = self.base + sum(part for part in reach if part < 0)
        high = self.base + sum(part for part in reach if part > 0)
        return low >= 0 and high < length

    @property
    def distinct(self) -> bool:
        """Whether no element is certain to appear twice: every stride is longer than what lies within it."""
        inner = 0
        pairs = zip(self.strides, self.sizes, strict=True)
        for stride, size in sorted((abs(stride), size) for stride, size in pairs if size > 1):
            if stride <= inner:
                return False
            inner += (size - 1) * stride
        return True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile lies.

    axes: sizes of the tile's dimensions, some of them as several; in row-major order they are the tile.
    first: where the window begins along each of them; elements outside the window are masked.
    """

    axes: Sizes
    first: Sizes
    window: Window

    @property
    def whole(self) -> bool:
        """Whether the window is the tile."""
        return self.axes == self.window.sizes

    @property
    def inside(self) -> tuple[slice, ...]:
        """The window among the axes."""
        return tuple(slice(low, low + size) for low, size in zip(self.first, self.window.sizes, strict=True))

    @property
    def margins(self) -> tuple[tuple[int, int], ...]:
        """Masked elements before and after the window, along every axis."""
        return tuple(
            (low, axis - low - size) for axis, low, size in zip(self.axes, self.first, self.window.sizes, strict=True)
        )


def place(offsets: Array, mask: Array | None, grid: Sizes) -> Place | None:
    """Where offsets [G, *tile] lie that a mask of as many dimensions lets through; None if that is no window.

    grid: whose product is G.
    """
    shape = offsets.shape if mask is None else np.broadcast_shapes(offsets.shape, mask.shape)
    if prod(shape) > _LARGEST or not prod(shape):
        return None
    axes: list[tuple[int, int]] = []  # sizes and strides
    offsets = offsets.astype(np.int64, copy=False)
    total = base = offsets[(0,) * offsets.ndim]
    for number, size in enumerate(shape):
        line = offsets[tuple(slice(None) if d == number else slice(0, 1) for d in range(offsets.ndim))]
        total = total + (line - base)
        found = _axes(
            np.broadcast_to(line.reshape(-1), (size,)), grid if number == 0 and prod(grid) == size else (size,)
        )
        if found is None:
            return None
        axes += found
    if not np.array_equal(np.broadcast_to(total, offsets.shape), offsets):
        return None
    if mask is None or mask.all():
        return Place(_sizes(axes), (0,) * len(axes), Window(int(base), *_split(axes)))
    mask = np.broadcast_to(mask, shape)
    return _boxed(int(base), axes, mask) or _boxed(int(base), _merged(axes), mask)


def _axes(line: Array, sizes: Sizes) -> list[tuple[int, int]] | None:
    """Sizes and strides, outermost first, of the offsets along one dimension, which is split into `sizes` at least."""
    found: list[tuple[int, int]] = []
    for number, size in enumerate(sizes):
        inner = prod(sizes[number + 1 :])
        steps = _steps(line[: size * inner : inner])
        if steps is None:
            return None
        found += steps
    shape = [size for size, _ in found]
    total: Any = line[0]
    for number, (size, stride) in enumerate(found):
        total = total + (np.arange(size) * stride).reshape([-1 if d == number else 1 for d in range(len(shape))])
    return found if np.array_equal(np.broadcast_to(total, shape).reshape(-1), line) else None


def _steps(line: Array) -> list[tuple[int, int]] | None:
    """One line as equal steps, within which there are equal steps; None if it is not."""
    size = len(line)
    if size == 1:
        return [(1, 0)]
    changes = np.flatnonzero(np.diff(line) != line[1] - line[0])
    run = int(changes[0]) + 1 if len(changes) else size
    if size % run:
        return None
    outer = [] if run == size else _steps(line[::run])
    return None if outer is None else [*outer, (run, int(line[1] - line[0]))]


def _merged(axes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring axes that count on as one."""
    found: list[tuple[int, int]] = []
    for size, stride in axes:
        if size == 1:
            continue
        above = found.pop()[0] if found and found[-1][1] == size * stride else 1
        found.append((above * size, stride))
    return found or [(1, 0)]


def _boxed(base: int, axes: list[tuple[int, int]], mask: Array) -> Place | None:
    """The place where the mask is true in a box of these axes, else None."""
    mask = mask.reshape(_sizes(axes))
    first, sizes = [], []
    for number in range(mask.ndim):
        there = np.flatnonzero(mask.any(axis=tuple(d for d in range(mask.ndim) if d != number)))
        first.append(int(there[0]) if len(there) else 0)
        sizes.append(int(there[-1]) + 1 - first[-1] if len(there) else 0)
    if int(mask.sum()) != prod(sizes):
        return None
    start = base + sum(low * stride for low, (_, stride) in zip(first, axes, strict=True))
    return Place(_sizes(axes), tuple(first), Window(start, tuple(sizes), _split(axes)[1]))


def _sizes(axes: list[tuple[int, int]]) -> Sizes:
    return tuple(size for size, _ in axes)


def _split(axes: list[tuple[int, int]]) -> tuple[Sizes, Sizes]:
    return _sizes(axes), tuple(stride for _, stride in axes)


@dataclass(frozen=True, slots=True)
class Slice:
    """A window as a slice of an array: flat[start:end] as an array of `shape`, of which [first, last) is the window.

    sizes: of its axes that are no repetition, 1 for the others. order: from them to the window's.
    """

    start: int
    end: int
    shape: Sizes
    first: Sizes
    last: Sizes
    sizes: Sizes
    order: Sizes


def slice_of(window: Window, length: int) -> Slice | None:
    """A window of a buffer of this length as a slice; None if its strides do not divide each other."""
    moving = [
        d for d, (size, stride) in enumerate(zip(window.sizes, window.strides, strict=True)) if size > 1 and stride
    ]
    if any(window.strides[d] < 0 for d in moving):
        return None
    moving.sort(key=lambda d: -window.strides[d])
    steps = [(window.sizes[d], window.strides[d]) for d in moving]
    if not steps or steps[-1][1] > 1:
        steps.append((1, 1))
    shape, first, rest = [], [], window.base
    for number, (size, stride) in enumerate(steps):
        above = steps[number - 1][1] if number else None
        if above is not None:
            if above % stride or above == stride:
                return None
            shape.append(above // stride)
        first.append(rest // stride)
        rest %= stride
        if number and first[-1] + size > shape[-1]:
            return None
    pitch = steps[0][1]
    if length % pitch:
        start, end = first[0] * pitch, (first[0] + steps[0][0]) * pitch
        first[0] = 0
    else:
        start, end = 0, length
    if end > length:
        return None
    rows = (end - start) // pitch
    still = [d for d in range(len(window.sizes)) if d not in moving]
    placed = [*moving, *still]
    return Slice(
        start,
        end,
        (rows, *shape),
        tuple(first),
        tuple(low + size for low, (size, _) in zip(first, steps, strict=True)),
        tuple(window.sizes[d] if d in moving else 1 for d in placed),
        tuple(placed.index(d) for d in range(len(placed))),
    )
