"""A checkpoint that has been opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checkpoints.chat import ChatTemplate
from checkpoints.tokenizer import Tokenizer
from specs.decoder.config import DecoderConfig
from specs.decoder.host import HostWeight
from specs.decoder.weights import Tensors, layer_weights, model_weights


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

    def model(self) -> Mapping[str, HostWeight]:
        """Weights outside the layers, by the names of `specs.decoder.weights.model_weights`."""
        return {name: weight.assemble(self.tensors) for name, weight in model_weights(self.config).items()}

    def layer(self, layer: int) -> Mapping[str, HostWeight]:
        """Weights of a layer, by the names of `specs.decoder.weights.layer_weights`."""
        return {name: weight.assemble(self.tensors) for name, weight in layer_weights(self.config, layer).items()}
