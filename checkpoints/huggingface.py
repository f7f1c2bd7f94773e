"""Hugging Face folders: config.json, safetensors in one file or many, tokenizer.json and the chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import Checkpoint
from checkpoints.tokenizer import from_folder
from specs.decoder.config import DecoderConfig
from specs.decoder.weights import CheckpointError, check_tensors


def open_folder(folder: Path) -> Checkpoint:
    """Opens a folder of the Llama family or gpt-oss.

    Raises:
        FileNotFoundError: config.json or the tensors are missing. CheckpointError: tensors do not fit.
    """
    settings = _json(folder / "config.json")
    config = DecoderConfig.from_hf(settings)
    tensors = _tensors(folder)
    if config.tied:
        tensors.pop("lm_head.weight", None)  # some writers store it all the same
    check_tensors(config, tensors)
    generation = _json(folder / "generation_config.json", required=False)
    tokenizer_settings = _json(folder / "tokenizer_config.json", required=False)
    kinds = [tensor.dtype.name for tensor in tensors.values() if tensor.ndim > 1]
    return Checkpoint(
        name=folder.resolve().name,
        config=config,
        tensors=tensors,
        tokenizer=from_folder(folder, {**settings, **generation}),
        chat=_template(folder, tokenizer_settings),
        quantisation=", ".join(dict.fromkeys(sorted(kinds, key=kinds.count, reverse=True))),
    )


def _json(path: Path, *, required: bool = True) -> dict[str, Any]:
    if not path.exists() and not required:
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _tensors(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    index = folder / "model.safetensors.index.json"
    names = sorted(set(_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    found = {}
    for name in names:
        path = folder / name
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected the tensors of the model")
        try:
            with safe_open(path, framework="numpy") as file:
                found.update({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 - no mapping
        except Exception as error:
            raise CheckpointError(f"{name}: expected a whole safetensors file; {error}") from error
    return found


def _template(folder: Path, settings: Mapping[str, Any]) -> ChatTemplate | None:
    path = folder / "chat_template.jinja"
    source = path.read_text(encoding="utf-8") if path.exists() else settings.get("chat_template")
    if source is None:
        return None
    tokens = {name: _text(settings[name]) for name in ("bos_token", "eos_token") if settings.get(name)}
    return ChatTemplate(source=str(source), tokens=tokens)


def _text(token: Any) -> str:
    """A special token, written as a text or as an object with its properties."""
    return str(token["content"] if isinstance(token, Mapping) else token)
