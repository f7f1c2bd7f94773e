"""Safetensors files, memory-mapped: arrays are views of the file, in types that numpy itself does not have too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from specs.extras import hints

with hints("checkpoints"):
    from safetensors import safe_open

from specs.decoder.weights import CheckpointError

Array = npt.NDArray[Any]
TYPES: Final[dict[str, Any]] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U32": np.uint32,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
"""numpy's type of every type that a file may have."""
_LENGTH_BYTES: Final = 8


def open_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a file by their names, as views of the memory-mapped file.

    Raises:
        CheckpointError: the file is damaged, or has a type that is not in `TYPES`.
    """
    try:
        with safe_open(path, framework="numpy"):  # checks lengths and offsets; its numpy arrays know no FP8
            pass
    except Exception as error:
        raise CheckpointError(f"{path.name}: expected a whole safetensors file; {error}") from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    found = {}
    start = _LENGTH_BYTES + length
    for name, entry in header.items():
        if entry["dtype"] not in TYPES:
            known = ", ".join(TYPES)
            raise CheckpointError(f"{name}: expected one of the types {known}; got {entry['dtype']} {entry['shape']}")
        first, end = entry["data_offsets"]
        found[name] = _view(path, start + first, end - first, np.dtype(TYPES[entry["dtype"]]), tuple(entry["shape"]))
    return found


def write_tensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """Writes a file that `open_tensors` reads.

    Raises:
        ValueError: a tensor whose type is not in `TYPES`.
    """
    names = {np.dtype(kind): name for name, kind in TYPES.items()}
    header, start = dict[str, Any](), 0
    for name, tensor in tensors.items():
        if tensor.dtype not in names:
            raise ValueError(f"{name}: expected one of the types {', '.join(TYPES)}; got {tensor.dtype.name}")
        end = start + tensor.nbytes
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor).tobytes())


def _view(path: Path, offset: int, count: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    if count == 0:  # which cannot be mapped
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, np.uint8, "r", offset, (count,))).view(dtype).reshape(shape)
