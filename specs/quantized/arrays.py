"""The arrays of a quantised tensor [.., N, K], as products take them in weight_order "nk".

    format                        codes                        scale              zero_point        tensor_scale
    FP8, one code per byte        e4m3, e5m2 [.., N, K]        one per block
    MXFP4                         uint8 [.., N, K / 2]         [.., N, K / 32]
    NVFP4                         uint8 [.., N, K / 2]         [.., N, K / 16]                      [..]
    INT4 in groups along K        int32 [.., N, K / 8]         [.., groups, N]    [.., groups, N / 8]
    blocks of GGUF files          uint8 [.., N, bytes of a row]

Block formats of INT4 (`specs.lang.formats.named.int4_group`) are declared for [K, N], so their words are transposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from specs.lang.errors import Unsupported, WrongRank
from specs.lang.formats.blocks import BlockFormat, Quantized
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.packed import PackedBlock
from specs.lang.formats.packed_encode import encode as encode_blocks

NDArray = np.ndarray[Any, Any]
Form = BlockFormat | PackedBlock
"""How a tensor is quantised."""
ARRAYS: Final = ("codes", "scale", "zero_point", "g_idx", "tensor_scale")
"""Arrays of a tensor, of which a format has some. g_idx is the order of INT4 columns under act-order, int32 [K]."""


def along_k_first(form: Form) -> bool:
    """Whether the format is declared for [K, N], the transpose of a tensor."""
    return isinstance(form, BlockFormat) and form.packing is not None and form.packing.axis == -2


def element_of(form: Form) -> ElementFormat | None:
    """The element format whose dtype the codes have; None for integers that hold several codes."""
    return form.element if isinstance(form, BlockFormat) and form.packing is None else None


def value_shape(codes: Sequence[int], form: Form) -> tuple[int, ...]:
    """The shape [.., N, K] of the values of codes of this shape."""
    if isinstance(form, PackedBlock):
        return (*codes[:-1], codes[-1] // form.bytes * form.elements)
    return (*codes[:-1], codes[-1] * (1 if form.packing is None else form.packing.per_word))


def encode(x: NDArray, form: Form) -> dict[str, NDArray]:
    """The arrays of a tensor, by name, of values [.., N, K].

    Raises:
        WrongRank: fewer than two dimensions. WrongShape: blocks do not divide it.
        Unsupported: the values of the format are looked up, or its scales are given.
    """
    if x.ndim < 2:
        raise WrongRank(op="quantize", argument="w", expected="[.., N, K]", actual=list(x.shape))
    if isinstance(form, PackedBlock):
        return {"codes": encode_blocks(form, x)}
    swapped = along_k_first(form)
    found = form.encode(np.swapaxes(x, -1, -2) if swapped else x)
    codes = np.ascontiguousarray(np.swapaxes(found.data, -1, -2)) if swapped else found.data
    arrays = {"codes": codes, "scale": found.scale, "zero_point": found.zero_point, "tensor_scale": found.tensor_scale}
    return {name: typed(name, array, form) for name, array in arrays.items() if array is not None}


def decode(arrays: Mapping[str, NDArray], form: Form) -> NDArray:
    """The values [.., N, K], float32, columns in the order of the activations.

    Raises:
        ArgumentError: arrays do not fit the format or each other.
    """
    codes = arrays["codes"]
    if isinstance(form, PackedBlock):
        return np.asarray(form.decode(codes), np.float32)
    swapped = along_k_first(form)
    if swapped and "g_idx" in arrays and codes.ndim > 2:
        raise Unsupported("values of stacked INT4 weights in act-order", "decode one of them at a time")
    data = np.ascontiguousarray(np.swapaxes(codes, -1, -2)) if swapped else codes
    found = form.decode(Quantized(data=data, **{name: arrays.get(name) for name in ARRAYS[1:]}))
    return np.ascontiguousarray((np.swapaxes(found, -1, -2) if swapped else found).astype(np.float32))


def typed(name: str, array: NDArray, form: BlockFormat) -> NDArray:
    """An array of a tensor in its own dtype rather than as raw codes."""
    own = {"codes": element_of(form), "scale": form.scale}.get(name)
    return array if own is None or own.numpy_dtype is None else array.view(own.numpy_dtype)
