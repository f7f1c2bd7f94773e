"""torch dtypes and element formats, and tensors described for the binder."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.extras import hints

with hints("torch"):
    import torch

from specs.lang.call.bind import ArrayInfo
from specs.lang.call.sizes import SymbolicSize
from specs.lang.errors import NotAChoice, WrongType
from specs.lang.formats.elements import ALL, UINT8, ElementFormat, called, names_text

DTYPES: dict[ElementFormat, torch.dtype] = {form: getattr(torch, form.names.torch) for form in ALL if form.names.torch}
FORMATS: dict[torch.dtype, ElementFormat] = {dtype: form for form, dtype in DTYPES.items()}
if hasattr(torch, "float4_e2m1fn_x2"):
    FORMATS[torch.float4_e2m1fn_x2] = UINT8  # two codes per byte, low nibble first: the byte is what kernels read
_RAW = {8: torch.uint8, 16: torch.int16, 32: torch.int32}


def dtype_of(form: ElementFormat) -> torch.dtype:
    """The dtype that stores `form`: its own, or raw codes."""
    return DTYPES.get(form, _RAW.get(form.storage_bits, torch.uint8))


def format_of(op: str, argument: str, value: object) -> ElementFormat:
    """An attribute given as torch.dtype, by a dtype's name ("bfloat16") or a format's ("bf16"), or as the format."""
    if isinstance(value, ElementFormat):
        return value
    if isinstance(value, torch.dtype) and value in FORMATS:
        return FORMATS[value]
    form = called(value, DTYPES)
    if form is None:
        expected = f"a torch dtype or the name of one: {names_text(DTYPES)}"
        raise WrongType(op=op, argument=argument, expected=expected, actual=repr(value))
    return form


def describe(tensor: torch.Tensor) -> ArrayInfo:
    """Shape, format, strides and device of a tensor."""
    form = FORMATS.get(tensor.dtype)
    if form is None:
        form = ElementFormat(name=str(tensor.dtype), kind=UINT8.kind, bits=1)  # none of ours: only its name is read
    return ArrayInfo(_sizes(tensor.shape), form, _sizes(tensor.stride()), tensor.device)


def _sizes(values: tuple[int, ...]) -> tuple[Any, ...]:
    """Sizes or strides, which may be symbolic under a compiler."""
    return tuple([n if type(n) is int else SymbolicSize(n, _decided) for n in values])


def _decided(condition: Any) -> bool | None:
    """The result of a symbolic comparison if statically known, else None; adds no guard."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    if statically_known_true(condition):
        return True
    return False if statically_known_true(torch.sym_not(condition)) else None


def is_empty(tensor: torch.Tensor) -> bool:
    """Whether a tensor certainly has no elements."""
    return any(n == 0 if type(n) is int else bool(_decided(n == 0)) for n in tensor.shape)


def raw_view(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The same memory as `dtype`: raw codes of a format that a target does not know, or narrower pieces of elements.

    Narrower ones lie along whichever of the last two dimensions is contiguous, which becomes the last.
    """
    if tensor.dtype == dtype:
        return tensor
    if tensor.element_size() != dtype.itemsize and tensor.stride(-1) != 1:
        tensor = tensor.transpose(-1, -2)
    return tensor.view(dtype)


def as_dtype(op: str, argument: str, value: Any) -> torch.dtype | None:
    """A torch dtype from a dtype, a format or a format's name."""
    if value is None or isinstance(value, torch.dtype):
        return value
    form = format_of(op, argument, value)
    if form not in DTYPES:
        raise NotAChoice(op=op, argument=argument, expected="the formats of torch's dtypes", actual=form.name)
    return DTYPES[form]


def from_numpy(array: np.ndarray[Any, Any], device: torch.device | str = "cpu") -> torch.Tensor:
    """A tensor with a copy of an array, in types that numpy has from ml_dtypes too."""
    own = next((dtype for form, dtype in DTYPES.items() if form.numpy_dtype == array.dtype), None)
    raw = np.array(array)  # memory-mapped files cannot be written
    if own is None or array.dtype.isbuiltin == 1:
        return torch.from_numpy(raw).to(device)
    return torch.from_numpy(raw.view(f"u{array.itemsize}")).view(own).to(device)


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """The values of a tensor on the host, in types that numpy has from ml_dtypes too."""
    form = FORMATS[tensor.dtype]
    here = tensor.detach().cpu().contiguous()
    if form.numpy_dtype is None or form.numpy_dtype.isbuiltin == 1:
        return here.view(dtype_of(form)).numpy()
    raw = {1: torch.uint8, 2: torch.int16}[here.element_size()]
    return here.view(raw).numpy().view(form.numpy_dtype)
