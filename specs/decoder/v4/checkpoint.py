"""Tensors of the published checkpoint of DeepSeek-V4: a quantised weight is two of them, codes and scales.

    NAME.weight     e4m3 [N, K], or two e2m1 codes per byte, [N, K / 2] in uint8 or int8
    NAME.scale      of FP8: e8m0 or float32 [ceil(N / 128), ceil(K / 128)]; of MXFP4: e8m0 [N, K / 32]

E8M0 may come as bytes, which is how readers without that type have it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from specs.decoder.host import BlockWeight, HostArray, Single
from specs.decoder.weights import CheckpointError
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import E4M3
from specs.lang.formats.named import FP8_BLOCK_128, FP8_BLOCK_128_E8M0, MXFP4

_WEIGHT, _SCALE = ".weight", ".scale"


def with_scales(tensors: Mapping[str, HostArray]) -> dict[str, Single]:
    """The tensors, each quantised one together with its scales, by the name of its codes.

    Raises:
        CheckpointError: codes without scales, scales without codes, or shapes that are none of the formats above.
    """
    found: dict[str, Single] = {}
    for name, tensor in tensors.items():
        base, is_scale = name.removesuffix(_SCALE), name.endswith(_SCALE)
        if is_scale and base + _WEIGHT not in tensors:
            raise CheckpointError(f"{name}: expected codes in {base}{_WEIGHT}; there are none")
        if not is_scale:
            found[name] = _weight(name, tensor, tensors)
    return found


def _weight(name: str, tensor: HostArray, tensors: Mapping[str, HostArray]) -> Single:
    scale_name = name.removesuffix(_WEIGHT) + _SCALE
    eight_bits = tensor.dtype in (E4M3.numpy_dtype, np.uint8, np.int8)
    if name.endswith(_WEIGHT) and scale_name in tensors:
        scale = tensors[scale_name]
        form = _form(name, tensor, scale)
        weight = BlockWeight(form=form, data=tensor.view(np.uint8), scale=_bytes(scale))
        wanted = form.storage_shape(weight.shape).scale
        if scale.shape != wanted:
            raise CheckpointError(f"{scale_name}: expected {list(wanted or ())}; got {list(scale.shape)}")
        return weight
    if eight_bits:
        raise CheckpointError(f"{name}: expected scales in {scale_name}; there are none")
    return tensor


def _form(name: str, tensor: HostArray, scale: HostArray) -> BlockFormat:
    if tensor.dtype == E4M3.numpy_dtype:
        return FP8_BLOCK_128 if scale.dtype == np.float32 else FP8_BLOCK_128_E8M0
    if tensor.dtype in (np.uint8, np.int8):
        return MXFP4
    raise CheckpointError(f"{name}: expected e4m3, or bytes of e2m1 codes, with scales; got {tensor.dtype.name}")


def _bytes(scale: HostArray) -> HostArray:
    """Scales as the block formats store them: float32, or raw codes."""
    return scale if scale.dtype == np.float32 else scale.view(np.uint8)
