"""Small weights in the formats that products take."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.formats import ggml, named
from specs.quantized.arrays import Form

FORMS: tuple[Form, ...] = (
    named.FP8_BLOCK_128,
    named.FP8_BLOCK_128_E8M0,
    named.PER_TOKEN_E4M3,
    named.PER_TENSOR_E4M3,
    named.MXFP8,
    named.MXFP4,
    named.NVFP4,
    named.INT4_GROUP_128,
    named.INT4_GROUP_128_ASYMMETRIC,
    named.int4_group(None),
    ggml.Q4_K,
    ggml.Q8_0,
)
N, K = 16, 256


def values(*lead: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal((*lead, N, K)).astype(dtype)
