"""Quantised weights of checkpoints as the arrays of quantised tensors, and back. Codes and scales are moved only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from specs.decoder.host import BlockWeight, HostArray, PackedWeight, Single, describe
from specs.decoder.int4 import Int4Groups
from specs.gemm.repack import Int4Weight
from specs.lang.errors import Unsupported
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import FLOATS
from specs.lang.formats.named import int4_group
from specs.lang.formats.packed import PackedBlock
from specs.quantized.arrays import Form, along_k_first, typed

Arrays = Mapping[str, HostArray]


def from_host(weight: Single) -> tuple[dict[str, HostArray], Form]:
    """The arrays of a quantised weight, and its format.

    Raises:
        Unsupported: it is not quantised, or its arrays lie in another way (INT4 weights of experts).
    """
    match weight:
        case PackedWeight():
            return {"codes": weight.data}, weight.form
        case BlockWeight():
            arrays = {"codes": weight.data, "scale": weight.scale}
            return {name: typed(name, array, weight.form) for name, array in arrays.items()}, weight.form
        case Int4Groups():
            own = weight.weight
            found = {"codes": own.b, "scale": own.b_scale, "zero_point": own.b_zp, "g_idx": own.g_idx}
            scale = next(form for form in FLOATS if form.numpy_dtype == own.b_scale.dtype)
            size = None if own.group_size == -1 else own.group_size
            form = int4_group(size, symmetric=own.b_zp is None, scale=scale)
            return {name: array for name, array in found.items() if array is not None}, form
        case _:
            raise Unsupported(f"a quantised tensor of {describe(weight)}", "FP8 blocks, MXFP4, INT4 linears and GGUF")


def to_host(arrays: Arrays, form: Form) -> Single:
    """A quantised weight as checkpoints have it.

    Raises:
        Unsupported: checkpoints have none in this format, or none stacked.
    """
    if isinstance(form, PackedBlock):
        return PackedWeight(form=form, data=arrays["codes"])
    if along_k_first(form) and arrays["codes"].ndim == 2:
        scale = arrays["scale"]
        size = -1 if len(scale) == 1 else 8 * arrays["codes"].shape[1] // len(scale)
        own = Int4Weight(
            b=arrays["codes"],
            b_scale=scale,
            b_zp=arrays.get("zero_point"),
            g_idx=arrays.get("g_idx"),
            group_size=size,
        )
        return Int4Groups(weight=own)
    if arrays.keys() == {"codes", "scale"} and not along_k_first(form):
        return BlockWeight(form=form, data=_raw(arrays["codes"]), scale=_stored(arrays["scale"], form))
    raise Unsupported(f"a checkpoint's weight of {form.name}", f"arrays {', '.join(arrays)}")


def _raw(array: HostArray) -> HostArray:
    return array if array.dtype.isbuiltin == 1 else array.view(np.uint8)


def _stored(scale: HostArray, form: BlockFormat) -> HostArray:
    return _raw(scale) if form.scale is not None and form.scale.storage_bits == 8 else scale
