"""Quantised weights in safetensors files, under the names that Hugging Face folders have for them.

| format | what follows the name of a linear | as |
| --- | --- | --- |
| FP8_BLOCK_128, _E8M0 | .weight, .weight_scale_inv | DeepSeek's FP8 |
| INT4 in groups | .weight_ packed, scale, shape, zero_point, g_idx | compressed-tensors |
| MXFP4 | _blocks, _scales | gpt-oss |

Reading, `checkpoints.quantisation` puts these together, and the names of GPTQ and AWQ where a `quantization_config`
says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from checkpoints.quantisation import assemble, scheme_of
from checkpoints.tensors import Array, open_tensors, write_tensors
from specs.decoder.host import BlockWeight, Single, describe
from specs.decoder.int4 import Int4Groups
from specs.decoder.weights import CheckpointError
from specs.gemm.int4_weights import unpack
from specs.gemm.repack import ALONG_K
from specs.lang.errors import Unsupported
from specs.lang.formats.named import FP8_BLOCK_128, FP8_BLOCK_128_E8M0, MXFP4
from specs.quantized.arrays import typed

_BY_NAME: Final[Mapping[str, Mapping[str, Any]]] = {
    ".weight_scale_inv": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    ".weight_packed": {"quant_method": "compressed-tensors", "format": "pack-quantized"},
    "_blocks": {"quant_method": "mxfp4"},
}
"""Settings of the schemes that a tensor's name tells, in the order in which they are put together."""


def read_weights(path: Path, settings: Mapping[str, Any] | None = None) -> dict[str, Single]:
    """Weights of a file by name: `Array`s where they are not quantised. Files are memory-mapped.

    Args:
        settings: the `quantization_config` of config.json; None for schemes that the names tell.

    Raises:
        CheckpointError: the file is damaged, or a weight lacks a part or has one of another type or shape.
    """
    tensors = open_tensors(path)
    known = [settings] if settings else [own for end, own in _BY_NAME.items() if any(n.endswith(end) for n in tensors)]
    plain: dict[str, Array] = dict(tensors)
    found: dict[str, Single] = {}
    for each in known:
        assembled = assemble(scheme_of(each), plain)
        if assembled.problems:
            raise CheckpointError("; ".join(line for lines in assembled.problems.values() for line in lines))
        plain = {name: one for name, one in assembled.tensors.items() if isinstance(one, np.ndarray)}
        found |= {name: one for name, one in assembled.tensors.items() if not isinstance(one, np.ndarray)}
    return {**plain, **found}


def write_weights(path: Path, weights: Mapping[str, Single]) -> None:
    """Writes a file that `read_weights` reads; one whose weights cannot be written is not begun.

    Args:
        weights: by name. Names of FP8 and INT4 linears end in ".weight".

    Raises:
        CheckpointError: another name. Unsupported: a format for which such files have no names.
    """
    tensors: dict[str, Array] = {}
    for name, weight in weights.items():
        tensors |= {name: weight} if isinstance(weight, np.ndarray) else _parts(name, weight)
    write_tensors(path, tensors)


def _parts(name: str, weight: Single) -> dict[str, Array]:
    match weight:
        case BlockWeight(form=form) if form in (FP8_BLOCK_128, FP8_BLOCK_128_E8M0):
            codes, scale = typed("codes", weight.data, form), typed("scale", weight.scale, form)
            return {name: codes, f"{_stem(name, weight)}.weight_scale_inv": scale}
        case BlockWeight(form=form) if form == MXFP4:
            blocks = weight.data.reshape((*weight.scale.shape, -1))  # the bytes of a group by themselves
            return {f"{name}_blocks": blocks, f"{name}_scales": weight.scale}
        case Int4Groups():
            return {f"{_stem(name, weight)}.{part}": array for part, array in _compressed(weight).items()}
        case _:
            why = "safetensors files have names for FP8 in blocks of 128, INT4 in groups and MXFP4; GGUF has its own"
            raise Unsupported(f"{name}, {describe(weight)}, in a safetensors file", why)


def _stem(name: str, weight: Single) -> str:
    if not name.endswith(".weight"):
        raise CheckpointError(f"{name}: expected a name that ends in '.weight' for {describe(weight)}")
    return name.removesuffix(".weight")


def _compressed(given: Int4Groups) -> dict[str, Array]:
    """An INT4 weight as compressed-tensors packs it; the inverse of `from_compressed_tensors`."""
    own, (n, k) = given.weight, given.shape
    words, found = own.b, {"weight_shape": np.array([n, k], np.int64), "weight_scale": own.b_scale.T}
    if own.g_idx is not None:  # columns in the order of the activations, with the group of each
        size = k // own.b_scale.shape[0]
        codes, groups = np.empty((n, k), np.uint8), np.empty(k, np.int32)
        codes[:, own.g_idx], groups[own.g_idx] = unpack(own.b, 1), np.arange(k) // size
        words, found["weight_g_idx"] = ALONG_K.pack(codes), groups
    if own.b_zp is not None:
        found["weight_zero_point"] = own.b_zp.T
    return found | {"weight_packed": words}
