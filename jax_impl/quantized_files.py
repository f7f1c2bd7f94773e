"""Quantised tensors in safetensors files, under names that other tools know; and of weights that checkpoints have.

    save("weights.safetensors", {"q_proj.weight": quantize(w, FP8_BLOCK_128), "q_proj.bias": bias})
    load("weights.safetensors")["q_proj.weight"]                  # a QuantizedTensor

`checkpoints.quantized` has the names. The files are those that `torch_impl.quantized_files` writes and reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax

import jax.numpy as jnp
import numpy as np

from checkpoints.quantized import read_weights, write_weights
from jax_impl.formats import format_of
from jax_impl.quantized_tensor import QuantizedTensor
from specs.decoder.host import Single
from specs.lang.formats.elements import BF16, ElementFormat
from specs.quantized.host import from_host as arrays_of
from specs.quantized.host import to_host


def from_host(weight: Single, dtype: Any = BF16) -> QuantizedTensor:
    """A weight of a checkpoint (`checkpoints.opening.open_model`) on the default device.

    Args:
        dtype: of the values.

    Raises:
        Unsupported: it is not quantised, or its arrays lie in another way (INT4 weights of experts).
    """
    arrays, form = arrays_of(weight)
    values: ElementFormat = format_of("from_host", "dtype", dtype)
    return QuantizedTensor(**{n: jnp.asarray(array) for n, array in arrays.items()}, format=form, values=values)


def load(
    path: str | Path, quantization_config: Mapping[str, Any] | None = None, *, dtype: Any = BF16
) -> dict[str, QuantizedTensor | jax.Array]:
    """Tensors of a file by name, quantised ones put together.

    Args:
        quantization_config: that of the folder's config.json; files of GPTQ and AWQ need it. None: by the names.
        dtype: of the values of quantised tensors.

    Raises:
        CheckpointError: the file is damaged, or a weight lacks a part or has one of another type or shape.
    """
    found = read_weights(Path(path), quantization_config)
    return {n: jnp.asarray(w) if isinstance(w, np.ndarray) else from_host(w, dtype) for n, w in found.items()}


def save(path: str | Path, tensors: Mapping[str, QuantizedTensor | jax.Array]) -> None:
    """Writes a file; one whose tensors cannot be written is not begun.

    Args:
        tensors: by name. Names of quantised linears in FP8 and INT4 end in ".weight".

    Raises:
        CheckpointError: another name. Unsupported: a format for which such files have no names.
    """
    write_weights(Path(path), {name: _hosted(tensor) for name, tensor in tensors.items()})


def _hosted(tensor: QuantizedTensor | jax.Array) -> Single:
    if not isinstance(tensor, QuantizedTensor):
        return np.asarray(tensor)
    return to_host({name: np.asarray(array) for name, array in tensor.arrays().items()}, tensor.format)
