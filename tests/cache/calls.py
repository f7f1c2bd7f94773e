"""Calls of index operations with arrays written by hand, on everything that this machine computes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import specs
from parity.judge.expected import expectations
from parity.judge.inputs import Inputs
from specs.lang.call.bind import check_attributes
from specs.lang.formats.elements import BOOL, INT32, INT64
from tests.contract import suite

NDArray = np.ndarray[Any, Any]
FORMATS = {np.dtype(np.int32): INT32, np.dtype(np.int64): INT64, np.dtype(np.bool_): BOOL}


def i32(*values: Any) -> NDArray:
    """An int32 array of the values, or of the one list."""
    return np.asarray(values[0] if len(values) == 1 and not np.isscalar(values[0]) else values, np.int32)


def inputs_of(op: str, arrays: Mapping[str, NDArray], **attributes: object) -> Inputs:
    """A call; formats are those of the arrays' types."""
    spec = specs.get(op)
    given = {array.name: arrays[array.name] for array in spec.inputs if array.name in arrays}
    formats = {name: FORMATS[array.dtype] for name, array in given.items()}
    return Inputs(op=spec, arrays=given, formats=formats, attributes=check_attributes(spec, attributes))


def results(op: str, arrays: Mapping[str, NDArray], **attributes: object) -> dict[str, NDArray]:
    """The oracle's results, after every implementation has given the same bytes."""
    inputs = inputs_of(op, arrays, **attributes)
    expected = {name: found.raw for name, found in expectations(inputs, inputs.layout.call()).items()}
    for device in suite.DEVICES:
        for implementation in suite.available(op, device):
            suite.assert_same(suite.run(inputs, implementation, device), expected)
    return expected
