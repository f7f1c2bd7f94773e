"""Rows of a buffer in a CPU's memory, copied as wholes by numpy, which takes a tenth of torch's time for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, slots=True)
class Places:
    """Which rows are moved. numbers: of rows of the buffer. live: which of all they are; None for all of them.

    shape: of all rows.
    """

    count: int
    shape: tuple[int, ...]
    numbers: Array
    live: Array | None


def places_of(count: int, starts: Any, mask: Any = None) -> Places:
    """Rows of `count` elements that begin at `starts`, those where the mask is true."""
    numbers = _array(starts) // count
    if mask is None:
        return Places(count, numbers.shape, numbers, None)
    live = np.broadcast_to(_array(mask), numbers.shape)
    if live.all():
        return Places(count, numbers.shape, numbers, None)
    return Places(count, numbers.shape, numbers[live], np.flatnonzero(live))


def take_rows(flat: torch.Tensor, places: Places, other: torch.Tensor | None = None) -> torch.Tensor:
    """The rows, and `other` in place of those that are not moved: [*places.shape, count]."""
    found = np.take(_rows(flat, places.count), places.numbers, axis=0)
    if places.live is not None:
        assert other is not None
        every = np.full((*places.shape, places.count), bits(other).item(), found.dtype)
        every.reshape(-1, places.count)[places.live] = found
        found = every
    return torch.from_numpy(found).view(flat.dtype)


def put_rows(flat: torch.Tensor, places: Places, values: torch.Tensor) -> torch.Tensor:
    """The buffer after `values` [*places.shape, count] were written into it."""
    new = bits(values).numpy()
    if places.live is not None:
        new = new.reshape(-1, places.count)[places.live]
    _rows(flat, places.count)[places.numbers] = new
    return flat


def bits(x: torch.Tensor) -> torch.Tensor:
    """The same memory as integers: numpy has no type for bfloat16 and 8-bit floats."""
    return x.view(_INTEGERS[x.element_size()])


def _rows(flat: torch.Tensor, count: int) -> Array:
    rows: Array = bits(flat).view(-1, count).numpy()
    return rows


def _array(x: Any) -> Array:
    return x if isinstance(x, np.ndarray) else x.numpy()
