"""Opening a checkpoint of any kind."""

from __future__ import annotations

from pathlib import Path

from checkpoints.checkpoint import Checkpoint
from checkpoints.gguf import open_gguf
from checkpoints.huggingface import open_folder


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a GGUF file or a Hugging Face folder.

    Raises:
        FileNotFoundError: neither exists there. CheckpointError: tensors do not fit the configuration.
    """
    if path.is_dir():
        return open_folder(path)
    if path.suffix == ".gguf" and path.exists():
        return open_gguf(path)
    raise FileNotFoundError(f"{path}: expected a .gguf file or a folder with config.json")
