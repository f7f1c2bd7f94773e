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


CPU: Final = Precision(activations=F32, caches=F16, decode=True)
"""Float32 products are the fast ones there, and float16 caches need half the memory traffic."""
DEVICE: Final = Precision(activations=BF16, caches=BF16, decode=False)
"""Decoding is bound by reading weights, so they stay quantised."""


def precision_of(platform: str) -> Precision:
    """What fits a platform, "cpu" or any device."""
    return CPU if platform == "cpu" else DEVICE
