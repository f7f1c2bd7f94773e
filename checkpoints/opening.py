"""Opening a checkpoint of any kind."""

from __future__ import annotations

from pathlib import Path

from checkpoints.checkpoint import Checkpoint
from checkpoints.deepseek_v4 import V4Checkpoint, is_v4, open_v4
from checkpoints.gguf import open_gguf
from checkpoints.huggingface import open_folder


def open_model(path: Path) -> Checkpoint | V4Checkpoint:
    """Opens what `open_checkpoint` does, or a folder of DeepSeek-V4.

    Raises:
        FileNotFoundError: neither exists there. CheckpointError: tensors do not fit the configuration.
    """
    return open_v4(path) if path.is_dir() and is_v4(path) else open_checkpoint(path)


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a GGUF file or a Hugging Face folder of the Llama family.

    Raises:
        FileNotFoundError: neither exists there. CheckpointError: tensors do not fit the configuration.
    """
    if path.is_dir():
        return open_folder(path)
    if path.suffix == ".gguf" and path.exists():
        return open_gguf(path)
    raise FileNotFoundError(f"{path}: expected a .gguf file or a folder with config.json")
