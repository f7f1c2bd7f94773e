"""Folders of DeepSeek-V4: config.json, safetensors with the published names, tokenizer and chat template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import formats
from checkpoints.huggingface import chat_template, folder_tensors, read_json
from checkpoints.tokenizer import Tokenizer, from_folder
from specs.decoder.host import HostWeight
from specs.decoder.v4.checkpoint import with_scales
from specs.decoder.v4.config import MODEL_TYPE, V4Config
from specs.decoder.v4.weights import tables
from specs.decoder.weights import Tensors, Weight, Weights, check_sources, sources_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V4Checkpoint:
    """A model's configuration, its tensors by their published names, its tokenizer and its chat template.

    name: as servers report it. quantisation: types of the weights, for people to read.
    chat: None for models without a chat template.
    """

    name: str
    config: V4Config
    tensors: Tensors
    tokenizer: Tokenizer
    chat: ChatTemplate | None
    quantisation: str

    def placed(self, place: Callable[[str, Weight, HostWeight], T]) -> tuple[dict[str, T], tuple[dict[str, T], ...]]:
        """What `place` makes of every weight, its name and its declaration: outside the layers, and of every layer."""
        wanted = tables(self.config)[: 1 + self.config.layers]  # without blocks for multi-token prediction
        trees = [self._placed(table, place) for table in wanted]
        return trees[0], tuple(trees[1:])

    def placed_mtp(self, place: Callable[[str, Weight, HostWeight], T]) -> tuple[dict[str, T], ...]:
        """The same of every block for multi-token prediction."""
        return tuple(self._placed(table, place) for table in tables(self.config)[1 + self.config.layers :])

    def _placed(self, table: Weights, place: Callable[[str, Weight, HostWeight], T]) -> dict[str, T]:
        return {name: place(name, one, one.assemble(self.tensors)) for name, one in table.items()}


def is_v4(folder: Path) -> bool:
    """Whether a folder has a model of this type."""
    return read_json(folder / "config.json", required=False).get("model_type") == MODEL_TYPE


def open_v4(folder: Path) -> V4Checkpoint:
    """Opens a folder; quantised weights stay as they are.

    Raises:
        FileNotFoundError: config.json or the tensors are missing. CheckpointError: tensors do not fit.
    """
    settings = read_json(folder / "config.json")
    config, tensors = V4Config.from_hf(settings), with_scales(folder_tensors(folder))
    check_sources(sources_of(tables(config)), tensors)
    generation = read_json(folder / "generation_config.json", required=False)
    return V4Checkpoint(
        name=folder.resolve().name,
        config=config,
        tensors=tensors,
        tokenizer=from_folder(folder, {**settings, **generation}),
        chat=chat_template(folder, read_json(folder / "tokenizer_config.json", required=False)),
        quantisation=formats(tensors),
    )
