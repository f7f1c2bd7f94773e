"""Hugging Face folders: config.json, safetensors in one file or many, tokenizer.json and the chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import Checkpoint, formats
from checkpoints.quantisation import assemble, scheme_of
from checkpoints.tensors import Array, open_tensors
from checkpoints.tokenizer import from_folder
from specs.decoder.config import DecoderConfig
from specs.decoder.weights import Tensor, Tensors, check_tensors, sources

_DERIVED: Final = ".rotary_emb.inv_freq"
"""End of the names of tensors that follow from the configuration."""


def open_folder(folder: Path) -> Checkpoint:
    """Opens a folder of the Llama family or gpt-oss; quantised weights stay as `checkpoints.quantisation` says.

    Raises:
        FileNotFoundError: config.json or the tensors are missing. CheckpointError: tensors do not fit, or are quantised
            in a way that is not supported.
    """
    settings = read_json(folder / "config.json")
    config = DecoderConfig.from_hf(settings)
    quantised = settings.get("quantization_config") or read_json(folder / "quantize_config.json", required=False)
    found = assemble(scheme_of(quantised), folder_tensors(folder))
    if config.tied:
        found.tensors.pop("lm_head.weight", None)  # some writers store it all the same
    tensors = _with_effect(config, found.tensors)
    check_tensors(config, tensors, found.problems)
    generation = read_json(folder / "generation_config.json", required=False)
    tokenizer_settings = read_json(folder / "tokenizer_config.json", required=False)
    return Checkpoint(
        name=folder.resolve().name,
        config=config,
        tensors=tensors,
        tokenizer=from_folder(folder, {**settings, **generation}),
        chat=chat_template(folder, tokenizer_settings),
        quantisation=formats(tensors),
    )


def _with_effect(config: DecoderConfig, tensors: Tensors) -> dict[str, Tensor]:
    """Without tensors that some writers store though they change nothing: frequencies, and biases of zeros."""
    wanted = sources(config)

    def idle(name: str, tensor: Tensor) -> bool:
        zeros = name.endswith(".bias") and isinstance(tensor, np.ndarray) and not tensor.any()
        return name not in wanted and (zeros or name.endswith(_DERIVED))

    return {name: tensor for name, tensor in tensors.items() if not idle(name, tensor)}


def read_json(path: Path, *, required: bool = True) -> dict[str, Any]:
    """The settings in a file; none where it may be missing."""
    if not path.exists() and not required:
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def folder_tensors(folder: Path) -> dict[str, Array]:
    """The tensors of one file or many, memory-mapped."""
    index = folder / "model.safetensors.index.json"
    names = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    found: dict[str, Array] = {}
    for name in names:
        path = folder / name
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected the tensors of the model")
        found.update(open_tensors(path))
    return found


def chat_template(folder: Path, settings: Mapping[str, Any]) -> ChatTemplate | None:
    """The template in a file of its own or in tokenizer_config.json, if there is one."""
    path = folder / "chat_template.jinja"
    source = path.read_text(encoding="utf-8") if path.exists() else settings.get("chat_template")
    if source is None:
        return None
    tokens = {name: _text(settings[name]) for name in ("bos_token", "eos_token") if settings.get(name)}
    return ChatTemplate(source=str(source), tokens=tokens)


def _text(token: Any) -> str:
    """A special token, written as a text or as an object with its properties."""
    return str(token["content"] if isinstance(token, Mapping) else token)
