"""Wrong calls made in JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jax_impl import ops
from parity.conformance.outcomes import Outcome
from parity.conformance.wrong_calls import Mistake, Passed, WrongCall
from parity.judge.guard import bit_view
from parity.judge.inputs import Raw
from specs.lang.formats.elements import ElementFormat

Arrays = dict[int, Any]
"""Arrays by the identity of the numpy arrays they are made of: calls share most of their arguments."""


def expressible(call: WrongCall) -> bool:
    """Strides and devices are JAX's own affair."""
    return call.mistake not in (Mistake.STRIDE, Mistake.DEVICE)


def array_of(raw: Raw, form: ElementFormat) -> Any:
    """A JAX array with these bytes; a numpy array of types that JAX narrows when it takes them (64 bits)."""
    assert form.numpy_dtype is not None
    array = raw.view(form.numpy_dtype)
    return array if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype else jax.device_put(array)


def argument(call: WrongCall, name: str, arrays: Arrays) -> Any:
    """One argument as the call passes it."""
    raw = call.inputs.arrays[name]
    match call.passed.get(name):
        case Passed.AS_LIST:
            return raw.tolist()
        case Passed.AS_TEXT:
            return "text"
    key = id(raw)
    if key not in arrays:
        arrays[key] = array_of(raw, call.inputs.formats[name])
    return arrays[key]


def attempt(call: WrongCall, arrays: Arrays) -> Outcome:
    """Makes a call and looks at its arguments afterwards."""
    op = call.inputs.op
    names = [array.name if array.name in call.inputs.arrays else None for array in op.inputs]
    passed = [None if name is None else argument(call, name, arrays) for name in names]
    error: Exception | None = None
    try:
        getattr(ops, op.name)(*passed, **call.inputs.attributes, implementation=call.implementation)
    except Exception as raised:  # noqa: BLE001 - which one it is, is the question
        error = raised.with_traceback(None)  # whose frames would keep every array
    changed = [
        name
        for name, value in zip(names, passed, strict=True)
        if name is not None
        and isinstance(value, jax.Array | np.ndarray)
        and not np.array_equal(bit_view(np.asarray(value)), bit_view(call.inputs.arrays[name]))
    ]
    return Outcome(call=call, error=error, changed=tuple(changed))
