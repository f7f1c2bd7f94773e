"""Draws from given logits: `sample` in both frameworks and in the oracle, which have to give the same tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

import specs
from parity.judge.inputs import Inputs
from parity.models.decoder.errors import LOGITS
from parity.models.decoder.operations import compared
from parity.record.records import StepResult
from specs.lang.call.bind import check_attributes
from specs.lang.formats.elements import F32, INT32
from specs.sampling.tables import sampling_table

TEMPERATURES: Final = (1.0, 0.7, 1.5, 0.0)
SEEDS: Final = (0, 7, 2**40 + 3)
"""Rows take both in turn."""


def draws(
    scheme: str, logits: npt.NDArray[np.float32], positions: npt.NDArray[np.int32], device: str
) -> Iterator[StepResult]:
    """Tokens of logits [n, vocab] at positions [n]."""
    op, rows = specs.get("sample"), len(logits)
    given = {
        "logits": logits,
        "temperature": np.resize(np.array(TEMPERATURES, np.float32), rows),
        "seeds": np.resize(np.array(SEEDS, np.uint64), rows).view(np.int32).reshape(rows, 2),
        "positions": positions,
        "table": sampling_table(),
    }
    arrays = {array.name: given[array.name] for array in op.inputs if array.name in given}
    formats = {name: F32 if array.dtype == np.float32 else INT32 for name, array in arrays.items()}
    inputs = Inputs(op=op, arrays=arrays, formats=formats, attributes=check_attributes(op, {}))
    yield from compared(scheme, LOGITS, inputs, device)
