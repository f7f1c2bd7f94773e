"""Tensors of GGUF files as arguments: bytes checked against type and shape, without a copy.

GGUF lists the dimensions of a tensor fastest first; shapes here are numpy's, [.., N, K], the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from specs.lang.errors import NotAChoice, WrongShape
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from specs.lang.formats.ggml import BLOCKS, BY_NAME, BY_TYPE
from specs.lang.formats.packed import PackedBlock

NDArray = np.ndarray[Any, Any]
PLAIN = {0: F32, 1: F16, 30: BF16}
"""Types of one element, by number."""
_OP = "gguf"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GgufTensor:
    """A tensor's elements in memory.

    form: element format of plain tensors, block type of others.
    data: plain tensors in numpy's type [..], bfloat16 as uint16; bytes of rows [.., N, row bytes] of others.
    """

    name: str
    form: ElementFormat | PackedBlock
    shape: tuple[int, ...]
    data: NDArray

    @property
    def quant_type(self) -> str | None:
        """The attribute of operations on block types, None for plain tensors."""
        return self.form.name if isinstance(self.form, PackedBlock) else None

    def decode(self) -> NDArray:
        """Values, float32 [..]."""
        if isinstance(self.form, PackedBlock):
            return self.form.decode(self.data)
        if self.form == BF16:
            return (self.data.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return np.asarray(self.data.astype(np.float32))


def type_of(tensor: str, type_id: int | str) -> ElementFormat | PackedBlock:
    """The format of a tensor by its type's number in the file, or by name.

    Raises:
        NotAChoice: a type that is not known here.
    """
    found: ElementFormat | PackedBlock | None
    if isinstance(type_id, str):
        found = {form.name.upper(): form for form in PLAIN.values()}.get(type_id) or BY_NAME.get(type_id)
    else:
        found = PLAIN.get(type_id) or BY_TYPE.get(type_id)
    if found is None:
        plain = [f"{form.name.upper()} ({number})" for number, form in PLAIN.items()]
        known = ", ".join([*plain, *(f"{form.name} ({form.type_id})" for form in BLOCKS)])
        raise NotAChoice(op=_OP, argument=f"type of tensor '{tensor}'", expected=known, actual=type_id)
    return found


def byte_count(tensor: str, type_id: int | str, shape: tuple[int, ...]) -> int:
    """Bytes that a tensor of this type and shape [.., K] has.

    Raises:
        NotAChoice: a type that is not known here.
        WrongShape: blocks do not divide K.
    """
    form = type_of(tensor, type_id)
    if isinstance(form, ElementFormat):
        return prod(shape) * form.storage_bits // 8
    if not shape or shape[-1] % form.elements:
        expected = f"rows of whole {form.name} blocks, {form.elements} elements ({form.bytes} bytes) each"
        raise WrongShape(op=_OP, argument=tensor, expected=expected, actual=list(shape))
    return prod(shape) // form.elements * form.bytes


def tensor(name: str, type_id: int | str, shape: tuple[int, ...], data: Any) -> GgufTensor:
    """A tensor over its bytes (a view of `data`, such as a slice of a memory map).

    Args:
        data: uint8 array or buffer that begins with the tensor; what follows is not looked at.

    Raises:
        NotAChoice: a type that is not known here.
        WrongShape: rows are no whole blocks, or there are fewer bytes than type and shape ask for.
    """
    form, size = type_of(name, type_id), byte_count(name, type_id, shape)
    flat = np.frombuffer(data, np.uint8) if not isinstance(data, np.ndarray) else data.reshape(-1).view(np.uint8)
    if len(flat) < size:
        expected = f"{size} bytes for {form.name.upper()} {list(shape)}"
        raise WrongShape(op=_OP, argument=name, expected=expected, actual=f"{len(flat)} bytes")
    flat = flat[:size]
    if isinstance(form, PackedBlock):
        return GgufTensor(name=name, form=form, shape=shape, data=flat.reshape(*shape[:-1], form.row_bytes(shape[-1])))
    dtype = np.dtype(np.uint16) if form == BF16 else form.numpy_dtype
    assert dtype is not None
    return GgufTensor(name=name, form=form, shape=shape, data=flat.view(dtype.newbyteorder("<")).reshape(shape))
