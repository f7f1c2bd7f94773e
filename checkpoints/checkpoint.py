"""A checkpoint that has been opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from checkpoints.chat import ChatTemplate
from checkpoints.tokenizer import Tokenizer
from specs.decoder.config import DecoderConfig
from specs.decoder.host import HostWeight, values
from specs.decoder.weights import Tensors, Weight, layer_weights, model_weights

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A model's configuration, its tensors by their Hugging Face names, its tokenizer and its chat template.

    name: as servers report it. quantisation: types of the linears, for people to read.
    chat: None for models without a chat template.
    """

    name: str
    config: DecoderConfig
    tensors: Tensors
    tokenizer: Tokenizer
    chat: ChatTemplate | None
    quantisation: str

    def decoded(self) -> Checkpoint:
        """The same with every quantised tensor decoded, float32: more memory, and decoded once for many uses."""
        return replace(self, tensors={name: values(tensor) for name, tensor in self.tensors.items()})

    def placed(self, place: Callable[[Weight, HostWeight], T]) -> tuple[dict[str, T], tuple[dict[str, T], ...]]:
        """What `place` makes of every weight and its declaration: outside the layers, and of every layer."""
        tables = [model_weights(self.config), *(layer_weights(self.config, i) for i in range(self.config.layers))]
        trees = [{name: place(one, one.assemble(self.tensors)) for name, one in table.items()} for table in tables]
        return trees[0], tuple(trees[1:])

    def model(self) -> Mapping[str, HostWeight]:
        """Weights outside the layers, by the names of `specs.decoder.weights.model_weights`."""
        return {name: weight.assemble(self.tensors) for name, weight in model_weights(self.config).items()}

    def layer(self, layer: int) -> Mapping[str, HostWeight]:
        """Weights of a layer, by the names of `specs.decoder.weights.layer_weights`."""
        return {name: weight.assemble(self.tensors) for name, weight in layer_weights(self.config, layer).items()}


def formats(tensors: Tensors) -> str:
    """Formats of the weights with more than one dimension, the most frequent first, for people to read."""
    kinds = [t.dtype.name if isinstance(t, np.ndarray) else t.format for t in tensors.values() if len(t.shape) > 1]
    return ", ".join(dict.fromkeys(sorted(kinds, key=kinds.count, reverse=True)))
