"""Quantised tensors in safetensors files, under names that other tools know; and of weights that checkpoints have.

    save("weights.safetensors", {"q_proj.weight": quantize(w, FP8_BLOCK_128), "q_proj.bias": bias})
    load("weights.safetensors")["q_proj.weight"]                  # a QuantizedTensor

`checkpoints.quantized` has the names. The files are those that `jax_impl.quantized_files` writes and reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from specs.extras import hints

with hints("torch"):
    import torch

from checkpoints.quantized import read_weights, write_weights
from specs.decoder.host import Single
from specs.quantized.host import from_host as arrays_of
from specs.quantized.host import to_host
from torch_impl.formats import from_numpy, to_numpy
from torch_impl.quantized_tensor import QuantizedTensor


def from_host(
    weight: Single, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
) -> QuantizedTensor:
    """A weight of a checkpoint (`checkpoints.opening.open_model`) on a device.

    Args:
        dtype: of the values.

    Raises:
        Unsupported: it is not quantised, or its arrays lie in another way (INT4 weights of experts).
    """
    arrays, form = arrays_of(weight)
    return QuantizedTensor({name: from_numpy(array, device) for name, array in arrays.items()}, form, dtype)


def load(
    path: str | Path,
    quantization_config: Mapping[str, Any] | None = None,
    *,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
) -> dict[str, QuantizedTensor | torch.Tensor]:
    """Tensors of a file by name, quantised ones put together.

    Args:
        quantization_config: that of the folder's config.json; files of GPTQ and AWQ need it. None: by the names.
        dtype: of the values of quantised tensors.

    Raises:
        CheckpointError: the file is damaged, or a weight lacks a part or has one of another type or shape.
    """
    found = read_weights(Path(path), quantization_config)
    return {
        name: from_numpy(weight, device) if isinstance(weight, np.ndarray) else from_host(weight, dtype, device)
        for name, weight in found.items()
    }


def save(path: str | Path, tensors: Mapping[str, QuantizedTensor | torch.Tensor]) -> None:
    """Writes a file; one whose tensors cannot be written is not begun.

    Args:
        tensors: by name, such as the `state_dict` of a module. Names of quantised linears in FP8 and INT4 end in
            ".weight".

    Raises:
        CheckpointError: another name. Unsupported: a format for which such files have no names.
    """
    write_weights(Path(path), {name: _hosted(tensor) for name, tensor in tensors.items()})


def _hosted(tensor: QuantizedTensor | torch.Tensor) -> Single:
    if not isinstance(tensor, QuantizedTensor):
        return to_numpy(tensor)
    arrays = {name: to_numpy(array) for name, array in tensor.arrays().items()}
    return to_host(arrays, tensor.format)
