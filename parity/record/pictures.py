"""Reduces large arrays to small pictures at the time of the run."""

from __future__ import annotations

import numpy as np

from parity.judge.ulp import AnyArray
from parity.record.records import ScaleMap

MAX_ROWS = 24
MAX_COLUMNS = 48
"""Cells of a scale map: as many as are distinguishable at the width of a phone."""


def scale_map(scales: AnyArray, *, title: str, rows: str, columns: str) -> ScaleMap:
    """Reduce an array of scales to a map that shows the largest scale under every cell.

    Args:
        scales: decoded scales [R, C] of any real dtype; other ranks are folded into two dimensions, last one
            kept.
        title: which operand this is.
        rows: label of the rows.
        columns: label of the columns.
    """
    flat = scales.astype(np.float64).reshape(-1, scales.shape[-1]) if scales.ndim else scales.reshape(1, 1)
    usable = np.isfinite(flat) & (flat > 0)
    log2 = np.where(usable, np.log2(np.where(usable, flat, 1.0)), -np.inf)
    step = (-(-log2.shape[0] // MAX_ROWS) or 1, -(-log2.shape[1] // MAX_COLUMNS) or 1)
    for axis in (0, 1):
        starts = np.arange(0, log2.shape[axis], step[axis])
        log2 = np.maximum.reduceat(log2, starts, axis=axis) if starts.size else log2
    cells = tuple(tuple(float(x) if np.isfinite(x) else None for x in row) for row in log2)
    return ScaleMap(title=title, rows=rows, columns=columns, log2=cells, step=step)
