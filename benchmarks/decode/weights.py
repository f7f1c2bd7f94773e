"""Random weights of a decoder in the formats of checkpoints, and what a step reads and multiplies.

A weight is made on the host for a strip of its rows, and repeated on the device: encoding all rows of a model of 8
billion weights would take minutes, and no kernel's time depends on their values.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import ml_dtypes
import numpy as np

from benchmarks.memory_plan import LLAMA, OF_THE_MODEL
from specs.decoder.config import DecoderConfig
from specs.decoder.host import BlockWeight, HostArray, HostWeight, PackedWeight
from specs.decoder.weights import Weight, Weights, layer_weights, model_weights
from specs.lang.formats.ggml import Q4_K
from specs.lang.formats.named import FP8_BLOCK_128
from specs.lang.formats.packed_encode import encode

STRIP: Final = 256
"""Rows that are made; a multiple of the rows of every block."""


class Precision(Enum):
    """Formats of linears."""

    BFLOAT16 = "bfloat16"
    FP8 = "fp8"
    Q4_K = "q4_k"

    def of(self, name: str) -> Precision:
        """The format of a linear: folders in FP8 have the embedding and the head in bfloat16."""
        return Precision.BFLOAT16 if self is Precision.FP8 and name in OF_THE_MODEL else self


def llama(layers: int, hidden: int) -> DecoderConfig:
    """Llama-3.1-8B with fewer layers, or of a smaller size for a try."""
    shapes = {"num_hidden_layers": layers, "hidden_size": hidden, "max_position_embeddings": 8192}
    if hidden != LLAMA["hidden_size"]:
        shapes |= {"intermediate_size": 2 * hidden, "vocab_size": 256, "head_dim": 64}
    return DecoderConfig.from_hf({**LLAMA, **shapes})


def tables(config: DecoderConfig) -> tuple[Weights, ...]:
    """The weights outside the layers, and of every layer."""
    return (model_weights(config), *(layer_weights(config, layer) for layer in range(config.layers)))


def strip(name: str, weight: Weight, precision: Precision) -> tuple[HostWeight, int]:
    """The first rows of a weight, with deviation 1 / sqrt(K), and how many times they are all of it."""
    if not weight.linear:
        return np.ones(weight.shape, np.float32), 1
    rows = STRIP if weight.shape[0] % STRIP == 0 else weight.shape[0]
    shape = (rows, *weight.shape[1:])
    values = np.random.default_rng(len(name)).standard_normal(shape, np.float32) * weight.shape[-1] ** -0.5
    return _encoded(values, precision.of(name)), weight.shape[0] // rows


def _encoded(values: HostArray, precision: Precision) -> HostWeight:
    match precision:
        case Precision.BFLOAT16:
            return values.astype(ml_dtypes.bfloat16)
        case Precision.FP8:
            found = FP8_BLOCK_128.encode(values)
            assert found.scale is not None
            return BlockWeight(form=FP8_BLOCK_128, data=found.data, scale=found.scale)
        case Precision.Q4_K:
            return PackedWeight(form=Q4_K, data=encode(Q4_K, values))


def operations(config: DecoderConfig, *, tokens: int, requests: int) -> int:
    """Multiplications and additions of a step's linears; the head multiplies the last token of every request alone."""
    linears = [(name, weight) for table in tables(config) for name, weight in table.items() if weight.linear]
    return sum(
        2 * weight.shape[0] * weight.shape[1] * (requests if name == "head" else tokens)
        for name, weight in linears
        if name != "embedding"
    )
