"""Windows of memory and padding as functions of tensors, with everything that does not depend on these done before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from specs.tile.interpret.windows import Window

Margins = tuple[tuple[int, int], ...]
Moved = Callable[[torch.Tensor], torch.Tensor]


def window_view(window: Window) -> Moved:
    """The view of a window of a 1-D buffer."""
    sizes, strides = ([int(n) for n in numbers] for numbers in (window.sizes, window.strides))
    base = int(window.base)

    def view(flat: torch.Tensor) -> torch.Tensor:
        return flat.as_strided(sizes, strides, flat.storage_offset() + base)

    return view


def take_window(window: Window, *, stays: bool) -> Moved:
    """A window of a 1-D buffer: its view, or a copy where the buffer may change."""
    view = window_view(window)
    return view if stays else lambda flat: view(flat).clone()


def put_window(window: Window) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Writes a window of a 1-D buffer in place, and returns the buffer."""
    view = window_view(window)

    def put(flat: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        view(flat).copy_(values)
        return flat

    return put


def pad(margins: Margins, value: Any | None) -> Moved:
    """Elements around a tensor: a numpy scalar, zeros for None."""
    widths = [width for pair in reversed(margins) for width in pair]
    fill = 0 if value is None else value.item()
    code = 0 if value is None or value.itemsize > 1 else int(value.view(np.uint8))

    def padded(x: torch.Tensor) -> torch.Tensor:
        if x.element_size() == 1 and x.is_floating_point():
            return torch.constant_pad_nd(x.view(torch.uint8), widths, code).view(x.dtype)
        return torch.constant_pad_nd(x, widths, fill)

    return padded


def item(key: Any, shape: Sequence[int]) -> Callable[[Any], Any]:
    """x[key] of a tensor of this shape; of slices by narrowing, which takes torch half the time."""
    if not isinstance(key, tuple) or len(key) != len(shape) or not all(isinstance(part, slice) for part in key):
        return lambda x: x[key]
    parts = [part.indices(size) for part, size in zip(key, shape, strict=True)]
    if any(step != 1 or end < first for first, end, step in parts):
        return lambda x: x[key]
    cut = [(d, first, end - first) for d, (first, end, _) in enumerate(parts) if end - first != shape[d]]

    def narrowed(x: torch.Tensor) -> torch.Tensor:
        for d, first, count in cut:
            x = x.narrow(d, first, count)
        return x

    return narrowed
