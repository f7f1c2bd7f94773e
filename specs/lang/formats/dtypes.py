"""Dtype names of the element formats in numpy, JAX, torch and Triton: one row per format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import ml_dtypes
import numpy as np


@dataclass(frozen=True, slots=True)
class DtypeNames:
    """Names of one format; None where there is no such type, or none that arrays or tiles here have."""

    numpy: str | None = None
    """In numpy, or else in ml_dtypes."""
    jax: str | None = None
    """In jax.numpy."""
    torch: str | None = None
    """In torch."""
    triton: str | None = None
    """In triton.language."""
    pointer: str | None = None
    """Of what a pointer points to, in the signatures that Triton compiles a kernel for."""

    @property
    def numpy_dtype(self) -> np.dtype[Any] | None:
        """The dtype itself."""
        return None if self.numpy is None else np.dtype(getattr(np, self.numpy, None) or getattr(ml_dtypes, self.numpy))


_TABLE: Final = """
    format  numpy             jax              torch            triton       pointer
    f64     float64           float64          float64          float64      fp64
    f32     float32           float32          float32          float32      fp32
    f16     float16           float16          float16          float16      fp16
    bf16    bfloat16          bfloat16         bfloat16         bfloat16     bf16
    e4m3    float8_e4m3fn     float8_e4m3fn    float8_e4m3fn    float8e4nv   fp8e4nv
    e5m2    float8_e5m2       float8_e5m2      float8_e5m2      float8e5     fp8e5
    e2m1    float4_e2m1fn     -                -                -            -
    e8m0    float8_e8m0fnu    float8_e8m0fnu   float8_e8m0fnu   -            -
    int4    int4              -                -                -            -
    uint4   uint4             -                -                -            -
    int8    int8              int8             int8             int8         i8
    uint8   uint8             uint8            uint8            uint8        u8
    int16   int16             int16            int16            int16        i16
    int32   int32             int32            int32            int32        i32
    uint32  uint32            -                -                -            -
    int64   int64             int64            int64            int64        i64
    bool    bool_             bool_            bool             int1         i1
"""


def _rows() -> dict[str, DtypeNames]:
    _, *rows = (line.split() for line in _TABLE.strip().splitlines())
    return {name: DtypeNames(*(None if cell == "-" else cell for cell in cells)) for name, *cells in rows}


DTYPE_NAMES: Final = _rows()
"""By name of the format."""
UNNAMED: Final = DtypeNames()
