"""The formats that a model is computed in on a kind of device, the same in both frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from specs.lang.formats.elements import BF16, F16, F32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """activations: of what layers pass on, and of weights that are not quantised. caches: of keys and values.

    decode: whether quantised weights are decoded once, to the format of activations; otherwise products decode them.
    """

    activations: ElementFormat
    caches: ElementFormat
    decode: bool

    def describe(self, quantisation: str) -> str:
        """The weights of a checkpoint, for people; quantisation: their types in its file."""
        return f"{quantisation}, decoded once to {self.activations.name}" if self.decode else quantisation


PACKED_ROWS: Final = 32
"""Up to as many rows of activations products decode packed weights themselves; for more a weight is decoded before it.

A product decodes a weight for every tile of rows. On an H200 one with 28672 x 4096 of 32 and 64 rows takes 78 and 129
us in Q4_K, 116 and 209 in Q8_0, 161 and 404 in Q6_K; decoding to bfloat16 takes 101, 150 and 122 us, and the product of
that 66. In JAX the products take a third to a half more.
"""
DECODED_ROWS: Final = 1 << 15
"""Most rows of a weight that are decoded at once: what they take in memory is needed beside the model."""


CPU: Final = Precision(activations=F32, caches=F16, decode=True)
"""Float32 products are the fast ones there, and float16 caches need half the memory traffic."""
DEVICE: Final = Precision(activations=BF16, caches=BF16, decode=False)
"""Decoding is bound by reading weights, so they stay quantised."""


def precision_of(platform: str) -> Precision:
    """What fits a platform, "cpu" or any device."""
    return CPU if platform == "cpu" else DEVICE
