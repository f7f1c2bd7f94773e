"""JAX dtypes and element formats, and arrays described for the binder."""

from __future__ import annotations

from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax

import jax.numpy as jnp
import numpy as np

from specs.lang.call.bind import ArrayInfo
from specs.lang.errors import WrongType
from specs.lang.formats.elements import ALL, UINT8, ElementFormat, called, names_text

DTYPES: dict[ElementFormat, Any] = {
    form: np.dtype(getattr(jnp, form.names.jax))
    for form in ALL
    if form.names.jax and hasattr(jnp, form.names.jax)  # e8m0 is not in JAX 0.5, which Intel's older plugin is for
}
FORMATS: dict[Any, ElementFormat] = {dtype: form for form, dtype in DTYPES.items()}
_RAW = {8: np.dtype(np.uint8), 16: np.dtype(np.int16), 32: np.dtype(np.int32)}


def dtype_of(form: ElementFormat) -> Any:
    """The dtype that stores `form`: its own, or raw codes."""
    return DTYPES.get(form, _RAW.get(form.storage_bits, np.dtype(np.uint8)))


def format_of(op: str, argument: str, value: object) -> ElementFormat:
    """An attribute given as a dtype, by a dtype's name ("bfloat16") or a format's ("bf16"), or as the format."""
    if isinstance(value, ElementFormat):
        return value
    form = called(value, DTYPES)
    if form is None and not isinstance(value, str | bytes):  # numpy reads codes such as b"i1"
        form = next((form for form, dtype in DTYPES.items() if _is_dtype(value, dtype)), None)
    if form is None:
        expected = f"a dtype or the name of one: {names_text(DTYPES)}"
        raise WrongType(op=op, argument=argument, expected=expected, actual=repr(value))
    return form


def _is_dtype(value: object, dtype: Any) -> bool:
    try:
        return bool(np.dtype(value) == dtype)  # type: ignore[call-overload]
    except TypeError:
        return False


def describe(array: Any) -> ArrayInfo:
    """Shape and format of an array or tracer. JAX places arrays itself, so the device is not compared."""
    form = FORMATS.get(array.dtype)
    if form is None:
        form = ElementFormat(name=str(array.dtype), kind=UINT8.kind, bits=1)  # none of ours: only its name is read
    return ArrayInfo(tuple(array.shape), form, None, "jax")


def raw_view(array: Any, form: ElementFormat) -> Any:
    """The array as `form`: raw codes of a format that a target does not know, or narrower pieces of elements.

    Pieces of an element, in the order of their addresses, are one more dimension.
    """
    goal = dtype_of(form)
    return array if array.dtype == goal else jax.lax.bitcast_convert_type(array, goal)
