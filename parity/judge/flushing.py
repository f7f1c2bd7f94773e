"""Errors allowed on platforms that flush subnormal float32 operands and results to zero.

An element that misses its rule is explained where it keeps it against the oracle of the same inputs without their
subnormal numbers, or against either oracle's results without theirs; in a sum also where it is off by what its
operations may lose: less than 2**-126 each. Such elements are counted as flushed; others fail, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from parity.judge.inputs import Inputs
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import F32

Mask = npt.NDArray[np.bool_]


def without_subnormals(values: Any) -> Any:
    """float64 values with those below float32's normal numbers replaced by zeros of their sign."""
    values = np.asarray(values, np.float64)
    return np.where(np.abs(values) < F32.min_normal, np.copysign(0.0, values), values)


def flushed_references(inputs: Inputs) -> Mapping[str, Reference]:
    """The oracle's results for inputs whose subnormal numbers are zeros."""
    values = inputs.values()
    for name, form in inputs.formats.items():
        if form.is_float and name in values:
            values[name] = without_subnormals(values[name])
    with np.errstate(all="ignore"):
        return inputs.op.oracle(values)
