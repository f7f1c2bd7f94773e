"""Where in an output elements are outside of what is allowed, reduced to a grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from parity.judge.verdict import ErrorMap

MAX_ROWS = 24
MAX_COLUMNS = 64
"""Cells of a map: a tile of 16 columns of 1024 is one of them."""


def error_map(bad: npt.NDArray[np.bool_]) -> ErrorMap | None:
    """How many elements of every cell are bad; None where none is.

    Args:
        bad: of every element; dimensions other than the last are folded into rows.
    """
    if not bad.any():
        return None
    flat = bad.reshape(-1, bad.shape[-1]) if bad.ndim else bad.reshape(1, 1)
    step = (-(-flat.shape[0] // MAX_ROWS), -(-flat.shape[1] // MAX_COLUMNS))
    cells = flat.astype(np.int64)
    for axis in (0, 1):
        cells = np.add.reduceat(cells, np.arange(0, flat.shape[axis], step[axis]), axis=axis)
    return ErrorMap(shape=(flat.shape[0], flat.shape[1]), step=step, outside=tuple(map(tuple, cells.tolist())))
